#include "seal.h"

#include <string.h>

static uint64_t word_of(uint64_t sequence) { return (sequence >> 6) % PF_REPLAY_WORDS; }

bool pf_replay_is_fresh(const pf_replay *replay, uint64_t sequence) {
  if (!replay->any || sequence > replay->newest) return true;
  if (replay->newest - sequence >= PF_REPLAY_WINDOW_PACKETS) return false;
  return (replay->bits[word_of(sequence)] >> (sequence & 63) & 1) == 0;
}

void pf_replay_remember(pf_replay *replay, uint64_t sequence) {
  if (!replay->any) {
    replay->any = true;
    replay->newest = sequence;
    memset(replay->bits, 0, sizeof replay->bits);
  } else if (sequence > replay->newest) {
    uint64_t passed = (sequence >> 6) - (replay->newest >> 6);
    if (passed > PF_REPLAY_WORDS) passed = PF_REPLAY_WORDS;
    for (uint64_t i = 0; i < passed; i++) replay->bits[word_of(sequence - 64 * i)] = 0;
    replay->newest = sequence;
  }
  replay->bits[word_of(sequence)] |= 1ull << (sequence & 63);
}

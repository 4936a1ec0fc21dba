#include "loss.h"

/* More than a burst that a network card or a second path may let another one pass. */
#define REORDER_PACKETS 64
#define REORDER_NS (20 * 1000000ull)

/* Judges all sequence numbers below `end`. */
static void judge(pf_loss *loss, const pf_replay *replay, uint64_t end) {
  uint64_t known = replay->any ? replay->newest + 1 : 0;
  while (loss->judged < end && loss->judged < known) {
    if (pf_replay_is_fresh(replay, loss->judged)) loss->counts.lost++;
    loss->judged++;
  }
  if (loss->judged < end) {
    loss->counts.lost += end - loss->judged;
    loss->judged = end;
  }
}

void pf_loss_take(pf_loss *loss, const pf_replay *replay, uint64_t sequence, uint64_t now_ns) {
  if (sequence < loss->judged) {
    loss->counts.late++;
    return;
  }
  if (replay->any && sequence < replay->newest) return;
  loss->newest_ns = now_ns;
  if (sequence > REORDER_PACKETS) judge(loss, replay, sequence - REORDER_PACKETS);
}

uint64_t pf_loss_tick(pf_loss *loss, const pf_replay *replay, uint64_t now_ns) {
  if (!replay->any || loss->judged > replay->newest) return UINT64_MAX;
  uint64_t due_ns = loss->newest_ns + REORDER_NS;
  if (now_ns < due_ns) return due_ns;
  judge(loss, replay, replay->newest + 1);
  return UINT64_MAX;
}

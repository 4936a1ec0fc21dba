/* What the tests of both erasure codes share: blocks whose every shard lies at an odd address in
 * memory of its own, so that the sanitizers see any byte too much. */
#ifndef PF_FEC_TESTING_H
#define PF_FEC_TESTING_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/common.h"

#define FILL 0xA5

/* The one that is tested now. */
static const char *kernel;

static inline void fail(const char *what, uint32_t k, uint32_t m, uint32_t bytes) {
  fprintf(stderr, "%s: %s at %u + %u of %u bytes\n", kernel, what, k, m, bytes);
  exit(1);
}

static inline uint32_t next_random(uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return *state >> 8;
}

typedef struct block {
  uint32_t k, m, bytes;
  uint8_t **memory, **shards, **copies;
  uint8_t *present;
} block;

static inline block make_block(uint32_t k, uint32_t m, uint32_t bytes, uint32_t *seed) {
  block b = {.k = k, .m = m, .bytes = bytes};
  uint32_t count = k + m;
  b.memory = malloc(count * sizeof *b.memory);
  b.shards = malloc(count * sizeof *b.shards);
  b.copies = malloc(count * sizeof *b.copies);
  b.present = malloc(count);
  for (uint32_t i = 0; i < count; i++) {
    uint32_t odd = 1 + i % 2;
    b.memory[i] = malloc(bytes + odd);
    b.shards[i] = b.memory[i] + odd;
    b.copies[i] = malloc(bytes);
    for (uint32_t at = 0; at < bytes; at++)
      b.shards[i][at] = i < k ? (uint8_t)next_random(seed) : FILL;
  }
  return b;
}

static inline void free_block(block *b) {
  for (uint32_t i = 0; i < b->k + b->m; i++) free(b->memory[i]), free(b->copies[i]);
  free(b->memory), free(b->shards), free(b->copies), free(b->present);
}

/* Keeps all shards as they are now. */
static inline void keep(block *b) {
  for (uint32_t i = 0; i < b->k + b->m; i++) memcpy(b->copies[i], b->shards[i], b->bytes);
}

/* Writes over what b->present has not; returns how many shards are there. */
static inline uint32_t forget(block *b) {
  uint32_t present = 0;
  for (uint32_t i = 0; i < b->k + b->m; i++) {
    present += b->present[i] != 0;
    if (!b->present[i]) memset(b->shards[i], FILL, b->bytes);
  }
  return present;
}

/* After a decode of what `present` shards were left, with that result: all data must be as it was
 * kept if there were enough, and nothing else written. Puts all shards back. */
static inline void check_decoded(block *b, uint32_t present, pf_result result) {
  if (result != (present < b->k ? PF_E_TOO_MANY_LOST : PF_OK))
    fail("wrong result", b->k, b->m, b->bytes);
  for (uint32_t i = 0; i < b->k + b->m; i++) {
    bool made = b->present[i] || (i < b->k && present >= b->k);
    bool same = memcmp(b->shards[i], b->copies[i], b->bytes) == 0;
    if (made && !same) fail("wrong shard", b->k, b->m, b->bytes);
    for (uint32_t at = 0; at < b->bytes && !made; at++)
      if (b->shards[i][at] != FILL) fail("wrote what it must not", b->k, b->m, b->bytes);
    memcpy(b->shards[i], b->copies[i], b->bytes);
  }
}

/* Loses `count` of the shards from `first` to before `end`. */
static inline void lose(block *b, uint32_t first, uint32_t end, uint32_t count, uint32_t *seed) {
  while (count > 0) {
    uint32_t i = first + next_random(seed) % (end - first);
    count -= b->present[i] != 0;
    b->present[i] = 0;
  }
}

static inline void expect(pf_result result, pf_result wanted, const char *what) {
  if (result != wanted) fail(what, 0, 0, 0);
}

#endif

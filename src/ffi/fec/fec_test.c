/*
 * Loses shards in every way that small blocks can lose them, and in random ways at every other kind
 * of shape, with every kernel and by either way of decoding.
 *   fec_test [k + m up to which all patterns are tried]
 */
#include <stdlib.h>
#include <string.h>

#include "handle.h"
#include "testing.h"

static void encode(pf_fec *fec, block *b) {
  pf_result result = pf_fec_encode(fec, (const uint8_t *const *)b->shards, b->k,
                                   b->shards + b->k, b->m, b->bytes);
  if (result != PF_OK) fail(pf_last_error(), b->k, b->m, b->bytes);
  keep(b);
}

static void lose_and_decode(pf_fec *fec, block *b) {
  uint32_t present = forget(b);
  check_decoded(b, present,
                pf_fec_decode(fec, b->shards, b->present, b->k, b->m, b->bytes));
}

static pf_fec *open_fec(uint32_t k, uint32_t m, uint32_t bytes) {
  pf_fec *fec;
  if (pf_fec_open(k, m, bytes, &fec) != PF_OK || pf_fec_select(fec, kernel) != PF_OK)
    fail(pf_last_error(), k, m, bytes);
  return fec;
}

/* All ways of decoding. */
static void decode_all_ways(pf_fec *fec, block *b) {
  fec->combine_max = fec->solve_max = 0;
  lose_and_decode(fec, b);
  fec->solve_max = UINT32_MAX;
  lose_and_decode(fec, b);
  fec->combine_max = UINT32_MAX;
  lose_and_decode(fec, b);
}

static void try_all_patterns(uint32_t shards_max) {
  uint32_t seed = 1;
  pf_fec *fec = open_fec(shards_max, shards_max, 64);
  for (uint32_t k = 1; k < shards_max; k++) {
    for (uint32_t m = 1; k + m <= shards_max; m++) {
      block b = make_block(k, m, 64, &seed);
      encode(fec, &b);
      for (uint32_t pattern = 0; pattern < 1u << (k + m); pattern++) {
        for (uint32_t i = 0; i < k + m; i++) b.present[i] = pattern >> i & 1;
        decode_all_ways(fec, &b);
      }
      free_block(&b);
    }
  }
  pf_fec_close(fec);
}

static void try_shape(uint32_t k, uint32_t m, uint32_t bytes) {
  uint32_t seed = k * 31 + m * 7 + bytes, most = k < m ? k : m;
  pf_fec *fec = open_fec(k, m, bytes);
  block b = make_block(k, m, bytes, &seed);
  encode(fec, &b);
  const uint32_t losses[] = {1, most < 3 ? most : 3, (most + 1) / 2, most};
  for (size_t i = 0; i < PF_ARRAY_COUNT(losses); i++) {
    memset(b.present, 1, k + m);
    lose(&b, 0, k, losses[i], &seed);
    lose(&b, k, k + m, m - losses[i], &seed); /* and leaves just enough parity */
    decode_all_ways(fec, &b);
  }
  memset(b.present, 1, k + m);
  lose(&b, 0, k + m, m + 1, &seed);
  lose_and_decode(fec, &b);
  free_block(&b);
  pf_fec_close(fec);
}

static void try_shapes(void) {
  static const uint32_t shapes[][3] = {
      {2, 2, 128},    {3, 5, 192},    {5, 2, 1408},  {17, 4, 1216}, {9, 8, 320},
      {35, 7, 1216},  {16, 16, 448},  {40, 33, 256}, {64, 16, 1408}, {200, 57, 192},
      {239, 16, 128}, {240, 16, 128}, {241, 16, 64}, {250, 70, 576}, {300, 300, 64},
      {600, 129, 192}, {7, 500, 128}, {1000, 1, 64}, {1, 9, 192},
      {3500, 127, 64},
  };
  for (size_t i = 0; i < PF_ARRAY_COUNT(shapes); i++)
    try_shape(shapes[i][0], shapes[i][1], shapes[i][2]);
}

static void try_bad_input(void) {
  pf_fec *fec;
  expect(pf_fec_open(0, 1, 64, &fec), PF_E_ARGUMENT, "no data");
  expect(pf_fec_open(1, 0, 64, &fec), PF_E_ARGUMENT, "no parity");
  expect(pf_fec_open(65536, 1, 64, &fec), PF_E_ARGUMENT, "too much data");
  expect(pf_fec_open(1, 65536, 64, &fec), PF_E_ARGUMENT, "too much parity");
  expect(pf_fec_open(1, 1, 0, &fec), PF_E_ARGUMENT, "empty shards");
  expect(pf_fec_open(1, 1, 96, &fec), PF_E_ARGUMENT, "odd shards");
  expect(pf_fec_open(1, 1, PF_FEC_SHARD_BYTES_MAX + 64, &fec), PF_E_ARGUMENT, "huge shards");
  expect(pf_fec_open(1, 1, UINT32_MAX - 63, &fec), PF_E_ARGUMENT, "the hugest shards");
  fec = open_fec(4, 2, 128);
  uint32_t seed = 1;
  block b = make_block(4, 2, 128, &seed);
  const uint8_t *const *data = (const uint8_t *const *)b.shards;
  static const struct {
    uint32_t k, m, bytes;
    pf_result wanted;
  } cases[] = {
      {0, 2, 64, PF_E_ARGUMENT},         {4, 0, 64, PF_E_ARGUMENT},
      {4, 2, 0, PF_E_ARGUMENT},          {4, 2, 63, PF_E_ARGUMENT},
      {4, 2, 65, PF_E_ARGUMENT},         {65536, 1, 64, PF_E_ARGUMENT},
      {1, 65536, 64, PF_E_ARGUMENT},     {32768, 32769, 64, PF_E_ARGUMENT},
      {1, UINT32_MAX, 64, PF_E_ARGUMENT}, {UINT32_MAX, 1, 64, PF_E_ARGUMENT},
      {5, 2, 64, PF_E_BOUNDS},           {4, 3, 64, PF_E_BOUNDS},
      {4, 2, 192, PF_E_BOUNDS},          {4, 2, 128, PF_OK},
  };
  memset(b.present, 1, 6);
  for (size_t i = 0; i < PF_ARRAY_COUNT(cases); i++) {
    expect(pf_fec_encode(fec, data, cases[i].k, b.shards + 4, cases[i].m, cases[i].bytes),
           cases[i].wanted, "encode's arguments");
    expect(pf_fec_decode(fec, b.shards, b.present, cases[i].k, cases[i].m, cases[i].bytes),
           cases[i].wanted, "decode's arguments");
  }
  expect(pf_fec_encode(fec, NULL, 4, b.shards + 4, 2, 64), PF_E_ARGUMENT, "no data");
  expect(pf_fec_encode(fec, data, 4, NULL, 2, 64), PF_E_ARGUMENT, "no parity");
  expect(pf_fec_decode(fec, NULL, b.present, 4, 2, 64), PF_E_ARGUMENT, "no shards");
  expect(pf_fec_decode(fec, b.shards, NULL, 4, 2, 64), PF_E_ARGUMENT, "no flags");
  uint8_t *held = b.shards[5];
  b.shards[5] = NULL;
  expect(pf_fec_encode(fec, data, 4, b.shards + 4, 2, 64), PF_E_ARGUMENT, "a NULL shard");
  expect(pf_fec_decode(fec, b.shards, b.present, 4, 2, 64), PF_E_ARGUMENT, "a NULL shard");
  b.present[0] = b.present[5] = 0;
  expect(pf_fec_decode(fec, b.shards, b.present, 4, 2, 64), PF_OK, "a missing NULL shard");
  b.shards[5] = held;
  expect(pf_fec_select(fec, "abacus"), PF_E_UNSUPPORTED, "an unknown kernel");
  free_block(&b);
  pf_fec_close(fec);
  pf_fec_close(NULL);
}

int main(int argument_count, char **arguments) {
  uint32_t shards_max = argument_count > 1 ? (uint32_t)strtoul(arguments[1], NULL, 10) : 6;
  for (uint32_t i = 0; (kernel = pf_fec_kernel(i)) != NULL; i++) {
    try_bad_input();
    try_all_patterns(shards_max);
    try_shapes();
  }
  kernel = pf_fec_kernel(0);
  try_shape(40000, 20000, 64); /* its parity does not fit beside its data */
  try_shape(49152, 16384, 64); /* fits exactly */
  return 0;
}

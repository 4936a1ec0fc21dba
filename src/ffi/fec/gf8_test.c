/*
 * The 8-bit code, with every kernel, against its definition: parity of every kind of shape and
 * length, every loss of small blocks and random losses of others.
 *   gf8_test [k + m up to which all patterns are tried]
 */
#include <stdlib.h>
#include <string.h>

#include "fec.h"
#include "gf8.h"
#include "testing.h"

static uint8_t multiply(uint32_t x, uint32_t y) {
  uint32_t product = 0;
  for (; y != 0; y >>= 1, x = x << 1 ^ (x >> 7) * 0x11D)
    if (y & 1) product ^= x;
  return (uint8_t)product;
}

static uint8_t invert(uint8_t x) {
  uint8_t power = 1;
  for (int i = 0; i < 254; i++) power = multiply(power, x);
  return power;
}

/* Encodes; the parity must be what the definition says. */
static void encode(pf_gf8 *gf8, block *b) {
  pf_result result = pf_gf8_encode(gf8, (const uint8_t *const *)b->shards, b->k,
                                   b->shards + b->k, b->m, b->bytes);
  if (result != PF_OK) fail(pf_last_error(), b->k, b->m, b->bytes);
  for (uint32_t j = 0; j < b->m; j++) {
    uint8_t *sum = calloc(1, b->bytes);
    for (uint32_t i = 0; i < b->k; i++) {
      uint8_t factor = invert((uint8_t)((b->m + i) ^ j)), products[256];
      for (uint32_t x = 0; x < 256; x++) products[x] = multiply(factor, x);
      for (uint32_t at = 0; at < b->bytes; at++) sum[at] ^= products[b->shards[i][at]];
    }
    if (memcmp(sum, b->shards[b->k + j], b->bytes) != 0) fail("parity", b->k, b->m, b->bytes);
    free(sum);
  }
  keep(b);
}

static void lose_and_decode(pf_gf8 *gf8, block *b) {
  uint32_t present = forget(b);
  check_decoded(b, present,
                pf_gf8_decode(gf8, b->shards, b->present, b->k, b->m, b->bytes));
}

static pf_gf8 *open_gf8(uint32_t bytes) {
  pf_gf8 *gf8;
  if (pf_gf8_open(bytes, &gf8) != PF_OK || pf_gf8_select(gf8, kernel) != PF_OK)
    fail(pf_last_error(), 0, 0, bytes);
  return gf8;
}

static void try_all_patterns(uint32_t shards_max) {
  uint32_t seed = 1;
  pf_gf8 *gf8 = open_gf8(5);
  for (uint32_t k = 1; k < shards_max; k++) {
    for (uint32_t m = 1; k + m <= shards_max; m++) {
      block b = make_block(k, m, 5, &seed);
      encode(gf8, &b);
      for (uint32_t pattern = 0; pattern < 1u << (k + m); pattern++) {
        for (uint32_t i = 0; i < k + m; i++) b.present[i] = pattern >> i & 1;
        lose_and_decode(gf8, &b);
      }
      free_block(&b);
    }
  }
  pf_gf8_close(gf8);
}

static void try_shape(uint32_t k, uint32_t m, uint32_t bytes) {
  uint32_t seed = k * 31 + m * 7 + bytes, most = k < m ? k : m;
  pf_gf8 *gf8 = open_gf8(bytes);
  block b = make_block(k, m, bytes, &seed);
  encode(gf8, &b);
  const uint32_t losses[] = {1, most < 3 ? most : 3, (most + 1) / 2, most};
  for (size_t i = 0; i < PF_ARRAY_COUNT(losses); i++) {
    memset(b.present, 1, k + m);
    lose(&b, 0, k, losses[i], &seed);
    lose(&b, k, k + m, m - losses[i], &seed); /* and leaves just enough parity */
    lose_and_decode(gf8, &b);
  }
  memset(b.present, 1, k + m);
  lose(&b, 0, k + m, m + 1, &seed);
  lose_and_decode(gf8, &b);
  free_block(&b);
  pf_gf8_close(gf8);
}

static void try_shapes(void) {
  static const uint32_t shapes[][2] = {{1, 1},   {1, 2},   {1, 254},  {254, 1},   {4, 2},
                                       {32, 7},  {33, 9},  {100, 20}, {127, 128}, {128, 127},
                                       {212, 43}, {5, 250}};
  static const uint32_t lengths[] = {1, 7, 8, 16, 31, 64, 65, 130, 1408, 1423};
  for (size_t i = 0; i < PF_ARRAY_COUNT(shapes); i++)
    try_shape(shapes[i][0], shapes[i][1], lengths[i % PF_ARRAY_COUNT(lengths)]);
  for (uint32_t bytes = 1; bytes <= 600; bytes++) try_shape(7, 5, bytes);
}

static void try_bad_input(void) {
  pf_gf8 *gf8;
  expect(pf_gf8_open(0, &gf8), PF_E_ARGUMENT, "empty shards");
  expect(pf_gf8_open(PF_GF8_SHARD_BYTES_MAX + 1, &gf8), PF_E_ARGUMENT, "huge shards");
  expect(pf_gf8_open(UINT32_MAX, &gf8), PF_E_ARGUMENT, "the hugest shards");
  gf8 = open_gf8(100);
  uint32_t seed = 1;
  block b = make_block(4, 2, 100, &seed);
  const uint8_t *const *data = (const uint8_t *const *)b.shards;
  static const struct {
    uint32_t k, m, bytes;
    pf_result wanted;
  } cases[] = {
      {0, 2, 64, PF_E_ARGUMENT},          {4, 0, 64, PF_E_ARGUMENT},
      {4, 2, 0, PF_E_ARGUMENT},           {254, 2, 64, PF_E_ARGUMENT},
      {2, 254, 64, PF_E_ARGUMENT},        {256, 1, 64, PF_E_ARGUMENT},
      {1, UINT32_MAX, 64, PF_E_ARGUMENT}, {UINT32_MAX, 1, 64, PF_E_ARGUMENT},
      {4, 2, 101, PF_E_BOUNDS},           {4, 2, UINT32_MAX, PF_E_BOUNDS},
      {4, 2, 99, PF_OK},
  };
  memset(b.present, 1, 6);
  for (size_t i = 0; i < PF_ARRAY_COUNT(cases); i++) {
    expect(pf_gf8_encode(gf8, data, cases[i].k, b.shards + 4, cases[i].m, cases[i].bytes),
           cases[i].wanted, "encode's arguments");
    expect(pf_gf8_decode(gf8, b.shards, b.present, cases[i].k, cases[i].m, cases[i].bytes),
           cases[i].wanted, "decode's arguments");
  }
  expect(pf_gf8_encode(gf8, NULL, 4, b.shards + 4, 2, 9), PF_E_ARGUMENT, "no data");
  expect(pf_gf8_encode(gf8, data, 4, NULL, 2, 9), PF_E_ARGUMENT, "no parity");
  expect(pf_gf8_decode(gf8, NULL, b.present, 4, 2, 9), PF_E_ARGUMENT, "no shards");
  expect(pf_gf8_decode(gf8, b.shards, NULL, 4, 2, 9), PF_E_ARGUMENT, "no flags");
  uint8_t *held = b.shards[5];
  b.shards[5] = NULL;
  expect(pf_gf8_encode(gf8, data, 4, b.shards + 4, 2, 9), PF_E_ARGUMENT, "a NULL shard");
  expect(pf_gf8_decode(gf8, b.shards, b.present, 4, 2, 9), PF_E_ARGUMENT, "a NULL shard");
  b.present[0] = b.present[5] = 0;
  expect(pf_gf8_decode(gf8, b.shards, b.present, 4, 2, 9), PF_OK, "a missing NULL shard");
  b.shards[5] = held;
  expect(pf_gf8_select(gf8, "abacus"), PF_E_UNSUPPORTED, "an unknown kernel");
  free_block(&b);
  pf_gf8_close(gf8);
  pf_gf8_close(NULL);
}

int main(int argument_count, char **arguments) {
  uint32_t shards_max = argument_count > 1 ? (uint32_t)strtoul(arguments[1], NULL, 10) : 6;
  for (uint32_t i = 0; (kernel = pf_fec_kernel(i)) != NULL; i++) {
    try_bad_input();
    try_all_patterns(shards_max);
    try_shapes();
  }
  return 0;
}

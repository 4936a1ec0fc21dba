/*
 * The 8-bit code. Parity j belongs to the point j and data i to the point m + i, so that the factor
 * between two shards is the inverse of the difference of their points.
 *
 * Decoding. L are the points of lost data, R those of as many parity shards, and
 *
 *   A(x) = product over z in L of (x - z) / product over r in R of (x - r)
 *
 * where factors that are 0 are left out. For a lost y, A(x) / (x - y) has its poles in R and is 0
 * on L but at y; taken apart into fractions it weighs the parity so that all lost data but y fall
 * out of the sum:
 *
 *   data(y) = sum over known data and R, x, of shard(x) A(x) / ((x - y) A(y))
 *
 * So decoding is one more sum of products, and no matrix needs to be inverted.
 */
#include "gf8.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "kernel.h"

#define POLYNOMIAL 0x11Du
/* Results (rounded up to groups of PF__GF8_OUTS) times inputs are at the most (258 - k) k. */
#define FACTORS_MAX (129u * 129u)

struct pf_gf8 {
  const pf__fec_kernel *kernel;
  uint32_t max_shard_bytes;
  uint32_t encoded_k, encoded_m; /* what block `parity_factors` are for */
  uint8_t parity_factors[FACTORS_MAX], data_factors[FACTORS_MAX];
  /* Of a decode: what is read and written, and points. */
  const uint8_t *in[PF_GF8_SHARDS_MAX];
  uint8_t *out[PF_GF8_SHARDS_MAX];
  uint8_t known[PF_GF8_SHARDS_MAX], lost[PF_GF8_SHARDS_MAX], spare[PF_GF8_SHARDS_MAX];
};

pf__gf8_tables pf__gf8_field;

static void make_field(void) {
  pf__gf8_tables *field = &pf__gf8_field;
  for (uint32_t i = 0, power = 1; i < PF__GF8_ORDER; i++) {
    for (uint32_t at = i; at < PF_ARRAY_COUNT(field->exp); at += PF__GF8_ORDER)
      field->exp[at] = (uint8_t)power;
    field->log[power] = (uint8_t)i;
    power <<= 1;
    if (power > 255) power ^= POLYNOMIAL;
  }
  for (uint32_t c = 1; c < 256; c++) {
    for (uint32_t bit = 0; bit < 8; bit++)
      field->by[c].columns |=
          (uint64_t)field->exp[(uint32_t)field->log[c] + field->log[1u << bit]] << (8 * bit);
    pf__fec_map_make(&field->by[c]);
  }
}

PF_EXPORT pf_result pf_gf8_open(uint32_t max_shard_bytes, pf_gf8 **out) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  if (max_shard_bytes == 0 || max_shard_bytes > PF_GF8_SHARD_BYTES_MAX)
    return pf_fail(PF_E_ARGUMENT, "a shard of %u bytes is not within 1 and %u", max_shard_bytes,
                   PF_GF8_SHARD_BYTES_MAX);
  pf_gf8 *gf8 = calloc(1, sizeof *gf8);
  if (gf8 == NULL) return pf_fail(PF_E_MEMORY, "no memory for the erasure code");
  pthread_once(&once, make_field);
  gf8->kernel = pf__fec_kernel_at(0);
  gf8->max_shard_bytes = max_shard_bytes;
  *out = gf8;
  return PF_OK;
}

PF_EXPORT void pf_gf8_close(pf_gf8 *gf8) { free(gf8); }

PF_EXPORT pf_result pf_gf8_select(pf_gf8 *gf8, const char *name) {
  return pf__fec_kernel_named(name, &gf8->kernel);
}

static pf_result check_block(const pf_gf8 *gf8, uint32_t k, uint32_t m, uint32_t shard_bytes) {
  if (k == 0 || m == 0 || k > PF_GF8_SHARDS_MAX || m > PF_GF8_SHARDS_MAX - k)
    return pf_fail(PF_E_ARGUMENT, "a block can't have %u data and %u parity shards", k, m);
  if (shard_bytes == 0) return pf_fail(PF_E_ARGUMENT, "a shard of 0 bytes holds nothing");
  if (shard_bytes > gf8->max_shard_bytes)
    return pf_fail(PF_E_BOUNDS, "shards of %u bytes exceed %u", shard_bytes, gf8->max_shard_bytes);
  return PF_OK;
}

/* Factors lie as kernels take them: by group of results, by input, by result. */
static uint8_t *factor_at(uint8_t *factors, uint32_t result, uint32_t inputs, uint32_t input) {
  uint32_t place = result % PF__GF8_OUTS;
  return factors + (result - place) * inputs + input * PF__GF8_OUTS + place;
}

static void prepare_encoding(pf_gf8 *gf8, uint32_t k, uint32_t m) {
  const pf__gf8_tables *field = &pf__gf8_field;
  if (gf8->encoded_k == k && gf8->encoded_m == m) return;
  for (uint32_t j = 0; j < m; j++)
    for (uint32_t i = 0; i < k; i++)
      *factor_at(gf8->parity_factors, j, k, i) =
          field->exp[PF__GF8_ORDER - field->log[(m + i) ^ j]];
  gf8->encoded_k = k;
  gf8->encoded_m = m;
}

PF_EXPORT pf_result pf_gf8_encode(pf_gf8 *gf8, const uint8_t *const *data, uint32_t k,
                                  uint8_t *const *parity, uint32_t m, uint32_t shard_bytes) {
  pf_result result = check_block(gf8, k, m, shard_bytes);
  if (result != PF_OK) return result;
  if (!pf__fec_all_there(data, k, NULL) ||
      !pf__fec_all_there((const uint8_t *const *)parity, m, NULL))
    return pf_fail(PF_E_ARGUMENT, "a shard's pointer is NULL");
  prepare_encoding(gf8, k, m);
  gf8->kernel->sum_products(parity, m, data, k, gf8->parity_factors, shard_bytes);
  return PF_OK;
}

/* Fills out, lost and spare; returns how many data shards are lost. */
static pf_result find_lost(pf_gf8 *gf8, uint8_t *const *shards, const uint8_t *present, uint32_t k,
                           uint32_t m, uint32_t *lost_count) {
  uint32_t lost = 0, spare = 0;
  for (uint32_t i = 0; i < k; i++) {
    if (present[i]) continue;
    gf8->out[lost] = shards[i];
    gf8->lost[lost++] = (uint8_t)(m + i);
  }
  for (uint32_t j = 0; j < m && spare < lost; j++)
    if (present[k + j]) gf8->spare[spare++] = (uint8_t)j;
  if (spare < lost)
    return pf_fail(PF_E_TOO_MANY_LOST, "%u data shards are lost and %u parity shards are there",
                   lost, spare);
  *lost_count = lost;
  return PF_OK;
}

/* Fills in and known with the data that is there and then the spare parity: k in all. */
static void list_known(pf_gf8 *gf8, uint8_t *const *shards, const uint8_t *present, uint32_t k,
                       uint32_t m, uint32_t lost_count) {
  uint32_t inputs = 0;
  for (uint32_t i = 0; i < k; i++) {
    if (!present[i]) continue;
    gf8->in[inputs] = shards[i];
    gf8->known[inputs++] = (uint8_t)(m + i);
  }
  for (uint32_t i = 0; i < lost_count; i++) {
    gf8->in[inputs] = shards[k + gf8->spare[i]];
    gf8->known[inputs++] = gf8->spare[i];
  }
}

/* log A(x), see above. */
static uint32_t log_locator(const pf_gf8 *gf8, uint32_t lost_count, uint8_t x) {
  const uint8_t *log = pf__gf8_field.log;
  uint32_t sum = lost_count * PF__GF8_ORDER;
  for (uint32_t i = 0; i < lost_count; i++) {
    sum += log[x ^ gf8->lost[i]];
    sum -= log[x ^ gf8->spare[i]];
  }
  return sum % PF__GF8_ORDER;
}

static void prepare_decoding(pf_gf8 *gf8, uint32_t k, uint32_t lost_count) {
  const pf__gf8_tables *field = &pf__gf8_field;
  uint32_t base[PF_GF8_SHARDS_MAX];
  for (uint32_t o = 0; o < lost_count; o++)
    base[o] = 2 * PF__GF8_ORDER - log_locator(gf8, lost_count, gf8->lost[o]);
  for (uint32_t i = 0; i < k; i++) {
    uint8_t x = gf8->known[i];
    uint32_t log_x = log_locator(gf8, lost_count, x);
    for (uint32_t o = 0; o < lost_count; o++)
      *factor_at(gf8->data_factors, o, k, i) =
          field->exp[base[o] + log_x - field->log[x ^ gf8->lost[o]]];
  }
}

PF_EXPORT pf_result pf_gf8_decode(pf_gf8 *gf8, uint8_t *const *shards, const uint8_t *present,
                                  uint32_t k, uint32_t m, uint32_t shard_bytes) {
  uint32_t lost_count = 0;
  pf_result result = check_block(gf8, k, m, shard_bytes);
  if (result != PF_OK) return result;
  if (present == NULL || !pf__fec_all_there((const uint8_t *const *)shards, k, NULL) ||
      !pf__fec_all_there((const uint8_t *const *)shards + k, m, present + k))
    return pf_fail(PF_E_ARGUMENT, "a shard's pointer, or that of the flags, is NULL");
  result = find_lost(gf8, shards, present, k, m, &lost_count);
  if (result != PF_OK || lost_count == 0) return result;
  list_known(gf8, shards, present, k, m, lost_count);
  prepare_decoding(gf8, k, lost_count);
  gf8->kernel->sum_products(gf8->out, lost_count, gf8->in, k, gf8->data_factors, shard_bytes);
  return PF_OK;
}

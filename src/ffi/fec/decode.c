/*
 * Decoding: as many parity shards as data shards are lost, and no more, take part.
 *
 * Notation: rows = 2^p points W of parity, s(x) = x >> p, the product of (x - z) over z in W;
 * L the points of lost data, R those of the chosen parity (|L| = |R|). Every other point of W
 * counts as erased, so that the erased points are E = L and W without R, `rows` of them, with the
 * locator
 *
 *   A(x) = product over z in E, z != x, of (x - z)
 *        = s(x) product over z in L of (x - z) / product over r in R of (x - r)
 *
 * where factors that are 0 are left out (s(x) / (x - r) is 1 at r, for s' = 1).
 *
 * A code word c sums to 0 against every polynomial g of a degree below `rows`. With
 * g(x) = A(x) / (x - y), which is 0 at all erased points but y:
 *
 *   (combine)    c(y) = sum over known x of c(x) A(x) / ((x - y) A(y))
 *
 * That is one product for each known and each lost shard. When more are lost: let T be the sum of
 * the polynomials of the received data over each `rows` points, plus that of the received parity,
 * as if what is lost were 0. Then T(x) = sum over y in E of c(y) (s(x) - s(y)) / (x - y), and A T
 * modulo s is
 *
 *   B(x) = sum over y in E of c(y) s(y) A(x) / (x - y),   so that c(y) = B(y) / (s(y) A(y))
 *
 * for lost data. Modulo s means: at the points of W, where B(x) = A(x) T(x), and A is 0 but in R.
 * To get these residues, encode the received data, for the points R only, and at each r in R add
 * the received parity and multiply by A(r). From there
 *
 *   (solve)      c(y) = sum over r in R of B(r) / ((r - y) A(y)), Lagrange's form of B
 *   (transform)  interpolate B over W; evaluate at the lost points; divide by s(y) A(y)
 *
 * of which one takes a product for each pair of lost shards, and the other about an encode,
 * whatever is lost. No transform is longer than `rows`.
 */
#include <string.h>

#include "handle.h"

#define NEGATIVE UINT32_MAX

static uint16_t power(uint32_t logarithm) {
  return pf__fec_field.exp[pf__fec_reduce(logarithm)];
}

static uint32_t lost_point(const pf_fec *fec, const pf__fec_shape *shape, uint32_t i) {
  return shape->rows + fec->lost[i];
}

/* log A(x), a factor at a time; a multiple of 65,535 keeps the difference positive. */
static uint32_t log_at(const pf_fec *fec, const pf__fec_shape *shape, uint32_t count, uint32_t x) {
  const uint16_t *log = pf__fec_field.log;
  uint32_t sum = log[x >> shape->log_rows] + count * PF__FEC_ORDER;
  for (uint32_t i = 0; i < count; i++)
    sum += log[x ^ lost_point(fec, shape, i)] - log[x ^ fec->spare[i]];
  return pf__fec_reduce(sum);
}

/* fec->logs at all points = log A. */
static void locate(pf_fec *fec, const pf__fec_shape *shape, uint32_t count) {
  uint32_t points = shape->rows + shape->k, *logs = fec->logs;
  uint32_t log_points = pf__fec_log_ceil(points);
  if (count <= log_points) { /* one by one they cost less than the transform of all */
    for (uint32_t i = 0; i < count; i++)
      logs[fec->spare[i]] = log_at(fec, shape, count, fec->spare[i]);
    for (uint32_t x = shape->rows; x < points; x++) logs[x] = log_at(fec, shape, count, x);
    return;
  }
  memset(logs, 0, sizeof *logs << log_points);
  for (uint32_t i = 0; i < count; i++) {
    logs[lost_point(fec, shape, i)] = 1;
    logs[fec->spare[i]] = NEGATIVE;
  }
  pf__fec_locate(logs, log_points);
  for (uint32_t x = shape->rows; x < points; x++)
    logs[x] = pf__fec_reduce(logs[x] + pf__fec_field.log[x >> shape->log_rows]);
}

/* How many results kernels are to make next, of those left. */
static uint32_t outs_of(uint32_t left) {
  return left >= PF__FEC_COMBINE_MAX ? PF__FEC_COMBINE_MAX : pf__fec_min(left, 2);
}

/* fec->factors for the lost shards first … first + outs - 1, and fec->in. */
static void prepare_combination(pf_fec *fec, const pf__fec_shape *shape, uint32_t count,
                                uint32_t first, uint32_t outs) {
  const uint16_t *log = pf__fec_field.log;
  const uint32_t *logs = fec->logs;
  uint32_t input = 0, lost = 0;
  for (uint32_t i = 0; i < shape->k + count; i++) {
    uint32_t x = i < shape->k ? shape->rows + i : fec->spare[i - shape->k];
    if (lost < count && i == fec->lost[lost]) {
      lost++;
      continue;
    }
    for (uint32_t o = 0; o < outs; o++) {
      uint32_t y = lost_point(fec, shape, first + o);
      uint32_t factor = power(logs[x] + 2 * PF__FEC_ORDER - log[x ^ y] - logs[y]);
      fec->factors[input * PF__FEC_COMBINE_MAX + o] = pf__fec_factor_of(factor);
    }
    input++;
  }
}

static void decode_by_combination(pf_fec *fec, const pf__fec_shape *shape, uint8_t *const *shards,
                                  uint32_t count) {
  uint32_t inputs = 0, lost = 0;
  for (uint32_t i = 0; i < shape->k; i++) {
    if (lost < count && i == fec->lost[lost]) fec->out[lost++] = shards[i];
    else fec->in[inputs++] = shards[i];
  }
  for (uint32_t i = 0; i < count; i++) fec->in[inputs++] = shards[shape->k + fec->spare[i]];
  for (uint32_t first = 0, outs; first < count; first += outs) {
    outs = outs_of(count - first);
    prepare_combination(fec, shape, count, first, outs);
    fec->kernel->combine(fec->out + first, outs, fec->in, inputs, fec->factors,
                         shape->shard_bytes, shape->rows + shape->k <= 256);
  }
}

/* fec->wanted over all points: the chosen parity and the lost data. */
static void want(pf_fec *fec, const pf__fec_shape *shape, uint32_t count) {
  uint32_t points = shape->rows + (shape->k + shape->rows - 1) / shape->rows * shape->rows;
  uint32_t spare = 0, lost = 0;
  for (uint32_t x = 0; x <= points; x++) {
    fec->wanted[x] = spare + lost;
    if (spare < count && x == fec->spare[spare]) spare++;
    else if (lost < count && x == lost_point(fec, shape, lost)) lost++;
  }
}

/* Values of A T at the points of W, from those of the encoded data. Returns how many can be other
 * than 0. */
static uint32_t weigh_parity(const pf_fec *fec, const pf__fec_slice *slice, uint32_t count,
                             uint8_t *const *parity, uint8_t *rows) {
  uint32_t row = 0;
  for (uint32_t i = 0; i < count; i++, row++) {
    for (; row < fec->spare[i]; row++) memset(rows + row * slice->stride, 0, slice->stride);
    fec->kernel->scale_in(slice, rows + row * slice->stride, parity[row], power(fec->logs[row]));
  }
  return row;
}

static void evaluate_lost(const pf_fec *fec, const pf__fec_slice *slice,
                          const pf__fec_shape *shape, uint8_t *const *data, const uint8_t *sum,
                          uint8_t *work) {
  const uint32_t *wanted = fec->wanted + shape->rows;
  for (uint32_t first = 0; first < shape->k; first += shape->rows) {
    uint32_t base = shape->rows + first, lost = wanted[first] - wanted[0];
    uint32_t end = wanted[first + shape->rows] - wanted[0];
    if (lost == end) continue;
    fec->kernel->forward(slice, shape->log_rows, sum, base, work, NULL, wanted + first);
    uint32_t log_s = pf__fec_field.log[base >> shape->log_rows];
    for (; lost < end; lost++) {
      uint32_t j = fec->lost[lost], y = shape->rows + j;
      uint32_t factor = power(2 * PF__FEC_ORDER - log_s - fec->logs[y]);
      fec->kernel->scale_out(slice, data[j], work + (j - first) * slice->stride, factor);
    }
  }
}

/* fec->factors of all lost shards, each group behind the one before. */
static void prepare_solution(pf_fec *fec, const pf__fec_shape *shape, uint32_t count) {
  pf__fec_factor *factors = fec->factors;
  for (uint32_t first = 0, outs; first < count; first += outs) {
    outs = outs_of(count - first);
    for (uint32_t i = 0; i < count; i++, factors += PF__FEC_COMBINE_MAX) {
      for (uint32_t o = 0; o < outs; o++) {
        uint32_t y = lost_point(fec, shape, first + o), r = fec->spare[i];
        uint32_t log = 2 * PF__FEC_ORDER - pf__fec_field.log[r ^ y] - fec->logs[y];
        factors[o] = pf__fec_factor_of(power(log));
      }
    }
  }
}

/* Makes the lost shards from the values of A T in `rows`. */
static void solve(const pf_fec *fec, const pf__fec_slice *slice, const pf__fec_shape *shape,
                  uint8_t *const *data, uint32_t count, uint8_t *rows) {
  uint8_t **out = fec->out;
  const uint8_t **in = (const uint8_t **)fec->out + count;
  const pf__fec_factor *factors = fec->factors;
  for (uint32_t i = 0; i < count; i++) {
    out[i] = data[fec->lost[i]];
    in[i] = rows + fec->spare[i] * slice->stride;
  }
  for (uint32_t first = 0, outs; first < count; first += outs) {
    outs = outs_of(count - first);
    fec->kernel->combine_rows(slice, out + first, outs, in, count, factors,
                              shape->rows + shape->k <= 256);
    factors += count * PF__FEC_COMBINE_MAX;
  }
}

/* Solving costs a product for each pair of lost shards, a polynomial about five for each point of
 * the block, with any kernel. */
static bool solves(const pf_fec *fec, const pf__fec_shape *shape, uint32_t lost) {
  return lost <= pf__fec_min(fec->solve_max, PF__FEC_SOLVE_MAX) &&
         lost * lost <= 5 * (shape->rows + shape->k);
}

static void decode_by_residue(pf_fec *fec, const pf__fec_shape *shape, uint8_t *const *shards,
                              uint32_t count) {
  bool solved = solves(fec, shape, count);
  for (uint32_t i = 0; i < shape->k + PF__FEC_POINTERS_MORE; i++)
    fec->in[i] = i < shape->k ? shards[i] : fec->zeros;
  for (uint32_t i = 0; i < count; i++) fec->in[fec->lost[i]] = fec->zeros;
  want(fec, shape, count);
  if (solved) prepare_solution(fec, shape, count);
  pf__fec_slice slice = {.stride = pf__fec_slice_bytes(shape->rows, shape->shard_bytes)};
  uint8_t *sum = fec->rows, *work = pf__fec_second_rows(sum, shape->rows, &slice);
  for (; slice.offset < shape->shard_bytes; slice.offset += slice.stride) {
    slice.bytes = pf__fec_min((uint32_t)slice.stride, shape->shard_bytes - (uint32_t)slice.offset);
    pf__fec_gather(fec, &slice, shape, work, sum);
    fec->kernel->forward(&slice, shape->log_rows, sum, 0, work, NULL, fec->wanted);
    uint32_t live = weigh_parity(fec, &slice, count, shards + shape->k, work);
    if (solved) {
      solve(fec, &slice, shape, shards, count, work);
    } else {
      fec->kernel->inverse(&slice, shape->log_rows, NULL, live, 0, work, sum, false);
      evaluate_lost(fec, &slice, shape, shards, sum, work);
    }
  }
}

static void decode_spread(pf_fec *fec, const pf__fec_shape *shape, uint8_t *const *shards,
                          const uint8_t *present) {
  for (uint32_t i = 0; i < shape->k + shape->m; i++) {
    fec->in[i] = present[i] ? shards[i] : NULL;
    fec->out[i] = !present[i] && i < shape->k ? shards[i] : NULL;
  }
  pf__fec_spread(fec, shape);
}

/* Fills fec->lost and, with as many, fec->spare; returns how many data shards are lost. */
static pf_result find_lost(pf_fec *fec, const pf__fec_shape *shape, const uint8_t *present,
                           uint32_t *lost_count) {
  uint32_t lost = 0, spare = 0;
  for (uint32_t i = 0; i < shape->k; i++) {
    if (present[i]) continue;
    if (lost == shape->m) return pf_fail(PF_E_TOO_MANY_LOST, "more than %u shards are lost", lost);
    fec->lost[lost++] = i;
  }
  for (uint32_t i = 0; i < shape->m && spare < lost; i++)
    if (present[shape->k + i]) fec->spare[spare++] = i;
  if (spare < lost)
    return pf_fail(PF_E_TOO_MANY_LOST, "%u data shards are lost and %u parity shards are there",
                   lost, spare);
  *lost_count = lost;
  return PF_OK;
}

/* Combining costs a product for each known and each lost shard, but takes up to four lost shards in
 * one pass over the block: less than encoding what was received. */
static uint32_t combine_max(const pf_fec *fec) {
  return pf__fec_min(fec->combine_max, PF__FEC_COMBINE_MAX);
}

PF_EXPORT pf_result pf_fec_decode(pf_fec *fec, uint8_t *const *shards, const uint8_t *present,
                                  uint32_t k, uint32_t m, uint32_t shard_bytes) {
  pf__fec_shape shape;
  uint32_t lost = 0;
  pf_result result = pf__fec_shape_of(fec, k, m, shard_bytes, &shape);
  if (result != PF_OK) return result;
  if (present == NULL || !pf__fec_all_there((const uint8_t *const *)shards, k, NULL) ||
      !pf__fec_all_there((const uint8_t *const *)shards + k, m, present + k))
    return pf_fail(PF_E_ARGUMENT, "a shard's pointer, or that of the flags, is NULL");
  result = find_lost(fec, &shape, present, &lost);
  if (result != PF_OK || lost == 0) return result;
  if (k == 1) {
    memcpy(shards[0], shards[1 + fec->spare[0]], shard_bytes);
  } else if (!pf__fec_fits(&shape)) {
    decode_spread(fec, &shape, shards, present);
  } else {
    locate(fec, &shape, lost);
    if (lost <= combine_max(fec)) decode_by_combination(fec, &shape, shards, lost);
    else decode_by_residue(fec, &shape, shards, lost);
  }
  return PF_OK;
}

/* Handles and encoding. */
#include "fec.h"

#include <stdlib.h>
#include <string.h>

#include "handle.h"

PF_EXPORT pf_result pf_fec_select(pf_fec *fec, const char *name) {
  return pf__fec_kernel_named(name, &fec->kernel);
}

/* Both sets of rows are to stay in the second-level cache beside what streams through it; where the
 * first level holds slices that are not too thin, that is better still. */
#define CACHE_1_BYTES (24u << 10)
#define CACHE_2_BYTES (640u << 10)
#define SLICE_BYTES_GOOD 256u

static uint32_t units_of(uint32_t shard_bytes) {
  return (shard_bytes + PF__FEC_UNIT_BYTES - 1) / PF__FEC_UNIT_BYTES;
}

static uint32_t slice_units_most(uint32_t rows) {
  uint32_t thin = CACHE_1_BYTES / (2 * rows) < SLICE_BYTES_GOOD;
  uint32_t units = (thin ? CACHE_2_BYTES : CACHE_1_BYTES) / (2 * rows * PF__FEC_UNIT_BYTES);
  return units > 0 ? units : 1;
}

/* Slices of about one width, so that the last is not thin. */
uint32_t pf__fec_slice_bytes(uint32_t rows, uint32_t shard_bytes) {
  uint32_t units = units_of(shard_bytes), most = slice_units_most(rows);
  uint32_t slices = (units + most - 1) / most;
  return (units + slices - 1) / slices * PF__FEC_UNIT_BYTES;
}

static size_t rows_bytes_max(const pf_fec *fec, bool spreads) {
  size_t most = spreads ? (size_t)PF__FEC_POINTS * PF__FEC_UNIT_BYTES : 0;
  for (uint32_t rows = 1; rows / 2 < fec->max_parity && rows < PF__FEC_POINTS; rows *= 2) {
    uint32_t units = pf__fec_min(slice_units_most(rows), units_of(fec->max_shard_bytes));
    size_t bytes = 2 * (size_t)rows * units * PF__FEC_UNIT_BYTES;
    if (bytes > most) most = bytes;
  }
  return most;
}

static void *allocate(size_t bytes) {
  void *memory = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
  if (memory != NULL) memset(memory, 0, bytes);
  return memory;
}

static bool allocate_buffers(pf_fec *fec) {
  uint32_t shards = fec->max_data + fec->max_parity;
  uint32_t log_rows = pf__fec_log_ceil(fec->max_parity);
  uint32_t log_points = pf__fec_log_ceil((1u << log_rows) + fec->max_data);
  bool spreads = log_points > 16;
  size_t points = spreads ? PF__FEC_POINTS : (size_t)1 << log_points;
  size_t padded = fec->max_shard_bytes + PF__FEC_UNIT_BYTES;
  fec->rows = allocate(rows_bytes_max(fec, spreads) + PF__FEC_APART_BYTES);
  fec->zeros = allocate(padded);
  fec->sink = allocate(padded);
  fec->in = allocate((shards + PF__FEC_POINTERS_MORE) * sizeof *fec->in);
  fec->out = allocate((shards + PF__FEC_POINTERS_MORE) * sizeof *fec->out);
  fec->wanted = allocate((points + 1) * sizeof *fec->wanted);
  fec->logs = allocate(points * sizeof *fec->logs);
  fec->lost = allocate(fec->max_parity * sizeof *fec->lost);
  fec->spare = allocate(fec->max_parity * sizeof *fec->spare);
  size_t combined = (size_t)fec->max_data * PF__FEC_COMBINE_MAX;
  /* Groups of a solution may have room left over: two at the most. */
  size_t solved = PF__FEC_SOLVE_MAX * (PF__FEC_SOLVE_MAX + 2 * PF__FEC_COMBINE_MAX);
  fec->factors = allocate((combined > solved ? combined : solved) * sizeof *fec->factors);
  return fec->rows && fec->zeros && fec->sink && fec->in && fec->out && fec->wanted &&
         fec->logs && fec->lost && fec->spare && fec->factors;
}

PF_EXPORT pf_result pf_fec_open(uint32_t max_data, uint32_t max_parity, uint32_t max_shard_bytes,
                                pf_fec **out) {
  if (max_data == 0 || max_data >= PF_FEC_SHARDS_MAX)
    return pf_fail(PF_E_ARGUMENT, "%u data shards are not within 1 and 65,535", max_data);
  if (max_parity == 0 || max_parity >= PF_FEC_SHARDS_MAX)
    return pf_fail(PF_E_ARGUMENT, "%u parity shards are not within 1 and 65,535", max_parity);
  if (max_shard_bytes == 0 || max_shard_bytes % PF_SHARD_ALIGN_BYTES != 0)
    return pf_fail(PF_E_ARGUMENT, "a shard of %u bytes is no multiple of 64", max_shard_bytes);
  if (max_shard_bytes > PF_FEC_SHARD_BYTES_MAX)
    return pf_fail(PF_E_ARGUMENT, "a shard of %u bytes is above %u", max_shard_bytes,
                   PF_FEC_SHARD_BYTES_MAX);
  pf_fec *fec = calloc(1, sizeof *fec);
  if (fec == NULL) return pf_fail(PF_E_MEMORY, "no memory for the erasure code");
  pf__fec_field_make();
  fec->kernel = pf__fec_kernel_at(0);
  fec->max_data = max_data;
  fec->max_parity = max_parity;
  fec->max_shard_bytes = max_shard_bytes;
  fec->combine_max = UINT32_MAX;
  fec->solve_max = UINT32_MAX;
  if (!allocate_buffers(fec)) {
    pf_fec_close(fec);
    return pf_fail(PF_E_MEMORY, "no memory for the erasure code");
  }
  *out = fec;
  return PF_OK;
}

PF_EXPORT void pf_fec_close(pf_fec *fec) {
  if (fec == NULL) return;
  free(fec->rows);
  free(fec->zeros);
  free(fec->sink);
  free(fec->in);
  free(fec->out);
  free(fec->wanted);
  free(fec->logs);
  free(fec->lost);
  free(fec->spare);
  free(fec->factors);
  free(fec);
}

pf_result pf__fec_shape_of(const pf_fec *fec, uint32_t k, uint32_t m, uint32_t shard_bytes,
                           pf__fec_shape *shape) {
  if (k == 0 || m == 0 || k > PF_FEC_SHARDS_MAX || m > PF_FEC_SHARDS_MAX - k)
    return pf_fail(PF_E_ARGUMENT, "a block can't have %u data and %u parity shards", k, m);
  if (shard_bytes == 0 || shard_bytes % PF_SHARD_ALIGN_BYTES != 0)
    return pf_fail(PF_E_ARGUMENT, "a shard of %u bytes is no multiple of 64", shard_bytes);
  if (k > fec->max_data || m > fec->max_parity || shard_bytes > fec->max_shard_bytes)
    return pf_fail(PF_E_BOUNDS, "%u + %u shards of %u bytes exceed %u + %u of %u", k, m,
                   shard_bytes, fec->max_data, fec->max_parity, fec->max_shard_bytes);
  uint32_t log_rows = pf__fec_log_ceil(m);
  *shape = (pf__fec_shape){k, m, shard_bytes, log_rows, 1u << log_rows};
  return PF_OK;
}

void pf__fec_gather(const pf_fec *fec, const pf__fec_slice *slice, const pf__fec_shape *shape,
                    uint8_t *work, uint8_t *sum) {
  for (uint32_t first = 0; first < shape->k; first += shape->rows) {
    uint32_t live = pf__fec_min(shape->rows, shape->k - first);
    fec->kernel->inverse(slice, shape->log_rows, fec->in + first, live, shape->rows + first, work,
                         sum, first > 0);
  }
}

/*
 * The code words are the shards whose polynomials, taken over each `rows` points in turn, add up to
 * 0. So the parity is the sum of the data's polynomials, evaluated at the first `rows` points.
 */
static void encode_rows(pf_fec *fec, const pf__fec_shape *shape, const uint8_t *const *data,
                        uint8_t *const *parity) {
  for (uint32_t i = 0; i < shape->k + PF__FEC_POINTERS_MORE; i++)
    fec->in[i] = i < shape->k ? data[i] : fec->zeros;
  for (uint32_t i = 0; i < shape->m + PF__FEC_POINTERS_MORE; i++)
    fec->out[i] = i < shape->m ? parity[i] : fec->sink;
  for (uint32_t i = 0; i <= shape->rows; i++) fec->wanted[i] = pf__fec_min(i, shape->m);
  pf__fec_slice slice = {.stride = pf__fec_slice_bytes(shape->rows, shape->shard_bytes)};
  uint8_t *sum = fec->rows, *work = pf__fec_second_rows(sum, shape->rows, &slice);
  for (; slice.offset < shape->shard_bytes; slice.offset += slice.stride) {
    slice.bytes = pf__fec_min((uint32_t)slice.stride, shape->shard_bytes - (uint32_t)slice.offset);
    pf__fec_gather(fec, &slice, shape, work, sum);
    fec->kernel->forward(&slice, shape->log_rows, sum, 0, sum, fec->out, fec->wanted);
  }
}

PF_EXPORT pf_result pf_fec_encode(pf_fec *fec, const uint8_t *const *data, uint32_t k,
                                  uint8_t *const *parity, uint32_t m, uint32_t shard_bytes) {
  pf__fec_shape shape;
  pf_result result = pf__fec_shape_of(fec, k, m, shard_bytes, &shape);
  if (result != PF_OK) return result;
  if (!pf__fec_all_there(data, k, NULL) ||
      !pf__fec_all_there((const uint8_t *const *)parity, m, NULL))
    return pf_fail(PF_E_ARGUMENT, "a shard's pointer is NULL");
  if (k == 1) { /* by Leopard's convention */
    for (uint32_t i = 0; i < m; i++) memcpy(parity[i], data[0], shard_bytes);
  } else if (pf__fec_fits(&shape)) {
    encode_rows(fec, &shape, data, parity);
  } else {
    for (uint32_t i = 0; i < k + m; i++) {
      fec->in[i] = i < k ? data[i] : NULL;
      fec->out[i] = i < k ? NULL : parity[i - k];
    }
    pf__fec_spread(fec, &shape);
  }
  return PF_OK;
}

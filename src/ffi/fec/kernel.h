/*
 * What a kernel (one implementation for one kind of processor) does, behind one interface. All work
 * on a column slice: the bytes `offset` … `offset + bytes` of every shard, and rows of at least
 * `bytes` (rounded up to 128) in the work buffers, which hold elements as pairs (see field.h).
 */
#ifndef PF_FEC_KERNEL_H
#define PF_FEC_KERNEL_H
#include "field.h"
#include "gf8_field.h"

/* Widest unit of any kernel; rows in work buffers are a multiple of it. */
#define PF__FEC_UNIT_BYTES 128u
/* A pass handles up to eight rows at a time, or four and fetches as many: so many pointers more
 * than shards must be good. */
#define PF__FEC_POINTERS_MORE 7u
#define PF__FEC_LAYERS_MAX 16u

typedef struct pf__fec_slice {
  size_t offset;
  uint32_t bytes; /* multiple of 64 */
  size_t stride;  /* from row to row in the work buffers */
} pf__fec_slice;

typedef struct pf__fec_kernel {
  const char *name;
  bool (*usable)(void);

  /* Interpolates: `rows` values at the points base + i (base a multiple of 2^log_rows) become the
   * coefficients of their polynomial in the basis of the paper, in `out`, added to what is there
   * if `add`. The values are those of `live` shards, or, if shards is NULL, `live` rows of `work`;
   * the rest are 0. The PF__FEC_POINTERS_MORE past `live` shards must name zeros. `work` is
   * overwritten; it may be `out` if not `add`. */
  void (*inverse)(const pf__fec_slice *slice, uint32_t log_rows, const uint8_t *const *shards,
                  uint32_t live, uint32_t base, uint8_t *work, uint8_t *out, bool add);

  /* Evaluates: coefficients `in` become values at base + i in `work` (may be `in`), or in `shards`
   * if not NULL (those of `work` are then undefined). Made are the rows that are wanted, and some
   * near them: wanted[i] counts the wanted rows below i, for i <= 2^log_rows. */
  void (*forward)(const pf__fec_slice *slice, uint32_t log_rows, const uint8_t *in, uint32_t base,
                  uint8_t *work, uint8_t *const *shards, const uint32_t *wanted);

  /* row = factor (row + shard); a NULL shard is 0. */
  void (*scale_in)(const pf__fec_slice *slice, uint8_t *row, const uint8_t *shard, uint32_t factor);
  /* shard = factor row */
  void (*scale_out)(const pf__fec_slice *slice, uint8_t *shard, const uint8_t *row,
                    uint32_t factor);
  /* row = row + other */
  void (*add)(const pf__fec_slice *slice, uint8_t *row, const uint8_t *other);

  /* out[o] = sum over i of factors[i * 4 + o] in[i], for 1, 2 or 4 whole shards of bytes bytes.
   * `narrow`: all factors are below 256. */
  void (*combine)(uint8_t *const *out, uint32_t outs, const uint8_t *const *in, uint32_t ins,
                  const pf__fec_factor *factors, uint32_t bytes, bool narrow);

  /* As combine, of the slice, but in[i] are rows. */
  void (*combine_rows)(const pf__fec_slice *slice, uint8_t *const *out, uint32_t outs,
                       const uint8_t *const *in, uint32_t ins, const pf__fec_factor *factors,
                       bool narrow);

  /* Of the 8-bit code: out[o] = sum over i of f(o, i) in[i] for whole shards of any length. f(o, i)
   * is factors[(o - o % 4) ins + 4 i + o % 4]. No out may overlap an in. */
  void (*sum_products)(uint8_t *const *out, uint32_t outs, const uint8_t *const *in, uint32_t ins,
                       const uint8_t *factors, uint32_t bytes);
} pf__fec_kernel;

#define PF__FEC_COMBINE_MAX 4u

extern const pf__fec_kernel pf__fec_scalar;
#if defined(__x86_64__)
extern const pf__fec_kernel pf__fec_ssse3, pf__fec_avx2, pf__fec_gfni, pf__fec_avx512;
#elif defined(__aarch64__)
extern const pf__fec_kernel pf__fec_neon;
#endif

/* The kernels that this processor can run, fastest first; NULL past the end. */
const pf__fec_kernel *pf__fec_kernel_at(uint32_t index);
/* PF_E_UNSUPPORTED: there is none of that name here. */
pf_result pf__fec_kernel_named(const char *name, const pf__fec_kernel **out);

/* False if there is no array, or a pointer is NULL that must not be: any, or, with flags, those of
 * shards that are present. */
static inline bool pf__fec_all_there(const uint8_t *const *shards, uint32_t count,
                                     const uint8_t *present) {
  if (shards == NULL) return false;
  for (uint32_t i = 0; i < count; i++)
    if (shards[i] == NULL && (present == NULL || present[i])) return false;
  return true;
}

#endif

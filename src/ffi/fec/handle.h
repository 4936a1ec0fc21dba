/* A handle's inside, shared by encode and decode. */
#ifndef PF_FEC_HANDLE_H
#define PF_FEC_HANDLE_H
#include "fec.h"
#include "kernel.h"

struct pf_fec {
  const pf__fec_kernel *kernel;
  uint32_t max_data, max_parity, max_shard_bytes;
  /* Losses up to which decode may combine whole shards, and may solve: see decode.c. UINT32_MAX,
   * but for tests. */
  uint32_t combine_max, solve_max;

  uint8_t *rows;      /* two sets of rows of a slice */
  uint8_t *zeros;     /* a shard of zeros, for what is not there */
  uint8_t *sink;      /* a shard for what nobody wants */
  const uint8_t **in; /* shard pointers of a call, padded */
  uint8_t **out;
  uint32_t *wanted; /* see kernel.h */
  uint32_t *logs;   /* by point, see pf__fec_locate */
  uint32_t *lost;   /* numbers of lost data shards */
  uint32_t *spare;  /* numbers of the parity shards that replace them */
  pf__fec_factor *factors; /* of pf__fec_kernel.combine */
};

/* The most lost shards that decode solves for: it has memory for so many factors. */
#define PF__FEC_SOLVE_MAX 128u

/* How a block lies on the field: parity i at the point i, data shard j at the point rows + j, where
 * rows = 2^log_rows is the least power of two that holds all parity. */
typedef struct pf__fec_shape {
  uint32_t k, m, shard_bytes, log_rows, rows;
} pf__fec_shape;

static inline uint32_t pf__fec_log_ceil(uint32_t count) {
  return count <= 1 ? 0 : 32u - (uint32_t)__builtin_clz(count - 1);
}
static inline uint32_t pf__fec_min(uint32_t x, uint32_t y) { return x < y ? x : y; }

/* False if the block is too large for that; see spread.c. */
static inline bool pf__fec_fits(const pf__fec_shape *shape) {
  return shape->rows + shape->k <= PF__FEC_POINTS;
}

/* Bytes of a row of a slice when two sets of `rows` rows are worked on: multiple of 128. */
uint32_t pf__fec_slice_bytes(uint32_t rows, uint32_t shard_bytes);

/* The second set of rows, behind `rows` of the first. They lie apart by some more, so that equal
 * rows of both, which a pass sums up, do not compete for the same few places of the cache. */
#define PF__FEC_APART_BYTES 1024u
static inline uint8_t *pf__fec_second_rows(uint8_t *first, uint32_t rows,
                                           const pf__fec_slice *slice) {
  return first + rows * slice->stride + PF__FEC_APART_BYTES;
}

/* PF_OK if the handle takes such a block; fills the shape. */
pf_result pf__fec_shape_of(const pf_fec *fec, uint32_t k, uint32_t m, uint32_t shard_bytes,
                           pf__fec_shape *shape);

/* Adds up the polynomials of all data (fec->in: k shards, then zeros) in `sum`. */
void pf__fec_gather(const pf_fec *fec, const pf__fec_slice *slice, const pf__fec_shape *shape,
                    uint8_t *work, uint8_t *sum);

/* For a block that does not fit: shard i of k + m is the value at the point i. Makes the shards
 * that fec->out names from those that fec->in names; each has k + m places, NULL where nothing
 * is. */
void pf__fec_spread(pf_fec *fec, const pf__fec_shape *shape);

#endif

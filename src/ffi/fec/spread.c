/*
 * Blocks whose parity, rounded up to a power of two, does not fit beside their data (for instance
 * 40,000 + 20,000). Shard i is the value at the point i of a polynomial f of a degree below k, over
 * all 65,536 points. With the locator A of all points that are not known, A f is known everywhere
 * (0 where f is not), of a degree below 65,536, and at a lost y its derivative is A'(y) f(y) (the
 * decoder of the paper's section V).
 *
 * The derivative in the paper's basis: s_j' = 1 for every j, so coefficient i + 2^j (bit j of i
 * clear) adds to coefficient i.
 */
#include <string.h>

#include "handle.h"

#define LOG_POINTS 16u

static void differentiate(const pf_fec *fec, const pf__fec_slice *slice) {
  for (uint32_t i = 0; i < PF__FEC_POINTS; i++) {
    uint8_t *row = fec->rows + i * slice->stride;
    memset(row, 0, slice->stride);
    for (uint32_t bit = 1; bit < PF__FEC_POINTS; bit *= 2)
      if ((i & bit) == 0) fec->kernel->add(slice, row, fec->rows + (i | bit) * slice->stride);
  }
}

/* fec->logs = logarithm of A, and of A' where it is 0; fec->wanted from fec->out. */
static void prepare(pf_fec *fec, uint32_t shards) {
  uint32_t wanted = 0;
  for (uint32_t x = 0; x < PF__FEC_POINTS; x++) {
    fec->logs[x] = x >= shards || fec->in[x] == NULL;
    fec->wanted[x] = wanted;
    wanted += x < shards && fec->out[x] != NULL;
  }
  fec->wanted[PF__FEC_POINTS] = wanted;
  pf__fec_locate(fec->logs, LOG_POINTS);
}

void pf__fec_spread(pf_fec *fec, const pf__fec_shape *shape) {
  const uint16_t *exp = pf__fec_field.exp;
  uint32_t shards = shape->k + shape->m;
  pf__fec_slice slice = {.stride = PF__FEC_UNIT_BYTES};
  prepare(fec, shards);
  for (; slice.offset < shape->shard_bytes; slice.offset += slice.stride) {
    slice.bytes = pf__fec_min((uint32_t)slice.stride, shape->shard_bytes - (uint32_t)slice.offset);
    memset(fec->rows, 0, shards * slice.stride);
    for (uint32_t x = 0; x < shards; x++)
      if (fec->in[x] != NULL)
        fec->kernel->scale_in(&slice, fec->rows + x * slice.stride, fec->in[x], exp[fec->logs[x]]);
    fec->kernel->inverse(&slice, LOG_POINTS, NULL, shards, 0, fec->rows, fec->rows, false);
    differentiate(fec, &slice);
    fec->kernel->forward(&slice, LOG_POINTS, fec->rows, 0, fec->rows, NULL, fec->wanted);
    for (uint32_t y = 0; y < shards; y++)
      if (fec->out[y] != NULL)
        fec->kernel->scale_out(&slice, fec->out[y], fec->rows + y * slice.stride,
                               exp[PF__FEC_ORDER - fec->logs[y]]);
  }
}

/*
 * The additive FFT of Lin, Chung and Han over rows, written once for every kernel.
 *
 * A kernel's file defines what follows, includes this file, and so becomes a pf__fec_kernel:
 *
 *   vec, VEC                 VEC bytes of one plane (of the a's or of the b's)
 *   map                      a linear map of bytes, ready for use
 *   load, store, add, add3   a + b and a + b + c are XOR
 *   map_of(const pf__fec_map *), apply(map, vec)
 *   KERNEL, KERNEL_NAME, kernel_usable
 *   COMBINE_UNITS(outs)      units that `combine` keeps in registers for that many outputs
 *   load_blocks, store_blocks   only if VEC is 64: a unit is then two blocks of a shard
 *
 * The polynomial of P = 2^p values at the points base … base + P - 1 is taken apart in p layers of
 * butterflies. In the layer of distance d the pair (x, y) of rows i, i + d of a block that starts
 * at the point t has the factor c = s(t) = t / d (fact 1 in field.h):
 *
 *   inverse, d = 1, 2, 4 …   y += x,  x += c y        forward, d = P/2 … 1   x += c y,  y += x
 *
 * Two layers at a time (radix 4) halve the traffic with the cache. The three factors of a block of
 * 4 d rows at t are t/d for its first half, t/d + 2 for its second, and t/2d for both:
 *
 *   0 ──┬─ t/d ────────┬─ t/2d ──
 *   1 ──┘              │ ┬ t/2d ──      (inverse: left to right; forward: right to left)
 *   2 ──┬─ t/d + 2 ────┘ │ ───────
 *   3 ──┘                ┘ ───────
 *
 * Where every factor of a block is below 256 (all layers of a block of up to 256 points, most
 * layers of the others) bytes are multiplied one by one ("narrow"), else as pairs ("wide").
 */
#include "kernel.h"

#define INLINE static inline __attribute__((always_inline))
#define PLANE (VEC > 32 ? VEC : 32)
#define UNIT (2 * PLANE)
_Static_assert(UNIT <= PF__FEC_UNIT_BYTES && PLANE % VEC == 0, "rows hold whole units");

typedef struct pair {
  vec a, b;
} pair;

typedef struct factor {
  map aa, ba, ab, bb;
} factor;

INLINE factor factor_of(uint32_t c) {
  const pf__fec_map *by = pf__fec_field.by;
  pf__fec_factor f = pf__fec_factor_of(c);
  return (factor){map_of(&by[f.aa]), map_of(&by[f.ba]), map_of(&by[f.ab]), map_of(&by[f.bb])};
}

/* x + c y */
INLINE pair add_product(pair x, factor c, pair y, bool wide) {
  if (!wide) return (pair){add(x.a, apply(c.aa, y.a)), add(x.b, apply(c.aa, y.b))};
  return (pair){add3(x.a, apply(c.aa, y.a), apply(c.ba, y.b)),
                add3(x.b, apply(c.ab, y.a), apply(c.bb, y.b))};
}
INLINE pair add_pair(pair x, pair y) { return (pair){add(x.a, y.a), add(x.b, y.b)}; }

INLINE pair load_row(const uint8_t *at) { return (pair){load(at), load(at + PLANE)}; }
INLINE void store_row(uint8_t *at, pair x) {
  store(at, x.a);
  store(at + PLANE, x.b);
}

/* `half`: only the first of the unit's two blocks is there. */
INLINE pair load_shard(const uint8_t *at, bool half) {
#if VEC == 64
  pair x;
  load_blocks(at, half, &x.a, &x.b);
#else
  pair x = load_row(at);
#endif
  return (pair){add(x.a, apply(map_of(&pf__fec_field.tower), x.b)), x.b};
}
INLINE void store_shard(uint8_t *at, pair x, bool half) {
  x.a = add(x.a, apply(map_of(&pf__fec_field.tower), x.b));
#if VEC == 64
  store_blocks(at, half, x.a, x.b);
#else
  store_row(at, x);
#endif
}

/* Visits each vector of a slice: `at` is its offset in row or shard, `half` as above. */
#define EACH_VECTOR(at, half, slice_bytes)                                                    \
  for (uint32_t unit_ = 0, half; half = unit_ + UNIT > (slice_bytes), unit_ < (slice_bytes);  \
       unit_ += UNIT)                                                                         \
    for (uint32_t at = unit_; at < unit_ + PLANE; at += VEC)

/* The rows i, i + d, i + 2d, i + 3d of a block. */
typedef struct group {
  const uint8_t *from[4];
  uint8_t *to[4];
} group;

typedef struct factors {
  factor first, second, outer;
} factors;

INLINE factors factors_of(uint32_t point, uint32_t log_distance) {
  uint32_t first = point >> log_distance;
  return (factors){factor_of(first), factor_of(first + 2), factor_of(first >> 1)};
}

INLINE void inverse4(group g, const factors *c, uint32_t bytes, bool shards, bool sum, bool wide) {
  EACH_VECTOR(at, half, bytes) {
    pair x[4];
    for (int i = 0; i < 4; i++)
      x[i] = shards ? load_shard(g.from[i] + at, half) : load_row(g.from[i] + at);
    x[1] = add_pair(x[1], x[0]);
    x[3] = add_pair(x[3], x[2]);
    x[0] = add_product(x[0], c->first, x[1], wide);
    x[2] = add_product(x[2], c->second, x[3], wide);
    x[2] = add_pair(x[2], x[0]);
    x[3] = add_pair(x[3], x[1]);
    x[0] = add_product(x[0], c->outer, x[2], wide);
    x[1] = add_product(x[1], c->outer, x[3], wide);
    for (int i = 0; i < 4; i++)
      store_row(g.to[i] + at, sum ? add_pair(x[i], load_row(g.to[i] + at)) : x[i]);
  }
}

INLINE void forward4(group g, const factors *c, uint32_t bytes, bool shards, bool wide) {
  EACH_VECTOR(at, half, bytes) {
    pair x[4];
    for (int i = 0; i < 4; i++) x[i] = load_row(g.from[i] + at);
    x[0] = add_product(x[0], c->outer, x[2], wide);
    x[1] = add_product(x[1], c->outer, x[3], wide);
    x[2] = add_pair(x[2], x[0]);
    x[3] = add_pair(x[3], x[1]);
    x[0] = add_product(x[0], c->first, x[1], wide);
    x[2] = add_product(x[2], c->second, x[3], wide);
    x[1] = add_pair(x[1], x[0]);
    x[3] = add_pair(x[3], x[2]);
    for (int i = 0; i < 4; i++) {
      if (shards) store_shard(g.to[i] + at, x[i], half);
      else store_row(g.to[i] + at, x[i]);
    }
  }
}

/* One layer, for an odd number of them. `from` and `to` use their first two places. */
INLINE void inverse2(group g, factor c, uint32_t bytes, bool shards, bool sum) {
  EACH_VECTOR(at, half, bytes) {
    pair x = shards ? load_shard(g.from[0] + at, half) : load_row(g.from[0] + at);
    pair y = shards ? load_shard(g.from[1] + at, half) : load_row(g.from[1] + at);
    y = add_pair(y, x);
    x = add_product(x, c, y, true);
    store_row(g.to[0] + at, sum ? add_pair(x, load_row(g.to[0] + at)) : x);
    store_row(g.to[1] + at, sum ? add_pair(y, load_row(g.to[1] + at)) : y);
  }
}
INLINE void forward2(group g, factor c, uint32_t bytes, bool shards) {
  EACH_VECTOR(at, half, bytes) {
    pair x = load_row(g.from[0] + at), y = load_row(g.from[1] + at);
    x = add_product(x, c, y, true);
    y = add_pair(y, x);
    if (shards) {
      store_shard(g.to[0] + at, x, half);
      store_shard(g.to[1] + at, y, half);
    } else {
      store_row(g.to[0] + at, x);
      store_row(g.to[1] + at, y);
    }
  }
}

/* Where a pass reads and writes: shards (at the slice's offset) or rows. */
typedef struct pass {
  const pf__fec_slice *slice;
  const uint8_t *const *from_shards;
  uint8_t *const *to_shards;
  const uint8_t *from;
  uint8_t *to;
  uint32_t base;
} pass;

INLINE group group_at(const pass *p, uint32_t row, uint32_t distance, int count) {
  group g = {0};
  const pf__fec_slice *slice = p->slice;
  for (int i = 0; i < count; i++, row += distance) {
    g.from[i] = p->from_shards != NULL ? p->from_shards[row] + slice->offset
                                       : p->from + row * slice->stride;
    g.to[i] =
        p->to_shards != NULL ? p->to_shards[row] + slice->offset : p->to + row * slice->stride;
  }
  return g;
}

static void inverse_block(const pass *p, uint32_t block, uint32_t log_distance, bool sum) {
  uint32_t distance = 1u << log_distance, bytes = p->slice->bytes, point = p->base + block;
  const factors c = factors_of(point, log_distance);
  bool wide = point >> log_distance >= 256, shards = p->from_shards != NULL;
  for (uint32_t row = block; row < block + distance; row++) {
    group g = group_at(p, row, distance, 4);
    if (shards && sum && wide) inverse4(g, &c, bytes, true, true, true);
    else if (shards && sum) inverse4(g, &c, bytes, true, true, false);
    else if (shards && wide) inverse4(g, &c, bytes, true, false, true);
    else if (shards) inverse4(g, &c, bytes, true, false, false);
    else if (sum && wide) inverse4(g, &c, bytes, false, true, true);
    else if (sum) inverse4(g, &c, bytes, false, true, false);
    else if (wide) inverse4(g, &c, bytes, false, false, true);
    else inverse4(g, &c, bytes, false, false, false);
  }
}

static void forward_block(const pass *p, uint32_t block, uint32_t log_distance) {
  uint32_t distance = 1u << log_distance, bytes = p->slice->bytes, point = p->base + block;
  const factors c = factors_of(point, log_distance);
  bool wide = point >> log_distance >= 256, shards = p->to_shards != NULL;
  for (uint32_t row = block; row < block + distance; row++) {
    group g = group_at(p, row, distance, 4);
    if (shards && wide) forward4(g, &c, bytes, true, true);
    else if (shards) forward4(g, &c, bytes, true, false);
    else if (wide) forward4(g, &c, bytes, false, true);
    else forward4(g, &c, bytes, false, false);
  }
}

/* The layer of the largest distance alone. */
static void inverse_layer(const pass *p, uint32_t log_rows, bool sum) {
  uint32_t distance = 1u << (log_rows - 1), bytes = p->slice->bytes;
  const factor c = factor_of(p->base >> (log_rows - 1));
  for (uint32_t row = 0; row < distance; row++) {
    group g = group_at(p, row, distance, 2);
    if (p->from_shards != NULL) inverse2(g, c, bytes, true, sum);
    else inverse2(g, c, bytes, false, sum);
  }
}
static void forward_layer(const pass *p, uint32_t log_rows) {
  uint32_t distance = 1u << (log_rows - 1), bytes = p->slice->bytes;
  const factor c = factor_of(p->base >> (log_rows - 1));
  for (uint32_t row = 0; row < distance; row++) {
    group g = group_at(p, row, distance, 2);
    if (p->to_shards != NULL) forward2(g, c, bytes, true);
    else forward2(g, c, bytes, false);
  }
}

INLINE uint32_t row_bytes(const pf__fec_slice *slice) {
  return (slice->bytes + UNIT - 1) / UNIT * UNIT;
}

static void zero_rows(const pf__fec_slice *slice, uint8_t *rows, uint32_t from, uint32_t to) {
  for (uint32_t row = from; row < to; row++)
    memset(rows + row * slice->stride, 0, row_bytes(slice));
}

static void copy_in(const pf__fec_slice *slice, const uint8_t *shard, const uint8_t *row,
                    uint8_t *out, bool sum) {
  EACH_VECTOR(at, half, slice->bytes) {
    pair x = shard != NULL ? load_shard(shard + slice->offset + at, half) : load_row(row + at);
    store_row(out + at, sum ? add_pair(x, load_row(out + at)) : x);
  }
}
static void copy_out(const pf__fec_slice *slice, const uint8_t *row, uint8_t *shard,
                     uint8_t *out) {
  EACH_VECTOR(at, half, slice->bytes) {
    pair x = load_row(row + at);
    if (shard != NULL) store_shard(shard + slice->offset + at, x, half);
    else store_row(out + at, x);
  }
}

static void kernel_inverse(const pf__fec_slice *slice, uint32_t log_rows,
                           const uint8_t *const *shards, uint32_t live, uint32_t base,
                           uint8_t *work, uint8_t *out, bool sum) {
  uint32_t rows = 1u << log_rows, layer = 0;
  pass p = {.slice = slice, .from_shards = shards, .from = work, .to = work, .base = base};
  if (log_rows == 0) copy_in(slice, shards != NULL ? shards[0] : NULL, work, out, sum);
  for (; layer + 2 <= log_rows; layer += 2) {
    uint32_t block_rows = 4u << layer, end = (live + block_rows - 1) & ~(block_rows - 1);
    bool last = layer + 2 == log_rows;
    if (p.from_shards == NULL) zero_rows(slice, work, live, end);
    if (last) p.to = out;
    for (uint32_t block = 0; block < end; block += block_rows)
      inverse_block(&p, block, layer, last && sum);
    live = end;
    p.from_shards = NULL;
  }
  if (layer == log_rows) return;
  if (p.from_shards == NULL) zero_rows(slice, work, live, rows);
  p.to = out;
  inverse_layer(&p, log_rows, sum);
}

static void kernel_forward(const pf__fec_slice *slice, uint32_t log_rows, const uint8_t *in,
                           uint32_t base, uint8_t *work, uint8_t *const *shards,
                           const uint32_t *wanted) {
  uint32_t rows = 1u << log_rows;
  pass p = {.slice = slice, .from = in, .to = work, .base = base};
  if (log_rows == 0) copy_out(slice, in, shards != NULL ? shards[0] : NULL, work);
  if (log_rows % 2 == 1) {
    if (log_rows == 1) p.to_shards = shards;
    forward_layer(&p, log_rows);
    p.from = work;
  }
  for (uint32_t layer = log_rows & ~1u; layer > 0; p.from = work) {
    layer -= 2;
    if (layer == 0) p.to_shards = shards;
    uint32_t block_rows = 4u << layer;
    for (uint32_t block = 0; block < rows; block += block_rows)
      if (wanted[block + block_rows] != wanted[block]) forward_block(&p, block, layer);
  }
}

static void kernel_scale_in(const pf__fec_slice *slice, uint8_t *row, const uint8_t *shard,
                            uint32_t by) {
  const factor c = factor_of(by);
  const pair zero = {0};
  EACH_VECTOR(at, half, slice->bytes) {
    pair x = load_row(row + at);
    if (shard != NULL) x = add_pair(x, load_shard(shard + slice->offset + at, half));
    store_row(row + at, add_product(zero, c, x, true));
  }
}

static void kernel_scale_out(const pf__fec_slice *slice, uint8_t *shard, const uint8_t *row,
                             uint32_t by) {
  const factor c = factor_of(by);
  const pair zero = {0};
  EACH_VECTOR(at, half, slice->bytes) {
    pair x = add_product(zero, c, load_row(row + at), true);
    store_shard(shard + slice->offset + at, x, half);
  }
}

static void kernel_add(const pf__fec_slice *slice, uint8_t *row, const uint8_t *other) {
  copy_in(slice, NULL, other, row, true);
}

/* `units` columns of `outs` results at once, which stay in registers over all inputs. */
INLINE void combine_columns(uint8_t *const *out, const int outs, const uint8_t *const *in,
                            uint32_t ins, const pf__fec_factor *f, uint32_t from, uint32_t bytes,
                            const int units, bool wide) {
  const pf__fec_map *by = pf__fec_field.by;
  for (uint32_t lane = from; lane < from + PLANE; lane += VEC) {
    pair sum[PF__FEC_COMBINE_MAX][4] = {0};
    for (uint32_t i = 0; i < ins; i++) {
      pair x[4];
      for (int unit = 0; unit < units; unit++) {
        uint32_t at = lane + (uint32_t)unit * UNIT;
        x[unit] = load_shard(in[i] + at, at - lane + from + UNIT > bytes);
      }
      for (int o = 0; o < outs; o++) {
        pf__fec_factor g = f[i * PF__FEC_COMBINE_MAX + (uint32_t)o];
        factor c = {map_of(&by[g.aa]), map_of(&by[g.ba]), map_of(&by[g.ab]), map_of(&by[g.bb])};
        for (int unit = 0; unit < units; unit++)
          sum[o][unit] = add_product(sum[o][unit], c, x[unit], wide);
      }
    }
    for (int o = 0; o < outs; o++) {
      for (int unit = 0; unit < units; unit++) {
        uint32_t at = lane + (uint32_t)unit * UNIT;
        store_shard(out[o] + at, sum[o][unit], at - lane + from + UNIT > bytes);
      }
    }
  }
}

INLINE void combine_outs(uint8_t *const *out, const int outs, const uint8_t *const *in,
                         uint32_t ins, const pf__fec_factor *f, uint32_t bytes, bool wide) {
  const int units = COMBINE_UNITS(outs);
  uint32_t from = 0, step = (uint32_t)units * UNIT;
  /* The last unit may be half a one; it belongs to whole steps all the same. */
  for (; from + step <= bytes + UNIT - 64; from += step)
    combine_columns(out, outs, in, ins, f, from, bytes, units, wide);
  for (; from < bytes; from += UNIT)
    combine_columns(out, outs, in, ins, f, from, bytes, 1, wide);
}

static void kernel_combine(uint8_t *const *out, uint32_t outs, const uint8_t *const *in,
                           uint32_t ins, const pf__fec_factor *f, uint32_t bytes, bool narrow) {
  switch (outs * 2 + narrow) {
    case 2: combine_outs(out, 1, in, ins, f, bytes, true); return;
    case 3: combine_outs(out, 1, in, ins, f, bytes, false); return;
    case 4: combine_outs(out, 2, in, ins, f, bytes, true); return;
    case 5: combine_outs(out, 2, in, ins, f, bytes, false); return;
    case 6: combine_outs(out, 3, in, ins, f, bytes, true); return;
    case 7: combine_outs(out, 3, in, ins, f, bytes, false); return;
    case 8: combine_outs(out, 4, in, ins, f, bytes, true); return;
    default: combine_outs(out, 4, in, ins, f, bytes, false); return;
  }
}

const pf__fec_kernel KERNEL = {
    .name = KERNEL_NAME,
    .usable = kernel_usable,
    .inverse = kernel_inverse,
    .forward = kernel_forward,
    .scale_in = kernel_scale_in,
    .scale_out = kernel_scale_out,
    .add = kernel_add,
    .combine = kernel_combine,
};

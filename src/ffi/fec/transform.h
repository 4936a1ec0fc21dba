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
 *   PRODUCT_VECS             see gf8_products.h
 *   load_blocks, store_blocks   only if VEC is 64: a unit is then two blocks of a shard
 *
 * The polynomial of P = 2^p values at the points base … base + P - 1 is taken apart in p layers of
 * butterflies. In the layer of distance d the pair (x, y) of rows i, i + d of a block that starts
 * at the point t has the factor c = s(t) = t / d (fact 1 in field.h):
 *
 *   inverse, d = 1, 2, 4 …   y += x,  x += c y        forward, d = P/2 … 1   x += c y,  y += x
 *
 * A pass takes one, two or three layers (radix 2, 4, 8), which saves traffic with the cache. With
 * radix 4 the factors of a block of 4 d rows at t are t/d for its first half, t/d + 2 for its
 * second, and t/2d for both:
 *
 *   0 ──┬─ t/d ────────┬─ t/2d ──
 *   1 ──┘              │ ┬ t/2d ──      (inverse: left to right; forward: right to left)
 *   2 ──┬─ t/d + 2 ────┘ │ ───────
 *   3 ──┘                ┘ ───────
 *
 * Where every factor of a block is below 256 (all layers of a code of up to 256 points, most layers
 * of the others) bytes are multiplied one by one ("narrow"), else as pairs ("wide").
 */
#include <string.h>

#include "kernel.h"

#define INLINE static inline __attribute__((always_inline))
#define PLANE (VEC > 32 ? VEC : 32)
#define UNIT (2 * PLANE)
_Static_assert(UNIT <= PF__FEC_UNIT_BYTES && PLANE % VEC == 0, "rows hold whole units");

#include "gf8_products.h"

typedef struct pair {
  vec a, b;
} pair;

typedef struct factor {
  map aa, ba, ab, bb;
} factor;

INLINE factor factor_of(uint32_t c, bool wide) {
  const pf__fec_map *by = pf__fec_field.by;
  factor f;
  if (wide) {
    pf__fec_factor g = pf__fec_factor_of(c);
    f = (factor){map_of(&by[g.aa]), map_of(&by[g.ba]), map_of(&by[g.ab]), map_of(&by[g.bb])};
  } else {
    f.aa = f.ba = f.ab = f.bb = map_of(&by[c]);
  }
  return f;
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

/* How a pass reads and writes: shards (at the slice's offset) or rows. */
typedef struct pass {
  const pf__fec_slice *slice;
  const uint8_t *const *from_shards;
  uint8_t *const *to_shards;
  const uint8_t *from;
  uint8_t *to;
  uint32_t base;
} pass;

/* The rows i, i + d, i + 2d … of a block, at the most eight. */
typedef struct group {
  const uint8_t *from[8];
  uint8_t *to[8];
  const uint8_t *next[4]; /* of shards, those of the block behind */
} group;

INLINE group group_at(const pass *p, uint32_t row, uint32_t distance, int radix, bool from_shards,
                      bool to_shards) {
  group g = {0};
  const pf__fec_slice *slice = p->slice;
  for (int i = 0; i < radix; i++, row += distance) {
    size_t at = row * slice->stride;
    g.from[i] = from_shards ? p->from_shards[row] + slice->offset : p->from + at;
    if (from_shards && radix <= 4) g.next[i] = p->from_shards[row + 4] + slice->offset;
    g.to[i] = to_shards ? p->to_shards[row] + slice->offset : p->to + at;
  }
  return g;
}

/* Factors of the layers of one block: [0 … 3] of distance d, [4], [5] of 2d, [6] of 4d. */
typedef struct factors {
  factor c[7];
} factors;

INLINE factors factors_of(uint32_t point, uint32_t log_distance, int radix, bool wide) {
  uint32_t t = point >> log_distance;
  factors f;
  for (int i = 0; i < radix / 2; i++) f.c[i] = factor_of(t + 2 * (uint32_t)i, wide);
  if (radix >= 4) f.c[4] = factor_of(t >> 1, wide);
  if (radix >= 8) f.c[5] = factor_of((t >> 1) + 2, wide), f.c[6] = factor_of(t >> 2, wide);
  return f;
}

INLINE void inverse_pair(pair *x, pair *y, factor c, bool wide) {
  *y = add_pair(*y, *x);
  *x = add_product(*x, c, *y, wide);
}
/* `zero`: c is 0. */
INLINE void forward_pair(pair *x, pair *y, factor c, bool wide, bool zero) {
  if (!zero) *x = add_product(*x, c, *y, wide);
  *y = add_pair(*y, *x);
}

/* Where no factor is wide, the a's and the b's of rows have nothing to do with each other. With 16
 * registers eight rows fit only one after the other. */
#define PLANES_APART (VEC < 64)

/* x + c y of one plane, c narrow; `zero`: c is 0. */
INLINE vec add_narrow(vec x, factor c, vec y, bool zero) {
  return zero ? x : add(x, apply(c.aa, y));
}
INLINE void inverse_vecs(vec *x, vec *y, factor c) {
  *y = add(*y, *x);
  *x = add_narrow(*x, c, *y, false);
}
INLINE void forward_vecs(vec *x, vec *y, factor c, bool zero) {
  *x = add_narrow(*x, c, *y, zero);
  *y = add(*y, *x);
}

INLINE void inverse_plane(group g, const factors *f, uint32_t at, int radix, bool shards, bool sum,
                          bool first) {
  vec x[8];
  uint32_t from = first ? at : at + PLANE;
  for (int i = 0; i < radix; i++) {
    x[i] = load(g.from[i] + from);
    if (shards && first)
      x[i] = add(x[i], apply(map_of(&pf__fec_field.tower), load(g.from[i] + at + PLANE)));
  }
  for (int i = 0; i < radix / 2; i++) inverse_vecs(&x[2 * i], &x[2 * i + 1], f->c[i]);
  for (int i = 0; i < radix / 4; i++) {
    inverse_vecs(&x[4 * i], &x[4 * i + 2], f->c[4 + i]);
    inverse_vecs(&x[4 * i + 1], &x[4 * i + 3], f->c[4 + i]);
  }
  for (int i = 0; i < radix / 8 * 4; i++) inverse_vecs(&x[i], &x[i + 4], f->c[6]);
  for (int i = 0; i < radix; i++)
    store(g.to[i] + from, sum ? add(x[i], load(g.to[i] + from)) : x[i]);
}

/* To shards the second plane goes first, since a shard's first plane takes it in. */
INLINE void forward_plane(group g, const factors *f, uint32_t at, int radix, bool shards, bool zero,
                          bool first) {
  vec x[8];
  uint32_t from = first ? at : at + PLANE;
  for (int i = 0; i < radix; i++) x[i] = load(g.from[i] + from);
  for (int i = 0; i < radix / 8 * 4; i++) forward_vecs(&x[i], &x[i + 4], f->c[6], zero);
  for (int i = 0; i < radix / 4; i++) {
    forward_vecs(&x[4 * i], &x[4 * i + 2], f->c[4 + i], zero && i == 0);
    forward_vecs(&x[4 * i + 1], &x[4 * i + 3], f->c[4 + i], zero && i == 0);
  }
  for (int i = 0; i < radix / 2; i++)
    forward_vecs(&x[2 * i], &x[2 * i + 1], f->c[i], zero && i == 0);
  for (int i = 0; i < radix; i++) {
    if (shards && first)
      x[i] = add(x[i], apply(map_of(&pf__fec_field.tower), load(g.to[i] + at + PLANE)));
    store(g.to[i] + from, x[i]);
  }
}

/* Large blocks come from the third-level cache or memory, and their shards lie too far apart for a
 * processor to foresee them. (Small blocks, which are narrow, are better off without.) */
INLINE void fetch(const uint8_t *const *next, int radix, size_t at) {
  for (int i = 0; i < radix; i++)
    for (uint32_t line = 0; line < UNIT; line += 64) __builtin_prefetch(next[i] + at + line);
}

INLINE void inverse_group(group g, const factors *f, uint32_t bytes, int radix, bool shards,
                          bool sum, bool wide) {
  if (PLANES_APART && !wide) {
    EACH_VECTOR(at, half, bytes) {
      (void)half; /* a unit is one block */
      inverse_plane(g, f, at, radix, shards, sum, false);
      inverse_plane(g, f, at, radix, shards, sum, true);
    }
    return;
  }
  EACH_VECTOR(at, half, bytes) {
    pair x[8];
    if (shards && wide && radix <= 4 && at % UNIT == 0) fetch(g.next, radix, at);
    for (int i = 0; i < radix; i++)
      x[i] = shards ? load_shard(g.from[i] + at, half) : load_row(g.from[i] + at);
    for (int i = 0; i < radix / 2; i++) inverse_pair(&x[2 * i], &x[2 * i + 1], f->c[i], wide);
    for (int i = 0; i < radix / 4; i++) {
      inverse_pair(&x[4 * i], &x[4 * i + 2], f->c[4 + i], wide);
      inverse_pair(&x[4 * i + 1], &x[4 * i + 3], f->c[4 + i], wide);
    }
    for (int i = 0; i < radix / 8 * 4; i++) inverse_pair(&x[i], &x[i + 4], f->c[6], wide);
    for (int i = 0; i < radix; i++)
      store_row(g.to[i] + at, sum ? add_pair(x[i], load_row(g.to[i] + at)) : x[i]);
  }
}

INLINE void forward_group(group g, const factors *f, uint32_t bytes, int radix, bool shards,
                          bool wide, bool zero) {
  if (PLANES_APART && !wide) {
    EACH_VECTOR(at, half, bytes) {
      (void)half;
      forward_plane(g, f, at, radix, shards, zero, false);
      forward_plane(g, f, at, radix, shards, zero, true);
    }
    return;
  }
  EACH_VECTOR(at, half, bytes) {
    pair x[8];
    for (int i = 0; i < radix; i++) x[i] = load_row(g.from[i] + at);
    for (int i = 0; i < radix / 8 * 4; i++) forward_pair(&x[i], &x[i + 4], f->c[6], wide, zero);
    for (int i = 0; i < radix / 4; i++) {
      forward_pair(&x[4 * i], &x[4 * i + 2], f->c[4 + i], wide, zero && i == 0);
      forward_pair(&x[4 * i + 1], &x[4 * i + 3], f->c[4 + i], wide, zero && i == 0);
    }
    for (int i = 0; i < radix / 2; i++)
      forward_pair(&x[2 * i], &x[2 * i + 1], f->c[i], wide, zero && i == 0);
    for (int i = 0; i < radix; i++) {
      if (shards) store_shard(g.to[i] + at, x[i], half);
      else store_row(g.to[i] + at, x[i]);
    }
  }
}

INLINE void inverse_block_as(const pass *p, uint32_t block, uint32_t layer, int radix, bool shards,
                             bool sum, bool wide) {
  const factors f = factors_of(p->base + block, layer, radix, wide);
  for (uint32_t row = block; row < block + (1u << layer); row++) {
    group g = group_at(p, row, 1u << layer, radix, shards, false);
    inverse_group(g, &f, p->slice->bytes, radix, shards, sum, wide);
  }
}

INLINE void forward_block_as(const pass *p, uint32_t block, uint32_t layer, int radix, bool shards,
                             bool wide, bool zero) {
  const factors f = factors_of(p->base + block, layer, radix, wide);
  for (uint32_t row = block; row < block + (1u << layer); row++) {
    group g = group_at(p, row, 1u << layer, radix, false, shards);
    forward_group(g, &f, p->slice->bytes, radix, shards, wide, zero);
  }
}

/* True if all factors of the blocks up to row `end` are below 256. */
INLINE bool is_narrow(uint32_t base, uint32_t end, uint32_t layer) {
  return (base + end - 1) >> layer < 256;
}

static void inverse_block(const pass *p, uint32_t block, uint32_t layer, uint32_t step, bool sum) {
  bool shards = p->from_shards != NULL;
  uint32_t flags = step << 2 | (uint32_t)shards << 1 | (uint32_t)sum;
  if (step == 2 && is_narrow(p->base, block + (4u << layer), layer)) flags |= 16;
  switch (flags) {
    case 4: inverse_block_as(p, block, layer, 2, false, false, true); return;
    case 5: inverse_block_as(p, block, layer, 2, false, true, true); return;
    case 6: inverse_block_as(p, block, layer, 2, true, false, true); return;
    case 7: inverse_block_as(p, block, layer, 2, true, true, true); return;
    case 8: inverse_block_as(p, block, layer, 4, false, false, true); return;
    case 9: inverse_block_as(p, block, layer, 4, false, true, true); return;
    case 10: inverse_block_as(p, block, layer, 4, true, false, true); return;
    case 11: inverse_block_as(p, block, layer, 4, true, true, true); return;
    case 12: inverse_block_as(p, block, layer, 8, false, false, false); return;
    case 13: inverse_block_as(p, block, layer, 8, false, true, false); return;
    case 14: inverse_block_as(p, block, layer, 8, true, false, false); return;
    case 15: inverse_block_as(p, block, layer, 8, true, true, false); return;
    case 24: inverse_block_as(p, block, layer, 4, false, false, false); return;
    case 25: inverse_block_as(p, block, layer, 4, false, true, false); return;
    case 26: inverse_block_as(p, block, layer, 4, true, false, false); return;
    default: inverse_block_as(p, block, layer, 4, true, true, false); return;
  }
}

static void forward_block(const pass *p, uint32_t block, uint32_t layer, uint32_t step) {
  bool shards = p->to_shards != NULL, narrow = is_narrow(p->base, block + (4u << layer), layer);
  uint32_t flags = step << 2 | (uint32_t)shards << 1 | (uint32_t)(p->base + block == 0);
  if (step == 2 && narrow) flags |= 16;
  switch (flags) {
    case 4: case 5: forward_block_as(p, block, layer, 2, false, true, false); return;
    case 6: case 7: forward_block_as(p, block, layer, 2, true, true, false); return;
    case 8: case 9: forward_block_as(p, block, layer, 4, false, true, false); return;
    case 10: case 11: forward_block_as(p, block, layer, 4, true, true, false); return;
    case 12: forward_block_as(p, block, layer, 8, false, false, false); return;
    case 13: forward_block_as(p, block, layer, 8, false, false, true); return;
    case 14: forward_block_as(p, block, layer, 8, true, false, false); return;
    case 15: forward_block_as(p, block, layer, 8, true, false, true); return;
    case 24: forward_block_as(p, block, layer, 4, false, false, false); return;
    case 25: forward_block_as(p, block, layer, 4, false, false, true); return;
    case 26: forward_block_as(p, block, layer, 4, true, false, false); return;
    default: forward_block_as(p, block, layer, 4, true, false, true); return;
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

/*
 * Layers go two at a time, and three at a time where all factors are narrow (else eight rows and
 * their factors want too many registers) if their number is odd, or six of them are all there is.
 * A layer that is left over goes alone. Fills the steps from the smallest distance on.
 */
static uint32_t plan_passes(uint32_t log_rows, uint32_t base, uint8_t *steps) {
  uint32_t count = 0;
  for (uint32_t layer = 0; layer < log_rows; layer += steps[count++]) {
    uint32_t left = log_rows - layer;
    bool three = left >= 3 && (left % 2 == 1 || log_rows == 6);
    if (three && is_narrow(base, 1u << log_rows, layer)) steps[count] = 3;
    else steps[count] = left == 1 ? 1 : 2;
  }
  return count;
}

static void kernel_inverse(const pf__fec_slice *slice, uint32_t log_rows,
                           const uint8_t *const *shards, uint32_t live, uint32_t base,
                           uint8_t *work, uint8_t *out, bool sum) {
  pass p = {.slice = slice, .from_shards = shards, .from = work, .to = work, .base = base};
  uint8_t steps[PF__FEC_LAYERS_MAX];
  uint32_t passes = plan_passes(log_rows, base, steps);
  if (passes == 0) copy_in(slice, shards != NULL ? shards[0] : NULL, work, out, sum);
  for (uint32_t i = 0, layer = 0; i < passes; layer += steps[i++]) {
    uint32_t step = steps[i];
    uint32_t block_rows = 1u << (layer + step), end = (live + block_rows - 1) & ~(block_rows - 1);
    bool last = i + 1 == passes;
    if (p.from_shards == NULL) zero_rows(slice, work, live, end);
    if (last) p.to = out;
    for (uint32_t block = 0; block < end; block += block_rows)
      inverse_block(&p, block, layer, step, last && sum);
    live = end;
    p.from_shards = NULL;
  }
}

static void kernel_forward(const pf__fec_slice *slice, uint32_t log_rows, const uint8_t *in,
                           uint32_t base, uint8_t *work, uint8_t *const *shards,
                           const uint32_t *wanted) {
  pass p = {.slice = slice, .from = in, .to = work, .base = base};
  uint8_t steps[PF__FEC_LAYERS_MAX];
  uint32_t passes = plan_passes(log_rows, base, steps);
  if (passes == 0) copy_out(slice, in, shards != NULL ? shards[0] : NULL, work);
  for (uint32_t i = passes, layer = log_rows; i > 0; p.from = work) {
    uint32_t block_rows = 1u << layer, step = steps[--i];
    layer -= step;
    if (i == 0) p.to_shards = shards;
    for (uint32_t block = 0; block >> log_rows == 0; block += block_rows)
      if (wanted[block + block_rows] != wanted[block]) forward_block(&p, block, layer, step);
  }
}

static void kernel_scale_in(const pf__fec_slice *slice, uint8_t *row, const uint8_t *shard,
                            uint32_t by) {
  const factor c = factor_of(by, true);
  const pair zero = {0};
  EACH_VECTOR(at, half, slice->bytes) {
    pair x = load_row(row + at);
    if (shard != NULL) x = add_pair(x, load_shard(shard + slice->offset + at, half));
    store_row(row + at, add_product(zero, c, x, true));
  }
}

static void kernel_scale_out(const pf__fec_slice *slice, uint8_t *shard, const uint8_t *row,
                             uint32_t by) {
  const factor c = factor_of(by, true);
  const pair zero = {0};
  EACH_VECTOR(at, half, slice->bytes) {
    pair x = add_product(zero, c, load_row(row + at), true);
    store_shard(shard + slice->offset + at, x, half);
  }
}

static void kernel_add(const pf__fec_slice *slice, uint8_t *row, const uint8_t *other) {
  copy_in(slice, NULL, other, row, true);
}

/* Columns of `outs` results, which stay in registers over all inputs. */
INLINE void combine_outs(uint8_t *const *out, const int outs, const uint8_t *const *in,
                         uint32_t ins, const pf__fec_factor *f, const pf__fec_slice *slice,
                         bool rows, bool wide) {
  const pf__fec_map *by = pf__fec_field.by;
  EACH_VECTOR(at, half, slice->bytes) {
    pair sum[PF__FEC_COMBINE_MAX] = {0};
    for (uint32_t i = 0; i < ins; i++) {
      pair x = rows ? load_row(in[i] + at) : load_shard(in[i] + slice->offset + at, half);
      for (int o = 0; o < outs; o++) {
        pf__fec_factor g = f[i * PF__FEC_COMBINE_MAX + (uint32_t)o];
        factor c = {map_of(&by[g.aa]), map_of(&by[g.ba]), map_of(&by[g.ab]), map_of(&by[g.bb])};
        sum[o] = add_product(sum[o], c, x, wide);
      }
    }
    for (int o = 0; o < outs; o++) store_shard(out[o] + slice->offset + at, sum[o], half);
  }
}

INLINE void combine_as(uint8_t *const *out, uint32_t outs, const uint8_t *const *in, uint32_t ins,
                       const pf__fec_factor *f, const pf__fec_slice *slice, bool rows, bool wide) {
  if (outs == 1) combine_outs(out, 1, in, ins, f, slice, rows, wide);
  else if (outs == 2) combine_outs(out, 2, in, ins, f, slice, rows, wide);
  else combine_outs(out, 4, in, ins, f, slice, rows, wide);
}

static void kernel_combine(uint8_t *const *out, uint32_t outs, const uint8_t *const *in,
                           uint32_t ins, const pf__fec_factor *f, uint32_t bytes, bool narrow) {
  const pf__fec_slice whole = {.bytes = bytes};
  if (narrow) combine_as(out, outs, in, ins, f, &whole, false, false);
  else combine_as(out, outs, in, ins, f, &whole, false, true);
}

static void kernel_combine_rows(const pf__fec_slice *slice, uint8_t *const *out, uint32_t outs,
                                const uint8_t *const *in, uint32_t ins, const pf__fec_factor *f,
                                bool narrow) {
  if (narrow) combine_as(out, outs, in, ins, f, slice, true, false);
  else combine_as(out, outs, in, ins, f, slice, true, true);
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
    .combine_rows = kernel_combine_rows,
    .sum_products = kernel_sum_products,
};

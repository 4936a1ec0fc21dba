/*
 * Sums of products over GF(2^8), all that the 8-bit code does with shards, written once for every
 * kernel; transform.h, which includes this file, says what a kernel defines.
 *
 * Up to four results of up to PRODUCT_VECS vectors stay in registers over all inputs, so that a
 * loaded input serves four results, and a loaded factor as many vectors.
 */
#ifndef PRODUCT_VECS
#define PRODUCT_VECS 2
#endif

INLINE void sum_columns(uint8_t *const *out, const int outs, const uint8_t *const *in, uint32_t ins,
                        const uint8_t *factors, const uint32_t at, const int vecs) {
  vec sum[PF__GF8_OUTS][PRODUCT_VECS] = {0};
  for (uint32_t i = 0; i < ins; i++, factors += PF__GF8_OUTS) {
    vec x[PRODUCT_VECS];
    for (int v = 0; v < vecs; v++) x[v] = load(in[i] + at + v * VEC);
    for (int o = 0; o < outs; o++) {
      const map by = map_of(&pf__gf8_field.by[factors[o]]);
      for (int v = 0; v < vecs; v++) sum[o][v] = add(sum[o][v], apply(by, x[v]));
    }
  }
  for (int o = 0; o < outs; o++)
    for (int v = 0; v < vecs; v++) store(out[o] + at + v * VEC, sum[o][v]);
}

static void sum_group(uint8_t *const *out, uint32_t outs, const uint8_t *const *in, uint32_t ins,
                      const uint8_t *factors, uint32_t at, bool all) {
  switch (outs << 1 | (uint32_t)all) {
    case 2: sum_columns(out, 1, in, ins, factors, at, 1); return;
    case 3: sum_columns(out, 1, in, ins, factors, at, PRODUCT_VECS); return;
    case 4: sum_columns(out, 2, in, ins, factors, at, 1); return;
    case 5: sum_columns(out, 2, in, ins, factors, at, PRODUCT_VECS); return;
    case 6: sum_columns(out, 3, in, ins, factors, at, 1); return;
    case 7: sum_columns(out, 3, in, ins, factors, at, PRODUCT_VECS); return;
    case 8: sum_columns(out, 4, in, ins, factors, at, 1); return;
    default: sum_columns(out, 4, in, ins, factors, at, PRODUCT_VECS); return;
  }
}

/* Shards that are shorter than a vector. */
static void sum_bytes(uint8_t *const *out, uint32_t outs, const uint8_t *const *in, uint32_t ins,
                      const uint8_t *factors, uint32_t bytes) {
  for (uint32_t o = 0; o < outs; o++) {
    for (uint32_t at = 0; at < bytes; at++) {
      uint8_t sum = 0;
      for (uint32_t i = 0; i < ins; i++)
        sum ^= pf__gf8_product(factors[i * PF__GF8_OUTS + o], in[i][at]);
      out[o][at] = sum;
    }
  }
}

static void kernel_sum_products(uint8_t *const *out, uint32_t outs, const uint8_t *const *in,
                                uint32_t ins, const uint8_t *factors, uint32_t bytes) {
  for (uint32_t at = 0; at < bytes;) {
    bool all = bytes - at >= PRODUCT_VECS * VEC;
    /* A last vector that would reach too far is made again from further back. */
    if (bytes >= VEC && bytes - at < VEC) at = bytes - VEC;
    for (uint32_t o = 0; o < outs; o += PF__GF8_OUTS) {
      uint32_t group = outs - o < PF__GF8_OUTS ? outs - o : PF__GF8_OUTS;
      const uint8_t *group_factors = factors + (size_t)o * ins;
      if (bytes < VEC) sum_bytes(out + o, group, in, ins, group_factors, bytes);
      else sum_group(out + o, group, in, ins, group_factors, at, all);
    }
    at += all ? PRODUCT_VECS * VEC : VEC;
  }
}

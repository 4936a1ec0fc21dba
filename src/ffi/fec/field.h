/*
 * The field of 65,536 elements as this kernel sees it.
 *
 * An element is written by its coordinates in the Cantor basis v_0 … v_15 (v_0 = 1,
 * v_i^2 + v_i = v_(i-1)), so that the evaluation points of the code are simply the integers
 * 0 … 65,535, and subtraction is XOR. Two facts about that basis carry the whole kernel:
 *
 *   1. s_j(x), the product of (x - z) over all z < 2^j, is x >> j. These are the factors of the
 *      transform, so they need no table.
 *   2. v_0 … v_7 span the subfield of 256 elements: numbers below 256 multiply among themselves.
 *      With w = v_8 (w^2 = w + v_7), every element is a + b w with a, b < 256. A product by
 *      c = c0 + c1 w is
 *        a' = a c0 + b c1 v_7,   b' = a c1 + b (c0 + c1)
 *      and by c < 256 just a' = a c, b' = b c: one 8 x 8 bit matrix for every byte.
 *
 * A shard's element is lo + 256 hi in coordinates; its pair is a = lo ^ tower(hi), b = hi.
 */
#ifndef PF_FEC_FIELD_H
#define PF_FEC_FIELD_H
#include "../common/common.h"

#define PF__FEC_POINTS 65536u
#define PF__FEC_ORDER 65535u /* of the multiplicative group: logarithms are modulo this */

/* A linear map of bytes in the forms that kernels use. */
typedef struct pf__fec_map {
  uint64_t columns; /* byte i = image of 1 << i */
  uint64_t affine;  /* the matrix of GF2P8AFFINEQB */
  _Alignas(16) uint8_t nibble[2][16]; /* images of 0 … 15 and of 0, 16 … 240 */
} pf__fec_map;

/* Fills the other forms of a map, which are 0, from its columns. */
void pf__fec_map_make(pf__fec_map *map);

typedef struct pf__fec_tables {
  pf__fec_map by[256]; /* products by c < 256 */
  pf__fec_map tower;   /* hi to what it adds to a */
  uint8_t tower_byte[256];
  uint8_t by_v7[256];
  uint16_t log[PF__FEC_POINTS];     /* log[0] is 0: the empty factor of a product */
  uint16_t exp[PF__FEC_ORDER + 1];  /* exp[65535] = exp[0] = 1 */
  uint16_t walsh[2 * PF__FEC_POINTS]; /* at 2^n: transform of log[0 … 2^n), see locator.c */
} pf__fec_tables;

extern pf__fec_tables pf__fec_field;

/* Fills pf__fec_field at the first call; any thread, any time. */
void pf__fec_field_make(void);

/* Multiplication by a constant as the four products of its pair: b' = ab a + bb b. */
typedef struct pf__fec_factor {
  uint8_t aa, ba, ab, bb;
} pf__fec_factor;

static inline pf__fec_factor pf__fec_factor_of(uint32_t c) {
  uint8_t c1 = (uint8_t)(c >> 8), c0 = (uint8_t)(c ^ pf__fec_field.tower_byte[c1]);
  return (pf__fec_factor){c0, pf__fec_field.by_v7[c1], c1, (uint8_t)(c0 ^ c1)};
}

/* x modulo 65,535, for x < 2^32; 0 may come out as 65,535, which exp and sums take as well. */
static inline uint32_t pf__fec_reduce(uint32_t x) {
  x = (x & 0xFFFF) + (x >> 16);
  return (x & 0xFFFF) + (x >> 16);
}

/* Turns marks (1 multiplies, -1 divides, 0 neither, as integers modulo 2^32) of the points below
 * 2^log_points into logarithms: at[x] = log of the product of (x - z)^mark(z) over all z != x. */
void pf__fec_locate(uint32_t *at, uint32_t log_points);

#endif

/* Makes the tables of the field from its polynomial and its Cantor basis. */
#include "field.h"

#include <pthread.h>

#define POLYNOMIAL 0x1002Du

pf__fec_tables pf__fec_field;

static const uint16_t cantor_basis[16] = {0x0001, 0xACCA, 0x3C0E, 0x163E, 0xC582, 0xED2E,
                                          0x914C, 0x4012, 0x6C98, 0x10D8, 0x6A72, 0xB900,
                                          0xFDB8, 0xFB34, 0xFF38, 0x991E};

static uint32_t product(uint32_t x, uint32_t y) {
  const pf__fec_tables *field = &pf__fec_field;
  if (x == 0 || y == 0) return 0;
  return field->exp[pf__fec_reduce((uint32_t)field->log[x] + field->log[y])];
}

/* Powers of x modulo the polynomial, renamed to Cantor coordinates. */
static void make_logarithms(pf__fec_tables *field) {
  static uint16_t coordinates[PF__FEC_POINTS]; /* by the polynomial's bits */
  for (uint32_t i = 1, bits = 0; i < PF__FEC_POINTS; i++) {
    /* Gray code: one basis element changes at each step. */
    bits ^= cantor_basis[__builtin_ctz(i)];
    coordinates[bits] = (uint16_t)(i ^ (i >> 1));
  }
  for (uint32_t i = 0, power = 1; i < PF__FEC_ORDER; i++) {
    field->exp[i] = coordinates[power];
    field->log[coordinates[power]] = (uint16_t)i;
    power <<= 1;
    if (power >= PF__FEC_POINTS) power ^= POLYNOMIAL;
  }
  field->exp[PF__FEC_ORDER] = field->exp[0];
  field->log[0] = 0;
}

void pf__fec_map_make(pf__fec_map *map) {
  map->affine = 0;
  for (uint32_t column = 0; column < 8; column++) {
    uint8_t image = (uint8_t)(map->columns >> (8 * column));
    /* Row of output bit i is byte 7 - i of the matrix; its bit j stands for input bit j. */
    for (uint32_t bit = 0; bit < 8; bit++)
      map->affine |= (uint64_t)(image >> bit & 1) << (8 * (7 - bit) + column);
    for (uint32_t value = 0; value < 16; value++)
      if (value >> (column % 4) & 1) map->nibble[column / 4][value] ^= image;
  }
}

static void make_maps(pf__fec_tables *field) {
  const uint32_t w = 256;
  for (uint32_t i = 0; i < 8; i++) {
    /* v_i w is v_(8+i) and something below 256: tower(1 << i). */
    field->tower.columns |= (uint64_t)(product(1u << i, w) & 255) << (8 * i);
    for (uint32_t c = 0; c < 256; c++)
      field->by[c].columns |= (uint64_t)product(c, 1u << i) << (8 * i);
  }
  pf__fec_map_make(&field->tower);
  for (uint32_t c = 0; c < 256; c++) {
    pf__fec_map_make(&field->by[c]);
    field->by_v7[c] = (uint8_t)product(c, 128);
    field->tower_byte[c] =
        field->tower.nibble[0][c & 15] ^ field->tower.nibble[1][c >> 4];
  }
}

/* In place; an involution but for the factor 2^log_points. */
static void walsh_transform(uint32_t *at, uint32_t log_points) {
  for (uint32_t distance = 1; distance >> log_points == 0; distance *= 2) {
    for (uint32_t block = 0; block >> log_points == 0; block += 2 * distance) {
      uint32_t *low = at + block, *high = low + distance;
      for (uint32_t i = 0; i < distance; i++) {
        uint32_t sum = low[i] + high[i], difference = low[i] + PF__FEC_ORDER - high[i];
        low[i] = (sum & 0xFFFF) + (sum >> 16);
        high[i] = (difference & 0xFFFF) + (difference >> 16);
      }
    }
  }
}

/*
 * The logarithm of a product over marked points is a convolution by XOR of the marks with log:
 * a Walsh-Hadamard transform makes it a product. The factor 1 / 2^n = 2^(16-n) modulo 65,535 of the
 * way back is put into the table. Only the first 2^n logarithms count below 2^n, so that a small
 * block pays for a small transform.
 */
void pf__fec_locate(uint32_t *at, uint32_t log_points) {
  const uint16_t *walsh = pf__fec_field.walsh + ((size_t)1 << log_points);
  uint32_t points = 1u << log_points;
  for (uint32_t i = 0; i < points; i++) at[i] = at[i] == UINT32_MAX ? PF__FEC_ORDER - 1 : at[i];
  walsh_transform(at, log_points);
  for (uint32_t i = 0; i < points; i++) at[i] = pf__fec_reduce(at[i] * walsh[i]);
  walsh_transform(at, log_points);
}

static void make_walsh(pf__fec_tables *field) {
  static uint32_t work[PF__FEC_POINTS];
  for (uint32_t n = 0; n <= 16; n++) {
    uint32_t points = 1u << n, inverse = 1u << (16 - n);
    for (uint32_t i = 0; i < points; i++) work[i] = field->log[i];
    walsh_transform(work, n);
    for (uint32_t i = 0; i < points; i++)
      field->walsh[points + i] = (uint16_t)pf__fec_reduce(pf__fec_reduce(work[i]) * inverse);
  }
}

static void make_field(void) {
  make_logarithms(&pf__fec_field);
  make_maps(&pf__fec_field);
  make_walsh(&pf__fec_field);
}

void pf__fec_field_make(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, make_field);
}

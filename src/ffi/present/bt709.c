#include "bt709.h"

#include <stddef.h>
#include <string.h>

/*
 * ITU-R BT.709-6, inverse of section 3 with 8-bit quantisation:
 *   L = (Y-16) 255/219   R = L + 1.5748 * 255/224 (V-128)
 *   B = L + 1.8556 * 255/224 (U-128)
 *   G = L - 0.1873 * 255/224 (U-128) - 0.4681 * 255/224 (V-128)
 * Samples times 2^7, factors times 2^13: the upper half of a 16-bit product has 4 fraction bits,
 * which all vector units compute in one instruction.
 */
#define FACTOR(x) ((int16_t)((x) * 8192 + 0.5))
static const int16_t from_luma = FACTOR(255.0 / 219), red_from_v = FACTOR(1.5748 * 255 / 224),
                     blue_from_u = FACTOR(1.8556 * 255 / 224),
                     green_from_u = FACTOR(0.18732 * 255 / 224),
                     green_from_v = FACTOR(0.46812 * 255 / 224);

static int16_t product(int16_t sample, int16_t factor) {
  return (int16_t)((int32_t)((int16_t)(sample * 128)) * factor >> 16);
}

static uint8_t level(int16_t sixteenths) {
  int16_t value = (int16_t)((sixteenths + 8) >> 4);
  return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static void convert_pixel(uint8_t luma, uint8_t chroma_u, uint8_t chroma_v, uint8_t bgrx[4]) {
  int16_t light = product((int16_t)(luma - 16), from_luma);
  int16_t u = (int16_t)(chroma_u - 128), v = (int16_t)(chroma_v - 128);
  bgrx[0] = level((int16_t)(light + product(u, blue_from_u)));
  bgrx[1] = level((int16_t)(light - product(u, green_from_u) - product(v, green_from_v)));
  bgrx[2] = level((int16_t)(light + product(v, red_from_v)));
  bgrx[3] = 255;
}

#if defined(__SSE2__)
#include <emmintrin.h>

/* The upper halves of samples * 2^7 * factor, as product() does for one. */
static __m128i products(__m128i samples, int16_t factor) {
  return _mm_mulhi_epi16(_mm_slli_epi16(samples, 7), _mm_set1_epi16(factor));
}

static __m128i levels(__m128i sixteenths) {
  __m128i rounded = _mm_srai_epi16(_mm_add_epi16(sixteenths, _mm_set1_epi16(8)), 4);
  return _mm_packus_epi16(rounded, rounded);
}

/* 4 words of chroma as 8, each for two pixels. */
static __m128i spread(__m128i chroma) {
  return _mm_sub_epi16(_mm_unpacklo_epi16(chroma, chroma), _mm_set1_epi16(128));
}

static __m128i load_bytes(const uint8_t *bytes, size_t count) {
  uint64_t word = 0;
  memcpy(&word, bytes, count);
  return _mm_cvtsi64_si128((int64_t)word);
}

static void convert_8(const uint8_t *luma, __m128i u, __m128i v, uint8_t *bgrx) {
  __m128i zero = _mm_setzero_si128();
  __m128i light = _mm_unpacklo_epi8(load_bytes(luma, 8), zero);
  light = products(_mm_sub_epi16(light, _mm_set1_epi16(16)), from_luma);
  __m128i blue = levels(_mm_add_epi16(light, products(u, blue_from_u)));
  __m128i green = _mm_sub_epi16(light, products(u, green_from_u));
  green = levels(_mm_sub_epi16(green, products(v, green_from_v)));
  __m128i red = levels(_mm_add_epi16(light, products(v, red_from_v)));
  __m128i blue_green = _mm_unpacklo_epi8(blue, green);
  __m128i red_opaque = _mm_unpacklo_epi8(red, _mm_set1_epi8(-1));
  _mm_storeu_si128((__m128i *)bgrx, _mm_unpacklo_epi16(blue_green, red_opaque));
  _mm_storeu_si128((__m128i *)(bgrx + 16), _mm_unpackhi_epi16(blue_green, red_opaque));
}

/* Converts as many pixels as come in eights; returns how many. */
static uint32_t convert_eights(const uint8_t *luma, const uint8_t *u, const uint8_t *v,
                               uint32_t chroma_step, uint8_t *bgrx, uint32_t width) {
  __m128i zero = _mm_setzero_si128();
  uint32_t x = 0;
  for (; x + 8 <= width; x += 8) {
    __m128i chroma_u, chroma_v;
    if (chroma_step == 2) {
      __m128i pairs = load_bytes(u + x, 8);
      chroma_u = _mm_and_si128(pairs, _mm_set1_epi16(255));
      chroma_v = _mm_srli_epi16(pairs, 8);
    } else {
      chroma_u = _mm_unpacklo_epi8(load_bytes(u + x / 2, 4), zero);
      chroma_v = _mm_unpacklo_epi8(load_bytes(v + x / 2, 4), zero);
    }
    convert_8(luma + x, spread(chroma_u), spread(chroma_v), bgrx + (size_t)4 * x);
  }
  return x;
}
#else
static uint32_t convert_eights(const uint8_t *luma, const uint8_t *u, const uint8_t *v,
                               uint32_t chroma_step, uint8_t *bgrx, uint32_t width) {
  return 0;
}
#endif

void pf__bt709_row(const uint8_t *luma, const uint8_t *u, const uint8_t *v, uint32_t chroma_step,
                   uint8_t *bgrx, uint32_t width) {
  uint32_t x = convert_eights(luma, u, v, chroma_step, bgrx, width);
  for (; x < width; x++) {
    uint32_t chroma = x / 2 * chroma_step;
    convert_pixel(luma[x], u[chroma], v[chroma], bgrx + (size_t)4 * x);
  }
}

/*
 * 32 pixels at a time. A pixel is a lane of 32 bits, b g r x: masking gives the words (b, r),
 * shifting gives (g, x). One multiply-add of each with (cb, cr) and (cg, 0) and a sum yield the
 * weighted pixel in its own lane, without any shuffle. For chroma the words of four pixels are
 * added first (at most 1,020, so nothing overflows), which leaves the sums in the even lanes.
 */
#include "convert.h"

#if defined(__AVX2__)
#include <immintrin.h>

typedef struct weights {
  __m256i outer, middle; /* for (b, r) and for (g, x) */
} weights;

bool pf_convert_has_avx2(void) { return __builtin_cpu_supports("avx2"); }

static inline weights load_weights(const int16_t *coefficient) {
  return (weights){
      .outer = _mm256_set1_epi32((int32_t)((uint32_t)(uint16_t)coefficient[2] << 16 |
                                           (uint16_t)coefficient[0])),
      .middle = _mm256_set1_epi32((uint16_t)coefficient[1]),
  };
}

static inline __m256i weigh(weights by, __m256i outer, __m256i middle, __m256i bias) {
  __m256i sum = _mm256_add_epi32(_mm256_madd_epi16(outer, by.outer),
                                 _mm256_madd_epi16(middle, by.middle));
  return _mm256_add_epi32(sum, bias);
}

static inline __m256i load(const uint8_t *at) {
  return _mm256_loadu_si256((const __m256i *)(const void *)at);
}
static inline __m256i outer_words(__m256i pixels) {
  return _mm256_and_si256(pixels, _mm256_set1_epi32(0x00FF00FF));
}
static inline __m256i middle_words(__m256i pixels) { return _mm256_srli_epi16(pixels, 8); }

/* The bytes of four registers of 8 results each, in the order of the pixels. */
static inline __m256i pack_bytes(const __m256i part[4]) {
  __m256i low = _mm256_packs_epi32(part[0], part[1]);
  __m256i high = _mm256_packs_epi32(part[2], part[3]);
  __m256i mixed = _mm256_packus_epi16(low, high);
  return _mm256_permutevar8x32_epi32(mixed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

static inline void luma_row(weights by, const uint8_t *pixels, uint8_t *y) {
  const __m256i bias = _mm256_set1_epi32(PF_CONVERT_Y_BIAS);
  __m256i part[4];
  for (int i = 0; i < 4; i++) {
    __m256i eight = load(pixels + 32 * i);
    __m256i sum = weigh(by, outer_words(eight), middle_words(eight), bias);
    part[i] = _mm256_srli_epi32(sum, PF_CONVERT_SHIFT);
  }
  _mm256_storeu_si256((__m256i *)(void *)y, pack_bytes(part));
}

/* Adds the neighbour to each even lane. */
static inline __m256i add_pairs(__m256i lanes) {
  return _mm256_add_epi16(lanes, _mm256_srli_epi64(lanes, 32));
}

/* 16 results from the even lanes of four registers, as words in the order of the pixels. */
static inline __m256i pack_even(const __m256i part[4]) {
  __m256i both[2];
  for (int i = 0; i < 2; i++) {
    __m256 even = _mm256_shuffle_ps(_mm256_castsi256_ps(part[2 * i]),
                                    _mm256_castsi256_ps(part[2 * i + 1]), 0x88);
    /* quarters are now 0a 1a 0b 1b by lane: swap the middle ones */
    both[i] = _mm256_permute4x64_epi64(_mm256_castps_si256(even), 0xD8);
  }
  return _mm256_permute4x64_epi64(_mm256_packs_epi32(both[0], both[1]), 0xD8);
}

static inline void chroma_words(weights by_u, weights by_v, const pf_convert_rows *rows, uint32_t x,
                                __m256i *u, __m256i *v) {
  const __m256i bias = _mm256_set1_epi32(PF_CONVERT_UV_BIAS);
  __m256i part_u[4], part_v[4];
  for (int i = 0; i < 4; i++) {
    __m256i top = load(rows->pixels[0] + 4 * (size_t)x + 32 * i);
    __m256i bottom = load(rows->pixels[1] + 4 * (size_t)x + 32 * i);
    __m256i outer = add_pairs(_mm256_add_epi16(outer_words(top), outer_words(bottom)));
    __m256i middle = add_pairs(_mm256_add_epi16(middle_words(top), middle_words(bottom)));
    part_u[i] = _mm256_srli_epi32(weigh(by_u, outer, middle, bias), PF_CONVERT_SHIFT + 2);
    part_v[i] = _mm256_srli_epi32(weigh(by_v, outer, middle, bias), PF_CONVERT_SHIFT + 2);
  }
  *u = pack_even(part_u);
  *v = pack_even(part_v);
}

static inline void store_bytes(uint8_t *at, __m256i words) {
  __m128i low = _mm256_castsi256_si128(words), high = _mm256_extracti128_si256(words, 1);
  __m128i bytes = _mm_packus_epi16(low, high);
  _mm_storeu_si128((__m128i *)(void *)at, bytes);
}

uint32_t pf_convert_rows_avx2(const pf_convert_matrix *matrix, const pf_convert_rows *rows) {
  const weights by_y = load_weights(matrix->y);
  const weights by_u = load_weights(matrix->u), by_v = load_weights(matrix->v);
  uint32_t x = 0;
  for (; x + 32 <= rows->width; x += 32) {
    luma_row(by_y, rows->pixels[0] + 4 * (size_t)x, rows->y[0] + x);
    luma_row(by_y, rows->pixels[1] + 4 * (size_t)x, rows->y[1] + x);
    __m256i u, v;
    chroma_words(by_u, by_v, rows, x, &u, &v);
    if (rows->v != NULL) {
      store_bytes(rows->u + x / 2, u);
      store_bytes(rows->v + x / 2, v);
    } else {
      __m256i pairs = _mm256_or_si256(u, _mm256_slli_epi16(v, 8));
      _mm256_storeu_si256((__m256i *)(void *)(rows->u + x), pairs);
    }
  }
  return x;
}

#else

bool pf_convert_has_avx2(void) { return false; }
uint32_t pf_convert_rows_avx2(const pf_convert_matrix *matrix, const pf_convert_rows *rows) {
  return 0;
}

#endif

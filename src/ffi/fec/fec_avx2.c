/* 32 elements at a time; a map is two look-ups of four bits (VPSHUFB). */
#include <immintrin.h>

#include "kernel.h"

typedef __m256i vec;
typedef const pf__fec_map *map; /* its tables are memory operands: registers are few */
#define VEC 32

static inline vec load(const uint8_t *at) {
  return _mm256_loadu_si256((const vec *)(const void *)at);
}
static inline void store(uint8_t *at, vec x) { _mm256_storeu_si256((vec *)(void *)at, x); }
static inline vec add(vec x, vec y) { return _mm256_xor_si256(x, y); }
static inline vec add3(vec x, vec y, vec z) { return add(x, add(y, z)); }
static inline map map_of(const pf__fec_map *from) { return from; }

static inline vec twice(const uint8_t *at) {
  return _mm256_broadcastsi128_si256(_mm_load_si128((const __m128i *)(const void *)at));
}
static inline vec apply(map m, vec x) {
  const vec mask = _mm256_set1_epi8(15);
  vec low = _mm256_and_si256(x, mask), high = _mm256_and_si256(_mm256_srli_epi64(x, 4), mask);
  return add(_mm256_shuffle_epi8(twice(m->nibble[0]), low),
             _mm256_shuffle_epi8(twice(m->nibble[1]), high));
}

static bool kernel_usable(void) { return __builtin_cpu_supports("avx2"); }

#define KERNEL pf__fec_avx2
#define KERNEL_NAME "avx2"
#include "transform.h"

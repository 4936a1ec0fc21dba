/* 32 elements at a time; a map is one instruction (VGF2P8AFFINEQB), without AVX-512. */
#include <immintrin.h>

#include "kernel.h"

typedef __m256i vec;
typedef __m256i map;
#define VEC 32

static inline vec load(const uint8_t *at) {
  return _mm256_loadu_si256((const vec *)(const void *)at);
}
static inline void store(uint8_t *at, vec x) { _mm256_storeu_si256((vec *)(void *)at, x); }
static inline vec add(vec x, vec y) { return _mm256_xor_si256(x, y); }
static inline vec add3(vec x, vec y, vec z) { return add(x, add(y, z)); }
static inline map map_of(const pf__fec_map *from) {
  return _mm256_set1_epi64x((int64_t)from->affine);
}
static inline vec apply(map m, vec x) { return _mm256_gf2p8affine_epi64_epi8(x, m, 0); }

static bool kernel_usable(void) {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("gfni");
}

#define KERNEL pf__fec_gfni
#define KERNEL_NAME "gfni"
#include "transform.h"

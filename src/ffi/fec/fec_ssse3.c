/* 16 elements at a time; a map is two look-ups of four bits (PSHUFB). */
#include <tmmintrin.h>

#include "kernel.h"

typedef __m128i vec;
typedef const pf__fec_map *map; /* its tables are memory operands: registers are few */
#define VEC 16

static inline vec load(const uint8_t *at) { return _mm_loadu_si128((const vec *)(const void *)at); }
static inline void store(uint8_t *at, vec x) { _mm_storeu_si128((vec *)(void *)at, x); }
static inline vec add(vec x, vec y) { return _mm_xor_si128(x, y); }
static inline vec add3(vec x, vec y, vec z) { return add(x, add(y, z)); }
static inline map map_of(const pf__fec_map *from) { return from; }

static inline vec apply(map m, vec x) {
  const vec mask = _mm_set1_epi8(15);
  vec low = _mm_and_si128(x, mask), high = _mm_and_si128(_mm_srli_epi64(x, 4), mask);
  return add(_mm_shuffle_epi8(load(m->nibble[0]), low), _mm_shuffle_epi8(load(m->nibble[1]), high));
}

static bool kernel_usable(void) { return __builtin_cpu_supports("ssse3"); }

#define KERNEL pf__fec_ssse3
#define KERNEL_NAME "ssse3"
#include "transform.h"

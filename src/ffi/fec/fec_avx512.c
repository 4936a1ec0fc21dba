/* 64 elements at a time with AVX-512 and GFNI: a unit is two blocks of a shard. */
#include <immintrin.h>

#include "kernel.h"

typedef __m512i vec;
typedef __m512i map;
#define VEC 64
#define PRODUCT_VECS 4

static inline vec load(const uint8_t *at) { return _mm512_loadu_si512(at); }
static inline void store(uint8_t *at, vec x) { _mm512_storeu_si512(at, x); }
static inline vec add(vec x, vec y) { return _mm512_xor_si512(x, y); }
static inline vec add3(vec x, vec y, vec z) { return _mm512_ternarylogic_epi64(x, y, z, 0x96); }
static inline map map_of(const pf__fec_map *from) {
  map m = _mm512_set1_epi64((int64_t)from->affine);
#if defined(__clang__)
  /* Holds it in a register: clang 14 gives VGF2P8AFFINEQB a wrong displacement when its operand is
   * broadcast from memory. */
  __asm__("" : "+v"(m));
#endif
  return m;
}
static inline vec apply(map m, vec x) { return _mm512_gf2p8affine_epi64_epi8(x, m, 0); }

/* Two blocks of 32 low and 32 high bytes each become 64 low and 64 high bytes, and back. Of half a
 * unit the second block is not there. */
static inline __mmask8 second_block(bool half) { return half ? 0 : 0xFF; }
static inline void load_blocks(const uint8_t *at, bool half, vec *a, vec *b) {
  vec first = load(at), second = _mm512_maskz_loadu_epi64(second_block(half), at + 64);
  *a = _mm512_shuffle_i64x2(first, second, 0x44);
  *b = _mm512_shuffle_i64x2(first, second, 0xEE);
}
static inline void store_blocks(uint8_t *at, bool half, vec a, vec b) {
  store(at, _mm512_shuffle_i64x2(a, b, 0x44));
  _mm512_mask_storeu_epi64(at + 64, second_block(half), _mm512_shuffle_i64x2(a, b, 0xEE));
}

static bool kernel_usable(void) {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("gfni");
}

#define KERNEL pf__fec_avx512
#define KERNEL_NAME "avx512"
#include "transform.h"

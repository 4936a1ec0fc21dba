/* Eight elements at a time in plain 64-bit words: every bit of the input selects a column. */
#include <string.h>

#include "kernel.h"

typedef uint64_t vec;
typedef uint64_t map;
#define VEC 8

static inline vec load(const uint8_t *at) {
  vec x;
  memcpy(&x, at, VEC);
  return x;
}
static inline void store(uint8_t *at, vec x) { memcpy(at, &x, VEC); }
static inline vec add(vec x, vec y) { return x ^ y; }
static inline vec add3(vec x, vec y, vec z) { return x ^ y ^ z; }
static inline map map_of(const pf__fec_map *from) { return from->columns; }

/* Not inline: it is large, and called everywhere. */
__attribute__((noinline)) static vec apply(map m, vec x) {
  vec image = 0;
  /* 0 or 1 in each byte times a column: no product exceeds its byte. */
  for (int bit = 0; bit < 8; bit++)
    image ^= (x >> bit & 0x0101010101010101u) * (m >> (8 * bit) & 255);
  return image;
}

static bool kernel_usable(void) { return true; }

#define KERNEL pf__fec_scalar
#define KERNEL_NAME "scalar"
#include "transform.h"

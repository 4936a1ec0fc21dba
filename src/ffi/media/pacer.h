/*
 * When a packet of a frame may leave: a frame's first `burst_bytes` leave at once, what is beyond is
 * spread at `pace_multiple` times the stream's rate. Pure: the caller tells the time and waits.
 */
#ifndef PF_PACER_H
#define PF_PACER_H
#include <stdint.h>

typedef struct pf_pacer {
  uint64_t burst_bytes;
  uint64_t bytes_per_second; /* 0 = everything leaves at once */
  uint64_t begin_ns, sent_bytes;
} pf_pacer;

/* A frame begins at `now_ns`. */
static inline void pf_pacer_begin(pf_pacer *pacer, uint64_t now_ns) {
  pacer->begin_ns = now_ns;
  pacer->sent_bytes = 0;
}

/* When the next `bytes` may leave, in the clock of `begin`; never before it. */
static inline uint64_t pf_pacer_next(pf_pacer *pacer, uint64_t bytes) {
  pacer->sent_bytes += bytes;
  if (pacer->bytes_per_second == 0 || pacer->sent_bytes <= pacer->burst_bytes)
    return pacer->begin_ns;
  uint64_t beyond = pacer->sent_bytes - pacer->burst_bytes;
  return pacer->begin_ns +
         (uint64_t)((unsigned __int128)beyond * 1000000000u / pacer->bytes_per_second);
}

#endif

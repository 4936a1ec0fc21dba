/*
 * When the packets of a frame may leave: its first `burst_bytes` at once, what is beyond at
 * `bytes_per_second`, in chunks. Pure: the caller tells the time and waits. Each frame begins
 * anew, and a caller whose queue grows stops waiting, so that pacing never adds up to a delay.
 */
#ifndef PF_PACER_H
#define PF_PACER_H
#include <stdbool.h>
#include <stdint.h>

typedef struct pf_pacer {
  uint64_t burst_bytes;
  uint64_t bytes_per_second; /* 0 = everything leaves at once */
  uint64_t begin_ns, sent_bytes;
} pf_pacer;

/* What one wake-up may be worth, some 25 µs of a processor: shorter sleeps cost more than they
 * spread. A chunk is also one burst at the most, which is half of what leaves at once anyway. */
#define PF_PACER_CHUNK_NS 2000000u

/* How far ahead packets are given to a kernel that keeps them until their time: as long as saves
 * the wake-ups of most frames, and as short as keeps fq's queue of 100 bursts for a flow from
 * filling, with bursts of 64 kB at 8 Gbps. */
#define PF_PACER_AHEAD_NS 5000000u

/* A frame begins at `now_ns`. */
static inline void pf_pacer_begin(pf_pacer *pacer, uint64_t now_ns) {
  pacer->begin_ns = now_ns;
  pacer->sent_bytes = 0;
}

/* How many of `count` packets of `packet_bytes` leave as the next chunk: 1 … count. */
static inline uint32_t pf_pacer_chunk(const pf_pacer *pacer, uint32_t count,
                                      uint32_t packet_bytes) {
  if (pacer->bytes_per_second == 0) return count;
  uint64_t room = pacer->bytes_per_second / (1000000000u / PF_PACER_CHUNK_NS);
  if (pacer->sent_bytes < pacer->burst_bytes && pacer->burst_bytes - pacer->sent_bytes > room)
    room = pacer->burst_bytes - pacer->sent_bytes;
  uint64_t chunk = room / packet_bytes;
  if (chunk < 1) return 1;
  return chunk < count ? (uint32_t)chunk : count;
}

/* When the next `bytes` may leave, in the clock of `begin`, and that they do. */
static inline uint64_t pf_pacer_next(pf_pacer *pacer, uint64_t bytes) {
  pacer->sent_bytes += bytes;
  if (pacer->bytes_per_second == 0 || pacer->sent_bytes <= pacer->burst_bytes)
    return pacer->begin_ns;
  uint64_t beyond = pacer->sent_bytes - pacer->burst_bytes;
  return pacer->begin_ns +
         (uint64_t)((unsigned __int128)beyond * 1000000000u / pacer->bytes_per_second);
}

/* When the caller must be at work for what may leave at `when_ns`: then, or earlier where the
 * kernel keeps packets until their time. */
static inline uint64_t pf_pacer_wake(uint64_t when_ns, bool is_timed) {
  if (!is_timed) return when_ns;
  return when_ns > PF_PACER_AHEAD_NS ? when_ns - PF_PACER_AHEAD_NS : 0;
}

#endif

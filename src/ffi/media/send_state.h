/* The sender's state, shared by its queue (send.c) and its thread (send_thread.c). */
#ifndef PF_SEND_STATE_H
#define PF_SEND_STATE_H
#include "../fec/fec.h"
#include "blocks.h"
#include "lock.h"
#include "pacer.h"
#include "send.h"

/* A frame that waits for the thread: data and parity as [shard header | shard], one behind the
 * other. */
typedef struct pf__frame {
  uint8_t *bodies;
  uint32_t index, bytes;
  pf_block block;
  uint64_t queued_ns;
  uint32_t queue_us, encode_us;
  uint32_t sent;     /* shards that have left */
  uint64_t first_ns; /* when the first of them had left; 0 = not begun */
  uint64_t launch_ns; /* when the kernel lets go of the newest shards; 0 = it has */
  bool has_parity;
  pf_pacer pacer;
} pf__frame;

struct pf_send {
  pf_session *session;
  uint8_t plane;
  uint32_t pace_multiple, burst_bytes;
  size_t frame_memory_bytes;
  pf_fec *fec;
  const uint8_t **data;
  uint8_t **parity;

  pthread_mutex_t lock; /* guards what follows, up to the blank line */
  pthread_cond_t changed;
  bool accepting; /* started and not stopped */
  uint32_t head, count, next_index;
  uint32_t newest_index; /* that was sent or dropped: what a tip names */
  uint32_t bitrate_kbps;
  pf_block_rules rules;
  pf_host_timing timings[PF_SEND_TIMINGS];
  uint32_t timings_head, timings_count;

  pf__frame frames[PF_SEND_QUEUE_COUNT];
  pthread_t thread;
  bool running;
  pf_send_counters counters;
};

/* Bytes from one body to the next. */
static inline size_t pf__stride(const pf__frame *frame) {
  return PF_SHARD_HEADER_BYTES + (size_t)frame->block.shard_bytes;
}

static inline uint32_t pf__span_us(uint64_t begin_ns, uint64_t end_ns) {
  if (begin_ns == 0 || end_ns < begin_ns) return 0;
  uint64_t us = (end_ns - begin_ns) / 1000;
  return us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

/* Begins to send a frame: its first burst leaves, which is all of its data if that is small. Called
 * on the pushing thread when nothing waits, which saves the frame a change of threads, else on the
 * stage's thread. */
void pf__send_begin(pf_send *send, pf__frame *frame, uint32_t bitrate_kbps);

/* The thread's function; takes the pf_send. */
void *pf__send_run(void *context);

#endif

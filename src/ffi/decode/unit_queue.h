/*
 * A bounded queue of access units for one writer and one reader. It copies a unit into a buffer,
 * which it uses again once the reader (and a decoder that refers to it) has let it go, so that in
 * the steady state nothing is allocated.
 */
#ifndef PF_UNIT_QUEUE_H
#define PF_UNIT_QUEUE_H
#include "../common/common.h"

#include <libavutil/buffer.h>
#include <pthread.h>

typedef struct pf_queued_unit {
  AVBufferRef *buffer; /* the unit's bytes and zeros behind them */
  pf_access_unit unit; /* data points into the buffer */
  uint64_t queued_ns;
  bool after_gap; /* a unit before it was refused */
} pf_queued_unit;

typedef struct pf_unit_queue {
  pthread_mutex_t lock;
  pthread_cond_t wake;
  uint32_t capacity, head, count, spare_count;
  uint64_t bytes, bytes_max; /* queued now, and how many may be */
  bool shut, gap, taken;     /* taken: the reader looks at the first one */
  pf_queued_unit *slot;
  AVBufferRef **spare; /* the last one given back is the first one used */
} pf_unit_queue;

pf_result pf_unit_queue_open(pf_unit_queue *queue, uint32_t capacity, uint64_t bytes_max);
void pf_unit_queue_close(pf_unit_queue *queue);

/* Writer: copies the unit. PF_E_FULL: refused; PF_E_MEMORY; PF_E_CLOSED after a shutdown. */
pf_result pf_unit_queue_push(pf_unit_queue *queue, const pf_access_unit *unit);
/* Writer: forgets what is queued, except for what the reader looks at; returns how many. */
uint32_t pf_unit_queue_clear(pf_unit_queue *queue);
/* Writer: refuses further units and wakes the reader; what is queued stays. */
void pf_unit_queue_shut(pf_unit_queue *queue);

/* Reader: waits for the oldest unit and looks at it until it drops it. NULL when the queue is shut
 * and empty, or nothing came until `deadline_ns` (0 = wait for ever). */
const pf_queued_unit *pf_unit_queue_take(pf_unit_queue *queue, uint64_t deadline_ns);
/* Returns how many still wait. */
uint32_t pf_unit_queue_drop(pf_unit_queue *queue);

#endif

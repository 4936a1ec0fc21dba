/*
 * What became of the shards of each frame, told when nothing more of it is expected: how many never
 * came, how many only came late, and how the missing ones lie. The sender adapts its parity to it.
 *
 *   settle (complete, or given up)        20 ms without a further shard of it
 *    v                                     v
 *    | parity and latecomers are counted   | closed: the counters have it, take gives it
 *
 * Nothing is done for the shards of a frame before it is settled, so that a clean path costs a look
 * at one entry for each frame and each parity shard. Memory is fixed; of more than
 * PF_LOSS_REPORT_ENTRIES frames that wait for `take` the oldest are forgotten.
 */
#ifndef PF_LOSS_REPORT_H
#define PF_LOSS_REPORT_H
#include <pthread.h>

#include "assembly.h"

/* Frames of 20 ms at PF_REFRESH_HZ_MAX, three times over. */
#define PF_LOSS_REPORT_OPEN 64
/* Frames of 100 ms at PF_REFRESH_HZ_MAX, twice over. */
#define PF_LOSS_REPORT_ENTRIES 256

/* A frame that is settled, not closed. */
typedef struct pf__loss_entry {
  pf_frame_loss loss; /* `lost` still counts what may come */
  bool open;
  uint64_t places; /* sum of the indices of the missing shards below last_end */
  uint32_t total;
  uint32_t end;      /* shards below were looked at when it was settled; those that come are late */
  uint32_t last_end; /* newest shard that came + 1 */
  uint64_t newest_ns;
} pf__loss_entry;

typedef struct pf_loss_report {
  pf__loss_entry open[PF_LOSS_REPORT_OPEN]; /* by frame % PF_LOSS_REPORT_OPEN */
  uint64_t due_ns;                          /* nothing is to be closed before; UINT64_MAX = none */
  pf_receive_counters *counters;
  pthread_mutex_t lock; /* of what follows */
  pf_frame_loss closed[PF_LOSS_REPORT_ENTRIES];
  uint32_t head, count;
} pf_loss_report;

/* `counters` gets shards_settled, shards_lost, shards_late. */
void pf_loss_report_open(pf_loss_report *report, pf_receive_counters *counters);
void pf_loss_report_close(pf_loss_report *report);
/* The frame is complete, or it is given up. Once for each frame that a shard came of. */
void pf_loss_report_settle(pf_loss_report *report, const pf_assembly *assembly, uint64_t now_ns);
/* A further shard of a frame that was settled; of another one nothing is done. */
void pf_loss_report_late(pf_loss_report *report, uint32_t frame, uint32_t index, uint64_t now_ns);
/* Closes what is due. Needs no timer of its own: packets, tips and timers of the path will do. */
void pf_loss_report_tick(pf_loss_report *report, uint64_t now_ns);
/* Moves up to `max` closed frames that lost a shard to `out`, those first that were closed first;
 * returns how many. Any thread. */
int32_t pf_loss_report_take(pf_loss_report *report, pf_frame_loss *out, uint32_t max);

#endif

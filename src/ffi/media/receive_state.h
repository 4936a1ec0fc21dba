/* The receiver's state, shared by its packets (receive.c) and its order (order.c). */
#ifndef PF_RECEIVE_STATE_H
#define PF_RECEIVE_STATE_H
#include "loss_report.h"
#include "pool.h"
#include "receive.h"

/* It is kept when so many frames arrived: the host tells of a frame within 0.2 s. */
#define PF_ARRIVALS_COUNT 1024

struct pf_receive {
  pf_receive_config config;
  pf_session *session;
  uint8_t plane;
  pf_sink sink;
  pf_fec *fec;
  uint8_t **pointers;
  pf_assembly_limits limits;
  pf_pool pool;
  atomic_llong clock_offset_ns;
  atomic_llong clock_error_ns;

  uint32_t next; /* the frame that is to be delivered next */
  uint32_t end;  /* newest frame that is known of + 1 */
  /* Both by frame % frames_in_flight_max, for next … end - 1: */
  pf_assembly *window[PF_FRAMES_IN_FLIGHT_MAX];    /* NULL: nothing came */
  uint64_t overdue_ns[PF_FRAMES_IN_FLIGHT_MAX]; /* since when a newer one is known; 0 = not */
  uint64_t end_ns;    /* when `end` was known */
  uint64_t delivered; /* bit i: frame next - 1 - i was delivered */
  bool wait_key;      /* what comes can't be decoded before a keyframe */
  bool ask_key;       /* and something had to be passed over for want of one */

  uint64_t stall_ns;     /* when the next stall event is due; 0 = no need */
  uint32_t stall_frame;  /* first missing frame */
  bool stalled;          /* told so */
  uint64_t delivered_ns; /* when the last unit was delivered; 0 = never */
  /* By frame % PF_ARRIVALS_COUNT, 0 = not known: the frame, and in the low 32 bits 1 + the
   * microseconds from its encoded_ns to its first packet here. */
  atomic_ullong arrivals[PF_ARRIVALS_COUNT];
  pf_loss_report losses;
  pf_receive_counters counters;
};

#endif

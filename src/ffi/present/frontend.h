/*
 * What every presenter has in front: the mailbox of its picture sink, the knobs that any thread
 * turns, the overlay's text, and the counters. Compiled into each presenter's library.
 *
 *   decoder's thread            presenter's thread
 *   push ──► [ one picture ] ──► take ──► draw ──► shown
 *
 * Drop policy: latest wins. A picture that is still in the mailbox when the next one comes is
 * released and counted as replaced; the decoder never waits for a display.
 */
#ifndef PF_PRESENT_FRONTEND_H
#define PF_PRESENT_FRONTEND_H
#include "../common/common.h" /* first: it asks the C library for all it has */

#include <pthread.h>

#define PF_OVERLAY_BYTES 1024 /* a dozen lines, of which a terminal shows the first */

typedef struct pf__frontend {
  pthread_mutex_t lock;
  pthread_cond_t changed; /* CLOCK_MONOTONIC; signalled whenever `wake` would be called */
  bool accepting;         /* between start and stop */
  bool signalled;         /* since the last wait */
  pf_picture *waiting;
  char overlay[PF_OVERLAY_BYTES];
  uint32_t overlay_version;
  bool overlay_visible;
  int64_t clock_offset_ns;
  /* Told, under the lock, that something changed; NULL = the condition variable is enough. */
  void (*wake)(void *context);
  void *wake_context;
  pf_events *events;
  uint32_t stage;
  pf_present_counters counters;
} pf__frontend;

void pf__frontend_init(pf__frontend *front, const pf_present_config *config);
void pf__frontend_destroy(pf__frontend *front);

/* The mailbox takes pictures from now on, or no longer; then a waiting one is released. */
void pf__frontend_accept(pf__frontend *front, bool accepting);
void pf__frontend_sink(pf__frontend *front, pf_sink *out);

/* The waiting picture, which the caller now owns, or NULL. */
pf_picture *pf__frontend_take(pf__frontend *front);
/* As take, but waits until there is a picture, something else changed, or `deadline_ns` passed. */
pf_picture *pf__frontend_wait(pf__frontend *front, uint64_t deadline_ns);

/* Waits until `deadline_ns` or until pictures are no longer accepted; returns whether they are. */
bool pf__frontend_pause(pf__frontend *front, uint64_t deadline_ns);
bool pf__frontend_accepting(pf__frontend *front);

/* Counts a picture whose pixels are out now, and its latencies. Presenter's thread only. */
void pf__frontend_shown(pf__frontend *front, const pf_times *times);

/* Copies at most 511 bytes of UTF-8, cut between characters; control characters become spaces. */
void pf__frontend_set_overlay(pf__frontend *front, const char *text);
/* Copies the overlay's text, "" when it is hidden; returns its version, which changes with it. */
uint32_t pf__frontend_overlay(pf__frontend *front, char out[PF_OVERLAY_BYTES]);
void pf__frontend_toggle_overlay(pf__frontend *front);

/* The knobs that all presenters share: clock_offset_ns, overlay_visible. */
pf_result pf__frontend_set(pf__frontend *front, uint32_t knob, int64_t value);
/* Wakes the presenter's thread; any thread. */
void pf__frontend_wake(pf__frontend *front);

#endif

/*
 * One request to copy a frame, from asking for the frame to its picture:
 *
 *   NONE → ASKED (the compositor tells the shape) → SHAPED (waits for its turn and a buffer)
 *        → COPYING (the compositor waits for damage and writes the buffer) → pushed → NONE
 *
 * The states and their rate are in copy.c; what is sent to the compositor is a protocol's:
 * screencopy.c or image_copy.c.
 */
#ifndef PF_CAPTURE_COPY_H
#define PF_CAPTURE_COPY_H
#include "../wayland/wayland.h"
#include "pool.h"

#include <pthread.h>

struct zwlr_screencopy_frame_v1;
struct ext_image_copy_capture_frame_v1;
struct ext_image_copy_capture_session_v1;
struct ext_image_capture_source_v1;

enum { PF_CAPTURE_COPIES = 2, PF_CAPTURE_POOLS = 3 };

typedef enum pf_capture_copy_state {
  PF_COPY_NONE,
  PF_COPY_ASKED,
  PF_COPY_SHAPED,
  PF_COPY_COPYING,
} pf_capture_copy_state;

typedef struct pf_capture_copy {
  pf_capture *capture;
  pf_capture_copy_state state;
  struct zwlr_screencopy_frame_v1 *frame; /* screencopy.c */
  struct ext_image_copy_capture_frame_v1 *image; /* image_copy.c */
  uint64_t frame_ns; /* the compositor's time of the image */
  pf_capture_buffer *buffer; /* while COPYING */
  pf_capture_shape shape;
  bool known_format, inverted, whole;
} pf_capture_copy;

/* How a compositor is asked. */
typedef struct pf_capture_protocol {
  uint32_t copies; /* that may be under way at once, PF_CAPTURE_COPIES at most */
  /* NONE → ASKED, and SHAPED as soon as `shape` and `known_format` are set. */
  void (*ask)(pf_capture_copy *copy);
  /* Begins to copy into `buffer`; `whole`: without waiting for damage. */
  void (*copy)(pf_capture_copy *copy);
  /* Destroys what the copy has of the compositor. */
  void (*forget)(pf_capture_copy *copy);
  /* Destroys what the capture has of it, once no copy is under way. */
  void (*close)(pf_capture *self);
} pf_capture_protocol;

extern const pf_capture_protocol pf_capture_screencopy, pf_capture_image_copy;

/* What image_copy.c knows of the output that it captures. */
typedef struct pf_capture_session {
  struct ext_image_capture_source_v1 *source;
  struct ext_image_copy_capture_session_v1 *proxy;
  pf_capture_shape shape, next; /* agreed; being told */
  bool known_format, next_known, told;
} pf_capture_session;

/* Of pf_capture's globals. */
enum { PF_CAPTURE_SHM, PF_CAPTURE_SCREENCOPY, PF_CAPTURE_SOURCES, PF_CAPTURE_IMAGES };
enum { PF_CAPTURE_GLOBALS = 4 };

struct pf_capture {
  pf_capture_config config;
  pf_wayland connection;
  pf_wayland_global globals[PF_CAPTURE_GLOBALS];
  const pf_capture_protocol *protocol;
  pf_capture_session session;
  pf_wayland_output *output; /* NULL once it was removed */
  /* The last pool is the current one; those before it wait for their last picture. */
  pf_capture_pool *pools[PF_CAPTURE_POOLS];
  uint32_t pool_count;
  pf_capture_copy copies[PF_CAPTURE_COPIES];
  uint64_t number; /* of the next picture */
  /* Time that may be spent on copies, each of which costs 1 / refresh; when it was counted. */
  uint64_t credit_ns, credit_at_ns;
  uint64_t retry_ns; /* after a failure nothing is asked for before */
  uint32_t failures_in_row;
  bool needs_whole; /* the next copy does not wait for damage */
  bool finished;
  pf_capture_wake wake;
  atomic_bool stopping;
  bool started, joined;
  pthread_t thread;
  pf_capture_counters counters;
};

/* Moves every copy as far as it goes. Returns when to call it again at the latest: CLOCK_MONOTONIC,
 * UINT64_MAX = only an event can change something. */
uint64_t pf_capture_advance(pf_capture *self, uint64_t now_ns);
/* Gives a copy up and frees its buffer. */
void pf_capture_copy_drop(pf_capture_copy *copy);
/* Makes the pool of a shape the current one. PF_E_FULL while too many old ones are in use. */
pf_result pf_capture_use_shape(pf_capture *self, const pf_capture_shape *shape);
/* The picture is there; `frame_ns` is its time by the compositor's clock. */
void pf_capture_copy_deliver(pf_capture_copy *copy, uint64_t frame_ns, bool inverted);
/* The compositor has failed, perhaps for a moment. */
void pf_capture_copy_fail(pf_capture_copy *copy);
void pf_capture_count_damage(pf_capture *self, uint64_t pixels);
/* Ends capturing: posts the event, once. */
void pf_capture_finish(pf_capture *self, uint32_t event_kind, const char *words);

#endif

/* The stage's insides. Everything in it belongs to the connection's thread, or to who has its lock,
 * except the counters. */
#ifndef PF_SCREENCAST_CAST_H
#define PF_SCREENCAST_CAST_H
#include "../pipewire/connection.h"
#include "buffers.h"
#include "format.h"
#include "screencast.h"

/* An event takes half of it, an error or a description all. */
enum { PF_CAST_WORDS = 256 };

struct pf_screencast {
  pf_screencast_config config;
  pf_pipewire connection;
  struct pw_loop *loop;
  struct spa_source *timer, *returned;

  struct pw_registry *registry;
  struct spa_hook registry_hook;
  uint32_t node; /* its id; PF_SCREENCAST_ANY_NODE until it was found */
  char serial[24], name[64];
  bool managed; /* a session manager runs, without which nothing is connected */

  struct pw_stream *stream;
  struct spa_hook stream_hook;
  pf_format format;
  pf_slots slots;
  bool dmabuf_offered;
  bool damage_told;  /* the producer tells damage, so that none means something */
  bool pointer_told; /* the producer tells the pointer, so that pictures may be needed again */
  uint64_t deadline_ns; /* of the watchdog; 0 = a picture has come */
  uint64_t nudge_ns;    /* when the producer is asked to begin anew, or has rested; 0 = no more */
  uint32_t nudges;
  bool resting; /* paused, to begin anew */
  uint32_t stalls; /* nudges of this stream that had nothing to ask */
  uint32_t reconnects;
  bool replacing; /* the stream goes, another one comes */

  pf_slot *current; /* the newest picture, with a reference of ours; NULL = none */
  pf_pixels view;   /* of it, within its slot */
  uint64_t capture_ns;
  bool fresh;   /* it has not been pushed */
  bool waiting; /* it, or the pointer over it, has not been pushed */
  bool starved; /* no memory was free for it */
  pf_cursor cursor;
  uint64_t number;
  uint64_t credit_ns, credit_at_ns; /* time that may be spent on pictures, each 1 / refresh */
  uint32_t told_width, told_height; /* what describe or the last format event said */

  bool started, stopped;
  uint32_t finished; /* the event that ended it, or 0 */
  char words[PF_CAST_WORDS];
  pf_screencast_counters counters;
};

/* stream.c. Nanoseconds that opening waits for the node, and for a format, at most. */
uint64_t pf_cast_open_wait(const pf_screencast *self);
/* Waits for the node, and connects to it. Under the lock. */
pf_result pf_cast_find_node(pf_screencast *self);
pf_result pf_cast_connect(pf_screencast *self, bool dmabuf);
/* Ends the stage: tells it once, and lets no picture through any more. */
void pf_cast_finish(pf_screencast *self, uint32_t event_kind, const char *words);
/* The stream's state in PipeWire's words, and what the buffers are. */
const char *pf_cast_state(const pf_screencast *self);
const char *pf_cast_memory(const pf_screencast *self);
/* The timer's callback: the watchdog, and pictures that waited for their turn. */
void pf_cast_on_timer(void *data, uint64_t expirations);

/* deliver.c: takes what the producer has sent. */
void pf_cast_receive(pf_screencast *self);
/* Pushes what waits, if it may; else sees to it that it comes later. */
void pf_cast_deliver(pf_screencast *self, uint64_t now_ns);
/* Forgets the newest picture. */
void pf_cast_drop(pf_screencast *self);
/* Sets the timer to the watchdog's deadline, to the next nudge or to `turn_ns` (0 = none), whatever
 * is first. */
void pf_cast_set_timer(pf_screencast *self, uint64_t turn_ns);

#endif

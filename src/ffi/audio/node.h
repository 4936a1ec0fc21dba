/*
 * A stage's place in the graph of PipeWire: a stream of 48 kHz floats, 256 samples at a time where
 * the graph lets it. A thread looks after it: when PipeWire goes, or ends the stream, it posts a
 * `note`, connects again after 0.25 s, then at doubling intervals of at most 5 s, and posts another
 * note when it succeeds.
 */
#ifndef PF_SOUND_NODE_H
#define PF_SOUND_NODE_H
#include "../pipewire/connection.h"

#include <pthread.h>

typedef struct pf_sound_node {
  pf_sound_config config;
  /* On PipeWire's urgent thread: takes or fills all of `samples`, which are interleaved. */
  void (*process)(void *context, float *samples, uint32_t frames);
  void *context;
  uint64_t *connected, *restarts; /* of the stage's counters */

  pf_pipewire connection; /* who looks after it owns it and the stream */
  struct pw_stream *stream;
  struct spa_hook stream_hook;
  bool urged; /* PipeWire's thread, of this connection */
  pthread_t thread;
  bool running;
  atomic_bool live; /* samples count; before, what is heard is dropped and silence is played */
  pthread_mutex_t lock; /* guards what follows */
  pthread_cond_t changed;
  bool stopping, broken, ready;
  char words[PF_PIPEWIRE_WORDS];
} pf_sound_node;

/* Connects. `config` is copied. PF_E_MISSING: no such PipeWire; else as pf_pipewire_open. */
pf_result pf_sound_node_open(pf_sound_node *node, const pf_sound_config *config);
/* Calls `process` from now on. */
pf_result pf_sound_node_start(pf_sound_node *node);
/* Leaves the graph: `process` is not called any more. Idempotent. */
void pf_sound_node_stop(pf_sound_node *node);
/* Also after a failed open. */
void pf_sound_node_close(pf_sound_node *node);

#endif

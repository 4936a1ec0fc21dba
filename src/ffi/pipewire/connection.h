/*
 * What everything that speaks to PipeWire shares: a connection with a thread loop of its own, which
 * never waits without a bound and tells once when the server is gone. Compiled into each library
 * that needs it; libpipewire itself is initialised once a process.
 *
 * (Not called pipewire.h: this folder would hide the system's <pipewire/pipewire.h>.)
 *
 * Threads: all callbacks of PipeWire objects run on the loop's thread. Every other thread calls
 * libpipewire only between pf_pipewire_lock and pf_pipewire_unlock. Objects made on the connection
 * (streams, registries, proxies) are destroyed, under the lock, before pf_pipewire_close.
 */
#ifndef PF_PIPEWIRE_CONNECTION_H
#define PF_PIPEWIRE_CONNECTION_H
#include "../common/common.h"

#include <sys/types.h> /* which spa/utils/string.h uses */

#include <pipewire/pipewire.h>

enum {
  /* A server that is this late with an answer hangs. */
  PF_PIPEWIRE_ANSWER_MS = 3000,
  PF_PIPEWIRE_WORDS = 160,
};

/* Which server. All zero but fd = -1: the user's own, as libpipewire finds it (PIPEWIRE_REMOTE,
 * XDG_RUNTIME_DIR). */
typedef struct pf_pipewire_remote {
  const char *socket; /* absolute path or name; NULL or empty = default */
  int fd;             /* a connected socket, as a portal gives it; -1 = none */
} pf_pipewire_remote;

typedef struct pf_pipewire {
  struct pw_thread_loop *loop;
  struct pw_context *context;
  struct pw_core *core;
  struct spa_hook core_hook;
  int pending;  /* sequence of the roundtrip that is waited for; 0 = none */
  bool gone;    /* the server is gone; on the loop's thread or under the lock */
  bool refused; /* the server refused something; its words are in `words` */
  char words[PF_PIPEWIRE_WORDS]; /* of the last error; empty = none */
  char version[32];              /* the server's; empty until it told */
  /* Called on the loop's thread when the server goes, once, and when it refuses what was asked of
   * the object `id` (0 = the connection itself, and then it is gone); may be NULL. Set it under the
   * lock. */
  void (*failed)(void *context, uint32_t id, const char *words);
  void *failed_context;
} pf_pipewire;

/*
 * Connects on a thread called `name` (at most 15 characters) and waits for the first answer. Takes
 * remote->fd over, also when it fails. PF_E_MISSING: no such server; PF_E_CLOSED: it does not
 * answer or hung up; PF_E_LIBRARY: libpipewire can't work here. Nothing is open when it fails.
 */
pf_result pf_pipewire_open(pf_pipewire *self, const pf_pipewire_remote *remote, const char *name);
/* Stops the thread and disconnects. After a failed open, twice, and zero-initialised: no-op. */
void pf_pipewire_close(pf_pipewire *self);

static inline void pf_pipewire_lock(pf_pipewire *self) { pw_thread_loop_lock(self->loop); }
static inline void pf_pipewire_unlock(pf_pipewire *self) { pw_thread_loop_unlock(self->loop); }

/* Under the lock: waits until the server has answered everything sent before. PF_E_CLOSED when it
 * did not within PF_PIPEWIRE_ANSWER_MS or is gone. */
pf_result pf_pipewire_roundtrip(pf_pipewire *self);

/* Under the lock: releases it until a callback calls pf_pipewire_news or the deadline
 * (CLOCK_MONOTONIC) is over: then false. Wakes without a reason too. */
bool pf_pipewire_wait(pf_pipewire *self, uint64_t deadline_ns);
/* On the loop's thread: wakes who waits. */
static inline void pf_pipewire_news(pf_pipewire *self) { pw_thread_loop_signal(self->loop, false); }

/* Whether a global of the registry is what every session manager has, and none but they: the
 * defaults. Without one nothing is connected to anything. */
bool pf_pipewire_is_session_manager(const char *type, const struct spa_dict *properties);

#endif

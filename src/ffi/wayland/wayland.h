/*
 * What capture and input share: a connection to a compositor that never waits without a bound, the
 * globals that were asked for, and the outputs by name. One thread at a time uses a connection.
 */
#ifndef PF_WAYLAND_H
#define PF_WAYLAND_H
#include "../common/common.h"

#include <wayland-client.h>

enum {
  PF_WAYLAND_OUTPUTS_MAX = 16,
  PF_WAYLAND_GLOBALS_MAX = 6,
  /* A compositor that is this late with an answer hangs. */
  PF_WAYLAND_ANSWER_MS = 3000,
};

struct zxdg_output_manager_v1;
struct zxdg_output_v1;
typedef struct pf_wayland pf_wayland;

/* A global to bind: `version` at most, `version_min` at least. `proxy` is NULL where the compositor
 * does not have it. */
typedef struct pf_wayland_global {
  const struct wl_interface *interface;
  uint32_t version, version_min;
  uint32_t found_version; /* what the compositor has; 0 = not there */
  void *proxy;
} pf_wayland_global;

typedef struct pf_wayland_output {
  pf_wayland *connection;
  struct wl_output *proxy; /* NULL = the slot is free */
  struct zxdg_output_v1 *xdg;
  uint32_t global; /* registry name */
  char name[64];
  int32_t width, height, refresh_mhz; /* of the current mode; physical pixels before transform */
} pf_wayland_output;

struct pf_wayland {
  struct wl_display *display;
  struct wl_registry *registry;
  struct zxdg_output_manager_v1 *xdg_manager;
  pf_wayland_global *globals; /* the caller's */
  uint32_t global_count;
  pf_wayland_output outputs[PF_WAYLAND_OUTPUTS_MAX];
  /* Called when an output goes; may be NULL. */
  void (*output_removed)(void *context, pf_wayland_output *output);
  void *context;
};

/*
 * Connects to the socket at an absolute path, binds `globals` (which must outlive the connection)
 * and learns the outputs. PF_E_MISSING when the socket or a global that has a version_min is not
 * there, PF_E_CLOSED when the compositor does not answer or nobody listens.
 */
pf_result pf_wayland_open(pf_wayland *self, const char *socket, pf_wayland_global *globals,
                          uint32_t global_count);
/* Destroys what open made; the caller has destroyed its own proxies. */
void pf_wayland_close(pf_wayland *self);

/* Waits until the compositor has handled all requests so far; PF_E_CLOSED when it has not in time.
 * A compositor drops what is unread of a connection that closes. */
pf_result pf_wayland_roundtrip(pf_wayland *self, uint32_t ms_max);

/* The output of that name; the first one for "". NULL after pf_fail when there is none. */
pf_wayland_output *pf_wayland_find_output(pf_wayland *self, const char *name);

typedef enum pf_wayland_wake {
  PF_WAYLAND_IDLE, /* events were handled, or the time is over */
  PF_WAYLAND_WOKEN, /* `wake_fd` became readable; it was read */
  PF_WAYLAND_GONE, /* the connection is lost; pf_last_error has the words */
} pf_wayland_wake;

/*
 * Sends what is queued, waits for events, `wake_fd` (an eventfd, or -1) or the time `until_ns`
 * (CLOCK_MONOTONIC; 0 = now, UINT64_MAX = never), and calls the listeners of what came.
 */
pf_wayland_wake pf_wayland_wait(pf_wayland *self, int wake_fd, uint64_t until_ns);

/* Whether all requests were taken by the compositor's socket: if not, send no more for now. */
bool pf_wayland_flushed(pf_wayland *self);

#endif

/*
 * A connection to an X server, whose replies are waited for with a bound. One thread at a time uses
 * it. A display is written as :0, or as :0#COOKIE with the server's MIT-MAGIC-COOKIE-1 in hex;
 * without a cookie, the one of $XAUTHORITY or ~/.Xauthority is used, as every X client does.
 */
#ifndef PF_X11_CONNECTION_H
#define PF_X11_CONNECTION_H
#include "../common/common.h"

#include <pthread.h>
#include <xcb/xcb.h>

enum {
  /* A server that is this late with an answer hangs. */
  PF_X11_ANSWER_MS = 2000,
};

typedef struct pf_x11_connection {
  xcb_connection_t *xcb;
  xcb_screen_t *screen;
} pf_x11_connection;

/* PF_E_MISSING: no such server, or it lets this user not in; PF_E_CLOSED: it does not answer. */
pf_result pf_x11_connect(pf_x11_connection *self, const char *display);
void pf_x11_disconnect(pf_x11_connection *self);
/* Has every call of another thread on this connection return with an error: libxcb waits without a
 * bound for the rest of a reply of which it has read the beginning. */
void pf_x11_break(pf_x11_connection *self);
/* Waits for a thread that uses the connection, and breaks it when it does not end in this time. */
void pf_x11_join(pf_x11_connection *self, pthread_t thread, uint32_t ms_max);

/*
 * The reply of a request, which the caller frees. NULL when the server gave an error (its code is
 * left in `error`, which may be NULL), when it does not answer in time (PF_X11_TIMEOUT), when
 * `stop` became true (PF_X11_STOPPED; `wake_fd` tells it) or when it is gone (PF_X11_GONE).
 */
enum { PF_X11_TIMEOUT = -1, PF_X11_STOPPED = -2, PF_X11_GONE = -3 };
typedef struct pf_x11_waiting {
  int wake_fd; /* or -1 */
  const atomic_bool *stop; /* or NULL */
  uint32_t ms_max;
} pf_x11_waiting;
void *pf_x11_reply(pf_x11_connection *self, unsigned sequence, const pf_x11_waiting *waiting,
                   int *error);

/* An extension's data when the server has it, else NULL. Owned by the connection. */
const xcb_query_extension_reply_t *pf_x11_extension(pf_x11_connection *self,
                                                    xcb_extension_t *extension);

/* Waits for the server, `wake_fd` (an eventfd, which is read; or -1) or the time `until_ns`
 * (CLOCK_MONOTONIC, UINT64_MAX = never). Events that were read before do not wake it. */
void pf_x11_wait(pf_x11_connection *self, int wake_fd, uint64_t until_ns);
/* Whether the server takes more now, so that sending does not wait for it. */
bool pf_x11_writable(pf_x11_connection *self);

#endif

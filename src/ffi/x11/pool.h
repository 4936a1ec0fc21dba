/*
 * Pictures in memory that is shared with the X server, or in private memory where it can't share
 * (a server elsewhere). Buffers are taken and freed on any thread; the pool is made and closed on
 * the thread that owns the connection.
 */
#ifndef PF_X11_POOL_H
#define PF_X11_POOL_H
#include "connection.h"

#include <xcb/shm.h>

enum {
  /* One waiting, one being encoded, one kept to be repeated, one being written; one spare. */
  PF_X11_BUFFERS = 5,
};

/* How a thread that releases a picture wakes the one that lacks a buffer. Outlives all pools. */
typedef struct pf_x11_wake {
  int fd; /* an eventfd */
  atomic_bool wanted;
} pf_x11_wake;

typedef struct pf_x11_pool pf_x11_pool;

typedef struct pf_x11_buffer {
  pf_picture picture;
  pf_x11_pool *pool;
  uint8_t *memory;
  xcb_shm_seg_t segment; /* 0 = private memory */
  atomic_bool taken;
} pf_x11_buffer;

struct pf_x11_pool {
  pf_x11_connection *connection;
  pf_x11_wake *wake;
  uint32_t width, height; /* of the screen; pictures have no odd last row or column */
  size_t picture_bytes;
  pf_x11_buffer buffers[PF_X11_BUFFERS];
};

typedef struct pf_x11_shape {
  uint32_t width, height;
  uint32_t format; /* PF_PIXEL_* */
  bool shared;
} pf_x11_shape;

/* Shared memory is announced, not confirmed: the first capture tells whether the server has it. */
pf_result pf_x11_pool_open(pf_x11_connection *connection, const pf_x11_shape *shape,
                           pf_x11_wake *wake, pf_x11_pool **out);
/* No buffer may be taken. NULL is allowed. */
void pf_x11_pool_close(pf_x11_pool *pool);
bool pf_x11_pool_idle(pf_x11_pool *pool);
/* A free buffer, taken; its picture has one reference. NULL when there is none. */
pf_x11_buffer *pf_x11_pool_take(pf_x11_pool *pool);

#endif

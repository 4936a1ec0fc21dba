/*
 * Pictures in memory that is shared with the compositor. Buffers are taken and freed on any thread;
 * the pool is made and closed on the thread that owns the connection.
 */
#ifndef PF_CAPTURE_POOL_H
#define PF_CAPTURE_POOL_H
#include "capture.h"

#include <wayland-client.h>

typedef struct pf_capture_shape {
  uint32_t shm_format; /* enum wl_shm_format */
  uint32_t width, height, stride;
} pf_capture_shape;

/* How a thread that releases a picture wakes the one that lacks a buffer. Outlives all pools. */
typedef struct pf_capture_wake {
  int fd; /* an eventfd */
  atomic_bool wanted;
} pf_capture_wake;

typedef struct pf_capture_pool pf_capture_pool;

typedef struct pf_capture_buffer {
  pf_picture picture;
  struct wl_buffer *proxy;
  pf_capture_pool *pool;
  uint8_t *memory;
  atomic_bool taken;
} pf_capture_buffer;

struct pf_capture_pool {
  pf_capture_shape shape;
  size_t picture_bytes;
  uint8_t *row; /* one row, to turn pictures upside down */
  pf_capture_wake *wake;
  pf_capture_buffer buffers[PF_CAPTURE_BUFFERS];
};

/* PF_E_UNSUPPORTED for a format that PF_PIXEL_* does not have. */
pf_result pf_capture_pool_open(struct wl_shm *shm, const pf_capture_shape *shape,
                               pf_capture_wake *wake, pf_capture_pool **out);
/* No buffer may be taken. NULL is allowed. */
void pf_capture_pool_close(pf_capture_pool *pool);
bool pf_capture_pool_idle(pf_capture_pool *pool);
/* A free buffer, taken; its picture has one reference. NULL when there is none. */
pf_capture_buffer *pf_capture_pool_take(pf_capture_pool *pool);
/* Puts the last row first, in place. */
void pf_capture_buffer_flip(pf_capture_buffer *buffer);

static inline bool pf_capture_same_shape(const pf_capture_shape *a, const pf_capture_shape *b) {
  return a->shm_format == b->shm_format && a->width == b->width && a->height == b->height &&
         a->stride == b->stride;
}

#endif

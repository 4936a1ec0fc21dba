#include "pool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* On whichever thread released the picture. Sequentially consistent, as is the other side: either
 * this thread sees that a buffer is wanted, or that one sees this buffer free. */
static void recycle(pf_picture *picture) {
  pf_x11_buffer *buffer = picture->owner;
  pf_x11_wake *wake = buffer->pool->wake;
  atomic_store(&buffer->taken, false);
  /* From here on the pool may be closed by its own thread. */
  if (!atomic_load(&wake->wanted)) return;
  uint64_t one = 1;
  ssize_t written = write(wake->fd, &one, sizeof one);
  (void)written;
}

static pf_result make_buffer(pf_x11_pool *pool, pf_x11_buffer *buffer, const pf_x11_shape *shape) {
  int fd = memfd_create("punktfunk-x11", MFD_CLOEXEC);
  if (fd < 0) return pf_fail(PF_E_SYSTEM, "memfd_create: %s", strerror(errno));
  void *memory = MAP_FAILED;
  if (ftruncate(fd, (off_t)pool->picture_bytes) == 0)
    memory = mmap(NULL, pool->picture_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) {
    pf_fail(PF_E_MEMORY, "%zu bytes for a picture: %s", pool->picture_bytes, strerror(errno));
    close(fd);
    return PF_E_MEMORY;
  }
  xcb_connection_t *xcb = pool->connection->xcb;
  if (shape->shared) {
    buffer->segment = xcb_generate_id(xcb);
    xcb_shm_attach_fd(xcb, buffer->segment, fd, 0); /* takes the descriptor over */
  } else {
    close(fd);
  }
  buffer->pool = pool;
  buffer->memory = memory;
  buffer->picture = (pf_picture){
      .format = shape->format,
      .width = shape->width & ~1u, /* colour is coded for blocks of 2x2 pixels */
      .height = shape->height & ~1u,
      .plane = {memory},
      .stride = {shape->width * 4},
      .recycle = recycle,
      .owner = buffer,
  };
  return PF_OK;
}

pf_result pf_x11_pool_open(pf_x11_connection *connection, const pf_x11_shape *shape,
                           pf_x11_wake *wake, pf_x11_pool **out) {
  bool valid = shape->width >= 2 && shape->width <= PF_WIDTH_MAX && shape->height >= 2 &&
               shape->height <= PF_HEIGHT_MAX;
  if (!valid)
    return pf_fail(PF_E_UNSUPPORTED, "a screen of %ux%u can't be captured", shape->width,
                   shape->height);
  pf_x11_pool *pool = calloc(1, sizeof *pool);
  if (pool == NULL) return pf_fail(PF_E_MEMORY, "no memory for pictures");
  pool->connection = connection;
  pool->wake = wake;
  pool->width = shape->width;
  pool->height = shape->height;
  pool->picture_bytes = (size_t)shape->width * shape->height * 4;
  pf_result result = PF_OK;
  for (uint32_t i = 0; result == PF_OK && i < PF_X11_BUFFERS; i++)
    result = make_buffer(pool, &pool->buffers[i], shape);
  if (result != PF_OK) {
    pf_x11_pool_close(pool);
    return result;
  }
  *out = pool;
  return PF_OK;
}

void pf_x11_pool_close(pf_x11_pool *pool) {
  if (pool == NULL) return;
  for (uint32_t i = 0; i < PF_X11_BUFFERS; i++) {
    pf_x11_buffer *buffer = &pool->buffers[i];
    if (buffer->segment != 0) xcb_shm_detach(pool->connection->xcb, buffer->segment);
    if (buffer->memory != NULL) munmap(buffer->memory, pool->picture_bytes);
  }
  free(pool);
}

bool pf_x11_pool_idle(pf_x11_pool *pool) {
  for (uint32_t i = 0; i < PF_X11_BUFFERS; i++) {
    if (atomic_load(&pool->buffers[i].taken)) return false;
  }
  return true;
}

pf_x11_buffer *pf_x11_pool_take(pf_x11_pool *pool) {
  for (uint32_t i = 0; i < PF_X11_BUFFERS; i++) {
    pf_x11_buffer *buffer = &pool->buffers[i];
    if (atomic_exchange(&buffer->taken, true)) continue;
    atomic_store_explicit(&buffer->picture.references, 1, memory_order_relaxed);
    return buffer;
  }
  return NULL;
}

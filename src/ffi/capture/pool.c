#include "pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static bool pixel_format(uint32_t shm_format, uint32_t *out) {
  switch (shm_format) {
    case WL_SHM_FORMAT_XRGB8888: /* little-endian words: blue is the first byte */
    case WL_SHM_FORMAT_ARGB8888:
      *out = PF_PIXEL_BGRX;
      return true;
    case WL_SHM_FORMAT_XBGR8888:
    case WL_SHM_FORMAT_ABGR8888:
      *out = PF_PIXEL_RGBX;
      return true;
    default:
      return false;
  }
}

/* On whichever thread released the picture. Sequentially consistent, as is the other side: either
 * this thread sees that a buffer is wanted, or that one sees this buffer free. */
static void recycle(pf_picture *picture) {
  pf_capture_buffer *buffer = picture->owner;
  pf_capture_wake *wake = buffer->pool->wake;
  atomic_store(&buffer->taken, false);
  /* From here on the pool may be closed by its own thread. */
  if (!atomic_load(&wake->wanted)) return;
  uint64_t one = 1;
  ssize_t written = write(wake->fd, &one, sizeof one);
  (void)written;
}

static pf_result make_buffer(pf_capture_pool *pool, struct wl_shm *shm, pf_capture_buffer *buffer,
                             uint32_t format) {
  const pf_capture_shape *shape = &pool->shape;
  int fd = memfd_create("punktfunk-capture", MFD_CLOEXEC);
  if (fd < 0) return pf_fail(PF_E_SYSTEM, "memfd_create: %s", strerror(errno));
  void *memory = MAP_FAILED;
  if (ftruncate(fd, (off_t)pool->picture_bytes) == 0)
    memory = mmap(NULL, pool->picture_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) {
    pf_fail(PF_E_MEMORY, "%zu bytes for a picture: %s", pool->picture_bytes, strerror(errno));
    close(fd);
    return PF_E_MEMORY;
  }
  struct wl_shm_pool *proxy = wl_shm_create_pool(shm, fd, (int32_t)pool->picture_bytes);
  buffer->proxy = wl_shm_pool_create_buffer(proxy, 0, (int32_t)shape->width, (int32_t)shape->height,
                                            (int32_t)shape->stride, shape->shm_format);
  wl_shm_pool_destroy(proxy);
  close(fd);
  buffer->pool = pool;
  buffer->memory = memory;
  buffer->picture = (pf_picture){
      .format = format,
      .width = shape->width & ~1u, /* colour is coded for blocks of 2x2 pixels */
      .height = shape->height & ~1u,
      .plane = {memory},
      .stride = {shape->stride},
      .recycle = recycle,
      .owner = buffer,
  };
  return PF_OK;
}

pf_result pf_capture_pool_open(struct wl_shm *shm, const pf_capture_shape *shape,
                               pf_capture_wake *wake, pf_capture_pool **out) {
  uint32_t format;
  if (!pixel_format(shape->shm_format, &format))
    return pf_fail(PF_E_UNSUPPORTED, "the compositor's pixel format 0x%08x is not known",
                   shape->shm_format);
  uint64_t bytes = (uint64_t)shape->stride * shape->height;
  bool valid = shape->width >= 2 && shape->width <= PF_WIDTH_MAX && shape->height >= 2 &&
               shape->height <= PF_HEIGHT_MAX && shape->stride >= shape->width * 4 &&
               bytes <= INT32_MAX;
  if (!valid)
    return pf_fail(PF_E_UNSUPPORTED, "a picture of %ux%u with rows of %u bytes can't be captured",
                   shape->width, shape->height, shape->stride);
  pf_capture_pool *pool = calloc(1, sizeof *pool);
  if (pool == NULL) return pf_fail(PF_E_MEMORY, "no memory for pictures");
  pool->shape = *shape;
  pool->picture_bytes = (size_t)bytes;
  pool->wake = wake;
  pool->row = malloc(shape->stride);
  pf_result result = pool->row != NULL ? PF_OK : pf_fail(PF_E_MEMORY, "no memory for a row");
  for (uint32_t i = 0; result == PF_OK && i < PF_CAPTURE_BUFFERS; i++)
    result = make_buffer(pool, shm, &pool->buffers[i], format);
  if (result != PF_OK) {
    pf_capture_pool_close(pool);
    return result;
  }
  *out = pool;
  return PF_OK;
}

void pf_capture_pool_close(pf_capture_pool *pool) {
  if (pool == NULL) return;
  for (uint32_t i = 0; i < PF_CAPTURE_BUFFERS; i++) {
    pf_capture_buffer *buffer = &pool->buffers[i];
    if (buffer->proxy != NULL) wl_buffer_destroy(buffer->proxy);
    if (buffer->memory != NULL) munmap(buffer->memory, pool->picture_bytes);
  }
  free(pool->row);
  free(pool);
}

bool pf_capture_pool_idle(pf_capture_pool *pool) {
  for (uint32_t i = 0; i < PF_CAPTURE_BUFFERS; i++) {
    if (atomic_load(&pool->buffers[i].taken)) return false;
  }
  return true;
}

pf_capture_buffer *pf_capture_pool_take(pf_capture_pool *pool) {
  for (uint32_t i = 0; i < PF_CAPTURE_BUFFERS; i++) {
    pf_capture_buffer *buffer = &pool->buffers[i];
    if (atomic_exchange(&buffer->taken, true)) continue;
    atomic_store_explicit(&buffer->picture.references, 1, memory_order_relaxed);
    return buffer;
  }
  return NULL;
}

void pf_capture_buffer_flip(pf_capture_buffer *buffer) {
  const pf_capture_shape *shape = &buffer->pool->shape;
  size_t stride = shape->stride;
  uint8_t *row = buffer->pool->row;
  for (uint32_t top = 0, bottom = shape->height - 1; top < bottom; top++, bottom--) {
    uint8_t *a = buffer->memory + top * stride, *b = buffer->memory + bottom * stride;
    memcpy(row, a, stride);
    memcpy(a, b, stride);
    memcpy(b, row, stride);
  }
}

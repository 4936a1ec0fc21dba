#include "buffers.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <spa/buffer/buffer.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static pf_slot_state state_of(const pf_slot *slot) {
  return (pf_slot_state)atomic_load(&slot->state);
}

/* Makes what a device wrote visible here, or ends that (linux/dma-buf.h). */
static void synchronise(const pf_slot *slot, uint64_t edge) {
  if (slot->dma_fd < 0) return;
  struct dma_buf_sync sync = {.flags = edge | DMA_BUF_SYNC_READ};
  while (ioctl(slot->dma_fd, DMA_BUF_IOCTL_SYNC, &sync) < 0 && (errno == EINTR || errno == EAGAIN))
    continue;
}

/* On whichever thread released the picture; the stream's thread does the rest. */
static void recycle(pf_picture *picture) {
  pf_slot *slot = picture->owner;
  pf_slots *self = slot->slots;
  atomic_store(&slot->state, PF_SLOT_RETURN);
  pw_loop_signal_event(self->loop, self->returned);
}

static void free_slot(pf_slot *slot) {
  if (slot->mapping != NULL) munmap(slot->mapping, slot->bytes);
  if (slot->dma_fd >= 0) close(slot->dma_fd);
  slot->memory = slot->mapping = NULL;
  slot->dma_fd = -1;
  slot->buffer = NULL;
  slot->own = false;
  slot->picture.dmabuf = NULL;
  atomic_store(&slot->state, PF_SLOT_FREE);
}

void pf_slots_init(pf_slots *self, struct pw_loop *loop, struct spa_source *returned) {
  self->loop = loop;
  self->returned = returned;
  for (uint32_t i = 0; i < PF_SLOTS; i++) {
    pf_slot *slot = &self->slots[i];
    slot->slots = self;
    slot->dma_fd = -1;
    slot->picture.owner = slot;
    slot->picture.recycle = recycle;
  }
}

void pf_slots_close(pf_slots *self) {
  for (uint32_t i = 0; i < PF_SLOTS; i++) free_slot(&self->slots[i]);
}

static pf_slot *find_free(pf_slots *self) {
  for (uint32_t i = 0; i < PF_SLOTS; i++) {
    if (state_of(&self->slots[i]) == PF_SLOT_FREE) return &self->slots[i];
  }
  return NULL;
}

/* Bytes of the buffer in its file, 0 when they are not all there: the producer's own word for the
 * size is not enough, since reading past the end of a file kills. For DMA buffers many say none. */
static size_t bytes_of(const struct spa_data *data) {
  off_t bytes = 0;
  struct stat status;
  if (data->type == SPA_DATA_DmaBuf) bytes = lseek((int)data->fd, 0, SEEK_END);
  else if (fstat((int)data->fd, &status) == 0) bytes = status.st_size;
  if (bytes <= (off_t)data->mapoffset) return 0;
  size_t left = (size_t)bytes - data->mapoffset;
  if (data->type == SPA_DATA_DmaBuf && data->maxsize <= 1) return left;
  return data->maxsize <= left ? data->maxsize : 0;
}

/* Memory that libpipewire has mapped, shared with the producer: the same pages once more, so that
 * they stay when libpipewire unmaps them (mremap(2), old_size 0). */
static void map_again(pf_slot *slot, const struct spa_data *data) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  uint8_t *start = data->data;
  size_t lead = (size_t)((uintptr_t)start % page);
  void *mapping = mremap(start - lead, 0, lead + data->maxsize, MREMAP_MAYMOVE);
  if (mapping == MAP_FAILED) { /* it is private */
    slot->memory = start;
    return;
  }
  slot->mapping = mapping;
  slot->bytes = lead + data->maxsize;
  slot->memory = slot->mapping + lead;
}

static pf_result map(pf_slot *slot, const struct spa_data *data) {
  if (data->type == SPA_DATA_MemPtr && data->data != NULL && data->maxsize > 0) {
    slot->memory_bytes = data->maxsize;
    map_again(slot, data);
    return PF_OK;
  }
  if (data->type != SPA_DATA_MemFd && data->type != SPA_DATA_DmaBuf)
    return pf_fail(PF_E_UNSUPPORTED, "memory of type %u can't be read", data->type);
  slot->memory_bytes = bytes_of(data);
  if (slot->memory_bytes == 0)
    return pf_fail(PF_E_UNSUPPORTED, "a buffer is shorter than the %u bytes it should have",
                   data->maxsize);
  /* From the start of the file, since mapoffset need not be a multiple of a page. */
  size_t bytes = data->mapoffset + slot->memory_bytes;
  void *mapping = mmap(NULL, bytes, PROT_READ, MAP_SHARED, (int)data->fd, 0);
  if (mapping == MAP_FAILED)
    return pf_fail(PF_E_SYSTEM, "a buffer can't be mapped: %s", strerror(errno));
  slot->mapping = mapping;
  slot->bytes = bytes;
  slot->memory = slot->mapping + data->mapoffset;
  if (data->type == SPA_DATA_DmaBuf) slot->dma_fd = fcntl((int)data->fd, F_DUPFD_CLOEXEC, 0);
  return PF_OK;
}

pf_result pf_slots_add(pf_slots *self, struct pw_buffer *buffer) {
  buffer->user_data = NULL;
  self->buffer_count++;
  pf_slot *slot = find_free(self);
  if (slot == NULL) return pf_fail(PF_E_FULL, "the producer has too many buffers");
  if (buffer->buffer->n_datas < 1) return pf_fail(PF_E_UNSUPPORTED, "a buffer has no memory");
  pf_result result = map(slot, &buffer->buffer->datas[0]);
  if (result != PF_OK) return result;
  slot->buffer = buffer;
  buffer->user_data = slot;
  atomic_store(&slot->state, PF_SLOT_IDLE);
  return PF_OK;
}

void pf_slots_remove(pf_slots *self, struct pw_buffer *buffer) {
  if (self->buffer_count > 0) self->buffer_count--;
  pf_slot *slot = buffer->user_data;
  buffer->user_data = NULL;
  if (slot == NULL) return;
  slot->buffer = NULL;
  if (state_of(slot) == PF_SLOT_IDLE) free_slot(slot);
}

bool pf_slots_usable(const pf_slots *self) {
  for (uint32_t i = 0; i < PF_SLOTS; i++)
    if (self->slots[i].buffer != NULL) return true;
  return false;
}

bool pf_slots_may_hold(const pf_slots *self) {
  uint32_t held = 0;
  for (uint32_t i = 0; i < PF_SLOTS; i++) {
    pf_slot_state state = state_of(&self->slots[i]);
    bool away = state == PF_SLOT_TAKEN || state == PF_SLOT_RETURN;
    if (self->slots[i].buffer != NULL && away) held++;
  }
  return held + 1 + PF_SLOTS_LEFT <= self->buffer_count;
}

void pf_slot_take(pf_slot *slot) {
  atomic_store_explicit(&slot->picture.references, 1, memory_order_relaxed);
  atomic_store(&slot->state, PF_SLOT_TAKEN);
  synchronise(slot, DMA_BUF_SYNC_START);
}

void pf_slots_return(pf_slots *self) {
  for (uint32_t i = 0; i < PF_SLOTS; i++) {
    pf_slot *slot = &self->slots[i];
    if (state_of(slot) != PF_SLOT_RETURN) continue;
    synchronise(slot, DMA_BUF_SYNC_END);
    atomic_store(&slot->state, PF_SLOT_IDLE);
    if (slot->buffer != NULL) pw_stream_queue_buffer(self->stream, slot->buffer);
    else if (!slot->own) free_slot(slot);
  }
}

static bool make_copy(pf_slot *slot, size_t bytes) {
  void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  slot->memory = slot->mapping = memory;
  slot->bytes = bytes;
  slot->own = true;
  return true;
}

/* Copies of another size are given up where they are idle. */
static pf_slot *find_copy(pf_slots *self, size_t bytes) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < PF_SLOTS; i++) {
    pf_slot *slot = &self->slots[i];
    if (!slot->own) continue;
    if (state_of(slot) == PF_SLOT_IDLE) {
      if (slot->bytes == bytes) return slot;
      free_slot(slot);
      continue;
    }
    count++;
  }
  pf_slot *slot = count < PF_COPIES_MAX ? find_free(self) : NULL;
  return slot != NULL && make_copy(slot, bytes) ? slot : NULL;
}

pf_slot *pf_slots_copy(pf_slots *self, uint32_t width, uint32_t height) {
  uint32_t stride = (width * 4 + 63) & ~63u; /* whole cache lines */
  pf_slot *slot = find_copy(self, (size_t)stride * height);
  if (slot == NULL) return NULL;
  pf_slot_take(slot);
  slot->picture.plane[0] = slot->memory;
  slot->picture.stride[0] = stride;
  slot->picture.width = width;
  slot->picture.height = height;
  return slot;
}

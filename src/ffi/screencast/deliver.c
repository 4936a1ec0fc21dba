/* From the producer's buffers to the sink. */
#include "cast.h"

#include <string.h>

#include <spa/buffer/buffer.h>
#include <spa/buffer/meta.h>

void pf_cast_set_timer(pf_screencast *self, uint64_t turn_ns) {
  uint64_t at_ns = self->deadline_ns;
  const bool nudges = self->nudge_ns != 0 && (at_ns != 0 || self->resting);
  if (nudges && (at_ns == 0 || self->nudge_ns < at_ns)) at_ns = self->nudge_ns;
  if (turn_ns != 0 && (at_ns == 0 || turn_ns < at_ns)) at_ns = turn_ns;
  struct timespec at = {.tv_sec = (time_t)(at_ns / 1000000000u),
                        .tv_nsec = (long)(at_ns % 1000000000u)};
  pw_loop_update_timer(self->loop, self->timer, &at, NULL, true);
}

void pf_cast_drop(pf_screencast *self) {
  if (self->current != NULL) pf_picture_release(&self->current->picture);
  self->current = NULL;
  self->fresh = self->waiting = self->starved = false;
}

static void read_pointer(pf_screencast *self, struct spa_buffer *buffer, uint64_t at_ns) {
  const struct spa_meta *meta = spa_buffer_find_meta(buffer, SPA_META_Cursor);
  if (meta == NULL || !self->config.cursor) return;
  self->pointer_told = true;
  switch (pf_cursor_read(&self->cursor, meta->data, meta->size)) {
    case PF_CURSOR_SAME:
      return;
    case PF_CURSOR_INVALID:
      pf_count(self->counters.cursor_invalid, 1);
      return;
    case PF_CURSOR_CHANGED:
      pf_count(self->counters.cursor_pictures, 1);
      break;
    case PF_CURSOR_MOVED:
      break;
  }
  pf_count(self->counters.cursor_updates, 1);
  self->waiting = self->current != NULL;
  self->capture_ns = at_ns;
}

/* Whether the buffer has a picture, not only news of the pointer. */
static bool has_picture(pf_screencast *self, const struct spa_buffer *buffer,
                        const struct spa_meta_header *header, const struct spa_chunk *chunk) {
  bool corrupted = (header != NULL && (header->flags & SPA_META_HEADER_FLAG_CORRUPTED) != 0) ||
                   (chunk->flags & SPA_CHUNK_FLAG_CORRUPTED) != 0;
  if (corrupted && chunk->size != 0) pf_count(self->counters.frames_invalid, 1);
  if (corrupted) return false;
  /* Of a DMA buffer the size says little, but for producers that have no other way to say it. */
  return chunk->size != 0 || (buffer->datas[0].type == SPA_DATA_DmaBuf && header != NULL);
}

/* Finds the picture in its memory; false when it is not all there. */
static bool find_pixels(pf_screencast *self, const pf_slot *slot, struct spa_buffer *buffer,
                        const struct spa_chunk *chunk) {
  const pf_format *format = &self->format;
  uint32_t stride = chunk->stride != 0 ? (uint32_t)chunk->stride : format->width * 4;
  uint64_t start = chunk->offset % slot->memory_bytes;
  uint64_t end = start + (uint64_t)stride * (format->height - 1) + format->width * 4u;
  if (chunk->stride < 0 || stride < format->width * 4 || end > slot->memory_bytes) return false;

  pf_crop crop = {.width = format->width, .height = format->height};
  const struct spa_meta *meta = spa_buffer_find_meta(buffer, SPA_META_VideoCrop);
  if (meta != NULL) crop = pf_crop_read(meta->data, meta->size, format->width, format->height);
  struct spa_meta_videotransform turned = {0};
  meta = spa_buffer_find_meta(buffer, SPA_META_VideoTransform);
  if (meta != NULL && meta->size >= sizeof turned) memcpy(&turned, meta->data, sizeof turned);

  const uint8_t *base = slot->memory + start + (size_t)crop.y * stride + (size_t)crop.x * 4;
  self->view = pf_pixels_upright(base, stride, crop.width, crop.height, turned.transform);
  self->view.width &= ~1u; /* colour is coded for blocks of 2x2 pixels */
  self->view.height &= ~1u;
  return true;
}

/* Whether the picture is other than the one before it, as far as the producer tells. */
static bool has_changed(pf_screencast *self, struct spa_buffer *buffer) {
  const struct spa_meta *meta = spa_buffer_find_meta(buffer, SPA_META_VideoDamage);
  if (meta == NULL) return true;
  pf_damage damage =
      pf_damage_read(meta->data, meta->size, self->format.width, self->format.height);
  pf_count(self->counters.damage_rectangles, damage.rectangles);
  pf_count(self->counters.damage_pixels, damage.pixels);
  if (damage.rectangles > 0) self->damage_told = true;
  return damage.rectangles > 0 || !self->damage_told || self->deadline_ns != 0;
}

/* The producer's time of the picture, if it is of this clock: not ahead and not long ago. */
static uint64_t time_of(const struct spa_meta_header *header, uint64_t now_ns) {
  if (header == NULL || header->pts <= 0) return now_ns;
  uint64_t at_ns = (uint64_t)header->pts;
  return at_ns <= now_ns && now_ns - at_ns < 1000000000u ? at_ns : now_ns;
}

/* Keeps the picture in `slot`, which self->view shows, as the newest. */
static void keep(pf_screencast *self, pf_slot *slot) {
  bool hold = slot->mapping != NULL && pf_slots_may_hold(&self->slots);
  pf_slot_take(slot);
  if (!hold) {
    pf_slot *copy = pf_slots_copy(&self->slots, self->view.width, self->view.height);
    if (copy != NULL) {
      pf_pixels_copy(&self->view, copy->picture.plane[0], copy->picture.stride[0]);
      self->view = (pf_pixels){.first = copy->memory,
                               .right = 4,
                               .down = copy->picture.stride[0],
                               .width = self->view.width,
                               .height = self->view.height};
      pf_count(self->counters.copies, 1);
    } else {
      pf_count(self->counters.buffer_waits, 1);
    }
    pf_picture_release(&slot->picture);
    slot = copy;
  }
  if (self->fresh && self->started) pf_count(self->counters.frames_skipped, 1);
  pf_cast_drop(self);
  self->current = slot;
  self->fresh = self->waiting = slot != NULL;
}

static void read_buffer(pf_screencast *self, struct pw_buffer *buffer, uint64_t now_ns) {
  struct spa_buffer *spa = buffer->buffer;
  pf_slot *slot = buffer->user_data;
  struct spa_meta_header copy;
  struct spa_meta_header *header = spa_buffer_find_meta_data(spa, SPA_META_Header, sizeof copy);
  if (header != NULL) header = memcpy(&copy, header, sizeof copy);
  const uint64_t at_ns = time_of(header, now_ns);
  read_pointer(self, spa, at_ns);
  const bool usable = slot != NULL && self->format.agreed && self->finished == 0;
  struct spa_chunk chunk = usable ? *spa->datas[0].chunk : (struct spa_chunk){0};
  if (!usable || !has_picture(self, spa, header, &chunk)) {
    pw_stream_queue_buffer(self->stream, buffer);
    return;
  }
  const pf_pixels before = self->view;
  bool whole = find_pixels(self, slot, spa, &chunk);
  if (whole && has_changed(self, spa)) {
    keep(self, slot);
    self->capture_ns = at_ns;
    if (self->current != NULL) self->deadline_ns = 0;
    return;
  }
  self->view = before;
  if (whole) pf_count(self->counters.frames_unchanged, 1);
  else pf_count(self->counters.frames_invalid, 1);
  pw_stream_queue_buffer(self->stream, buffer);
}

void pf_cast_receive(pf_screencast *self) {
  pf_slots_return(&self->slots);
  uint64_t now_ns = pf_now_ns(), deadline_ns = self->deadline_ns;
  for (struct pw_buffer *buffer; (buffer = pw_stream_dequeue_buffer(self->stream)) != NULL;)
    read_buffer(self, buffer, now_ns);
  pf_slots_return(&self->slots);
  if (deadline_ns != self->deadline_ns) {
    pf_cast_set_timer(self, 0);
    pf_pipewire_news(&self->connection);
  }
  pf_cast_deliver(self, now_ns);
}

/* What devices know the picture by; NULL when it is not in a DMA buffer. */
static const pf_dmabuf *name_for_devices(pf_screencast *self, pf_slot *slot) {
  if (slot->dma_fd < 0) return NULL;
  const uint32_t xrgb8888 = 0x34325258, xbgr8888 = 0x34324258; /* drm_fourcc.h: XR24, XB24 */
  slot->dmabuf = (pf_dmabuf){
      .fd = slot->dma_fd,
      .fourcc = self->format.pixel == PF_PIXEL_RGBX ? xbgr8888 : xrgb8888,
      .modifier = self->format.modifier,
      .offset = (uint32_t)(self->view.first - slot->mapping),
      .pitch = (uint32_t)self->view.down,
      .bytes = slot->bytes,
  };
  return &slot->dmabuf;
}

/* What is pushed: the newest picture itself, or a copy where it has to be another. */
static pf_slot *prepare(pf_screencast *self) {
  pf_slot *current = self->current;
  const pf_pixels *view = &self->view;
  pf_picture *picture = &current->picture;
  bool ours = atomic_load(&picture->references) == 1; /* nobody reads what it says now */
  if (ours && pf_pixels_plain(view) && !pf_cursor_shown(&self->cursor)) {
    picture->plane[0] = (uint8_t *)(uintptr_t)view->first; /* read-only, as every picture */
    picture->stride[0] = (uint32_t)view->down;
    picture->width = view->width;
    picture->height = view->height;
    picture->format = self->format.pixel;
    picture->dmabuf = name_for_devices(self, current);
    pf_picture_retain(picture);
    return current;
  }
  pf_slot *copy = pf_slots_copy(&self->slots, view->width, view->height);
  if (copy == NULL) return NULL;
  copy->picture.format = self->format.pixel;
  pf_pixels_copy(view, copy->picture.plane[0], copy->picture.stride[0]);
  pf_cursor_draw(&self->cursor, &copy->picture);
  pf_count(self->counters.copies, 1);
  return copy;
}

static void push(pf_screencast *self, pf_picture *picture) {
  if (picture->width != self->told_width || picture->height != self->told_height) {
    self->told_width = picture->width;
    self->told_height = picture->height;
    pf_events_post(self->config.events, PF_EVENT_FORMAT, self->config.stage, picture->width,
                   picture->height, NULL);
  }
  picture->number = self->number++;
  picture->times = (pf_times){.capture_ns = self->capture_ns};
  pf_count(self->counters.frames, 1);
  pf_histogram_span(&self->counters.handover_us, self->capture_ns, pf_now_ns());
  pf_sink_push(&(pf_sink){.push = (void (*)(void *, void *))self->config.sink_push,
                          .context = self->config.sink_context},
               picture);
  if (picture->number == 0)
    pf_events_post(self->config.events, PF_EVENT_FIRST_FRAME, self->config.stage, 0, 0, NULL);
  pf_picture_release(picture);
}

void pf_cast_deliver(pf_screencast *self, uint64_t now_ns) {
  if (!self->started || self->finished != 0 || !self->waiting) return;
  /* 1% less than the whole: a producer that is a little ahead is not held up, nor 60 for 59.94. */
  uint64_t cost_ns = 990000000000ull / self->config.refresh_mhz;
  uint64_t earned_ns = self->credit_ns + (now_ns - self->credit_at_ns);
  self->credit_ns = earned_ns < 2 * cost_ns ? earned_ns : 2 * cost_ns;
  self->credit_at_ns = now_ns;
  if (self->credit_ns < cost_ns) {
    pf_cast_set_timer(self, now_ns + cost_ns - self->credit_ns);
    return;
  }
  pf_slot *slot = prepare(self);
  if (slot == NULL) { /* goes on when a picture is released */
    if (!self->starved) pf_count(self->counters.buffer_waits, 1);
    self->starved = true;
    return;
  }
  self->credit_ns -= cost_ns;
  self->fresh = self->waiting = self->starved = false;
  if (!self->pointer_told) pf_cast_drop(self); /* it won't be needed again */
  push(self, &slot->picture);
}

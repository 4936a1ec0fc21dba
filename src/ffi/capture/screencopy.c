/* zwlr_screencopy_manager_v1, version 3: wlroots compositors of every age. */
#include "copy.h"

#include "wlr-screencopy-unstable-v1-client.h"

static void forget(pf_capture_copy *copy) {
  if (copy->frame != NULL) zwlr_screencopy_frame_v1_destroy(copy->frame);
}

static void on_buffer(void *data, struct zwlr_screencopy_frame_v1 *frame, uint32_t format,
                      uint32_t width, uint32_t height, uint32_t stride) {
  pf_capture_copy *copy = data;
  copy->shape = (pf_capture_shape){
      .shm_format = format, .width = width, .height = height, .stride = stride};
  copy->known_format = true;
}

static void on_dmabuf(void *data, struct zwlr_screencopy_frame_v1 *frame, uint32_t format,
                      uint32_t width, uint32_t height) {}

static void on_buffer_done(void *data, struct zwlr_screencopy_frame_v1 *frame) {
  pf_capture_copy *copy = data;
  copy->state = PF_COPY_SHAPED;
  if (!copy->known_format)
    pf_capture_finish(copy->capture, PF_EVENT_FAILED,
                      "The compositor gives no pictures in shared memory.");
}

static void on_flags(void *data, struct zwlr_screencopy_frame_v1 *frame, uint32_t flags) {
  pf_capture_copy *copy = data;
  copy->inverted = (flags & ZWLR_SCREENCOPY_FRAME_V1_FLAGS_Y_INVERT) != 0;
}

static void on_damage(void *data, struct zwlr_screencopy_frame_v1 *frame, uint32_t x, uint32_t y,
                      uint32_t width, uint32_t height) {
  pf_capture_count_damage(((pf_capture_copy *)data)->capture, (uint64_t)width * height);
}

static void on_ready(void *data, struct zwlr_screencopy_frame_v1 *frame, uint32_t seconds_high,
                     uint32_t seconds_low, uint32_t nanoseconds) {
  pf_capture_copy *copy = data;
  uint64_t seconds = (uint64_t)seconds_high << 32 | seconds_low;
  pf_capture_copy_deliver(copy, seconds * 1000000000u + nanoseconds, copy->inverted);
}

static void on_failed(void *data, struct zwlr_screencopy_frame_v1 *frame) {
  pf_capture_copy_fail(data);
}

static const struct zwlr_screencopy_frame_v1_listener frame_listener = {
    .buffer = on_buffer,
    .flags = on_flags,
    .ready = on_ready,
    .failed = on_failed,
    .damage = on_damage,
    .linux_dmabuf = on_dmabuf,
    .buffer_done = on_buffer_done,
};

static void ask(pf_capture_copy *copy) {
  pf_capture *self = copy->capture;
  copy->frame = zwlr_screencopy_manager_v1_capture_output(
      self->globals[PF_CAPTURE_SCREENCOPY].proxy, (int32_t)self->config.cursor,
      self->output->proxy);
  zwlr_screencopy_frame_v1_add_listener(copy->frame, &frame_listener, copy);
  copy->state = PF_COPY_ASKED;
}

static void begin_copy(pf_capture_copy *copy) {
  if (copy->whole) zwlr_screencopy_frame_v1_copy(copy->frame, copy->buffer->proxy);
  else zwlr_screencopy_frame_v1_copy_with_damage(copy->frame, copy->buffer->proxy);
}

static void close_all(pf_capture *self) {}

const pf_capture_protocol pf_capture_screencopy = {
    .copies = PF_CAPTURE_COPIES,
    .ask = ask,
    .copy = begin_copy,
    .forget = forget,
    .close = close_all,
};

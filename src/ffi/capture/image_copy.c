/*
 * ext-image-copy-capture-v1, the successor of screencopy: a session tells once what its buffers
 * have to be like, and anew when that changes; one frame of it at a time is copied, which always
 * waits for damage but for the first.
 */
#include "copy.h"

#include "ext-image-capture-source-v1-client.h"
#include "ext-image-copy-capture-v1-client.h"

static void forget(pf_capture_copy *copy) {
  if (copy->image != NULL) ext_image_copy_capture_frame_v1_destroy(copy->image);
}

static void on_transform(void *data, struct ext_image_copy_capture_frame_v1 *frame,
                         uint32_t transform) {}

static void on_damage(void *data, struct ext_image_copy_capture_frame_v1 *frame, int32_t x,
                      int32_t y, int32_t width, int32_t height) {
  if (width > 0 && height > 0)
    pf_capture_count_damage(((pf_capture_copy *)data)->capture,
                            (uint64_t)width * (uint64_t)height);
}

static void on_time(void *data, struct ext_image_copy_capture_frame_v1 *frame,
                    uint32_t seconds_high, uint32_t seconds_low, uint32_t nanoseconds) {
  uint64_t seconds = (uint64_t)seconds_high << 32 | seconds_low;
  ((pf_capture_copy *)data)->frame_ns = seconds * 1000000000u + nanoseconds;
}

static void on_ready(void *data, struct ext_image_copy_capture_frame_v1 *frame) {
  pf_capture_copy *copy = data;
  pf_capture_copy_deliver(copy, copy->frame_ns, false);
}

static void on_failed(void *data, struct ext_image_copy_capture_frame_v1 *frame, uint32_t reason) {
  pf_capture *self = ((pf_capture_copy *)data)->capture;
  pf_capture_copy_fail(data);
  if (reason == EXT_IMAGE_COPY_CAPTURE_FRAME_V1_FAILURE_REASON_STOPPED)
    pf_capture_finish(self, PF_EVENT_ENDED, "The compositor has ended the capture.");
}

static const struct ext_image_copy_capture_frame_v1_listener frame_listener = {
    .transform = on_transform,
    .damage = on_damage,
    .presentation_time = on_time,
    .ready = on_ready,
    .failed = on_failed,
};

static void make_frame(pf_capture_copy *copy) {
  pf_capture_session *session = &copy->capture->session;
  copy->image = ext_image_copy_capture_session_v1_create_frame(session->proxy);
  ext_image_copy_capture_frame_v1_add_listener(copy->image, &frame_listener, copy);
  copy->shape = session->shape;
  copy->known_format = session->known_format;
  copy->state = PF_COPY_SHAPED;
}

static void on_size(void *data, struct ext_image_copy_capture_session_v1 *proxy, uint32_t width,
                    uint32_t height) {
  pf_capture_session *session = &((pf_capture *)data)->session;
  session->next.width = width;
  session->next.height = height;
}

/* The first of the known formats: the compositor has no preference. */
static void on_format(void *data, struct ext_image_copy_capture_session_v1 *proxy,
                      uint32_t format) {
  pf_capture_session *session = &((pf_capture *)data)->session;
  bool known = format == WL_SHM_FORMAT_XRGB8888 || format == WL_SHM_FORMAT_ARGB8888 ||
               format == WL_SHM_FORMAT_XBGR8888 || format == WL_SHM_FORMAT_ABGR8888;
  if (!known || session->next_known) return;
  session->next.shm_format = format;
  session->next_known = true;
}

static void on_device(void *data, struct ext_image_copy_capture_session_v1 *proxy,
                      struct wl_array *device) {}
static void on_dmabuf(void *data, struct ext_image_copy_capture_session_v1 *proxy, uint32_t format,
                      struct wl_array *modifiers) {}

static void on_done(void *data, struct ext_image_copy_capture_session_v1 *proxy) {
  pf_capture *self = data;
  pf_capture_session *session = &self->session;
  session->shape = session->next;
  session->shape.stride = session->next.width * 4;
  session->known_format = session->next_known;
  session->next_known = false;
  session->told = true;
  if (!session->known_format) {
    pf_capture_finish(self, PF_EVENT_FAILED, "The compositor gives no pictures in shared memory.");
    return;
  }
  for (uint32_t i = 0; i < PF_CAPTURE_COPIES; i++) {
    if (self->copies[i].state == PF_COPY_ASKED) make_frame(&self->copies[i]);
    else if (self->copies[i].state == PF_COPY_SHAPED) self->copies[i].shape = session->shape;
  }
}

static void on_stopped(void *data, struct ext_image_copy_capture_session_v1 *proxy) {
  pf_capture_finish(data, PF_EVENT_ENDED, "The compositor has ended the capture.");
}

static const struct ext_image_copy_capture_session_v1_listener session_listener = {
    .buffer_size = on_size,
    .shm_format = on_format,
    .dmabuf_device = on_device,
    .dmabuf_format = on_dmabuf,
    .done = on_done,
    .stopped = on_stopped,
};

static void open_session(pf_capture *self) {
  pf_capture_session *session = &self->session;
  uint32_t options =
      self->config.cursor != 0 ? EXT_IMAGE_COPY_CAPTURE_MANAGER_V1_OPTIONS_PAINT_CURSORS : 0;
  session->source = ext_output_image_capture_source_manager_v1_create_source(
      self->globals[PF_CAPTURE_SOURCES].proxy, self->output->proxy);
  session->proxy = ext_image_copy_capture_manager_v1_create_session(
      self->globals[PF_CAPTURE_IMAGES].proxy, session->source, options);
  ext_image_copy_capture_session_v1_add_listener(session->proxy, &session_listener, self);
}

static void ask(pf_capture_copy *copy) {
  pf_capture *self = copy->capture;
  if (self->session.proxy == NULL) open_session(self);
  copy->state = PF_COPY_ASKED;
  if (self->session.told) make_frame(copy);
}

static void begin_copy(pf_capture_copy *copy) {
  const pf_capture_shape *shape = &copy->shape;
  ext_image_copy_capture_frame_v1_attach_buffer(copy->image, copy->buffer->proxy);
  /* All of it: the buffer holds a picture from some frames ago. */
  ext_image_copy_capture_frame_v1_damage_buffer(copy->image, 0, 0, (int32_t)shape->width,
                                                (int32_t)shape->height);
  ext_image_copy_capture_frame_v1_capture(copy->image);
}

static void close_all(pf_capture *self) {
  pf_capture_session *session = &self->session;
  if (session->proxy == NULL) return;
  ext_image_copy_capture_session_v1_destroy(session->proxy);
  ext_image_capture_source_v1_destroy(session->source);
  *session = (pf_capture_session){0};
}

const pf_capture_protocol pf_capture_image_copy = {
    .copies = 1,
    .ask = ask,
    .copy = begin_copy,
    .forget = forget,
    .close = close_all,
};

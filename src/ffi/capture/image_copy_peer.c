/*
 * image_copy_peer SOCKET PICTURES: a compositor with nothing but an output that can be captured by
 * ext-image-copy-capture-v1, for tests: those that are packaged everywhere have screencopy. Ends
 * with its standard input.
 *
 * Each picture is of one grey, whose shade is the number of the capture. The first is of 64x48;
 * before the 5th the output becomes 96x80, and refuses what was asked for; after the last nothing
 * changes any more. A line on standard input ends the capture.
 */
#include "../common/common.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wayland-server-core.h>
#include <wayland-server-protocol.h>

#include "ext-image-capture-source-v1-server.h"
#include "ext-image-copy-capture-v1-server.h"

enum { GROWS_AT = 4, FRAME_MS = 10, OUTPUT_VERSION = 4 };

static struct {
  struct wl_display *display;
  struct wl_event_source *timer;
  struct wl_resource *session, *frame, *buffer;
  int32_t width, height;
  uint32_t captured, pictures;
  bool waits;
} peer = {.width = 64, .height = 48};

static void destroy(struct wl_client *client, struct wl_resource *resource) {
  wl_resource_destroy(resource);
}

static void tell_constraints(void) {
  ext_image_copy_capture_session_v1_send_buffer_size(peer.session, (uint32_t)peer.width,
                                                     (uint32_t)peer.height);
  ext_image_copy_capture_session_v1_send_shm_format(peer.session, WL_SHM_FORMAT_RGB565);
  ext_image_copy_capture_session_v1_send_shm_format(peer.session, WL_SHM_FORMAT_XRGB8888);
  ext_image_copy_capture_session_v1_send_done(peer.session);
}

static void fill(struct wl_shm_buffer *buffer) {
  size_t bytes = (size_t)wl_shm_buffer_get_stride(buffer) * (size_t)peer.height;
  wl_shm_buffer_begin_access(buffer);
  memset(wl_shm_buffer_get_data(buffer), (int)peer.captured, bytes);
  wl_shm_buffer_end_access(buffer);
}

static int give_picture(void *data) {
  struct wl_shm_buffer *buffer = wl_shm_buffer_get(peer.buffer);
  uint64_t now_ns = pf_now_ns(), seconds = now_ns / 1000000000u;
  peer.waits = false;
  if (peer.captured == GROWS_AT && peer.width == 64) {
    peer.width = 96;
    peer.height = 80;
    tell_constraints();
  }
  bool fits = buffer != NULL && wl_shm_buffer_get_width(buffer) == peer.width &&
              wl_shm_buffer_get_height(buffer) == peer.height;
  if (!fits) {
    ext_image_copy_capture_frame_v1_send_failed(
        peer.frame, EXT_IMAGE_COPY_CAPTURE_FRAME_V1_FAILURE_REASON_BUFFER_CONSTRAINTS);
    return 0;
  }
  fill(buffer);
  peer.captured++;
  ext_image_copy_capture_frame_v1_send_transform(peer.frame, WL_OUTPUT_TRANSFORM_NORMAL);
  ext_image_copy_capture_frame_v1_send_damage(peer.frame, 0, 0, peer.width, peer.height);
  ext_image_copy_capture_frame_v1_send_presentation_time(
      peer.frame, (uint32_t)(seconds >> 32), (uint32_t)seconds, (uint32_t)(now_ns % 1000000000u));
  ext_image_copy_capture_frame_v1_send_ready(peer.frame);
  return 0;
}

static void on_attach(struct wl_client *client, struct wl_resource *frame,
                      struct wl_resource *buffer) {
  peer.buffer = buffer;
}
static void on_damage(struct wl_client *client, struct wl_resource *frame, int32_t x, int32_t y,
                      int32_t width, int32_t height) {}
static void on_capture(struct wl_client *client, struct wl_resource *frame) {
  peer.waits = true;
  if (peer.captured < peer.pictures) wl_event_source_timer_update(peer.timer, FRAME_MS);
}

static void on_frame_gone(struct wl_resource *frame) {
  peer.frame = NULL;
  peer.waits = false;
  wl_event_source_timer_update(peer.timer, 0);
}

static void on_create_frame(struct wl_client *client, struct wl_resource *session, uint32_t id) {
  static const struct ext_image_copy_capture_frame_v1_interface handlers = {
      .destroy = destroy,
      .attach_buffer = on_attach,
      .damage_buffer = on_damage,
      .capture = on_capture};
  if (peer.frame != NULL) {
    wl_resource_post_error(session, EXT_IMAGE_COPY_CAPTURE_SESSION_V1_ERROR_DUPLICATE_FRAME,
                           "one frame at a time");
    return;
  }
  peer.frame = wl_resource_create(client, &ext_image_copy_capture_frame_v1_interface, 1, id);
  wl_resource_set_implementation(peer.frame, &handlers, NULL, on_frame_gone);
}

static void on_session_gone(struct wl_resource *session) { peer.session = NULL; }

static void on_create_session(struct wl_client *client, struct wl_resource *manager, uint32_t id,
                              struct wl_resource *source, uint32_t options) {
  static const struct ext_image_copy_capture_session_v1_interface handlers = {
      .create_frame = on_create_frame, .destroy = destroy};
  peer.session = wl_resource_create(client, &ext_image_copy_capture_session_v1_interface, 1, id);
  wl_resource_set_implementation(peer.session, &handlers, NULL, on_session_gone);
  tell_constraints();
}

static void on_create_source(struct wl_client *client, struct wl_resource *manager, uint32_t id,
                             struct wl_resource *output) {
  static const struct ext_image_capture_source_v1_interface handlers = {.destroy = destroy};
  struct wl_resource *source =
      wl_resource_create(client, &ext_image_capture_source_v1_interface, 1, id);
  wl_resource_set_implementation(source, &handlers, NULL, NULL);
}

static void bind_copies(struct wl_client *client, void *data, uint32_t version, uint32_t id) {
  static const struct ext_image_copy_capture_manager_v1_interface handlers = {
      .create_session = on_create_session, .destroy = destroy};
  struct wl_resource *manager =
      wl_resource_create(client, &ext_image_copy_capture_manager_v1_interface, 1, id);
  wl_resource_set_implementation(manager, &handlers, NULL, NULL);
}

static void bind_sources(struct wl_client *client, void *data, uint32_t version, uint32_t id) {
  static const struct ext_output_image_capture_source_manager_v1_interface handlers = {
      .create_source = on_create_source, .destroy = destroy};
  struct wl_resource *manager =
      wl_resource_create(client, &ext_output_image_capture_source_manager_v1_interface, 1, id);
  wl_resource_set_implementation(manager, &handlers, NULL, NULL);
}

static void bind_output(struct wl_client *client, void *data, uint32_t version, uint32_t id) {
  static const struct wl_output_interface handlers = {.release = destroy};
  struct wl_resource *output =
      wl_resource_create(client, &wl_output_interface, (int)version, id);
  wl_resource_set_implementation(output, &handlers, NULL, NULL);
  wl_output_send_mode(output, WL_OUTPUT_MODE_CURRENT, peer.width, peer.height, 60000);
  wl_output_send_name(output, "PEER-1");
  wl_output_send_done(output);
}

int main(int count, char **arguments) {
  if (count != 3) return 2;
  peer.pictures = (uint32_t)atoi(arguments[2]);
  setvbuf(stdout, NULL, _IOLBF, 0);
  peer.display = wl_display_create();
  if (wl_display_add_socket(peer.display, arguments[1]) != 0) return 1;
  wl_display_init_shm(peer.display);
  struct wl_event_loop *loop = wl_display_get_event_loop(peer.display);
  peer.timer = wl_event_loop_add_timer(loop, give_picture, NULL);
  wl_global_create(peer.display, &wl_output_interface, OUTPUT_VERSION, NULL, bind_output);
  wl_global_create(peer.display, &ext_output_image_capture_source_manager_v1_interface, 1, NULL,
                   bind_sources);
  wl_global_create(peer.display, &ext_image_copy_capture_manager_v1_interface, 1, NULL,
                   bind_copies);
  printf("listening\n");
  struct pollfd waits[2] = {{.fd = wl_event_loop_get_fd(loop), .events = POLLIN},
                            {.fd = STDIN_FILENO, .events = POLLIN}};
  for (;;) {
    char line[64];
    wl_display_flush_clients(peer.display);
    poll(waits, 2, -1);
    wl_event_loop_dispatch(loop, 0);
    if (waits[1].revents == 0) continue;
    if (read(STDIN_FILENO, line, sizeof line) <= 0) break;
    if (peer.session != NULL) ext_image_copy_capture_session_v1_send_stopped(peer.session);
  }
  wl_display_destroy_clients(peer.display);
  wl_event_source_remove(peer.timer);
  wl_display_destroy(peer.display);
  return 0;
}

#include "screen.h"

#include <stdlib.h>
#include <string.h>
#include <xcb/shm.h>
#include <xcb/xfixes.h>
#include <xcb/xinput.h>

static const pf_x11_waiting patient = {.wake_fd = -1, .ms_max = PF_X11_ANSWER_MS};

/* The pixel format of the root window; false for one that PF_PIXEL_* does not have. */
static bool pixel_format(const pf_x11_connection *connection, uint32_t *out) {
  const xcb_setup_t *setup = xcb_get_setup(connection->xcb);
  const xcb_screen_t *screen = connection->screen;
  bool wide = false;
  for (int i = 0; i < xcb_setup_pixmap_formats_length(setup); i++) {
    const xcb_format_t *format = &xcb_setup_pixmap_formats(setup)[i];
    if (format->depth != screen->root_depth) continue;
    wide = format->bits_per_pixel == 32 && format->scanline_pad == 32;
  }
  if (!wide || setup->image_byte_order != XCB_IMAGE_ORDER_LSB_FIRST) return false;
  xcb_depth_iterator_t depths = xcb_screen_allowed_depths_iterator(screen);
  for (; depths.rem > 0; xcb_depth_next(&depths)) {
    xcb_visualtype_iterator_t visuals = xcb_depth_visuals_iterator(depths.data);
    for (; visuals.rem > 0; xcb_visualtype_next(&visuals)) {
      const xcb_visualtype_t *visual = visuals.data;
      if (visual->visual_id != screen->root_visual || visual->green_mask != 0xff00) continue;
      *out = visual->red_mask == 0xff0000 ? PF_PIXEL_BGRX : PF_PIXEL_RGBX;
      return visual->red_mask == 0xff0000 || visual->red_mask == 0xff;
    }
  }
  return false;
}

static void find_shm(pf_x11_screen *self) {
  pf_x11_connection *connection = &self->connection;
  if (pf_x11_extension(connection, &xcb_shm_id) == NULL) return;
  unsigned asked = xcb_shm_query_version(connection->xcb).sequence;
  xcb_shm_query_version_reply_t *reply = pf_x11_reply(connection, asked, &patient, NULL);
  /* Memory by descriptor came with 1.2. */
  self->has_shm = reply != NULL &&
                  (reply->major_version > 1 || reply->minor_version >= 2);
  free(reply);
}

static void watch_damage(pf_x11_screen *self) {
  pf_x11_connection *connection = &self->connection;
  const xcb_query_extension_reply_t *extension = pf_x11_extension(connection, &xcb_damage_id);
  if (extension == NULL) return;
  unsigned asked = xcb_damage_query_version(connection->xcb, 1, 1).sequence;
  free(pf_x11_reply(connection, asked, &patient, NULL));
  self->damage_event = extension->first_event;
  self->damage = xcb_generate_id(connection->xcb);
  xcb_damage_create(connection->xcb, self->damage, connection->screen->root,
                    XCB_DAMAGE_REPORT_LEVEL_NON_EMPTY);
}

static void watch_cursor(pf_x11_screen *self) {
  pf_x11_connection *connection = &self->connection;
  xcb_window_t root = connection->screen->root;
  const xcb_query_extension_reply_t *fixes = pf_x11_extension(connection, &xcb_xfixes_id);
  if (fixes == NULL) {
    self->paints_cursor = false;
    return;
  }
  unsigned asked = xcb_xfixes_query_version(connection->xcb, 4, 0).sequence;
  free(pf_x11_reply(connection, asked, &patient, NULL));
  self->fixes_event = fixes->first_event;
  self->cursor_is_stale = true;
  xcb_xfixes_select_cursor_input(connection->xcb, root,
                                 XCB_XFIXES_CURSOR_NOTIFY_MASK_DISPLAY_CURSOR);
  const xcb_query_extension_reply_t *input = pf_x11_extension(connection, &xcb_input_id);
  if (input == NULL) return;
  asked = xcb_input_xi_query_version(connection->xcb, 2, 2).sequence;
  free(pf_x11_reply(connection, asked, &patient, NULL));
  self->input_opcode = input->major_opcode;
  struct {
    xcb_input_event_mask_t head;
    uint32_t mask;
  } wanted = {{XCB_INPUT_DEVICE_ALL_MASTER, 1}, XCB_INPUT_XI_EVENT_MASK_RAW_MOTION};
  xcb_input_xi_select_events(connection->xcb, root, 1, &wanted.head);
}

pf_result pf_x11_screen_open(pf_x11_screen *self, const char *display, bool paints_cursor) {
  pf_result result = pf_x11_connect(&self->connection, display);
  if (result != PF_OK) return result;
  const xcb_screen_t *screen = self->connection.screen;
  self->paints_cursor = paints_cursor;
  if (!pixel_format(&self->connection, &self->format))
    return pf_fail(PF_E_UNSUPPORTED, "the X server's screen has %u bits of colour, 24 are needed",
                   screen->root_depth);
  uint32_t mask = XCB_EVENT_MASK_STRUCTURE_NOTIFY; /* its size */
  xcb_change_window_attributes(self->connection.xcb, screen->root, XCB_CW_EVENT_MASK, &mask);
  find_shm(self);
  watch_damage(self);
  if (paints_cursor) watch_cursor(self);
  unsigned asked = xcb_get_geometry(self->connection.xcb, screen->root).sequence;
  xcb_get_geometry_reply_t *size = pf_x11_reply(&self->connection, asked, &patient, NULL);
  if (size == NULL) return pf_fail(PF_E_CLOSED, "the X server does not answer");
  self->width = size->width;
  self->height = size->height;
  self->changed = true;
  free(size);
  return PF_OK;
}

static void take_event(pf_x11_screen *self, const xcb_generic_event_t *event) {
  uint8_t type = event->response_type & 0x7f;
  if (self->damage != 0 && type == self->damage_event + XCB_DAMAGE_NOTIFY) {
    const xcb_damage_notify_event_t *damage = (const xcb_damage_notify_event_t *)event;
    pf_count(self->counters->damage_rectangles, 1);
    pf_count(self->counters->damage_pixels, (uint64_t)damage->area.width * damage->area.height);
    self->changed = true;
  } else if (self->fixes_event != 0 && type == self->fixes_event + XCB_XFIXES_CURSOR_NOTIFY) {
    self->cursor_is_stale = self->changed = true;
  } else if (type == XCB_GE_GENERIC && self->input_opcode != 0 &&
             ((const xcb_ge_generic_event_t *)event)->extension == self->input_opcode) {
    self->changed = true;
  } else if (type == XCB_CONFIGURE_NOTIFY) {
    const xcb_configure_notify_event_t *configured = (const xcb_configure_notify_event_t *)event;
    if (configured->window != self->connection.screen->root) return;
    if (configured->width == self->width && configured->height == self->height) return;
    self->width = configured->width;
    self->height = configured->height;
    self->resized = self->changed = true;
  }
}

bool pf_x11_screen_listen(pf_x11_screen *self) {
  xcb_flush(self->connection.xcb);
  for (;;) {
    xcb_generic_event_t *event = xcb_poll_for_event(self->connection.xcb);
    if (event == NULL) return xcb_connection_has_error(self->connection.xcb) == 0;
    take_event(self, event);
    free(event);
  }
}

static pf_result not_got(int error) {
  if (error == PF_X11_GONE) return pf_fail(PF_E_CLOSED, "the X server has ended");
  if (error == PF_X11_TIMEOUT) return pf_fail(PF_E_CLOSED, "the X server does not answer");
  return pf_fail(PF_E_STATE, "the X server refuses to have its screen read (error %d)", error);
}

static pf_result get_pixels(pf_x11_screen *self, unsigned sequence, pf_x11_buffer *buffer,
                            const pf_x11_waiting *waiting) {
  int error;
  void *reply = pf_x11_reply(&self->connection, sequence, waiting, &error);
  if (reply == NULL) return not_got(error);
  pf_result result = PF_OK;
  if (buffer->segment == 0) {
    xcb_get_image_reply_t *image = reply;
    if ((size_t)xcb_get_image_data_length(image) == buffer->pool->picture_bytes)
      memcpy(buffer->memory, xcb_get_image_data(image), buffer->pool->picture_bytes);
    else result = pf_fail(PF_E_STATE, "the X server gave a picture of another size");
  }
  free(reply);
  return result;
}

static void get_cursor(pf_x11_screen *self, const pf_x11_waiting *waiting) {
  unsigned asked = xcb_xfixes_get_cursor_image(self->connection.xcb).sequence;
  xcb_xfixes_get_cursor_image_reply_t *reply =
      pf_x11_reply(&self->connection, asked, waiting, NULL);
  if (reply == NULL) return;
  pf_x11_cursor *cursor = &self->cursor;
  uint32_t count = (uint32_t)reply->width * reply->height;
  bool fits = reply->width <= PF_X11_CURSOR_SIDE_MAX && reply->height <= PF_X11_CURSOR_SIDE_MAX &&
              count <= (uint32_t)xcb_xfixes_get_cursor_image_cursor_image_length(reply);
  cursor->width = fits ? reply->width : 0;
  cursor->height = fits ? reply->height : 0;
  cursor->hot_x = reply->xhot;
  cursor->hot_y = reply->yhot;
  if (fits)
    memcpy(cursor->pixels, xcb_xfixes_get_cursor_image_cursor_image(reply), count * 4);
  self->cursor_is_stale = false;
  free(reply);
}

pf_result pf_x11_screen_get(pf_x11_screen *self, pf_x11_buffer *buffer,
                            const pf_x11_waiting *waiting) {
  xcb_connection_t *xcb = self->connection.xcb;
  xcb_window_t root = self->connection.screen->root;
  uint16_t width = (uint16_t)buffer->pool->width, height = (uint16_t)buffer->pool->height;
  self->changed = false;
  /* First, so that what changes while the picture is made is told anew. */
  if (self->damage != 0) xcb_damage_subtract(xcb, self->damage, XCB_NONE, XCB_NONE);
  unsigned pointer = self->paints_cursor ? xcb_query_pointer(xcb, root).sequence : 0;
  unsigned pixels =
      buffer->segment != 0
          ? xcb_shm_get_image(xcb, root, 0, 0, width, height, ~0u, XCB_IMAGE_FORMAT_Z_PIXMAP,
                              buffer->segment, 0)
                .sequence
          : xcb_get_image(xcb, XCB_IMAGE_FORMAT_Z_PIXMAP, root, 0, 0, width, height, ~0u).sequence;
  pf_result result = get_pixels(self, pixels, buffer, waiting);
  if (!self->paints_cursor) return result;
  xcb_query_pointer_reply_t *at = pf_x11_reply(&self->connection, pointer, waiting, NULL);
  if (self->cursor_is_stale) get_cursor(self, waiting);
  if (result == PF_OK && at != NULL)
    pf_x11_cursor_paint(&self->cursor, &buffer->picture, at->root_x, at->root_y);
  free(at);
  return result;
}

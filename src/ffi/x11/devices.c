/*
 * Keyboard and pointer of an X server by XTEST, which has neither fingers nor parts of a notch: the
 * first finger is the pointer with its left button, and a wheel turns by whole notches, as buttons
 * 4 to 7. A locked Caps Lock applies to text.
 */
#include "../input/devices.h"

#include <errno.h>
#include <linux/input-event-codes.h>
#include <stdlib.h>
#include <xcb/xtest.h>

#include "keys.h"

enum {
  NOTCH = 120,
  /* A wheel that was turned by more meanwhile is not followed: the rest of a flood. */
  NOTCHES_MAX = 32,
  BUSY_WAIT_NS = 5000000,
  POSITION_MAX = 65535,
  NO_FINGER = -1,
  BUTTON_LEFT = 1,
  BUTTON_MIDDLE = 2,
  BUTTON_RIGHT = 3,
  WHEEL_UP = 4,
  WHEEL_LEFT = 6,
  BUTTON_BACK = 8,
  BUTTON_FORWARD = 9,
};

struct pf_input_devices {
  pf_x11_connection connection;
  pf_x11_keys keys;
  int32_t width, height; /* of the screen */
  int32_t moved[2], scrolled[2]; /* parts of a pixel (1/256) and of a notch (1/120), x and y */
  int32_t finger; /* that is the pointer */
  uint8_t down[PF_INPUT_CODES]; /* 1 + kind, as sent */
  pf_input_counters *counters;
};

static const pf_x11_waiting patient = {.wake_fd = -1, .ms_max = PF_X11_ANSWER_MS};

static void fake(pf_input_devices *self, uint8_t type, uint8_t detail, int32_t x, int32_t y) {
  bool placed = type == XCB_MOTION_NOTIFY && detail == 0;
  xcb_test_fake_input(self->connection.xcb, type, detail, XCB_CURRENT_TIME,
                      placed ? self->connection.screen->root : XCB_NONE, (int16_t)x, (int16_t)y, 0);
}

static pf_result open_all(pf_input_devices *self, const char *display) {
  pf_result result = pf_x11_connect(&self->connection, display);
  if (result != PF_OK) return result;
  if (pf_x11_extension(&self->connection, &xcb_test_id) == NULL)
    return pf_fail(PF_E_MISSING, "the X server has no XTEST extension");
  xcb_connection_t *xcb = self->connection.xcb;
  xcb_window_t root = self->connection.screen->root;
  uint32_t mask = XCB_EVENT_MASK_STRUCTURE_NOTIFY; /* its size */
  xcb_change_window_attributes(xcb, root, XCB_CW_EVENT_MASK, &mask);
  unsigned asked = xcb_get_geometry(xcb, root).sequence;
  xcb_get_geometry_reply_t *size = pf_x11_reply(&self->connection, asked, &patient, NULL);
  if (size == NULL) return pf_fail(PF_E_CLOSED, "the X server does not answer");
  self->width = size->width;
  self->height = size->height;
  free(size);
  return pf_x11_keys_open(&self->keys, &self->connection, display);
}

pf_result pf_input_devices_open(const pf_input_config *config, pf_input_counters *counters,
                                pf_input_devices **out) {
  pf_input_devices *self = calloc(1, sizeof *self);
  if (self == NULL) return pf_fail(PF_E_MEMORY, "no memory for the input");
  self->counters = counters;
  self->finger = NO_FINGER;
  pf_result result = open_all(self, config->path);
  if (result != PF_OK) {
    pf_input_devices_close(self);
    return result;
  }
  *out = self;
  return PF_OK;
}

void pf_input_devices_close(pf_input_devices *self) {
  if (self == NULL) return;
  pf_x11_keys_close(&self->keys);
  if (self->connection.xcb != NULL && pf_input_devices_ready(self))
    pf_input_devices_settle(self, PF_X11_RENAME_MS);
  pf_x11_disconnect(&self->connection);
  free(self);
}

bool pf_input_devices_ready(pf_input_devices *self) {
  if (!pf_x11_writable(&self->connection)) return false;
  xcb_flush(self->connection.xcb);
  return true;
}

static void take_events(pf_input_devices *self) {
  xcb_generic_event_t *event;
  while ((event = xcb_poll_for_event(self->connection.xcb)) != NULL) {
    uint8_t type = event->response_type & 0x7f;
    const xcb_configure_notify_event_t *configured = (const xcb_configure_notify_event_t *)event;
    bool resized = type == XCB_CONFIGURE_NOTIFY &&
                   configured->window == self->connection.screen->root;
    if (resized) {
      self->width = configured->width;
      self->height = configured->height;
    }
    free(event);
  }
}

pf_result pf_input_devices_wait(pf_input_devices *self, int wake_fd, uint64_t until_ns) {
  take_events(self);
  /* Nothing tells when a server that was too slow takes more: look again soon. */
  uint64_t soon_ns = pf_now_ns() + BUSY_WAIT_NS;
  if (!pf_input_devices_ready(self) && until_ns > soon_ns) until_ns = soon_ns;
  pf_x11_wait(&self->connection, wake_fd, until_ns);
  take_events(self);
  if (xcb_connection_has_error(self->connection.xcb) == 0) return PF_OK;
  return pf_fail(PF_E_CLOSED, "the X server has ended");
}

void pf_input_devices_settle(pf_input_devices *self, uint32_t ms_max) {
  const pf_x11_waiting waiting = {.wake_fd = -1, .ms_max = ms_max};
  unsigned asked = xcb_get_input_focus(self->connection.xcb).sequence;
  free(pf_x11_reply(&self->connection, asked, &waiting, NULL));
}

static void send_key(pf_input_devices *self, uint32_t code, bool down) {
  uint32_t key = code + PF_X11_KEY_OFFSET;
  if (key >= PF_X11_KEYCODES) {
    pf_count(self->counters->ignored, 1);
    return;
  }
  fake(self, down ? XCB_KEY_PRESS : XCB_KEY_RELEASE, (uint8_t)key, 0, 0);
  self->down[code] = down ? 1 + PF_INPUT_KEY : 0;
}

static void send_button(pf_input_devices *self, uint32_t code, bool down) {
  static const struct {
    uint16_t code;
    uint8_t button;
  } buttons[] = {{BTN_LEFT, BUTTON_LEFT}, {BTN_MIDDLE, BUTTON_MIDDLE}, {BTN_RIGHT, BUTTON_RIGHT},
                 {BTN_SIDE, BUTTON_BACK}, {BTN_BACK, BUTTON_BACK},     {BTN_EXTRA, BUTTON_FORWARD},
                 {BTN_FORWARD, BUTTON_FORWARD}};
  for (size_t i = 0; i < PF_ARRAY_COUNT(buttons); i++) {
    if (buttons[i].code != code) continue;
    fake(self, down ? XCB_BUTTON_PRESS : XCB_BUTTON_RELEASE, buttons[i].button, 0, 0);
    self->down[code] = down ? 1 + PF_INPUT_BUTTON : 0;
    return;
  }
  pf_count(self->counters->ignored, 1);
}

/* The whole units of `sum` and `amount`, at most a 16-bit number; the rest stays in `sum`. */
static int32_t whole(int32_t *sum, int32_t amount, int32_t unit) {
  int64_t all = (int64_t)*sum + amount;
  *sum = (int32_t)(all % unit);
  int64_t units = all / unit;
  return (int32_t)(units > INT16_MAX ? INT16_MAX : units < INT16_MIN ? INT16_MIN : units);
}

static void send_motion(pf_input_devices *self, const pf_input_event *event) {
  int32_t x = whole(&self->moved[0], event->a, 256), y = whole(&self->moved[1], event->b, 256);
  if (x != 0 || y != 0) fake(self, XCB_MOTION_NOTIFY, 1, x, y);
}

static void send_wheel(pf_input_devices *self, int32_t *scrolled, int32_t amount, uint8_t button) {
  bool turned = (*scrolled < 0) != (amount < 0);
  if (turned) *scrolled = 0;
  int32_t notches = whole(scrolled, amount, NOTCH);
  if (notches > 0) button++;
  int32_t count = abs(notches);
  for (int32_t i = 0; i < count && i < NOTCHES_MAX; i++) {
    fake(self, XCB_BUTTON_PRESS, button, 0, 0);
    fake(self, XCB_BUTTON_RELEASE, button, 0, 0);
  }
}

static void send_position(pf_input_devices *self, int32_t x, int32_t y) {
  int64_t right = self->width - 1, bottom = self->height - 1;
  fake(self, XCB_MOTION_NOTIFY, 0, (int32_t)((x * right + POSITION_MAX / 2) / POSITION_MAX),
       (int32_t)((y * bottom + POSITION_MAX / 2) / POSITION_MAX));
}

static void send_touch(pf_input_devices *self, const pf_input_event *event) {
  bool begins = event->phase == PF_INPUT_TOUCH_DOWN;
  if (begins && self->finger == NO_FINGER) self->finger = event->finger;
  if (self->finger != event->finger) {
    pf_count(self->counters->ignored, 1);
    return;
  }
  if (begins || event->phase == PF_INPUT_TOUCH_MOVE) send_position(self, event->a, event->b);
  if (begins && self->down[BTN_LEFT] == 0) send_button(self, BTN_LEFT, true);
  if (begins || event->phase == PF_INPUT_TOUCH_MOVE) return;
  if (self->down[BTN_LEFT] != 0) send_button(self, BTN_LEFT, false);
  self->finger = NO_FINGER;
}

void pf_input_devices_send(pf_input_devices *self, const pf_input_event *event) {
  pf_input_counters *counters = self->counters;
  switch (event->kind) {
    case PF_INPUT_KEY:
      pf_count(counters->keys, 1);
      send_key(self, (uint32_t)event->a, event->b != 0);
      return;
    case PF_INPUT_BUTTON:
      pf_count(counters->buttons, 1);
      send_button(self, (uint32_t)event->a, event->b != 0);
      return;
    case PF_INPUT_MOTION:
      pf_count(counters->motions, 1);
      send_motion(self, event);
      return;
    case PF_INPUT_POSITION:
      pf_count(counters->motions, 1);
      send_position(self, event->a, event->b);
      return;
    case PF_INPUT_SCROLL:
      pf_count(counters->scrolls, 1);
      send_wheel(self, &self->scrolled[1], event->b, WHEEL_UP);
      send_wheel(self, &self->scrolled[0], event->a, WHEEL_LEFT);
      return;
    case PF_INPUT_TOUCH:
      pf_count(counters->touches, 1);
      send_touch(self, event);
      return;
    case PF_INPUT_CHARACTER:
      return;
  }
}

bool pf_input_devices_can_type(pf_input_devices *self, uint32_t character) {
  return self->keys.spare_count > 0 || pf_x11_keys_find(&self->keys, character).key != 0;
}

/* Presses or releases the modifiers that are held. */
static void hold_modifiers(pf_input_devices *self, bool hold) {
  bool modifiers[PF_X11_KEYCODES];
  pf_x11_keys_modifiers(&self->keys, modifiers);
  for (uint32_t code = 0; code + PF_X11_KEY_OFFSET < PF_X11_KEYCODES; code++) {
    uint8_t key = (uint8_t)(code + PF_X11_KEY_OFFSET);
    if (self->down[code] != 1 + PF_INPUT_KEY || !modifiers[key]) continue;
    fake(self, hold ? XCB_KEY_PRESS : XCB_KEY_RELEASE, key, 0, 0);
  }
}

static void press(pf_input_devices *self, uint8_t key) {
  fake(self, XCB_KEY_PRESS, key, 0, 0);
  fake(self, XCB_KEY_RELEASE, key, 0, 0);
}

static void type_by_layout(pf_input_devices *self, pf_x11_way way) {
  if (way.shift_key != 0) fake(self, XCB_KEY_PRESS, way.shift_key, 0, 0);
  if (way.level3_key != 0) fake(self, XCB_KEY_PRESS, way.level3_key, 0, 0);
  press(self, way.key);
  if (way.level3_key != 0) fake(self, XCB_KEY_RELEASE, way.level3_key, 0, 0);
  if (way.shift_key != 0) fake(self, XCB_KEY_RELEASE, way.shift_key, 0, 0);
}

static void type_by_spare(pf_input_devices *self, uint32_t character) {
  pf_x11_spare *spare = pf_x11_keys_spare(&self->keys, character);
  if (spare == NULL) {
    spare = pf_x11_keys_oldest(&self->keys);
    uint64_t free_ns = spare->typed_ns + PF_X11_RENAME_MS * 1000000ull;
    xcb_flush(self->connection.xcb);
    struct timespec until = {.tv_sec = (time_t)(free_ns / 1000000000u),
                             .tv_nsec = (long)(free_ns % 1000000000u)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) continue;
    pf_x11_keys_rename(&self->keys, spare, character);
  }
  press(self, spare->key);
  spare->typed_ns = pf_now_ns();
}

void pf_input_devices_type(pf_input_devices *self, const uint32_t *characters, uint32_t count) {
  pf_count(self->counters->texts, 1);
  pf_x11_way way = pf_x11_keys_find(&self->keys, characters[0]);
  if (way.key == 0 && self->keys.spare_count == 0) return;
  hold_modifiers(self, false);
  if (way.key != 0) type_by_layout(self, way);
  else type_by_spare(self, characters[0]);
  hold_modifiers(self, true);
}

void pf_input_devices_release(pf_input_devices *self) {
  for (uint32_t code = 0; code < PF_INPUT_CODES; code++) {
    if (self->down[code] == 1 + PF_INPUT_KEY) send_key(self, code, false);
    else if (self->down[code] == 1 + PF_INPUT_BUTTON) send_button(self, code, false);
  }
  self->finger = NO_FINGER;
}

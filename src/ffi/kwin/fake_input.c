/*
 * Devices of KWin by org_kde_kwin_fake_input: keyboard, pointer and fingers. KWin reads keys by its
 * own layout, which the seat's keyboard tells; characters that it lacks are typed by their keysym
 * where the protocol has that (version 6). Places are told in logical pixels of all outputs
 * together, where the wanted output begins somewhere.
 */
#include "../input/devices.h"

#include <linux/input-event-codes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../input/chord.h"
#include "../wayland/wayland.h"
#include "fake-input-client.h"
#include "region.h"

enum {
  VERSION = 6,
  VERSION_MIN = 4, /* with keys */
  KEYSYM_VERSION = 6,
  DESTROY_VERSION = 5,
  NOTCH = 120,
  /* What libinput reports for a notch of most wheels: degrees. */
  NOTCH_DEGREES = 15,
  POSITION_MAX = 65535,
  UNICODE_KEYSYMS = 0x1000000, /* keysym = this + code point */
};

struct pf_input_devices {
  pf_wayland connection;
  pf_wayland_global globals[2]; /* fake input, seat */
  pf_kwin_region region;
  struct wl_keyboard *keyboard; /* of the seat, for its layout */
  pthread_mutex_t lock; /* of the keymap: can_type comes from other threads */
  pf_input_keymap *keymap;
  uint8_t down[PF_INPUT_CODES]; /* 1 + kind, as sent */
  bool fingers[PF_TOUCH_FINGERS_MAX];
  pf_input_counters *counters;
};

static struct org_kde_kwin_fake_input *fake(const pf_input_devices *self) {
  return self->globals[0].proxy;
}

static bool has_keysyms(const pf_input_devices *self) {
  return org_kde_kwin_fake_input_get_version(fake(self)) >= KEYSYM_VERSION;
}

static void use_keymap(pf_input_devices *self, pf_input_keymap *newer) {
  pthread_mutex_lock(&self->lock);
  pf_input_keymap *old = self->keymap;
  self->keymap = newer;
  pthread_mutex_unlock(&self->lock);
  if (old == NULL) return;
  pf_input_keymap_close(old);
  free(old);
}

static void on_keymap(void *data, struct wl_keyboard *keyboard, uint32_t format, int fd,
                      uint32_t bytes) {
  char *text = MAP_FAILED;
  pf_input_keymap *keymap = NULL;
  if (format == WL_KEYBOARD_KEYMAP_FORMAT_XKB_V1)
    text = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
  close(fd);
  if (text == MAP_FAILED) return;
  keymap = calloc(1, sizeof *keymap);
  if (keymap != NULL && pf_input_keymap_open_text(keymap, text, strnlen(text, bytes)) == PF_OK) {
    use_keymap(data, keymap);
  } else if (keymap != NULL) {
    pf_input_keymap_close(keymap);
    free(keymap);
  }
  munmap(text, bytes);
}

static void on_enter(void *data, struct wl_keyboard *keyboard, uint32_t serial,
                     struct wl_surface *surface, struct wl_array *keys) {}
static void on_leave(void *data, struct wl_keyboard *keyboard, uint32_t serial,
                     struct wl_surface *surface) {}
static void on_key(void *data, struct wl_keyboard *keyboard, uint32_t serial, uint32_t time,
                   uint32_t key, uint32_t state) {}
static void on_modifiers(void *data, struct wl_keyboard *keyboard, uint32_t serial,
                         uint32_t depressed, uint32_t latched, uint32_t locked, uint32_t group) {}
static void on_repeat(void *data, struct wl_keyboard *keyboard, int32_t rate, int32_t delay) {}

static const struct wl_keyboard_listener keyboard_listener = {
    .keymap = on_keymap,
    .enter = on_enter,
    .leave = on_leave,
    .key = on_key,
    .modifiers = on_modifiers,
    .repeat_info = on_repeat,
};

static void on_capabilities(void *data, struct wl_seat *seat, uint32_t capabilities) {
  pf_input_devices *self = data;
  if (self->keyboard != NULL || (capabilities & WL_SEAT_CAPABILITY_KEYBOARD) == 0) return;
  self->keyboard = wl_seat_get_keyboard(seat);
  wl_keyboard_add_listener(self->keyboard, &keyboard_listener, self);
}

static const struct wl_seat_listener seat_listener = {.capabilities = on_capabilities};

static pf_result open_all(pf_input_devices *self, const pf_input_config *config) {
  self->globals[0] = (pf_wayland_global){.interface = &org_kde_kwin_fake_input_interface,
                                         .version = VERSION,
                                         .version_min = VERSION_MIN};
  self->globals[1] =
      (pf_wayland_global){.interface = &wl_seat_interface, .version = 1, .version_min = 1};
  pf_result result = pf_wayland_open(&self->connection, config->path, self->globals,
                                     PF_ARRAY_COUNT(self->globals));
  if (result != PF_OK) return result;
  wl_seat_add_listener(self->globals[1].proxy, &seat_listener, self);
  org_kde_kwin_fake_input_authenticate(fake(self), "punktfunk",
                                       "to pass on the input of who sees this desktop");
  pf_kwin_region_open(&self->region, &self->connection, config->region);
  /* The capabilities, then the keyboard's map; a seat gets its keyboard with the first device. */
  result = pf_wayland_roundtrip(&self->connection, PF_WAYLAND_ANSWER_MS);
  if (result == PF_OK) result = pf_wayland_roundtrip(&self->connection, PF_WAYLAND_ANSWER_MS);
  if (result != PF_OK || self->keymap != NULL) return result;
  self->keymap = calloc(1, sizeof *self->keymap);
  if (self->keymap == NULL) return pf_fail(PF_E_MEMORY, "no memory for the keyboard");
  return pf_input_keymap_open(self->keymap, config->layout);
}

pf_result pf_input_devices_open(const pf_input_config *config, pf_input_counters *counters,
                                pf_input_devices **out) {
  pf_input_devices *self = calloc(1, sizeof *self);
  if (self == NULL) return pf_fail(PF_E_MEMORY, "no memory for the input");
  self->counters = counters;
  pthread_mutex_init(&self->lock, NULL);
  pf_result result = open_all(self, config);
  if (result != PF_OK) {
    pf_input_devices_close(self);
    return result;
  }
  *out = self;
  return PF_OK;
}

void pf_input_devices_close(pf_input_devices *self) {
  if (self == NULL) return;
  pf_kwin_region_close(&self->region);
  if (self->keyboard != NULL) wl_keyboard_destroy(self->keyboard);
  if (fake(self) != NULL && org_kde_kwin_fake_input_get_version(fake(self)) >= DESTROY_VERSION) {
    org_kde_kwin_fake_input_destroy(fake(self));
    self->globals[0].proxy = NULL;
  }
  pf_wayland_close(&self->connection);
  use_keymap(self, NULL);
  pthread_mutex_destroy(&self->lock);
  free(self);
}

bool pf_input_devices_ready(pf_input_devices *self) {
  return pf_wayland_flushed(&self->connection);
}

pf_result pf_input_devices_wait(pf_input_devices *self, int wake_fd, uint64_t until_ns) {
  pf_wayland_wake wake = pf_wayland_wait(&self->connection, wake_fd, until_ns);
  return wake == PF_WAYLAND_GONE ? PF_E_CLOSED : PF_OK;
}

void pf_input_devices_settle(pf_input_devices *self, uint32_t ms_max) {
  pf_wayland_roundtrip(&self->connection, ms_max);
}

static void send_key(pf_input_devices *self, uint32_t code, bool down) {
  org_kde_kwin_fake_input_keyboard_key(fake(self), code, down);
  self->down[code] = down ? 1 + PF_INPUT_KEY : 0;
}

static void send_button(pf_input_devices *self, uint32_t code, bool down) {
  org_kde_kwin_fake_input_button(fake(self), code, down);
  self->down[code] = down ? 1 + PF_INPUT_BUTTON : 0;
}

static void send_axis(pf_input_devices *self, uint32_t axis, int32_t amount) {
  int64_t length = (int64_t)amount * NOTCH_DEGREES * 256 / NOTCH; /* wl_fixed: 1/256 */
  if (length > INT32_MAX) length = INT32_MAX;
  if (length < INT32_MIN) length = INT32_MIN;
  if (amount != 0) org_kde_kwin_fake_input_axis(fake(self), axis, (wl_fixed_t)length);
}

static wl_fixed_t placed(int32_t begin, int32_t length, int32_t place) {
  return (wl_fixed_t)(begin * 256 + (int64_t)place * (length - 1) * 256 / POSITION_MAX);
}

static void send_touch(pf_input_devices *self, const pf_input_event *event) {
  const pf_kwin_region *region = &self->region;
  wl_fixed_t x = placed(region->x, region->width, event->a);
  wl_fixed_t y = placed(region->y, region->height, event->b);
  switch ((pf_input_phase)event->phase) {
    case PF_INPUT_TOUCH_DOWN:
      org_kde_kwin_fake_input_touch_down(fake(self), event->finger, x, y);
      self->fingers[event->finger] = true;
      break;
    case PF_INPUT_TOUCH_MOVE:
      org_kde_kwin_fake_input_touch_motion(fake(self), event->finger, x, y);
      break;
    case PF_INPUT_TOUCH_UP:
      org_kde_kwin_fake_input_touch_up(fake(self), event->finger);
      self->fingers[event->finger] = false;
      break;
    case PF_INPUT_TOUCH_CANCEL:
      /* The protocol cancels all of them at once, also those that go on. */
      org_kde_kwin_fake_input_touch_up(fake(self), event->finger);
      self->fingers[event->finger] = false;
      break;
  }
  org_kde_kwin_fake_input_touch_frame(fake(self));
}

void pf_input_devices_send(pf_input_devices *self, const pf_input_event *event) {
  pf_input_counters *counters = self->counters;
  const pf_kwin_region *region = &self->region;
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
      org_kde_kwin_fake_input_pointer_motion(fake(self), event->a, event->b);
      return;
    case PF_INPUT_POSITION:
      pf_count(counters->motions, 1);
      org_kde_kwin_fake_input_pointer_motion_absolute(
          fake(self), placed(region->x, region->width, event->a),
          placed(region->y, region->height, event->b));
      return;
    case PF_INPUT_SCROLL:
      pf_count(counters->scrolls, 1);
      send_axis(self, WL_POINTER_AXIS_VERTICAL_SCROLL, event->b);
      send_axis(self, WL_POINTER_AXIS_HORIZONTAL_SCROLL, event->a);
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
  if (has_keysyms(self)) return true;
  pthread_mutex_lock(&self->lock);
  bool can = pf_input_chord_find(self->keymap, character) != NULL;
  pthread_mutex_unlock(&self->lock);
  return can;
}

static void type_keysym(pf_input_devices *self, uint32_t character) {
  bool latin1 = character >= 0x20 && character <= 0xff;
  uint32_t keysym = latin1 ? character : UNICODE_KEYSYMS + character;
  org_kde_kwin_fake_input_keyboard_keysym(fake(self), keysym, 1);
  org_kde_kwin_fake_input_keyboard_keysym(fake(self), keysym, 0);
}

void pf_input_devices_type(pf_input_devices *self, const uint32_t *characters, uint32_t count) {
  pf_input_step steps[PF_INPUT_STEPS_MAX];
  pf_count(self->counters->texts, 1);
  const pf_input_way *way = pf_input_chord_find(self->keymap, characters[0]);
  int32_t step_count = way == NULL ? -1 : pf_input_chord(self->keymap, way, self->down, steps);
  if (step_count < 0 && has_keysyms(self)) type_keysym(self, characters[0]);
  else if (step_count < 0) pf_count(self->counters->ignored, 1);
  for (int32_t i = 0; i < step_count; i++)
    org_kde_kwin_fake_input_keyboard_key(fake(self), steps[i].code, steps[i].down);
}

void pf_input_devices_release(pf_input_devices *self) {
  for (uint32_t code = 0; code < PF_INPUT_CODES; code++) {
    if (self->down[code] == 1 + PF_INPUT_KEY) send_key(self, code, false);
    else if (self->down[code] == 1 + PF_INPUT_BUTTON) send_button(self, code, false);
  }
  bool touched = false;
  for (uint32_t i = 0; i < PF_TOUCH_FINGERS_MAX; i++) touched = touched || self->fingers[i];
  if (touched) org_kde_kwin_fake_input_touch_cancel(fake(self));
  memset(self->fingers, 0, sizeof self->fingers);
}

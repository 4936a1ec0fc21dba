/*
 * Devices of a wlroots compositor: zwp_virtual_keyboard_v1 and zwlr_virtual_pointer_v1. There is no
 * protocol for a virtual touch screen: the first finger is the pointer with its left button, and
 * the others are ignored.
 */
#include "devices.h"

#include <errno.h>
#include <linux/input-event-codes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../wayland/wayland.h"
#include "keymap.h"
#include "virtual-keyboard-unstable-v1-client.h"
#include "wlr-virtual-pointer-unstable-v1-client.h"

enum {
  NOTCH = 120,
  /* What libinput reports for a notch of most wheels: degrees. */
  NOTCH_DEGREES = 15,
  POSITION_MAX = 65535,
  NO_FINGER = -1,
};

struct pf_input_devices {
  pf_wayland connection;
  pf_wayland_global globals[3]; /* seat, keyboard manager, pointer manager */
  struct zwp_virtual_keyboard_v1 *keyboard, *text_keyboard;
  struct zwlr_virtual_pointer_v1 *pointer;
  pf_input_keymap keymap;
  pf_input_slots slots; /* what the text keyboard's keymap has */
  int32_t scrolled[2]; /* 1/120 notches that are not yet a whole one: vertical, horizontal */
  int32_t finger; /* that is the pointer */
  uint8_t down[PF_INPUT_CODES]; /* as in the queue, but as sent */
  pf_input_counters *counters;
};

static uint32_t now_ms(void) { return (uint32_t)(pf_now_ns() / 1000000); }

static pf_result send_keymap(struct zwp_virtual_keyboard_v1 *keyboard, const char *text,
                             size_t bytes) {
  int fd = memfd_create("punktfunk-keymap", MFD_CLOEXEC);
  bool good = fd >= 0 && write(fd, text, bytes) == (ssize_t)bytes;
  int error = errno;
  if (good)
    zwp_virtual_keyboard_v1_keymap(keyboard, WL_KEYBOARD_KEYMAP_FORMAT_XKB_V1, fd, (uint32_t)bytes);
  if (fd >= 0) close(fd); /* the library sends a duplicate */
  return good ? PF_OK : pf_fail(PF_E_SYSTEM, "a keymap in memory: %s", strerror(error));
}

/* Gives the characters slots (beginning anew where they do not fit) and sends the keymap. */
static void set_slots(pf_input_devices *self, const pf_input_slots *wanted) {
  if (self->slots.count + wanted->count > PF_INPUT_SLOTS) self->slots.count = 0;
  for (uint32_t i = 0; i < wanted->count; i++)
    self->slots.characters[self->slots.count++] = wanted->characters[i];
  char text[PF_INPUT_MAP_BYTES];
  uint32_t bytes = pf_input_slots_map(&self->slots, text);
  if (send_keymap(self->text_keyboard, text, bytes) != PF_OK) pf_count(self->counters->failures, 1);
}

static pf_result open_keyboards(pf_input_devices *self) {
  struct wl_seat *seat = self->globals[0].proxy;
  struct zwp_virtual_keyboard_manager_v1 *manager = self->globals[1].proxy;
  self->keyboard = zwp_virtual_keyboard_manager_v1_create_virtual_keyboard(manager, seat);
  self->text_keyboard = zwp_virtual_keyboard_manager_v1_create_virtual_keyboard(manager, seat);
  char *text = xkb_keymap_get_as_string(self->keymap.map, XKB_KEYMAP_FORMAT_TEXT_V1);
  if (text == NULL) return pf_fail(PF_E_MEMORY, "no memory for the keymap");
  pf_result result = send_keymap(self->keyboard, text, strlen(text) + 1);
  free(text);
  if (result != PF_OK) return result;
  /* A keyboard is announced once it has a keymap: give the second one some before it is needed. */
  pf_input_slots first = {.characters = {0x20ac}, .count = 1};
  set_slots(self, &first);
  zwp_virtual_keyboard_v1_modifiers(self->text_keyboard, 0, 0, 0, 0);
  zwp_virtual_keyboard_v1_modifiers(self->keyboard, 0, 0, 0, 0);
  return PF_OK;
}

static pf_result open_pointer(pf_input_devices *self, const char *output_name) {
  struct wl_seat *seat = self->globals[0].proxy;
  struct zwlr_virtual_pointer_manager_v1 *manager = self->globals[2].proxy;
  pf_wayland_output *output = pf_wayland_find_output(&self->connection, output_name);
  if (output == NULL) return PF_E_MISSING;
  if (zwlr_virtual_pointer_manager_v1_get_version(manager) >= 2)
    self->pointer = zwlr_virtual_pointer_manager_v1_create_virtual_pointer_with_output(
        manager, seat, output->proxy);
  else
    self->pointer = zwlr_virtual_pointer_manager_v1_create_virtual_pointer(manager, seat);
  return PF_OK;
}

static pf_result open_all(pf_input_devices *self, const pf_input_config *config) {
  self->globals[0] =
      (pf_wayland_global){.interface = &wl_seat_interface, .version = 1, .version_min = 1};
  self->globals[1] = (pf_wayland_global){
      .interface = &zwp_virtual_keyboard_manager_v1_interface, .version = 1, .version_min = 1};
  self->globals[2] = (pf_wayland_global){
      .interface = &zwlr_virtual_pointer_manager_v1_interface, .version = 2, .version_min = 1};
  pf_result result = pf_input_keymap_open(&self->keymap, config->layout);
  if (result == PF_OK)
    result = pf_wayland_open(&self->connection, config->path, self->globals,
                             PF_ARRAY_COUNT(self->globals));
  if (result == PF_OK) result = open_keyboards(self);
  if (result == PF_OK) result = open_pointer(self, config->region);
  if (result == PF_OK) result = pf_wayland_roundtrip(&self->connection, PF_WAYLAND_ANSWER_MS);
  return result;
}

pf_result pf_input_devices_open(const pf_input_config *config, pf_input_counters *counters,
                                pf_input_devices **out) {
  pf_input_devices *self = calloc(1, sizeof *self);
  if (self == NULL) return pf_fail(PF_E_MEMORY, "no memory for the input");
  self->counters = counters;
  self->finger = NO_FINGER;
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
  if (self->keyboard != NULL) zwp_virtual_keyboard_v1_destroy(self->keyboard);
  if (self->text_keyboard != NULL) zwp_virtual_keyboard_v1_destroy(self->text_keyboard);
  if (self->pointer != NULL) zwlr_virtual_pointer_v1_destroy(self->pointer);
  pf_wayland_close(&self->connection);
  pf_input_keymap_close(&self->keymap);
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

static void send_modifiers(pf_input_devices *self) {
  struct xkb_state *state = self->keymap.state;
  zwp_virtual_keyboard_v1_modifiers(self->keyboard,
                                    xkb_state_serialize_mods(state, XKB_STATE_MODS_DEPRESSED),
                                    xkb_state_serialize_mods(state, XKB_STATE_MODS_LATCHED),
                                    xkb_state_serialize_mods(state, XKB_STATE_MODS_LOCKED),
                                    xkb_state_serialize_layout(state, XKB_STATE_LAYOUT_EFFECTIVE));
}

static void send_key(pf_input_devices *self, uint32_t code, bool down) {
  zwp_virtual_keyboard_v1_key(self->keyboard, now_ms(), code, down);
  enum xkb_state_component changed = xkb_state_update_key(
      self->keymap.state, code + PF_INPUT_XKB_OFFSET, down ? XKB_KEY_DOWN : XKB_KEY_UP);
  if (changed != 0) send_modifiers(self);
  self->down[code] = down ? 1 + PF_INPUT_KEY : 0;
}

static void send_button(pf_input_devices *self, uint32_t code, bool down) {
  zwlr_virtual_pointer_v1_button(self->pointer, now_ms(), code, down);
  zwlr_virtual_pointer_v1_frame(self->pointer);
  self->down[code] = down ? 1 + PF_INPUT_BUTTON : 0;
}

/* `amount` in 1/120 notch: a smooth length, and whole notches as they come together. */
static void send_axis(pf_input_devices *self, uint32_t axis, int32_t amount) {
  if (amount == 0) return;
  int32_t *scrolled = &self->scrolled[axis];
  bool turned = (*scrolled < 0) != (amount < 0);
  int64_t sum = (int64_t)(turned ? 0 : *scrolled) + amount;
  int32_t notches = (int32_t)(sum / NOTCH);
  *scrolled = (int32_t)(sum % NOTCH);
  int64_t length = (int64_t)amount * NOTCH_DEGREES * 256 / NOTCH; /* wl_fixed: 1/256 */
  wl_fixed_t value = (wl_fixed_t)(length > INT32_MAX   ? INT32_MAX
                                  : length < INT32_MIN ? INT32_MIN
                                                       : length);
  uint32_t time = now_ms();
  zwlr_virtual_pointer_v1_axis_source(self->pointer, WL_POINTER_AXIS_SOURCE_WHEEL);
  if (notches != 0)
    zwlr_virtual_pointer_v1_axis_discrete(self->pointer, time, axis, value, notches);
  else
    zwlr_virtual_pointer_v1_axis(self->pointer, time, axis, value);
  zwlr_virtual_pointer_v1_frame(self->pointer);
}

static void send_position(pf_input_devices *self, int32_t x, int32_t y) {
  zwlr_virtual_pointer_v1_motion_absolute(self->pointer, now_ms(), (uint32_t)x, (uint32_t)y,
                                          POSITION_MAX, POSITION_MAX);
  zwlr_virtual_pointer_v1_frame(self->pointer);
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
      zwlr_virtual_pointer_v1_motion(self->pointer, now_ms(), event->a, event->b);
      zwlr_virtual_pointer_v1_frame(self->pointer);
      return;
    case PF_INPUT_POSITION:
      pf_count(counters->motions, 1);
      send_position(self, event->a, event->b);
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

/* The plain way to type a character, unless its key is held down right now. */
static const pf_input_way *find_way(const pf_input_devices *self, uint32_t character) {
  static const pf_input_way enter = {.character = '\n', .code = KEY_ENTER};
  static const pf_input_way tab = {.character = '\t', .code = KEY_TAB};
  if (character == '\n') return &enter;
  if (character == '\t') return &tab;
  const pf_input_way *way = pf_input_keymap_find(&self->keymap, character);
  return way != NULL && self->down[way->code] == 0 ? way : NULL;
}

bool pf_input_devices_can_type(pf_input_devices *self, uint32_t character) { return true; }

static bool needs_slot(const pf_input_devices *self, uint32_t character) {
  if (find_way(self, character) != NULL) return false;
  return pf_input_slots_find(&self->slots, character) < 0;
}

/* A change of the keymap costs every application: it is made for all characters that wait. */
static void prepare_slots(pf_input_devices *self, const uint32_t *characters, uint32_t count) {
  pf_input_slots wanted = {.count = 0};
  if (!needs_slot(self, characters[0])) return;
  for (uint32_t i = 0; i < count && wanted.count < PF_INPUT_SLOTS; i++) {
    if (!needs_slot(self, characters[i])) continue;
    if (pf_input_slots_find(&wanted, characters[i]) < 0)
      wanted.characters[wanted.count++] = characters[i];
  }
  set_slots(self, &wanted);
}

void pf_input_devices_type(pf_input_devices *self, const uint32_t *characters, uint32_t count) {
  uint32_t character = characters[0];
  prepare_slots(self, characters, count);
  uint32_t time = now_ms();
  const pf_input_way *way = find_way(self, character);
  pf_count(self->counters->texts, 1);
  if (way != NULL) {
    zwp_virtual_keyboard_v1_modifiers(self->keyboard, way->modifiers, 0, 0, 0);
    zwp_virtual_keyboard_v1_key(self->keyboard, time, way->code, 1);
    zwp_virtual_keyboard_v1_key(self->keyboard, time, way->code, 0);
    send_modifiers(self);
    return;
  }
  int32_t slot = pf_input_slots_find(&self->slots, character);
  if (slot < 0) return;
  uint32_t code = pf_input_slot_code((uint32_t)slot);
  zwp_virtual_keyboard_v1_modifiers(self->text_keyboard, 0, 0, 0, 0);
  zwp_virtual_keyboard_v1_key(self->text_keyboard, time, code, 1);
  zwp_virtual_keyboard_v1_key(self->text_keyboard, time, code, 0);
}

void pf_input_devices_release(pf_input_devices *self) {
  for (uint32_t code = 0; code < PF_INPUT_CODES; code++) {
    if (self->down[code] == 1 + PF_INPUT_KEY) send_key(self, code, false);
    else if (self->down[code] == 1 + PF_INPUT_BUTTON) send_button(self, code, false);
  }
  self->finger = NO_FINGER;
}

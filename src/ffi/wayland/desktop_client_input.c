#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xkbcommon/xkbcommon.h>

#include "desktop_client.h"

enum { EVDEV_OFFSET = 8 };

static struct xkb_state *state;

static void on_keymap(void *data, struct wl_keyboard *keyboard, uint32_t format, int fd,
                      uint32_t size) {
  char *text = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
  close(fd);
  if (text == MAP_FAILED) return;
  struct xkb_context *context = xkb_context_new(XKB_CONTEXT_NO_FLAGS);
  struct xkb_keymap *keymap =
      xkb_keymap_new_from_string(context, text, XKB_KEYMAP_FORMAT_TEXT_V1, 0);
  munmap(text, size);
  xkb_state_unref(state);
  state = xkb_state_new(keymap);
  xkb_keymap_unref(keymap);
  xkb_context_unref(context);
}
static void on_enter(void *data, struct wl_keyboard *keyboard, uint32_t serial,
                     struct wl_surface *surface, struct wl_array *keys) {
  printf("focus\n");
}
static void on_leave(void *data, struct wl_keyboard *keyboard, uint32_t serial,
                     struct wl_surface *surface) {}
static void on_key(void *data, struct wl_keyboard *keyboard, uint32_t serial, uint32_t time,
                   uint32_t key, uint32_t down) {
  printf("key %u %u\n", key, down);
  if (down != 0) pf_desktop_client_pressed();
  if (down == 0 || state == NULL) return;
  uint32_t character = xkb_state_key_get_utf32(state, key + EVDEV_OFFSET);
  if (character != 0) printf("character U+%04X\n", character);
}
static void on_modifiers(void *data, struct wl_keyboard *keyboard, uint32_t serial,
                         uint32_t depressed, uint32_t latched, uint32_t locked, uint32_t group) {
  if (state != NULL) xkb_state_update_mask(state, depressed, latched, locked, 0, 0, group);
  printf("modifiers %u\n", depressed | latched | locked);
}
static void on_repeat(void *data, struct wl_keyboard *keyboard, int32_t rate, int32_t delay) {}

static const struct wl_keyboard_listener keyboard_listener = {
    .keymap = on_keymap,
    .enter = on_enter,
    .leave = on_leave,
    .key = on_key,
    .modifiers = on_modifiers,
    .repeat_info = on_repeat,
};

static void at(wl_fixed_t x, wl_fixed_t y) {
  printf("at %.2f %.2f\n", wl_fixed_to_double(x), wl_fixed_to_double(y));
}
static void on_pointer_enter(void *data, struct wl_pointer *pointer, uint32_t serial,
                             struct wl_surface *surface, wl_fixed_t x, wl_fixed_t y) {
  at(x, y);
}
static void on_pointer_leave(void *data, struct wl_pointer *pointer, uint32_t serial,
                             struct wl_surface *surface) {}
static void on_motion(void *data, struct wl_pointer *pointer, uint32_t time, wl_fixed_t x,
                      wl_fixed_t y) {
  at(x, y);
}
static void on_button(void *data, struct wl_pointer *pointer, uint32_t serial, uint32_t time,
                      uint32_t button, uint32_t down) {
  printf("button %u %u\n", button, down);
}
static void on_axis(void *data, struct wl_pointer *pointer, uint32_t time, uint32_t axis,
                    wl_fixed_t value) {
  printf("axis %u %.2f\n", axis, wl_fixed_to_double(value));
}
static void on_pointer_frame(void *data, struct wl_pointer *pointer) {}
static void on_axis_source(void *data, struct wl_pointer *pointer, uint32_t source) {}
static void on_axis_stop(void *data, struct wl_pointer *pointer, uint32_t time, uint32_t axis) {}
static void on_axis_discrete(void *data, struct wl_pointer *pointer, uint32_t axis,
                             int32_t discrete) {
  printf("discrete %u %d\n", axis, discrete);
}

static const struct wl_pointer_listener pointer_listener = {
    .enter = on_pointer_enter,
    .leave = on_pointer_leave,
    .motion = on_motion,
    .button = on_button,
    .axis = on_axis,
    .frame = on_pointer_frame,
    .axis_source = on_axis_source,
    .axis_stop = on_axis_stop,
    .axis_discrete = on_axis_discrete,
};

static void on_touch_down(void *data, struct wl_touch *touch, uint32_t serial, uint32_t time,
                          struct wl_surface *surface, int32_t id, wl_fixed_t x, wl_fixed_t y) {
  printf("touch %d down %.2f %.2f\n", id, wl_fixed_to_double(x), wl_fixed_to_double(y));
}
static void on_touch_up(void *data, struct wl_touch *touch, uint32_t serial, uint32_t time,
                        int32_t id) {
  printf("touch %d up\n", id);
}
static void on_touch_move(void *data, struct wl_touch *touch, uint32_t time, int32_t id,
                          wl_fixed_t x, wl_fixed_t y) {
  printf("touch %d move %.2f %.2f\n", id, wl_fixed_to_double(x), wl_fixed_to_double(y));
}
static void on_touch_frame(void *data, struct wl_touch *touch) {}
static void on_touch_cancel(void *data, struct wl_touch *touch) {}

static const struct wl_touch_listener touch_listener = {
    .down = on_touch_down,
    .up = on_touch_up,
    .motion = on_touch_move,
    .frame = on_touch_frame,
    .cancel = on_touch_cancel,
};

static void on_capabilities(void *data, struct wl_seat *seat, uint32_t capabilities) {
  static struct wl_keyboard *keyboard;
  static struct wl_pointer *pointer;
  static struct wl_touch *touch;
  if ((capabilities & WL_SEAT_CAPABILITY_KEYBOARD) != 0 && keyboard == NULL) {
    keyboard = wl_seat_get_keyboard(seat);
    wl_keyboard_add_listener(keyboard, &keyboard_listener, NULL);
  }
  if ((capabilities & WL_SEAT_CAPABILITY_POINTER) != 0 && pointer == NULL) {
    pointer = wl_seat_get_pointer(seat);
    wl_pointer_add_listener(pointer, &pointer_listener, NULL);
  }
  if ((capabilities & WL_SEAT_CAPABILITY_TOUCH) != 0 && touch == NULL) {
    touch = wl_seat_get_touch(seat);
    wl_touch_add_listener(touch, &touch_listener, NULL);
  }
}
static void on_name(void *data, struct wl_seat *seat, const char *name) {}
static const struct wl_seat_listener seat_listener = {
    .capabilities = on_capabilities,
    .name = on_name,
};

void pf_desktop_client_listen(struct wl_seat *seat) {
  wl_seat_add_listener(seat, &seat_listener, NULL);
}

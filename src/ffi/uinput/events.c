#include "events.h"

#include <errno.h>
#include <linux/input.h>
#include <string.h>
#include <unistd.h>

enum { FRAME_MAX = 8, NOTCH = 120, TOUCH_NUMBER_MAX = 65535 };

typedef struct report {
  struct input_event events[FRAME_MAX];
  uint32_t count;
} report;

/* The kernel fills in the time. */
static void put(report *to, uint16_t type, uint16_t code, int32_t value) {
  to->events[to->count++] = (struct input_event){.type = type, .code = code, .value = value};
}

static pf_result give(pf_uinput *self, int device, report *from) {
  put(from, EV_SYN, SYN_REPORT, 0);
  size_t bytes = from->count * sizeof from->events[0];
  ssize_t written;
  do written = write(self->fds[device], from->events, bytes);
  while (written < 0 && errno == EINTR);
  if (written == (ssize_t)bytes) return PF_OK;
  return pf_fail(PF_E_SYSTEM, "the kernel took no input: %s",
                 written < 0 ? strerror(errno) : "only a part");
}

pf_result pf_uinput_key(pf_uinput *self, uint32_t code, bool down) {
  report frame = {.count = 0};
  put(&frame, EV_KEY, (uint16_t)code, down);
  return give(self, PF_UINPUT_KEYBOARD, &frame);
}

pf_result pf_uinput_button(pf_uinput *self, uint32_t code, bool down) {
  report frame = {.count = 0};
  put(&frame, EV_KEY, (uint16_t)code, down);
  return give(self, PF_UINPUT_MOUSE, &frame);
}

/* Adds to what is kept and takes the whole units out of it. */
static int32_t take_whole(int32_t *kept, int32_t amount, int32_t unit) {
  int64_t sum = (int64_t)*kept + amount;
  *kept = (int32_t)(sum % unit);
  return (int32_t)(sum / unit);
}

pf_result pf_uinput_motion(pf_uinput *self, int32_t dx, int32_t dy) {
  report frame = {.count = 0};
  int32_t right = take_whole(&self->moved[0], dx, 256), down = take_whole(&self->moved[1], dy, 256);
  if (right != 0) put(&frame, EV_REL, REL_X, right);
  if (down != 0) put(&frame, EV_REL, REL_Y, down);
  return frame.count == 0 ? PF_OK : give(self, PF_UINPUT_MOUSE, &frame);
}

pf_result pf_uinput_position(pf_uinput *self, int32_t x, int32_t y) {
  report frame = {.count = 0};
  put(&frame, EV_ABS, ABS_X, x);
  put(&frame, EV_ABS, ABS_Y, y);
  return give(self, PF_UINPUT_POINTER, &frame);
}

/* Whole notches go with the fine ones, for what knows no others; REL_WHEEL counts away from the
 * person. */
pf_result pf_uinput_scroll(pf_uinput *self, int32_t horizontal, int32_t vertical) {
  report frame = {.count = 0};
  int32_t across = take_whole(&self->scrolled[0], horizontal, NOTCH);
  int32_t down = take_whole(&self->scrolled[1], vertical, NOTCH);
  if (horizontal != 0) put(&frame, EV_REL, REL_HWHEEL_HI_RES, horizontal);
  if (across != 0) put(&frame, EV_REL, REL_HWHEEL, across);
  if (vertical != 0) put(&frame, EV_REL, REL_WHEEL_HI_RES, -vertical);
  if (down != 0) put(&frame, EV_REL, REL_WHEEL, -down);
  return frame.count == 0 ? PF_OK : give(self, PF_UINPUT_MOUSE, &frame);
}

/* Multi-touch protocol B (Documentation/input/multi-touch-protocol.rst), with a single touch for
 * what knows no others. A cancelled touch is lifted: the protocol has no other end. */
pf_result pf_uinput_touch(pf_uinput *self, const pf_input_event *event) {
  report frame = {.count = 0};
  uint32_t bit = 1u << event->finger, before = self->touching;
  bool lifts = event->phase == PF_INPUT_TOUCH_UP || event->phase == PF_INPUT_TOUCH_CANCEL;
  put(&frame, EV_ABS, ABS_MT_SLOT, event->finger);
  if (event->phase == PF_INPUT_TOUCH_DOWN) {
    put(&frame, EV_ABS, ABS_MT_TRACKING_ID, self->next_touch);
    self->next_touch = self->next_touch == TOUCH_NUMBER_MAX ? 0 : self->next_touch + 1;
    self->touching |= bit;
  }
  if (lifts) {
    put(&frame, EV_ABS, ABS_MT_TRACKING_ID, -1);
    self->touching &= ~bit;
  } else {
    put(&frame, EV_ABS, ABS_MT_POSITION_X, event->a);
    put(&frame, EV_ABS, ABS_MT_POSITION_Y, event->b);
  }
  if ((before == 0) != (self->touching == 0)) put(&frame, EV_KEY, BTN_TOUCH, before == 0);
  if (!lifts && (self->touching & (bit - 1)) == 0) { /* the first of the fingers */
    put(&frame, EV_ABS, ABS_X, event->a);
    put(&frame, EV_ABS, ABS_Y, event->b);
  }
  return give(self, PF_UINPUT_TOUCH, &frame);
}

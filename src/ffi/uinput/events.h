/*
 * The kernel's virtual devices: what is written to each of them. A device is a file descriptor that
 * takes struct input_event; made by device.c from /dev/uinput.
 *
 * There are four, because what reads them tells devices apart by what they can do: a keyboard, a
 * mouse (relative, with a wheel in 1/120 of a notch), a pointer with places, and a touch screen.
 */
#ifndef PF_UINPUT_EVENTS_H
#define PF_UINPUT_EVENTS_H
#include "../input/queue.h"

enum {
  PF_UINPUT_KEYBOARD,
  PF_UINPUT_MOUSE,
  PF_UINPUT_POINTER,
  PF_UINPUT_TOUCH,
  PF_UINPUT_DEVICES,
  PF_UINPUT_PLACE_MAX = 65535, /* of both axes of pointer and touch screen */
};

typedef struct pf_uinput {
  int fds[PF_UINPUT_DEVICES]; /* -1 = there is none */
  int32_t moved[2];           /* 1/256 pixels that are not yet a whole one: right, down */
  int32_t scrolled[2];        /* 1/120 notches that are not yet a whole one: right, down */
  int32_t next_touch;         /* number by which the next finger is known */
  uint32_t touching;          /* bit n = finger n is down */
} pf_uinput;

/* Each writes one frame, all of it or nothing. PF_E_SYSTEM with errno's text. */
pf_result pf_uinput_key(pf_uinput *self, uint32_t code, bool down);
pf_result pf_uinput_button(pf_uinput *self, uint32_t code, bool down);
/* Motion and scrolling in 1/256 pixel and 1/120 notch, right and down; places 0…65535. */
pf_result pf_uinput_motion(pf_uinput *self, int32_t dx, int32_t dy);
pf_result pf_uinput_position(pf_uinput *self, int32_t x, int32_t y);
pf_result pf_uinput_scroll(pf_uinput *self, int32_t horizontal, int32_t vertical);
pf_result pf_uinput_touch(pf_uinput *self, const pf_input_event *event);

#endif

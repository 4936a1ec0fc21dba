/*
 * A virtual keyboard, pointer and touch screen of a desktop, fed from a bounded queue by a thread
 * of its own. Three libraries implement this one contract, each by a way into the desktop:
 *
 *   libpf_input    a wlroots compositor's zwp_virtual_keyboard_v1 and zwlr_virtual_pointer_v1;
 *                  path = its socket, region = an output. One finger is the pointer, see wlroots.c
 *   libpf_ei       an emulated input server by libei: path = its socket, or fd; region = a mapping
 *                  id, else the region of width x height, else the first. The server has the layout
 *   libpf_uinput   the kernel's uinput: path = the device, else /dev/uinput
 *
 * Order and loss. Events reach the compositor in the order of the calls. Motions, scrolls,
 * places and moves of a finger that wait between two edges (of keys, buttons, characters, fingers)
 * become one each, so that a fast mouse never fills the queue. A full queue drops new events and
 * counts them, except the release of a key, button or finger whose press was taken: there is always
 * room for it (see queue.h). Presses of what is down, releases of what is up and moves of a finger
 * that is up are ignored and counted.
 *
 * Settling. The devices are made at open and kept. A compositor announces them to its applications,
 * which bind them in their own time and miss what comes earlier: nothing is sent for
 * PF_INPUT_SETTLE_MS after open, but queued.
 *
 * Text. A character that the layout has is typed by its key, with the modifiers of its level. In a
 * wlroots compositor every other one is by a second keyboard whose keymap is made for the text;
 * elsewhere a text with such a character is refused. U+000A is Return, U+0009 Tab. The modifiers
 * that are held meanwhile do not apply to text.
 *
 * Pace. At most one motion and one character a millisecond and, beyond a burst of 64, two edges: an
 * application that is slower for long is thrown out by the compositor, which can't wait for it.
 *
 * Every function may be called from any thread; none blocks. When the compositor ends, the event
 * `ended` is posted once and all calls give PF_E_CLOSED.
 */
#ifndef PF_INPUT_H
#define PF_INPUT_H
#include "../common/common.h"

enum { PF_INPUT_SETTLE_MS = 300 };

typedef struct pf_input pf_input;

/* Connects, makes the devices and starts the thread. PF_E_MISSING: no such socket, device, output
 * or protocol; PF_E_ARGUMENT: no such keyboard layout; PF_E_UNSUPPORTED: the desktop gives no
 * devices; PF_E_CLOSED: it does not answer. */
pf_result pf_input_open(const pf_input_config *config, pf_input **out);
/* Releases all that is down, discards what is queued, and frees; takes 200 ms at most, for a
 * compositor that hangs. NULL is allowed. */
void pf_input_close(pf_input *self);
const pf_input_counters *pf_input_counters_block(pf_input *self);

/* The calls below: PF_OK, PF_E_FULL (dropped and counted), PF_E_CLOSED, PF_E_ARGUMENT. */

/* An evdev KEY_* or BTN_* below 0x300; down = 0 or 1. */
pf_result pf_input_key(pf_input *self, uint32_t code, uint32_t down);
pf_result pf_input_button(pf_input *self, uint32_t code, uint32_t down);
/* Relative motion in 1/256 of a pixel, right and down. */
pf_result pf_input_motion(pf_input *self, int32_t dx, int32_t dy);
/* A place on the output, 0…65535 from its left and top edge. */
pf_result pf_input_position(pf_input *self, uint32_t x, uint32_t y);
/* In 1/120 of a notch, right and down. */
pf_result pf_input_scroll(pf_input *self, int32_t horizontal, int32_t vertical);
/* A finger 0…PF_TOUCH_FINGERS_MAX - 1 at a place; phase 0 down, 1 move, 2 up, 3 cancel. */
pf_result pf_input_touch(pf_input *self, uint32_t finger, uint32_t phase, uint32_t x, uint32_t y);
/* Types UTF-8 of up to PF_TEXT_BYTES_MAX bytes, all of it or nothing. PF_E_ARGUMENT for what is not
 * UTF-8 and for control characters other than U+0009 and U+000A, PF_E_UNSUPPORTED for characters
 * that this keyboard can't type. */
pf_result pf_input_text(pf_input *self, const uint8_t *text, uint32_t bytes);
/* Releases every key, button and finger that is down, after what is queued. */
void pf_input_release_all(pf_input *self);

#endif

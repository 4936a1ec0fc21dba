/*
 * A virtual keyboard and a virtual pointer in a wlroots compositor (zwp_virtual_keyboard_v1 and
 * zwlr_virtual_pointer_v1), fed from a bounded queue by a thread of its own.
 *
 * Order and loss. Events reach the compositor in the order of the calls. Motions, scrolls and
 * places that wait between two edges (of keys, buttons, characters) become one each, so that a fast
 * mouse never fills the queue. A full queue drops new events and counts them, except the release
 * of a key or button whose press was taken: there is always room for it (see queue.h). Presses of
 * what is down and releases of what is up are ignored and counted.
 *
 * Settling. The devices are made at open and kept. A compositor announces them to its applications,
 * which bind them in their own time and miss what comes earlier: nothing is sent for
 * PF_INPUT_SETTLE_MS after open, but queued.
 *
 * Text. A character that the layout has is typed by its key, with the modifiers of its level; every
 * other one by a second keyboard whose keymap is made for the text. U+000A is Return, U+0009 Tab.
 * The modifiers that are held meanwhile do not apply to text.
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

/* Connects, makes the devices and starts the thread. PF_E_MISSING: no such socket, output or
 * protocol; PF_E_ARGUMENT: no such keyboard layout. */
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
/* Types UTF-8 of up to PF_TEXT_BYTES_MAX bytes, all of it or nothing. PF_E_ARGUMENT for what is not
 * UTF-8 and for control characters other than U+0009 and U+000A. */
pf_result pf_input_text(pf_input *self, const uint8_t *text, uint32_t bytes);
/* Releases every key and button that is down, after what is queued. */
void pf_input_release_all(pf_input *self);

#endif

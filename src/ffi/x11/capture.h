/*
 * Captures the screen of an X server: the root window with all that is on it, by MIT-SHM into
 * shared memory where the server shares this machine, else over its connection.
 *
 * One thread owns the connection and sleeps until something happens: XDamage tells when the screen
 * changed, XFixes when the pointer's shape did, XInput 2 when it moved. A still screen costs
 * nothing and gives no picture. A server without XDamage is captured at every frame time.
 *
 * Rate: refresh_mhz at most. A change after a rest is captured at once; what changes meanwhile is
 * in the next picture, so the last state is never missed. X has no notion of a frame: a picture may
 * show an application half-way through its drawing, and the next one shows the rest.
 *
 * Pictures: PF_PIXEL_BGRX or PF_PIXEL_RGBX, top row first, without an odd last row or column, with
 * the pointer painted in where config.cursor is set. `times.capture_ns` is when the server was
 * asked. Up to PF_X11_BUFFERS - 1 may be retained by the stages behind; when no buffer is free,
 * capturing waits for one (counted as buffer_waits).
 *
 * Events: started; first_frame; format (a = width, b = height) when the size of the screen changed:
 * pictures of the new size follow; failed (capturing can't go on) and ended (the server is gone),
 * each once, with words, and no picture after it.
 */
#ifndef PF_X11_CAPTURE_H
#define PF_X11_CAPTURE_H
#include "../common/common.h"

typedef struct pf_x11 pf_x11;

/* Connects and learns what the server can do. PF_E_MISSING: no such server; PF_E_UNSUPPORTED: a
 * screen of a depth or size that can't be streamed; PF_E_CLOSED: no answer. */
pf_result pf_x11_open(const pf_x11_config *config, pf_x11 **out);
/* The screen, as it is now; its name is the display's. Not while the capture runs. */
void pf_x11_describe(pf_x11 *self, pf_capture_output *out);
/* Once. */
pf_result pf_x11_start(pf_x11 *self);
void pf_x11_stop(pf_x11 *self);
/* Every picture must have been released. */
void pf_x11_close(pf_x11 *self);
/* damage_rectangles counts changes, damage_pixels the pixels that their first ones covered. */
const pf_capture_counters *pf_x11_counters_block(pf_x11 *self);

#endif

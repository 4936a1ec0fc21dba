/*
 * Captures an output of a Wayland compositor by ext-image-copy-capture-v1, else by wlroots'
 * zwlr_screencopy_manager_v1 (version 3), into shared memory, without a further copy: the pictures
 * that are pushed are the buffers that the compositor wrote.
 *
 * One thread owns the connection and sleeps until something happens. By screencopy two copies are
 * asked for in advance, so that the next frame of the compositor finds a request while the picture
 * before it is handed on; the other protocol has one at a time. Each copy but the first waits for
 * damage: a still desktop costs nothing and gives no picture. Damage adds up while no copy is asked
 * for, so the last state is never missed.
 *
 * Rate: an allowance of refresh_mhz pictures per 1,000 seconds, of which two may be asked for in
 * advance where the output itself is no faster, and one where it is.
 *
 * Pictures: PF_PIXEL_BGRX or PF_PIXEL_RGBX, top row first, without an odd last row or column.
 * `times.capture_ns` is the compositor's time of the frame. Up to PF_CAPTURE_BUFFERS - 2 may be
 * retained by the stages behind; when no buffer is free, capturing waits for one (counted as
 * buffer_waits).
 *
 * Events: started; first_frame; format (a = width, b = height) when the mode of the output changed:
 * pictures of the new size follow; failed (capturing can't go on) and ended (the compositor or the
 * output is gone), each once, with words, and no picture after it.
 */
#ifndef PF_CAPTURE_H
#define PF_CAPTURE_H
#include "../common/common.h"

enum {
  /* Two at the compositor; one waiting, one being encoded, one kept to be repeated; one spare. */
  PF_CAPTURE_BUFFERS = 6,
};

typedef struct pf_capture pf_capture;

/* Connects, finds the output and learns its format. PF_E_MISSING: no such socket, output or
 * protocol; PF_E_UNSUPPORTED: a pixel format that is not known here; PF_E_CLOSED: no answer. */
pf_result pf_capture_open(const pf_capture_config *config, pf_capture **out);
/* The output that was opened, as it is now. Not while the capture runs. */
void pf_capture_describe(pf_capture *self, pf_capture_output *out);
/* Once. */
pf_result pf_capture_start(pf_capture *self);
void pf_capture_stop(pf_capture *self);
/* Every picture must have been released. */
void pf_capture_close(pf_capture *self);
const pf_capture_counters *pf_capture_counters_block(pf_capture *self);

#endif

/*
 * Exports of libpf_screencast: captures a video node of PipeWire, as compositors and portals offer
 * them. A stage as in common.h, of which only the source end is there.
 *
 * One thread, that of the connection (connection.h), does everything; libpipewire's own thread only
 * moves buffers to it. The stage negotiates from `open` on, so that its size is known before an
 * encoder is made for it, and keeps the newest picture until `start`.
 *
 * Memory: shared memory, or DMA buffers with linear rows where the configuration allows them. A
 * picture is the producer's buffer itself, mapped read-only, until its last reference is gone;
 * meanwhile three buffers at least stay with the producer. It is copied (`copies`) where too few
 * are left, where the pointer is drawn over it, where it lies turned, and where libpipewire owns
 * the mapping. Up to PF_SCREENCAST_HELD pictures may be retained by the stages behind, the newest:
 * one that is kept while the producer comes round to its buffer again costs a picture then. Where
 * no memory is free, pictures wait for it (`buffer_waits`) and newer ones replace them. A picture
 * in a DMA buffer also has its name for devices (`dmabuf`).
 *
 * Pictures: PF_PIXEL_BGRX or PF_PIXEL_RGBX, upright, cropped to what the producer says counts,
 * without an odd last row or column. `times.capture_ns` is the producer's time where that is of
 * CLOCK_MONOTONIC and not a second old, else when the buffer came. Buffers without a picture (size
 * 0 or marked corrupted) only move the pointer; buffers without damage give no picture, once the
 * producer has told damage at all.
 *
 * Rate: an allowance of refresh_mhz pictures per 1,000 seconds and 1% more, of which two may come
 * at once; what comes faster is replaced by the newest (`frames_skipped`), which waits for its
 * turn.
 *
 * Watchdog: without a picture first_frame_ms after `open`, or after a new format, DMA buffers are
 * given up for shared memory, once; then the stage fails with what is known.
 *
 * Events: started; first_frame; format (a = width, b = height) when pictures get another size than
 * pf_screencast_describe told; failed (it can't go on) and ended (the producer or PipeWire is
 * gone), each once, with words, and no picture after it.
 */
#ifndef PF_SCREENCAST_H
#define PF_SCREENCAST_H
#include "../common/common.h"

enum { PF_SCREENCAST_HELD = 3, PF_SCREENCAST_ANY_NODE = 0xffffffffu };

typedef struct pf_screencast pf_screencast;

/* Connects, waits for the node and for a format (2 s each at most, or half of first_frame_ms).
 * PF_E_MISSING: no server or no such node; PF_E_CLOSED: it hung up; PF_E_LIBRARY: it refused, in
 * its words. Takes config->fd over also when it fails. */
pf_result pf_screencast_open(const pf_screencast_config *config, pf_screencast **out);
/* How it stands now. Any time between open and close. */
void pf_screencast_describe(pf_screencast *self, pf_screencast_state *out);
/* Once. PF_E_CLOSED, with words, when the stage has ended since it was opened. */
pf_result pf_screencast_start(pf_screencast *self);
void pf_screencast_stop(pf_screencast *self);
/* Every picture must have been released. */
void pf_screencast_close(pf_screencast *self);
const pf_screencast_counters *pf_screencast_counters_block(pf_screencast *self);

#endif

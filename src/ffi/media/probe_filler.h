/*
 * The source of a speed test: frames of filler at a steady rate, pushed into a sender of the
 * probe's plane, so that they pass the same packetizer, parity, seal, pacer and socket as video.
 *
 * Frame i of a burst is due at begin + i / frames_per_second; its size is its share of the rate. A
 * push that blocks (the sender's queue is full) delays the next frames; those that are late by more
 * than FILLER_LATE_FRAMES frame times are skipped, since to catch up would be another rate. Each
 * frame is marked as a keyframe: none needs another one.
 *
 * A burst waits until the session knows the peer's address, at most FILLER_PATH_MS. When it is over
 * an `ended` event tells so: a = number of the burst, b = PF_FILLER_DONE and so on. What was pushed
 * last may still wait in the sender then.
 */
#ifndef PF_PROBE_FILLER_H
#define PF_PROBE_FILLER_H
#include "session.h"

typedef struct pf_filler pf_filler;

enum { PF_FILLER_DONE = 0, PF_FILLER_HALTED = 1, PF_FILLER_NO_PATH = 2 };

/* PF_E_ARGUMENT: frame_bytes_max is outside the limits, or frames_per_second not within
 * 1 … PF_REFRESH_HZ_MAX. The pages of the filler are touched here. */
pf_result pf_filler_open(const pf_filler_config *config, pf_filler **out);
pf_result pf_filler_start(pf_filler *filler);
/* Halts a burst; no push afterwards. The sender must still run, or have been stopped. */
void pf_filler_stop(pf_filler *filler);
void pf_filler_close(pf_filler *filler);
/* Begins a burst; one that runs is halted before. Returns its number, from 1. `rate_kbps` is of
 * filler, without headers and parity. PF_E_ARGUMENT: a frame of this rate is larger than
 * frame_bytes_max, or the rate or `duration_ms` is 0. Any thread. */
int32_t pf_filler_begin(pf_filler *filler, uint32_t rate_kbps, uint32_t duration_ms);
/* Ends the burst that runs, within a frame time. Any thread. */
void pf_filler_halt(pf_filler *filler);
const void *pf_filler_counters_block(pf_filler *filler);

#endif

/*
 * The sending stage: access units in, sealed packets out.
 *
 * push() copies an access unit behind its frame header into one of PF_SEND_QUEUE_COUNT frames, cut
 * into shards; when all are waiting it blocks (back-pressure to the encoder). Data shards are
 * sealed into a burst buffer and sent before the parity is made, so that a frame without loss is
 * complete as early as can be; the first burst leaves on the pushing thread when nothing waits, the
 * rest on the stage's own. Parity is made while the pacer waits, or behind the data. When nothing
 * follows, tip packets name the newest frame of video, so that a receiver that lost the end of the
 * stream knows.
 *
 * An access unit that is larger than negotiated, or comes while the stage is not started, uses up a
 * frame index and is dropped (frames_dropped): the receiver sees a hole and asks for a keyframe.
 * Units that come before the peer's address is known are dropped without a trace (no_path).
 */
#ifndef PF_SEND_H
#define PF_SEND_H
#include "session.h"

typedef struct pf_send pf_send;

/* PF_E_ARGUMENT when a size is outside the limits. Memory is reserved, not touched: a frame costs
 * what it needs. */
pf_result pf_send_open(const pf_send_config *config, pf_send **out);
pf_result pf_send_start(pf_send *send);
/* Frames that wait are thrown away; a push that waits returns. */
void pf_send_stop(pf_send *send);
void pf_send_close(pf_send *send);
/* Input: pf_access_unit, from one thread at a time. */
void pf_send_sink(pf_send *send, pf_sink *out);
/* Knobs: bitrate_kbps, parity_permille (0 … PF_PARITY_PERMILLE_MAX, for blocks longer than the
 * table). From the next frame on. */
pf_result pf_send_set(pf_send *send, uint32_t knob, int64_t value);
/* Parity by data shard count, PF_PARITY_TABLE_COUNT entries, and the share of longer blocks. */
pf_result pf_send_set_parity(pf_send *send, uint32_t permille, const uint16_t *table);
/* Takes what was measured of up to `max` frames, oldest first; the newest PF_SEND_TIMINGS are kept.
 * Returns how many. */
#define PF_SEND_TIMINGS 256
int32_t pf_send_take_timings(pf_send *send, pf_host_timing *out, uint32_t max);
const void *pf_send_counters_block(pf_send *send);

#endif

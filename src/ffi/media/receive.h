/*
 * The receiving stage: opened shards in, access units out, in order.
 *
 * Up to frames_in_flight_max frames are put together at once; the first shard of a frame pins its
 * geometry, and shards that differ are dropped. A frame is complete when as many shards are there
 * as it has data shards. Units go to the sink on the receiving thread, strictly in order: while the
 * next frame is incomplete, later ones are held (late is not lost). order.h tells what ends the
 * waiting and what is asked for meanwhile.
 *
 * Memory: all of it is reserved at open from the negotiated sizes; see pool.h for how much of that
 * is ever used.
 *
 * Times: `reassemble_us` is first packet to complete, rebuilding included. With a clock offset,
 * `network_us` is the first packet sent to the first one received, of frames of which the host told
 * by then how long they waited there (pf_receive_take_timings), and `capture_to_reassembled_us` is
 * capture to complete.
 *
 * Events: `stall` (a = first missing frame) when a hole is stall_ms old, and each 50 ms while
 * nothing can be delivered; `recovered` (a = frame, b = milliseconds without a picture) when the
 * first unit after a stall is delivered.
 */
#ifndef PF_RECEIVE_H
#define PF_RECEIVE_H
#include "session.h"

typedef struct pf_receive pf_receive;

/* Works from open to close while the session's port is started. PF_E_ARGUMENT: a size is outside
 * the limits. */
pf_result pf_receive_open(const pf_receive_config *config, pf_receive **out);
/* Takes it off its session; no sink call afterwards. */
void pf_receive_close(pf_receive *receive);
/* Knobs: clock_offset_ns, clock_error_ns: a frame counts as frames_before_sent only when the
 * offset's error can't explain it. */
pf_result pf_receive_set(pf_receive *receive, uint32_t knob, int64_t value);
/* What the host told of frames: `count` host timing entries (media.ts), at any alignment; what they
 * say is not trusted. From one thread, which is the only one that writes network_us. */
void pf_receive_take_timings(pf_receive *receive, const uint8_t *entries, uint32_t count);
/* See loss_report.h. */
int32_t pf_receive_take_losses(pf_receive *receive, pf_frame_loss *out, uint32_t max);
const void *pf_receive_counters_block(pf_receive *receive);

#endif

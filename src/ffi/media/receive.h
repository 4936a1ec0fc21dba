/*
 * The receiving stage: opened shards in, access units out, in order.
 *
 * Up to frames_in_flight_max frames are put together at once; the first shard of a frame pins its
 * geometry. A frame is complete when as many shards are there as it has data shards. Units go to
 * the sink on the receiving thread, strictly in order: while the next frame is incomplete, later
 * ones are held (late is not lost). What ends the waiting is the frame itself, a complete keyframe
 * behind it, or the loss window; after a loss nothing is delivered until a keyframe, since a decoder
 * would show garbage.
 *
 * Memory: frames_in_flight_max buffers are reserved for the largest negotiated frame and its
 * parity; pages are touched as frames need them, and given back after frames above 1 MiB.
 */
#ifndef PF_RECEIVE_H
#define PF_RECEIVE_H
#include "port.h"

typedef struct pf_receive pf_receive;

pf_result pf_receive_open(const pf_receive_config *config, pf_receive **out);
/* Takes it off its session; no sink call afterwards. */
void pf_receive_close(pf_receive *receive);
/* clock_offset_ns. */
pf_result pf_receive_set(pf_receive *receive, uint32_t knob, int64_t value);
const void *pf_receive_counters_block(pf_receive *receive);

/* For tests and fuzzing: one opened body of a video or tip packet, as the session hands it over. */
void pf_receive_take(pf_receive *receive, uint8_t plane, uint8_t *body, uint32_t bytes,
                     uint64_t now_ns);
uint64_t pf_receive_tick(pf_receive *receive, uint64_t now_ns);
/* Opens a stage without a session; `session` of the config is ignored. */
pf_result pf_receive_open_detached(const pf_receive_config *config, pf_receive **out);

#endif

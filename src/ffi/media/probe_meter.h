/*
 * The end of a speed test: takes the frames of filler that a receiver delivers, and measures.
 *
 * Jitter is that of RFC 3550, section 6.4.1, in nanoseconds, with a frame in place of a packet:
 * when its first packet came against when the host had made it, so that the clocks' offset and a
 * frame's own length fall out. first_ns and last_ns are when the first and the last frame of the
 * burst were complete, first_bytes the size of the first: what came between is the rest.
 */
#ifndef PF_PROBE_METER_H
#define PF_PROBE_METER_H
#include "../common/common.h"

typedef struct pf_meter pf_meter;

pf_result pf_meter_open(pf_meter **out);
/* After whoever pushes into it was closed. */
void pf_meter_close(pf_meter *meter);
/* Input: pf_access_unit with its times, from one thread at a time. */
void pf_meter_sink(pf_meter *meter, pf_sink *out);
/* A burst begins: the next frame is its first. Any thread. */
void pf_meter_begin(pf_meter *meter);
const void *pf_meter_counters_block(pf_meter *meter);

#endif

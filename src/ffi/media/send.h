/*
 * The sending stage: access units in, sealed packets out.
 *
 * push() copies an access unit behind its frame header into one of PF_SEND_QUEUE_COUNT frames, cut
 * into shards; when all are waiting it blocks (back-pressure to the encoder). The stage's thread
 * seals and sends the data shards while they are still needed in clear for the parity, then makes
 * the parity and sends it, paced beyond the burst. When nothing follows, a tip packet names the
 * newest frame, so that a receiver that lost all of it knows.
 */
#ifndef PF_SEND_H
#define PF_SEND_H
#include "port.h"

typedef struct pf_send pf_send;

/* PF_E_ARGUMENT when a size is outside the limits. Memory is reserved, not touched: a frame costs
 * what it needs. */
pf_result pf_send_open(const pf_send_config *config, pf_send **out);
pf_result pf_send_start(pf_send *send);
void pf_send_stop(pf_send *send);
void pf_send_close(pf_send *send);
/* Input: pf_access_unit. */
void pf_send_sink(pf_send *send, pf_sink *out);
/* bitrate_kbps. */
pf_result pf_send_set(pf_send *send, uint32_t knob, int64_t value);
/* Parity by data shard count 0…PF_PARITY_TABLE_COUNT-1, and the share of longer blocks. Each entry
 * counts as at least PF_PARITY_COUNT_MIN. */
pf_result pf_send_set_parity(pf_send *send, uint32_t permille, const uint16_t *table);
/* Takes what was measured of up to `max` frames; the newest PF_SEND_TIMINGS are kept. */
#define PF_SEND_TIMINGS 256
int32_t pf_send_take_timings(pf_send *send, pf_host_timing *out, uint32_t max);
const void *pf_send_counters_block(pf_send *send);

#endif

/*
 * Exports of libpf_encode: the encoder stage, as in common.h. Pictures (BGRx or RGBx) in, access
 * units out.
 *
 * Input: a mailbox of one picture. A picture that comes before the last one was taken replaces it
 * (`frames_replaced`). A picture of another size than configured ends the stage with `failed`.
 * Output: pushed on the encoder's thread; a push that blocks is the back-pressure that makes the
 * mailbox replace. `times.encode_begin_ns`, `encode_end_ns` and the two host times are set; in a
 * repeat `capture_ns` is the time of the repeat, since the picture is what the screen shows then.
 *
 * A still picture is encoded again, at the picture rate, until it is sharp (where the encoder
 * tells) or `settle_count` is used up, and then nothing runs. Knobs:
 *   PF_KNOB_BITRATE_KBPS  from the next picture on; some encoders restart with a keyframe
 *   PF_KNOB_KEYFRAME      the next unit is a keyframe; without a new picture it is made from the
 *                         last one as soon as a frame time has passed since that was encoded
 *   PF_KNOB_PAUSED        1: no unit until 0. The mailbox goes on: then the newest picture comes,
 *                         with the time of that as its capture_ns if it is older, since it is what
 *                         the screen shows
 * Posts `started` (text: the encoder's name) and `failed` (text: why), after which nothing comes.
 */
#ifndef PF_ENCODE_H
#define PF_ENCODE_H
#include "../common/common.h"

typedef struct pf_encode pf_encode;

/* PF_E_MISSING: this machine doesn't have the encoder; PF_E_ARGUMENT; PF_E_UNSUPPORTED and
 * PF_E_LIBRARY: it does not work. pf_last_error() has the library's words. */
pf_result pf_encode_open(const pf_encode_config *config, pf_encode **out);
pf_result pf_encode_start(pf_encode *encode);
/* Waits for a push that is under way; releases every picture. */
void pf_encode_stop(pf_encode *encode);
void pf_encode_close(pf_encode *encode);
pf_result pf_encode_set(pf_encode *encode, uint32_t knob, int64_t value);
void pf_encode_sink(pf_encode *encode, pf_sink *out);
const void *pf_encode_counters_block(pf_encode *encode);

#endif

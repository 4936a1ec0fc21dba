/*
 * Exports of libpf_decode: the decoder stage, as in common.h, and the tap (tap.h). Access units in,
 * pictures (I420 or NV12) out.
 *
 * Input: a queue of `queue_count` access units, copied. A full queue refuses the newest one
 * (`units_dropped`). A unit that can't be decoded counts as `failures`. After either, units are
 * skipped (`units_skipped`) up to the next keyframe: what comes before would show damage. `stall`
 * (a = frame index, text: why) asks for that keyframe once, `recovered` (a = frame index,
 * b = milliseconds) says that it came. Decoding begins at a keyframe.
 * Output: pictures that refer to the decoder's own memory, from a pool of wrappers; without a free
 * one the picture is dropped (`frames_dropped`). Pushed on the decoder's thread.
 *
 * Posts `format` (a = width, b = height, text: the decoder) for the first picture and when its size
 * changes, `first_frame`, and `failed` when a picture is larger than negotiated or of a format that
 * can't be shown. Knobs: PF_KNOB_CLOCK_OFFSET_NS, for the histogram capture_to_decoded_us;
 * PF_KNOB_PICTURE_MAX, another size that was negotiated.
 */
#ifndef PF_DECODE_H
#define PF_DECODE_H
#include "../common/common.h"

typedef struct pf_decode pf_decode;

/* PF_E_MISSING: no such decoder or device on this machine; PF_E_ARGUMENT; PF_E_LIBRARY. */
pf_result pf_decode_open(const pf_decode_config *config, pf_decode **out);
pf_result pf_decode_start(pf_decode *decode);
/* What is queued is not decoded any more. */
void pf_decode_stop(pf_decode *decode);
/* A picture that is still held stays whole until its holder releases it. */
void pf_decode_close(pf_decode *decode);
pf_result pf_decode_set(pf_decode *decode, uint32_t knob, int64_t value);
void pf_decode_sink(pf_decode *decode, pf_sink *out);
const void *pf_decode_counters_block(pf_decode *decode);
/* libavcodec's name of the decoder, with the hardware if there is one: "h264 (vaapi)". */
const char *pf_decode_name(pf_decode *decode);

#endif

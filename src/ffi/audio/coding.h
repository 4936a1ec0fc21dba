/*
 * Opus (RFC 6716) for sound that nobody waits for: 48 kHz, frames of 5 ms, no look-ahead but 2.5 ms
 * (RESTRICTED_LOWDELAY). 1, 2, 6 or 8 channels in the order of Vorbis, in the streams of RFC 7845,
 * 5.1.1: everything but mono and stereo as several Opus streams in one packet.
 */
#ifndef PF_SOUND_CODING_H
#define PF_SOUND_CODING_H
#include "packet.h"

#include <opus_multistream.h>

/* Whether sound may have this many channels. */
bool pf_sound_is_layout(uint32_t channel_count);

/* PF_E_ARGUMENT: no such layout; PF_E_LIBRARY: libopus refused, in its words. */
pf_result pf_sound_encoder_open(uint32_t channel_count, uint32_t bitrate_kbps,
                                OpusMSEncoder **out);
/* Codes PF_SOUND_FRAME_SAMPLES per channel into PF_SOUND_FRAME_BYTES_MAX bytes; returns how many, 0
 * when libopus failed. */
uint32_t pf_sound_encode(OpusMSEncoder *encoder, const float *samples, uint8_t *out);
pf_result pf_sound_decoder_open(uint32_t channel_count, OpusMSDecoder **out);
/* Fills PF_SOUND_FRAME_SAMPLES per channel from a frame, or makes them up when it has no bytes.
 * False when the frame is none of Opus: what it would have been is made up. */
bool pf_sound_decode(OpusMSDecoder *decoder, uint32_t channel_count, pf_sound_frame frame,
                     float *samples);

#endif

#include "coding.h"

#include <string.h>

enum { FRAME = PF_SOUND_FRAME_SAMPLES };

/* RFC 7845, 5.1.1: coupled streams come first; a channel's place among the streams' outputs. */
typedef struct channel_layout {
  uint32_t channel_count;
  int family, streams, coupled;
  unsigned char mapping[PF_SOUND_CHANNELS_MAX];
} channel_layout;

static const channel_layout layouts[] = {
    {1, 0, 1, 0, {0}},
    {2, 0, 1, 1, {0, 1}},
    {6, 1, 4, 2, {0, 4, 1, 2, 3, 5}},
    {8, 1, 5, 3, {0, 6, 1, 2, 3, 4, 5, 7}},
};

static const channel_layout *layout_of(uint32_t channel_count) {
  for (size_t i = 0; i < PF_ARRAY_COUNT(layouts); i++)
    if (layouts[i].channel_count == channel_count) return &layouts[i];
  return NULL;
}

bool pf_sound_is_layout(uint32_t channel_count) { return layout_of(channel_count) != NULL; }

pf_result pf_sound_encoder_open(uint32_t channel_count, uint32_t bitrate_kbps,
                                OpusMSEncoder **out) {
  const channel_layout *layout = layout_of(channel_count);
  if (layout == NULL) return pf_fail(PF_E_ARGUMENT, "sound has no %u channels", channel_count);
  int error = OPUS_OK, streams = 0, coupled = 0;
  unsigned char mapping[PF_SOUND_CHANNELS_MAX];
  OpusMSEncoder *encoder = opus_multistream_surround_encoder_create(
      PF_SOUND_RATE_HZ, (int)channel_count, layout->family, &streams, &coupled, mapping,
      OPUS_APPLICATION_RESTRICTED_LOWDELAY, &error);
  if (encoder == NULL) return pf_fail(PF_E_LIBRARY, "libopus: %s", opus_strerror(error));
  bool agreed = streams == layout->streams && coupled == layout->coupled &&
                memcmp(mapping, layout->mapping, channel_count) == 0;
  if (agreed)
    error = opus_multistream_encoder_ctl(encoder, OPUS_SET_BITRATE((int)bitrate_kbps * 1000));
  if (!agreed || error != OPUS_OK) {
    opus_multistream_encoder_destroy(encoder);
    return pf_fail(PF_E_LIBRARY, "libopus refuses %u channels at %u kbps", channel_count,
                   bitrate_kbps);
  }
  *out = encoder;
  return PF_OK;
}

uint32_t pf_sound_encode(OpusMSEncoder *encoder, const float *samples, uint8_t *out) {
  int bytes =
      opus_multistream_encode_float(encoder, samples, FRAME, out, PF_SOUND_FRAME_BYTES_MAX);
  return bytes > 0 ? (uint32_t)bytes : 0;
}

pf_result pf_sound_decoder_open(uint32_t channel_count, OpusMSDecoder **out) {
  const channel_layout *layout = layout_of(channel_count);
  if (layout == NULL) return pf_fail(PF_E_ARGUMENT, "sound has no %u channels", channel_count);
  int error = OPUS_OK;
  *out = opus_multistream_decoder_create(PF_SOUND_RATE_HZ, (int)channel_count, layout->streams,
                                         layout->coupled, layout->mapping, &error);
  return *out != NULL ? PF_OK : pf_fail(PF_E_LIBRARY, "libopus: %s", opus_strerror(error));
}

bool pf_sound_decode(OpusMSDecoder *decoder, uint32_t channel_count, pf_sound_frame frame,
                     float *samples) {
  const uint8_t *data = frame.bytes != 0 ? frame.data : NULL;
  opus_int32 bytes = (opus_int32)frame.bytes;
  if (opus_multistream_decode_float(decoder, data, bytes, samples, FRAME, 0) == FRAME) return true;
  /* Nothing of it, or less than a frame, came out. */
  if (opus_multistream_decode_float(decoder, NULL, 0, samples, FRAME, 0) != FRAME)
    memset(samples, 0, sizeof *samples * FRAME * channel_count);
  return false;
}

#include "trial.h"

#include <math.h>
#include <opus.h>

enum { RATE = 48000, CHANNELS = 2, SAMPLES = 240 /* 5 ms */, FRAMES = 20, PACKET_BYTES = 1275 };

static const double tone_hz = 440, loudness = 0.5;

static void fill(float *samples, int frame) {
  for (int i = 0; i < SAMPLES; i++) {
    double seconds = (double)(frame * SAMPLES + i) / RATE;
    float value = (float)(loudness * sin(6.283185307179586 * tone_hz * seconds));
    for (int c = 0; c < CHANNELS; c++) samples[i * CHANNELS + c] = value;
  }
}

static pf_result code(OpusEncoder *encoder, OpusDecoder *decoder, uint32_t *frame_ns) {
  float samples[SAMPLES * CHANNELS];
  unsigned char packet[PACKET_BYTES];
  double energy = 0;
  uint64_t begun_ns = pf_now_ns();
  for (int frame = 0; frame < FRAMES; frame++) {
    fill(samples, frame);
    int bytes = opus_encode_float(encoder, samples, SAMPLES, packet, sizeof packet);
    if (bytes < 0) return pf_fail(PF_E_LIBRARY, "opus_encode: %s", opus_strerror(bytes));
    int count = opus_decode_float(decoder, packet, bytes, samples, SAMPLES, 0);
    if (count != SAMPLES)
      return pf_fail(PF_E_LIBRARY, "opus_decode: %s", count < 0 ? opus_strerror(count) : "short");
    for (int i = 0; frame >= FRAMES / 2 && i < SAMPLES * CHANNELS; i++)
      energy += (double)samples[i] * samples[i];
  }
  *frame_ns = (uint32_t)((pf_now_ns() - begun_ns) / FRAMES);
  /* A sine's mean square is half the square of its peak. */
  double mean = energy / (FRAMES / 2 * SAMPLES * CHANNELS), wanted = loudness * loudness / 2;
  if (mean < wanted / 2 || mean > wanted * 2)
    return pf_fail(PF_E_LIBRARY, "a tone came back with %.3f of its loudness", mean / wanted);
  return PF_OK;
}

pf_result pf_trial_opus(uint32_t *frame_ns) {
  int encoder_error = OPUS_OK, decoder_error = OPUS_OK;
  *frame_ns = 0;
  OpusEncoder *encoder =
      opus_encoder_create(RATE, CHANNELS, OPUS_APPLICATION_RESTRICTED_LOWDELAY, &encoder_error);
  OpusDecoder *decoder = opus_decoder_create(RATE, CHANNELS, &decoder_error);
  pf_result result;
  if (encoder_error != OPUS_OK)
    result = pf_fail(PF_E_LIBRARY, "opus_encoder_create: %s", opus_strerror(encoder_error));
  else if (decoder_error != OPUS_OK)
    result = pf_fail(PF_E_LIBRARY, "opus_decoder_create: %s", opus_strerror(decoder_error));
  else
    result = code(encoder, decoder, frame_ns);
  if (encoder != NULL) opus_encoder_destroy(encoder);
  if (decoder != NULL) opus_decoder_destroy(decoder);
  return result;
}

#include "stretch.h"

#include <math.h>
#include <string.h>

static const double pi = 3.14159265358979323846;

/* The sinc of a tap under a Blackman window over all taps. */
static double weight(double distance) {
  const double half = PF_STRETCH_TAPS / 2.0;
  if (fabs(distance) >= half) return 0;
  double angle = pi * distance;
  double sinc = distance == 0 ? 1 : sin(angle) / angle;
  return sinc * (0.42 + 0.5 * cos(angle / half) + 0.08 * cos(2 * angle / half));
}

void pf_stretch_init(pf_stretch *stretch, uint32_t channel_count) {
  *stretch = (pf_stretch){.channel_count = channel_count, .have = PF_STRETCH_TAPS};
  for (int phase = 0; phase <= PF_STRETCH_PHASES; phase++) {
    float *taps = stretch->taps + phase * PF_STRETCH_TAPS;
    double sum = 0;
    for (int i = 0; i < PF_STRETCH_TAPS; i++) {
      double middle = PF_STRETCH_TAPS / 2 - 1 + (double)phase / PF_STRETCH_PHASES;
      taps[i] = (float)weight(i - middle);
      sum += taps[i];
    }
    for (int i = 0; i < PF_STRETCH_TAPS; i++) taps[i] = (float)(taps[i] / sum);
  }
}

static void fill(pf_stretch *stretch, double *rate, pf_stretch_more more, void *context) {
  uint32_t channels = stretch->channel_count, used = (uint32_t)stretch->at;
  stretch->have -= used;
  stretch->at -= used;
  memmove(stretch->samples, stretch->samples + (size_t)used * channels,
          sizeof(float) * stretch->have * channels);
  more(context, stretch->samples + (size_t)stretch->have * channels, rate);
  stretch->have += PF_SOUND_FRAME_SAMPLES;
}

void pf_stretch_pull(pf_stretch *stretch, float *out, uint32_t frames, double *rate,
                     pf_stretch_more more, void *context) {
  uint32_t channels = stretch->channel_count;
  for (uint32_t i = 0; i < frames; i++) {
    if ((uint32_t)stretch->at + PF_STRETCH_TAPS > stretch->have)
      fill(stretch, rate, more, context);
    uint32_t first = (uint32_t)stretch->at;
    uint32_t phase = (uint32_t)((stretch->at - first) * PF_STRETCH_PHASES + 0.5);
    const float *taps = stretch->taps + phase * PF_STRETCH_TAPS;
    const float *in = stretch->samples + (size_t)first * channels;
    for (uint32_t c = 0; c < channels; c++) {
      float sum = 0;
      for (uint32_t t = 0; t < PF_STRETCH_TAPS; t++) sum += taps[t] * in[t * channels + c];
      *out++ = sum;
    }
    stretch->at += *rate;
  }
}

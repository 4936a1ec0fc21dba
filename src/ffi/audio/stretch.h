/*
 * Plays samples a little faster or slower than they were made: two machines' clocks are never the
 * same. Each sample that is asked for is interpolated by a windowed sinc of PF_STRETCH_TAPS (J. O.
 * Smith, "Digital Audio Resampling"), which delays by half of them, 0.33 ms at 48 kHz.
 */
#ifndef PF_SOUND_STRETCH_H
#define PF_SOUND_STRETCH_H
#include "../common/common.h"

enum { PF_STRETCH_TAPS = 32, PF_STRETCH_PHASES = 256 };

typedef struct pf_stretch {
  uint32_t channel_count;
  uint32_t have;     /* samples per channel in `samples` */
  double at;         /* of the next sample's first tap in them */
  float taps[(PF_STRETCH_PHASES + 1) * PF_STRETCH_TAPS];
  float samples[(PF_SOUND_FRAME_SAMPLES + 2 * PF_STRETCH_TAPS) * PF_SOUND_CHANNELS_MAX];
} pf_stretch;

void pf_stretch_init(pf_stretch *stretch, uint32_t channel_count);
/* Gives PF_SOUND_FRAME_SAMPLES more per channel; `rate`: how many of them make one, 0.9…1.1. */
typedef void (*pf_stretch_more)(void *context, float *samples, double *rate);
/* Fills `frames` samples per channel. */
void pf_stretch_pull(pf_stretch *stretch, float *out, uint32_t frames, double *rate,
                     pf_stretch_more more, void *context);

#endif

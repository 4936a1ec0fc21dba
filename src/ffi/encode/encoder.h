/*
 * One of libavcodec's encoders, set up so that each picture that goes in comes out as one access
 * unit before the next goes in. Single-threaded use.
 */
#ifndef PF_ENCODER_H
#define PF_ENCODER_H
#include "surface.h"

/* What punktfunk knows of an encoder. */
typedef struct pf_encoder_traits {
  const char *name;
  uint32_t codec; /* PF_CODEC_* */
  enum AVPixelFormat format;
  enum AVHWDeviceType hardware;
  bool live_bitrate;  /* takes a new bit rate without being opened again */
  bool asynchronous;  /* works on threads of its own: its unit must be waited for */
  uint32_t sharp_quality; /* quantizer that shows no loss; 0 = it doesn't say */
  uint32_t bitrate_kbps_max; /* 0 = none */
  uint32_t headroom_percent; /* maximum over target, for one that stays below its maximum */
  /* Private options; `context` has all that is common. */
  void (*options)(const pf_encode_config *config, AVCodecContext *context, AVDictionary **options);
} pf_encoder_traits;

/* NULL when punktfunk does not know it. */
const pf_encoder_traits *pf_encoder_find(const char *name);
/* Threads that a software encoder gets. */
int pf_encoder_threads(const pf_encode_config *config);

typedef struct pf_encoder pf_encoder;

/* One coded picture; `data` is valid until the next call. */
typedef struct pf_coded {
  const uint8_t *data;
  uint32_t bytes;
  bool keyframe;
  bool sharp; /* encoding the same picture again would not show */
} pf_coded;

/* Opens the encoder and proves with three grey pictures that it has no delay, begins with a
 * keyframe and makes one on demand. PF_E_MISSING: this machine doesn't have it; PF_E_UNSUPPORTED:
 * it does not work as a stream needs it; PF_E_LIBRARY: it does not open. */
pf_result pf_encoder_open(const pf_encode_config *config, pf_encoder **out);
void pf_encoder_close(pf_encoder *encoder);
/* Converts a picture; it is encoded by each following call of pf_encoder_encode. */
pf_result pf_encoder_load(pf_encoder *encoder, const pf_picture *picture);
pf_result pf_encoder_encode(pf_encoder *encoder, bool keyframe, pf_coded *out);
/* From the next picture on; encoders that can't change it are opened again. */
pf_result pf_encoder_set_bitrate(pf_encoder *encoder, uint32_t bitrate_kbps);

#endif

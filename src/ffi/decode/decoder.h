/*
 * One of libavcodec's decoders, set up so that it gives each picture as soon as its access unit is
 * there. Single-threaded use.
 */
#ifndef PF_DECODER_H
#define PF_DECODER_H
#include "../common/common.h"
#include "../encode/words.h"

#include <libavcodec/avcodec.h>

typedef struct pf_decoder {
  AVCodecContext *context;
  AVPacket *packet;
  AVFrame *frame;    /* what the decoder gave last; in the device where there is one */
  AVBufferRef *device;
  enum AVPixelFormat hardware_format; /* NONE: software */
  pf_words words;
  char name[64];
} pf_decoder;

pf_result pf_decoder_open(pf_decoder *decoder, const pf_decode_config *config);
void pf_decoder_close(pf_decoder *decoder);
/* No memory is taken for a picture that is larger than this. */
void pf_decoder_limit(pf_decoder *decoder, uint32_t width, uint32_t height);
/* Hands in `bytes` of `buffer`, which it may refer to afterwards. PF_E_LIBRARY: not decodable. */
pf_result pf_decoder_send(pf_decoder *decoder, AVBufferRef *buffer, uint32_t bytes, int64_t pts,
                          bool keyframe);
/* Moves a finished picture, in system memory, into `out`. PF_E_EMPTY: none is ready. */
pf_result pf_decoder_receive(pf_decoder *decoder, AVFrame *out);
/* Forgets everything, as before the first unit. */
void pf_decoder_flush(pf_decoder *decoder);

#endif

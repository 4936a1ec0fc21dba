/* One of libavformat's muxers, fed with access units. Single-threaded use. */
#ifndef PF_MUXER_H
#define PF_MUXER_H
#include "../common/common.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

typedef struct pf_muxer {
  const pf_record_config *config;
  AVFormatContext *format;
  AVPacket *packet;
  AVCodecParserContext *parser;
  AVCodecContext *parsing;
  bool begun; /* the header is written */
  uint64_t first_ns;
  int64_t last_ticks;
} pf_muxer;

/* Creates the file; `config` must outlive the muxer. */
pf_result pf_muxer_open(pf_muxer *muxer, const pf_record_config *config);
/* The size of a keyframe's pictures; false when it can't be read. */
bool pf_muxer_size(pf_muxer *muxer, const pf_access_unit *keyframe, uint32_t *width,
                   uint32_t *height);
/* Writes the header, from the parameter sets of the first keyframe. */
pf_result pf_muxer_begin(pf_muxer *muxer, const pf_access_unit *keyframe);
pf_result pf_muxer_write(pf_muxer *muxer, const pf_access_unit *unit);
/* Closes the fragment or cluster and hands everything to the system. */
pf_result pf_muxer_flush(pf_muxer *muxer);
/* Bytes of the file so far. */
uint64_t pf_muxer_bytes(const pf_muxer *muxer);
/* Finishes the file when it was begun; allowed at any time. */
pf_result pf_muxer_close(pf_muxer *muxer);

#endif

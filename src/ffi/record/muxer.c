#include "muxer.h"

#include <libavcodec/avcodec.h>
#include <libavcodec/bsf.h>
#include <string.h>

/* Half a second of what a killed program can lose. */
#define FRAGMENT_US "500000"
#define CLUSTER_MS "500"
/* Ticks of the mp4 time scale: exact for every usual rate. Matroska has milliseconds anyway. */
#define TIME_SCALE 90000

static pf_result fail(pf_result result, int error, const char *what) {
  return pf_fail(result, "%s: %s", what, av_err2str(error));
}

static enum AVCodecID codec_id(uint32_t codec) {
  return codec == PF_CODEC_H264   ? AV_CODEC_ID_H264
         : codec == PF_CODEC_HEVC ? AV_CODEC_ID_HEVC
                                  : AV_CODEC_ID_AV1;
}

static void describe(const pf_record_config *config, AVStream *stream) {
  AVCodecParameters *parameters = stream->codecpar;
  parameters->codec_type = AVMEDIA_TYPE_VIDEO;
  parameters->codec_id = codec_id(config->codec);
  parameters->width = (int)config->width;
  parameters->height = (int)config->height;
  parameters->format = AV_PIX_FMT_YUV420P;
  parameters->color_range = AVCOL_RANGE_MPEG;
  parameters->color_primaries = AVCOL_PRI_BT709;
  parameters->color_trc = AVCOL_TRC_BT709;
  parameters->color_space = AVCOL_SPC_BT709;
  stream->time_base = (AVRational){1, TIME_SCALE};
  stream->avg_frame_rate = (AVRational){(int)config->refresh_mhz, 1000};
}

pf_result pf_muxer_open(pf_muxer *muxer, const pf_record_config *config) {
  *muxer = (pf_muxer){.config = config, .last_ticks = -1};
  if (config->codec > PF_CODEC_AV1)
    return pf_fail(PF_E_ARGUMENT, "there is no codec %u", config->codec);
  if (av_guess_format(config->format, NULL, NULL) == NULL)
    return pf_fail(PF_E_UNSUPPORTED, "this libavformat can't write %s", config->format);
  int error = avformat_alloc_output_context2(&muxer->format, NULL, config->format, config->path);
  muxer->packet = av_packet_alloc();
  if (error < 0 || muxer->packet == NULL || avformat_new_stream(muxer->format, NULL) == NULL)
    return pf_fail(PF_E_MEMORY, "no memory for the recording");
  muxer->format->flush_packets = 1; /* nothing finished stays in our own buffer */
  describe(config, muxer->format->streams[0]);
  error = avio_open(&muxer->format->pb, config->path, AVIO_FLAG_WRITE);
  return error < 0 ? fail(PF_E_SYSTEM, error, config->path) : PF_OK;
}

/* What the header needs of the stream: the parameter sets of a keyframe. */
static pf_result extract_extradata(AVCodecParameters *parameters, const pf_access_unit *keyframe,
                                   AVPacket *packet) {
  const AVBitStreamFilter *filter = av_bsf_get_by_name("extract_extradata");
  AVBSFContext *context = NULL;
  if (filter == NULL) return pf_fail(PF_E_UNSUPPORTED, "libavcodec has no extract_extradata");
  int error = av_bsf_alloc(filter, &context);
  if (error >= 0) error = avcodec_parameters_copy(context->par_in, parameters);
  if (error >= 0) error = av_bsf_init(context);
  if (error >= 0) error = av_new_packet(packet, (int)keyframe->bytes);
  if (error >= 0) {
    memcpy(packet->data, keyframe->data, keyframe->bytes);
    error = av_bsf_send_packet(context, packet);
  }
  if (error >= 0) error = av_bsf_receive_packet(context, packet);
  size_t bytes = 0;
  const uint8_t *sets = NULL;
  if (error >= 0) sets = av_packet_get_side_data(packet, AV_PKT_DATA_NEW_EXTRADATA, &bytes);
  if (sets != NULL) {
    parameters->extradata = av_mallocz(bytes + AV_INPUT_BUFFER_PADDING_SIZE);
    if (parameters->extradata != NULL) memcpy(parameters->extradata, sets, bytes);
    parameters->extradata_size = (int)bytes;
  }
  av_packet_unref(packet);
  av_bsf_free(&context);
  if (error < 0) return fail(PF_E_LIBRARY, error, "the first keyframe can't be read");
  return parameters->extradata != NULL
             ? PF_OK
             : pf_fail(PF_E_LIBRARY, "the first keyframe has no parameter sets");
}

bool pf_muxer_size(pf_muxer *muxer, const pf_access_unit *keyframe, uint32_t *width,
                   uint32_t *height) {
  enum AVCodecID id = codec_id(muxer->config->codec);
  if (muxer->parser == NULL) {
    muxer->parser = av_parser_init((int)id);
    muxer->parsing = avcodec_alloc_context3(NULL);
    if (muxer->parser == NULL || muxer->parsing == NULL) return false;
    muxer->parser->flags |= PARSER_FLAG_COMPLETE_FRAMES;
    muxer->parsing->codec_id = id;
    muxer->parsing->codec_type = AVMEDIA_TYPE_VIDEO;
  }
  AVPacket *packet = muxer->packet; /* the parser reads beyond the end */
  if (av_new_packet(packet, (int)keyframe->bytes) < 0) return false;
  memcpy(packet->data, keyframe->data, keyframe->bytes);
  uint8_t *out = NULL;
  int out_bytes = 0;
  av_parser_parse2(muxer->parser, muxer->parsing, &out, &out_bytes, packet->data, packet->size,
                   AV_NOPTS_VALUE, AV_NOPTS_VALUE, 0);
  av_packet_unref(packet);
  if (muxer->parser->width < 1 || muxer->parser->height < 1) return false;
  *width = (uint32_t)muxer->parser->width;
  *height = (uint32_t)muxer->parser->height;
  return true;
}

pf_result pf_muxer_begin(pf_muxer *muxer, const pf_access_unit *keyframe) {
  AVCodecParameters *parameters = muxer->format->streams[0]->codecpar;
  pf_result result = extract_extradata(parameters, keyframe, muxer->packet);
  if (result != PF_OK) return result;
  AVDictionary *options = NULL;
  av_dict_set(&options, "movflags", "empty_moov+default_base_moof", 0);
  av_dict_set(&options, "frag_duration", FRAGMENT_US, 0);
  av_dict_set_int(&options, "video_track_timescale", TIME_SCALE, 0);
  av_dict_set(&options, "cluster_time_limit", CLUSTER_MS, 0);
  int error = avformat_write_header(muxer->format, &options); /* leaves what is another muxer's */
  av_dict_free(&options);
  if (error < 0) return fail(PF_E_SYSTEM, error, "the file's header can't be written");
  muxer->begun = true;
  muxer->first_ns = keyframe->times.capture_ns;
  return PF_OK;
}

pf_result pf_muxer_write(pf_muxer *muxer, const pf_access_unit *unit) {
  AVPacket *packet = muxer->packet;
  int error = av_new_packet(packet, (int)unit->bytes);
  if (error < 0) return pf_fail(PF_E_MEMORY, "no memory for a packet");
  memcpy(packet->data, unit->data, unit->bytes);
  uint64_t capture_ns = unit->times.capture_ns;
  int64_t since_ns = capture_ns > muxer->first_ns ? (int64_t)(capture_ns - muxer->first_ns) : 0;
  const AVStream *stream = muxer->format->streams[0];
  int64_t ticks = av_rescale_q(since_ns, (AVRational){1, 1000000000}, stream->time_base);
  if (ticks <= muxer->last_ticks) ticks = muxer->last_ticks + 1;
  muxer->last_ticks = ticks;
  packet->pts = packet->dts = ticks;
  packet->duration =
      av_rescale_q(1000, (AVRational){1, (int)muxer->config->refresh_mhz}, stream->time_base);
  if ((unit->flags & PF_FRAME_FLAG_KEY) != 0) packet->flags |= AV_PKT_FLAG_KEY;
  error = av_write_frame(muxer->format, packet);
  av_packet_unref(packet);
  return error < 0 ? fail(PF_E_SYSTEM, error, "the file can't be written") : PF_OK;
}

pf_result pf_muxer_flush(pf_muxer *muxer) {
  int error = av_write_frame(muxer->format, NULL);
  if (error >= 0) {
    avio_flush(muxer->format->pb);
    error = muxer->format->pb->error;
  }
  return error < 0 ? fail(PF_E_SYSTEM, error, "the file can't be written") : PF_OK;
}

uint64_t pf_muxer_bytes(const pf_muxer *muxer) {
  int64_t bytes = muxer->format->pb == NULL ? 0 : avio_tell(muxer->format->pb);
  return bytes < 0 ? 0 : (uint64_t)bytes;
}

pf_result pf_muxer_close(pf_muxer *muxer) {
  pf_result result = PF_OK;
  if (muxer->format != NULL) {
    int error = muxer->begun ? av_write_trailer(muxer->format) : 0;
    int closing = muxer->format->pb == NULL ? 0 : avio_closep(&muxer->format->pb);
    if (error >= 0) error = closing;
    if (error < 0) result = fail(PF_E_SYSTEM, error, "the file can't be finished");
    avformat_free_context(muxer->format);
    muxer->format = NULL;
  }
  if (muxer->parser != NULL) av_parser_close(muxer->parser);
  avcodec_free_context(&muxer->parsing);
  muxer->parser = NULL;
  av_packet_free(&muxer->packet);
  return result;
}

#include "encoder.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

/* An asynchronous encoder is asked this often, and given up after so long: in the trial, where the
 * picture is grey and an encoder that needs the next picture first would wait for ever, sooner. */
#define POLL_NS 100000
#define UNIT_TIMEOUT_NS 2000000000u
#define TRIAL_TIMEOUT_NS 500000000u
/* The rate control's buffer: two frame times, so that no frame is huge and a keyframe still has
 * room; within bounds that keep slow and very fast modes sane. */
#define BUFFER_FRAMES 2.0
#define BUFFER_SECONDS_MIN 0.025
#define BUFFER_SECONDS_MAX 0.1

struct pf_encoder {
  pf_encode_config config;
  const pf_encoder_traits *traits;
  const AVCodec *codec;
  AVCodecContext *context;
  AVPacket *packet;
  pf_surface surface;
  pf_words words;
  int64_t pts;
  uint64_t timeout_ns;
  bool reopens_for_keyframes; /* it ignores the wish for one */
};

static void set_rate(const pf_encoder *encoder, AVCodecContext *context) {
  uint32_t kbps = encoder->config.bitrate_kbps, most = encoder->traits->bitrate_kbps_max;
  int64_t bits = (int64_t)(most != 0 && kbps > most ? most : kbps) * 1000;
  double frame_seconds = 1000.0 / encoder->config.refresh_mhz;
  double seconds = BUFFER_FRAMES * frame_seconds;
  if (seconds < BUFFER_SECONDS_MIN) seconds = BUFFER_SECONDS_MIN;
  if (seconds > BUFFER_SECONDS_MAX) seconds = BUFFER_SECONDS_MAX;
  if (seconds < frame_seconds) seconds = frame_seconds;
  double buffer = (double)bits * seconds;
  context->bit_rate = context->rc_min_rate = bits;
  context->rc_max_rate = bits * (100 + encoder->traits->headroom_percent) / 100;
  context->rc_buffer_size = buffer < INT32_MAX ? (int)buffer : INT32_MAX;
}

static void configure(const pf_encoder *encoder, AVCodecContext *context) {
  const pf_encode_config *config = &encoder->config;
  context->width = (int)config->width;
  context->height = (int)config->height;
  av_reduce(&context->framerate.num, &context->framerate.den, config->refresh_mhz, 1000, INT32_MAX);
  context->time_base = av_inv_q(context->framerate);
  context->pix_fmt = encoder->traits->format;
  context->color_range = AVCOL_RANGE_MPEG;
  context->color_primaries = AVCOL_PRI_BT709;
  context->color_trc = AVCOL_TRC_BT709;
  context->colorspace = AVCOL_SPC_BT709;
  if (encoder->traits->codec != PF_CODEC_AV1)
    context->chroma_sample_location = AVCHROMA_LOC_CENTER; /* as convert.h makes it */
  context->max_b_frames = 0;
  context->gop_size = INT32_MAX;
  context->thread_count = pf_encoder_threads(config);
  context->flags |= AV_CODEC_FLAG_LOW_DELAY;
  if (encoder->surface.frames != NULL) {
    context->pix_fmt = AV_PIX_FMT_VAAPI;
    context->hw_frames_ctx = av_buffer_ref(encoder->surface.frames);
  }
  set_rate(encoder, context);
}

/* The encoder's own threads are started here, and are as eager as this one. As root SVT-AV1 makes
 * the thread that opens it run before all others, with the highest priority there is (SCHED_FIFO,
 * 99), and so all that this thread starts later: it is given back its own. */
static int open_codec(pf_encoder *encoder, AVDictionary **options) {
  struct sched_param priority;
  int policy = sched_getscheduler(0);
  bool known = policy >= 0 && sched_getparam(0, &priority) == 0;
  int niceness = pf_thread_eager();
  int error = avcodec_open2(encoder->context, encoder->codec, options);
  if (known) sched_setscheduler(0, policy, &priority);
  pf_thread_restore(niceness);
  return error;
}

static pf_result open_context(pf_encoder *encoder) {
  avcodec_free_context(&encoder->context);
  encoder->pts = 0;
  encoder->words.text[0] = 0;
  AVCodecContext *context = avcodec_alloc_context3(encoder->codec);
  if (context == NULL) return pf_fail(PF_E_MEMORY, "no memory for the encoder");
  encoder->context = context;
  context->opaque = &encoder->words;
  configure(encoder, context);
  AVDictionary *options = NULL;
  encoder->traits->options(&encoder->config, context, &options);
  int error = open_codec(encoder, &options);
  av_dict_free(&options);
  if (error < 0) return pf_words_fail(PF_E_LIBRARY, &encoder->words, error, "it does not open");
  return PF_OK;
}

/* Hands the loaded picture in; the encoder may keep a reference to it until its unit is out. */
static int send_picture(pf_encoder *encoder, bool keyframe) {
  AVFrame *frame = pf_surface_frame(&encoder->surface);
  frame->pts = encoder->pts++;
  frame->pict_type = keyframe ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
  return avcodec_send_frame(encoder->context, frame);
}

static int receive_unit(pf_encoder *encoder) {
  uint64_t give_up_ns = pf_now_ns() + encoder->timeout_ns;
  for (;;) {
    int error = avcodec_receive_packet(encoder->context, encoder->packet);
    if (error != AVERROR(EAGAIN) || !encoder->traits->asynchronous || pf_now_ns() > give_up_ns)
      return error;
    nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL);
  }
}

/* The quantizer alone would not do: an encoder that runs into its rate buffer codes the lower rows
 * worse than it says. Such a unit is as large as its share; a sharp one has stopped asking. Nor
 * would the size alone: rate controls repeat a coarse picture for some time before they refine it.
 */
static bool is_sharp(const pf_encoder *encoder) {
  int64_t share = av_rescale(encoder->context->bit_rate, 1000, encoder->config.refresh_mhz);
  int64_t bits = (int64_t)encoder->packet->size * 8;
  uint32_t sharp = encoder->traits->sharp_quality;
  size_t bytes = 0;
  const uint8_t *stats =
      av_packet_get_side_data(encoder->packet, AV_PKT_DATA_QUALITY_STATS, &bytes);
  if (sharp == 0 || stats == NULL || bytes < 4) return false;
  int32_t lambda; /* the quantizer times FF_QP2LAMBDA */
  memcpy(&lambda, stats, sizeof lambda);
  return lambda <= (int32_t)sharp * FF_QP2LAMBDA && bits < share * 3 / 4;
}

pf_result pf_encoder_encode(pf_encoder *encoder, bool keyframe, pf_coded *out) {
  if (keyframe && encoder->reopens_for_keyframes && encoder->pts > 0) {
    pf_result result = open_context(encoder);
    if (result != PF_OK) return result;
  }
  av_packet_unref(encoder->packet);
  encoder->words.text[0] = 0;
  int error = send_picture(encoder, keyframe);
  if (error < 0) return pf_words_fail(PF_E_LIBRARY, &encoder->words, error, "encoding failed");
  error = receive_unit(encoder);
  if (error == AVERROR(EAGAIN))
    return pf_fail(PF_E_UNSUPPORTED, "it holds pictures back instead of coding them at once");
  if (error < 0) return pf_words_fail(PF_E_LIBRARY, &encoder->words, error, "encoding failed");
  *out = (pf_coded){.data = encoder->packet->data,
                    .bytes = (uint32_t)encoder->packet->size,
                    .keyframe = (encoder->packet->flags & AV_PKT_FLAG_KEY) != 0,
                    .sharp = is_sharp(encoder)};
  return PF_OK;
}

pf_result pf_encoder_load(pf_encoder *encoder, const pf_picture *picture) {
  return pf_surface_load(&encoder->surface, picture);
}

pf_result pf_encoder_set_bitrate(pf_encoder *encoder, uint32_t bitrate_kbps) {
  if (encoder->config.bitrate_kbps == bitrate_kbps) return PF_OK;
  encoder->config.bitrate_kbps = bitrate_kbps;
  if (!encoder->traits->live_bitrate) return open_context(encoder);
  set_rate(encoder, encoder->context);
  return PF_OK;
}

/* Three grey pictures: a first one, one that needs no keyframe, one that is asked to be one. */
static pf_result prove(pf_encoder *encoder) {
  pf_result result = pf_surface_load_grey(&encoder->surface);
  bool keyframe[3] = {false, false, false};
  encoder->timeout_ns = TRIAL_TIMEOUT_NS;
  for (int i = 0; i < 3 && result == PF_OK; i++) {
    pf_coded coded;
    result = pf_encoder_encode(encoder, i == 2, &coded);
    if (result == PF_OK) keyframe[i] = coded.keyframe;
  }
  if (result != PF_OK) return result;
  if (!keyframe[0]) return pf_fail(PF_E_UNSUPPORTED, "its first picture is no keyframe");
  encoder->reopens_for_keyframes = !keyframe[2];
  encoder->timeout_ns = UNIT_TIMEOUT_NS;
  /* Grey pictures mislead the rate control; a software encoder is fresh again in milliseconds. */
  bool software = encoder->traits->format == AV_PIX_FMT_YUV420P;
  return software ? open_context(encoder) : PF_OK;
}

static pf_result check_config(const pf_encode_config *config, pf_encoder *encoder) {
  const pf_encoder_traits *traits = pf_encoder_find(config->encoder);
  if (traits == NULL)
    return pf_fail(PF_E_MISSING, "punktfunk knows no encoder \"%s\"", config->encoder);
  if (traits->codec != config->codec)
    return pf_fail(PF_E_ARGUMENT, "%s makes another codec", config->encoder);
  if (config->width < PF_WIDTH_MIN || config->width > PF_WIDTH_MAX || config->width % 2 != 0 ||
      config->height < PF_HEIGHT_MIN || config->height > PF_HEIGHT_MAX || config->height % 2 != 0)
    return pf_fail(PF_E_ARGUMENT, "%ux%u is not a mode", config->width, config->height);
  if (config->refresh_mhz < PF_REFRESH_HZ_MIN * 1000 ||
      config->refresh_mhz > PF_REFRESH_HZ_MAX * 1000)
    return pf_fail(PF_E_ARGUMENT, "%u mHz is not a refresh rate", config->refresh_mhz);
  if (config->bitrate_kbps < PF_BITRATE_KBPS_MIN || config->bitrate_kbps > PF_BITRATE_KBPS_MAX)
    return pf_fail(PF_E_ARGUMENT, "%u kbps is not a bit rate", config->bitrate_kbps);
  encoder->config = *config;
  encoder->traits = traits;
  encoder->codec = avcodec_find_encoder_by_name(traits->name);
  if (encoder->codec == NULL)
    return pf_fail(PF_E_MISSING, "this libavcodec was built without %s", traits->name);
  return PF_OK;
}

pf_result pf_encoder_open(const pf_encode_config *config, pf_encoder **out) {
  pf_words_listen();
  pf_encoder *encoder = calloc(1, sizeof *encoder);
  if (encoder == NULL) return pf_fail(PF_E_MEMORY, "no memory for the encoder");
  pf_result result = check_config(config, encoder);
  if (result == PF_OK && (encoder->packet = av_packet_alloc()) == NULL)
    result = pf_fail(PF_E_MEMORY, "no memory for the encoder");
  if (result == PF_OK) {
    const pf_encoder_traits *traits = encoder->traits;
    result = pf_surface_open(&encoder->surface, config, traits->format, traits->hardware);
  }
  if (result == PF_OK) result = open_context(encoder);
  if (result == PF_OK) result = prove(encoder);
  if (result != PF_OK) {
    pf_encoder_close(encoder);
    return result;
  }
  *out = encoder;
  return PF_OK;
}

void pf_encoder_close(pf_encoder *encoder) {
  if (encoder == NULL) return;
  avcodec_free_context(&encoder->context);
  pf_surface_close(&encoder->surface);
  av_packet_free(&encoder->packet);
  free(encoder);
}

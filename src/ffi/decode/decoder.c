#include "decoder.h"

#include <libavutil/hwcontext.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Slices beyond this many at once save no time. */
#define THREADS_MAX 16
/* Decoders allocate whole blocks around the picture: AV1's are the largest. */
#define BLOCK 128u

/* The decoders of a codec, best first. Hardware goes through libavcodec's own ones only. */
static const char *const software[][3] = {
    [PF_CODEC_H264] = {"h264"},
    [PF_CODEC_HEVC] = {"hevc"},
    [PF_CODEC_AV1] = {"libdav1d", "libaom-av1", "av1"},
};
static const char *const native[] = {
    [PF_CODEC_H264] = "h264", [PF_CODEC_HEVC] = "hevc", [PF_CODEC_AV1] = "av1"};

static const AVCodec *find_codec(const pf_decode_config *config) {
  if (config->hardware[0] != 0) return avcodec_find_decoder_by_name(native[config->codec]);
  for (int i = 0; i < 3 && software[config->codec][i] != NULL; i++) {
    const AVCodec *codec = avcodec_find_decoder_by_name(software[config->codec][i]);
    if (codec != NULL) return codec;
  }
  return NULL;
}

static enum AVPixelFormat choose_format(AVCodecContext *context,
                                        const enum AVPixelFormat *offered) {
  const AVHWDeviceContext *device = (const void *)context->hw_device_ctx->data;
  const AVCodecHWConfig *config;
  for (int i = 0; (config = avcodec_get_hw_config(context->codec, i)) != NULL; i++) {
    if (config->device_type != device->type) continue;
    for (const enum AVPixelFormat *format = offered; *format != AV_PIX_FMT_NONE; format++)
      if (*format == config->pix_fmt) return *format;
  }
  return AV_PIX_FMT_NONE; /* this stream is not for this device: decoding fails, and says so */
}

static pf_result open_device(pf_decoder *decoder, const pf_decode_config *config,
                             const AVCodec *codec) {
  enum AVHWDeviceType type = av_hwdevice_find_type_by_name(config->hardware);
  if (type == AV_HWDEVICE_TYPE_NONE)
    return pf_fail(PF_E_MISSING, "libavcodec knows no hardware called %s", config->hardware);
  const AVCodecHWConfig *hardware = NULL;
  for (int i = 0; (hardware = avcodec_get_hw_config(codec, i)) != NULL; i++)
    if (hardware->device_type == type &&
        (hardware->methods & AV_CODEC_HW_CONFIG_METHOD_HW_DEVICE_CTX) != 0)
      break;
  if (hardware == NULL)
    return pf_fail(PF_E_MISSING, "%s can't decode on %s", codec->name, config->hardware);
  int error = av_hwdevice_ctx_create(&decoder->device, type, NULL, NULL, 0);
  if (error < 0)
    return pf_fail(PF_E_MISSING, "no %s device can be opened (%s)", config->hardware,
                   av_err2str(error));
  decoder->hardware_format = hardware->pix_fmt;
  return PF_OK;
}

void pf_decoder_limit(pf_decoder *decoder, uint32_t width, uint32_t height) {
  decoder->context->max_pixels = (int64_t)(width + BLOCK) * (height + BLOCK);
}

static void configure(pf_decoder *decoder, const pf_decode_config *config) {
  AVCodecContext *context = decoder->context;
  long cores = config->threads != 0 ? (long)config->threads : sysconf(_SC_NPROCESSORS_ONLN);
  context->thread_count = (int)(cores < 1 ? 1 : cores > THREADS_MAX ? THREADS_MAX : cores);
  context->thread_type = FF_THREAD_SLICE; /* frame threads would hold pictures back */
  context->flags |= AV_CODEC_FLAG_LOW_DELAY;
  context->opaque = &decoder->words;
  context->pkt_timebase = (AVRational){1, 1000};
  pf_decoder_limit(decoder, config->width, config->height);
  if (decoder->device != NULL) {
    context->hw_device_ctx = av_buffer_ref(decoder->device);
    context->get_format = choose_format;
    context->thread_count = 1;
  }
}

pf_result pf_decoder_open(pf_decoder *decoder, const pf_decode_config *config) {
  pf_words_listen();
  *decoder = (pf_decoder){.hardware_format = AV_PIX_FMT_NONE};
  if (config->codec > PF_CODEC_AV1)
    return pf_fail(PF_E_ARGUMENT, "there is no codec %u", config->codec);
  const AVCodec *codec = find_codec(config);
  if (codec == NULL)
    return pf_fail(PF_E_MISSING, "this libavcodec was built without a decoder for it");
  if (config->hardware[0] != 0) {
    pf_result result = open_device(decoder, config, codec);
    if (result != PF_OK) return result;
  }
  decoder->context = avcodec_alloc_context3(codec);
  decoder->packet = av_packet_alloc();
  decoder->frame = av_frame_alloc();
  if (decoder->context == NULL || decoder->packet == NULL || decoder->frame == NULL)
    return pf_fail(PF_E_MEMORY, "no memory for the decoder");
  configure(decoder, config);
  int niceness = pf_thread_eager(); /* as the threads that it starts shall be */
  int error = avcodec_open2(decoder->context, codec, NULL);
  pf_thread_restore(niceness);
  if (error < 0) return pf_words_fail(PF_E_LIBRARY, &decoder->words, error, codec->name);
  bool hardware = config->hardware[0] != 0;
  snprintf(decoder->name, sizeof decoder->name, "%s%s%s%s", codec->name, hardware ? " (" : "",
           config->hardware, hardware ? ")" : "");
  return PF_OK;
}

void pf_decoder_close(pf_decoder *decoder) {
  avcodec_free_context(&decoder->context);
  av_packet_free(&decoder->packet);
  av_frame_free(&decoder->frame);
  av_buffer_unref(&decoder->device);
}

pf_result pf_decoder_send(pf_decoder *decoder, AVBufferRef *buffer, uint32_t bytes, int64_t pts,
                          bool keyframe) {
  AVPacket *packet = decoder->packet;
  decoder->words.text[0] = 0;
  packet->buf = av_buffer_ref(buffer);
  if (packet->buf == NULL) return pf_fail(PF_E_MEMORY, "no memory for a packet");
  packet->data = buffer->data;
  packet->size = (int)bytes;
  packet->pts = packet->dts = pts;
  packet->flags = keyframe ? AV_PKT_FLAG_KEY : 0;
  int error = avcodec_send_packet(decoder->context, packet);
  av_packet_unref(packet);
  if (error < 0) return pf_words_fail(PF_E_LIBRARY, &decoder->words, error, decoder->name);
  return PF_OK;
}

pf_result pf_decoder_receive(pf_decoder *decoder, AVFrame *out) {
  int error = avcodec_receive_frame(decoder->context, decoder->frame);
  if (error == AVERROR(EAGAIN) || error == AVERROR_EOF) return PF_E_EMPTY;
  if (error < 0) return pf_words_fail(PF_E_LIBRARY, &decoder->words, error, decoder->name);
  if (decoder->frame->format != decoder->hardware_format) {
    av_frame_move_ref(out, decoder->frame);
    return PF_OK;
  }
  error = av_hwframe_transfer_data(out, decoder->frame, 0);
  if (error >= 0) error = av_frame_copy_props(out, decoder->frame);
  av_frame_unref(decoder->frame);
  if (error < 0) return pf_words_fail(PF_E_LIBRARY, &decoder->words, error, decoder->name);
  return PF_OK;
}

void pf_decoder_flush(pf_decoder *decoder) { avcodec_flush_buffers(decoder->context); }

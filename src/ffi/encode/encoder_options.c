/*
 * What each encoder is told. Common to all: no B frames, no look-ahead, an infinite group of
 * pictures, keyframes on demand only, each with its parameter sets, and no threads that delay.
 */
#include "encoder.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* x264 on one core of 2020 makes about 180 million pixels a second at superfast and 340 at
 * ultrafast. At a rate that suits a desktop both look alike, so superfast is for machines where its
 * time does not count: a tenth of a core's. */
#define SUPERFAST_PIXELS_A_CORE 20e6
/* More slices than this cost bits and save no time. */
#define THREADS_MAX 16

static void set(AVDictionary **options, const char *key, const char *value) {
  av_dict_set(options, key, value, 0);
}

static void set_format(AVDictionary **options, const char *key, const char *format, ...) {
  char text[256];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  set(options, key, text);
}

int pf_encoder_threads(const pf_encode_config *config) {
  long cores = config->threads != 0 ? (long)config->threads : sysconf(_SC_NPROCESSORS_ONLN);
  long rows = (long)config->height / 64; /* a slice of less is all header */
  long most = rows < 1 ? 1 : rows < THREADS_MAX ? rows : THREADS_MAX;
  return (int)(cores < 1 ? 1 : cores > most ? most : cores);
}

static double pixels_a_core(const pf_encode_config *config) {
  double rate = (double)config->width * config->height * config->refresh_mhz / 1000;
  return rate / pf_encoder_threads(config);
}

static void x264_options(const pf_encode_config *config, AVCodecContext *context,
                         AVDictionary **options) {
  bool light = pixels_a_core(config) <= SUPERFAST_PIXELS_A_CORE;
  context->thread_type = FF_THREAD_SLICE;
  set(options, "preset", light ? "superfast" : "ultrafast");
  set(options, "tune", "zerolatency");
  set(options, "forced-idr", "1");
  set(options, "x264-params", "keyint=infinite:scenecut=0:repeat-headers=1");
}

static void x265_options(const pf_encode_config *config, AVCodecContext *context,
                         AVDictionary **options) {
  set(options, "preset", "ultrafast");
  set(options, "tune", "zerolatency");
  set(options, "forced-idr", "1");
  set_format(options, "x265-params",
             "keyint=-1:scenecut=0:open-gop=0:repeat-headers=1:info=0:log-level=none:"
             "frame-threads=1:pools=%d",
             pf_encoder_threads(config));
}

static void svt_options(const pf_encode_config *config, AVCodecContext *context,
                        AVDictionary **options) {
  /* It has no silent mode but this; an operator's own setting stays. */
  setenv("SVT_LOG", "0", 0);
  context->gop_size = -1;
  context->rc_max_rate = context->rc_min_rate = 0; /* its CBR refuses a maximum */
  set(options, "preset", "12");
  set_format(options, "svtav1-params", "pred-struct=1:rc=2:scd=0:lookahead=0:keyint=-1:lp=%d",
             pf_encoder_threads(config));
}

static void aom_options(const pf_encode_config *config, AVCodecContext *context,
                        AVDictionary **options) {
  set(options, "usage", "realtime");
  /* From 7 on, libaom 3.6 leaves out flat blocks that turn from black to white. */
  set(options, "cpu-used", "6");
  set(options, "lag-in-frames", "0");
  set(options, "row-mt", "1");
  /* Powers of two; a tile is 4,096 pixels wide at most. */
  set(options, "tile-columns", config->width > 8192 ? "2" : config->width >= 1280 ? "1" : "0");
}

static void nvenc_options(const pf_encode_config *config, AVCodecContext *context,
                          AVDictionary **options) {
  set(options, "preset", "p1");
  set(options, "tune", "ull");
  set(options, "rc", "cbr");
  set(options, "zerolatency", "1");
  set(options, "delay", "0");
  set(options, "forced-idr", "1");
  set(options, "rc-lookahead", "0");
  set(options, "b_ref_mode", "disabled");
}

static void vaapi_options(const pf_encode_config *config, AVCodecContext *context,
                          AVDictionary **options) {
  context->gop_size = INT16_MAX; /* drivers keep the distance in few bits */
  set(options, "rc_mode", "CBR");
  set(options, "async_depth", "1");
}

/* H.264 and HEVC quantizers below 20 show no loss; AV1's scale has 64 steps in SVT's interface. */
static const pf_encoder_traits known[] = {
    {.name = "libx264", .codec = PF_CODEC_H264, .format = AV_PIX_FMT_YUV420P, .live_bitrate = true,
     .sharp_quality = 20, .headroom_percent = 5, .options = x264_options},
    {.name = "libx265", .codec = PF_CODEC_HEVC, .format = AV_PIX_FMT_YUV420P, .sharp_quality = 20,
     .options = x265_options},
    {.name = "libsvtav1", .codec = PF_CODEC_AV1, .format = AV_PIX_FMT_YUV420P, .asynchronous = true,
     .sharp_quality = 16, .bitrate_kbps_max = 100000, .options = svt_options},
    {.name = "libaom-av1", .codec = PF_CODEC_AV1, .format = AV_PIX_FMT_YUV420P,
     .options = aom_options},
    {.name = "h264_nvenc", .codec = PF_CODEC_H264, .format = AV_PIX_FMT_NV12, .live_bitrate = true,
     .sharp_quality = 20, .options = nvenc_options},
    {.name = "hevc_nvenc", .codec = PF_CODEC_HEVC, .format = AV_PIX_FMT_NV12, .live_bitrate = true,
     .sharp_quality = 20, .options = nvenc_options},
    {.name = "av1_nvenc", .codec = PF_CODEC_AV1, .format = AV_PIX_FMT_NV12, .live_bitrate = true,
     .options = nvenc_options},
    {.name = "h264_vaapi", .codec = PF_CODEC_H264, .format = AV_PIX_FMT_NV12,
     .hardware = AV_HWDEVICE_TYPE_VAAPI, .options = vaapi_options},
    {.name = "hevc_vaapi", .codec = PF_CODEC_HEVC, .format = AV_PIX_FMT_NV12,
     .hardware = AV_HWDEVICE_TYPE_VAAPI, .options = vaapi_options},
    {.name = "av1_vaapi", .codec = PF_CODEC_AV1, .format = AV_PIX_FMT_NV12,
     .hardware = AV_HWDEVICE_TYPE_VAAPI, .options = vaapi_options},
};

const pf_encoder_traits *pf_encoder_find(const char *name) {
  for (size_t i = 0; i < PF_ARRAY_COUNT(known); i++)
    if (strcmp(known[i].name, name) == 0) return &known[i];
  return NULL;
}

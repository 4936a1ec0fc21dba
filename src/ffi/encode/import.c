#include "import.h"

#include <libavfilter/avfilter.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/error.h>
#include <libavutil/hwcontext.h>
#include <libavutil/hwcontext_drm.h>
#include <libavutil/mem.h>
#include <libavutil/pixdesc.h>
#include <stdio.h>
#include <stdlib.h>

#include "words.h"

struct pf_import {
  uint32_t width, height, pixel;
  AVBufferRef *frames; /* what the buffers become: RGB in the device */
  AVFilterGraph *graph;
  AVFilterContext *source, *sink;
  AVFrame *mapped;
};

static const pf_words no_words = {""};

static pf_result failed(int error, const char *what) {
  return pf_words_fail(PF_E_LIBRARY, &no_words, error, what);
}

static int open_frames(pf_import *import, AVBufferRef *device) {
  import->frames = av_hwframe_ctx_alloc(device);
  import->mapped = av_frame_alloc();
  if (import->frames == NULL || import->mapped == NULL) return AVERROR(ENOMEM);
  AVHWFramesContext *frames = (AVHWFramesContext *)(void *)import->frames->data;
  frames->format = AV_PIX_FMT_VAAPI;
  frames->sw_format = import->pixel == PF_PIXEL_RGBX ? AV_PIX_FMT_RGB0 : AV_PIX_FMT_BGR0;
  frames->width = (int)import->width;
  frames->height = (int)import->height;
  return av_hwframe_ctx_init(import->frames);
}

static int open_source(pf_import *import) {
  import->source =
      avfilter_graph_alloc_filter(import->graph, avfilter_get_by_name("buffer"), "source");
  AVBufferSrcParameters *parameters = av_buffersrc_parameters_alloc();
  int error = AVERROR(ENOMEM);
  if (import->source != NULL && parameters != NULL) {
    parameters->format = AV_PIX_FMT_VAAPI;
    parameters->width = (int)import->width;
    parameters->height = (int)import->height;
    parameters->time_base = (AVRational){1, 1000};
    parameters->hw_frames_ctx = import->frames;
    error = av_buffersrc_parameters_set(import->source, parameters);
  }
  av_free(parameters);
  return error < 0 ? error : avfilter_init_str(import->source, NULL);
}

static int open_graph(pf_import *import, enum AVPixelFormat format) {
  import->graph = avfilter_graph_alloc();
  if (import->graph == NULL) return AVERROR(ENOMEM);
  int error = open_source(import);
  if (error < 0) return error;
  char options[96];
  snprintf(options, sizeof options, "format=%s:out_color_matrix=bt709:out_range=tv",
           av_get_pix_fmt_name(format));
  const AVFilter *scale = avfilter_get_by_name("scale_vaapi");
  if (scale == NULL) return AVERROR_FILTER_NOT_FOUND;
  AVFilterContext *converter = NULL;
  error = avfilter_graph_create_filter(&converter, scale, "convert", options, NULL, import->graph);
  if (error >= 0)
    error = avfilter_graph_create_filter(&import->sink, avfilter_get_by_name("buffersink"), "sink",
                                         NULL, NULL, import->graph);
  if (error >= 0) error = avfilter_link(import->source, 0, converter, 0);
  if (error >= 0) error = avfilter_link(converter, 0, import->sink, 0);
  return error < 0 ? error : avfilter_graph_config(import->graph, NULL);
}

pf_result pf_import_open(AVBufferRef *device, uint32_t width, uint32_t height, uint32_t pixel,
                         enum AVPixelFormat format, pf_import **out) {
  pf_import *import = calloc(1, sizeof *import);
  if (import == NULL) return pf_fail(PF_E_MEMORY, "no memory for an import");
  import->width = width;
  import->height = height;
  import->pixel = pixel;
  int error = open_frames(import, device);
  if (error >= 0) error = open_graph(import, format);
  if (error < 0) {
    pf_import_close(import);
    return failed(error, "import of DMA buffers");
  }
  *out = import;
  return PF_OK;
}

void pf_import_close(pf_import *import) {
  if (import == NULL) return;
  avfilter_graph_free(&import->graph);
  av_frame_free(&import->mapped);
  av_buffer_unref(&import->frames);
  free(import);
}

bool pf_import_fits(const pf_import *import, const pf_picture *picture) {
  return import->width == picture->width && import->height == picture->height &&
         import->pixel == picture->format;
}

/* The descriptor is ours. */
static void keep(void *context, uint8_t *data) {}

static int map_picture(pf_import *import, const pf_picture *picture) {
  const pf_dmabuf *buffer = picture->dmabuf;
  AVDRMFrameDescriptor description = {
      .nb_objects = 1,
      .objects = {{.fd = buffer->fd, .size = buffer->bytes, .format_modifier = buffer->modifier}},
      .nb_layers = 1,
      .layers = {{.format = buffer->fourcc,
                  .nb_planes = 1,
                  .planes = {{.offset = buffer->offset, .pitch = buffer->pitch}}}},
  };
  AVFrame *source = av_frame_alloc();
  if (source == NULL) return AVERROR(ENOMEM);
  source->format = AV_PIX_FMT_DRM_PRIME;
  source->width = (int)picture->width;
  source->height = (int)picture->height;
  source->data[0] = (uint8_t *)&description;
  source->buf[0] = av_buffer_create(source->data[0], sizeof description, keep, NULL, 0);
  av_frame_unref(import->mapped);
  import->mapped->format = AV_PIX_FMT_VAAPI;
  import->mapped->hw_frames_ctx = av_buffer_ref(import->frames);
  int error = AVERROR(ENOMEM);
  if (source->buf[0] != NULL && import->mapped->hw_frames_ctx != NULL)
    error = av_hwframe_map(import->mapped, source, AV_HWFRAME_MAP_READ);
  av_frame_free(&source);
  return error;
}

pf_result pf_import_load(pf_import *import, const pf_picture *picture, AVFrame *out) {
  int error = map_picture(import, picture);
  if (error < 0) return failed(error, "import of a DMA buffer");
  import->mapped->color_range = AVCOL_RANGE_JPEG;
  import->mapped->colorspace = AVCOL_SPC_RGB;
  error = av_buffersrc_add_frame(import->source, import->mapped);
  av_frame_unref(out);
  if (error >= 0) error = av_buffersink_get_frame(import->sink, out);
  return error < 0 ? failed(error, "conversion of a DMA buffer") : PF_OK;
}

#include "surface.h"

#include <string.h>

static const pf_words no_words = {""};

static pf_result open_device(pf_surface *surface, const pf_encode_config *config,
                             enum AVPixelFormat format, enum AVHWDeviceType hardware) {
  const char *device = config->device[0] != 0 ? config->device : NULL;
  const char *type = av_hwdevice_get_type_name(hardware);
  int error = av_hwdevice_ctx_create(&surface->device, hardware, device, NULL, 0);
  if (error < 0) {
    return pf_fail(PF_E_MISSING, "no %s device%s%s can be opened (%s)", type,
                   device != NULL ? " " : "", device != NULL ? device : "", av_err2str(error));
  }
  surface->frames = av_hwframe_ctx_alloc(surface->device);
  surface->uploaded = av_frame_alloc();
  if (surface->frames == NULL || surface->uploaded == NULL)
    return pf_fail(PF_E_MEMORY, "no memory for hardware frames");
  AVHWFramesContext *frames = (AVHWFramesContext *)(void *)surface->frames->data;
  frames->format = AV_PIX_FMT_VAAPI;
  frames->sw_format = format;
  frames->width = (int)config->width;
  frames->height = (int)config->height;
  frames->initial_pool_size = 4; /* one in use, one in flight, references are the driver's own */
  error = av_hwframe_ctx_init(surface->frames);
  if (error < 0) return pf_words_fail(PF_E_LIBRARY, &no_words, error, "hardware frames");
  return PF_OK;
}

static void describe(AVFrame *frame) {
  frame->color_range = AVCOL_RANGE_MPEG;
  frame->color_primaries = AVCOL_PRI_BT709;
  frame->color_trc = AVCOL_TRC_BT709;
  frame->colorspace = AVCOL_SPC_BT709;
}

pf_result pf_surface_open(pf_surface *surface, const pf_encode_config *config,
                          enum AVPixelFormat format, enum AVHWDeviceType hardware) {
  *surface = (pf_surface){.picture = av_frame_alloc()};
  if (surface->picture == NULL) return pf_fail(PF_E_MEMORY, "no memory for a picture");
  surface->picture->format = format;
  surface->picture->width = (int)config->width;
  surface->picture->height = (int)config->height;
  describe(surface->picture);
  pf_result result = PF_OK;
  if (av_frame_get_buffer(surface->picture, 0) < 0)
    result = pf_fail(PF_E_MEMORY, "no memory for a %ux%u picture", config->width, config->height);
  if (result == PF_OK && hardware != AV_HWDEVICE_TYPE_NONE)
    result = open_device(surface, config, format, hardware);
  if (result != PF_OK) pf_surface_close(surface);
  return result;
}

void pf_surface_close(pf_surface *surface) {
  pf_import_close(surface->import);
  surface->import = NULL;
  av_frame_free(&surface->picture);
  av_frame_free(&surface->uploaded);
  av_buffer_unref(&surface->frames);
  av_buffer_unref(&surface->device);
}

static pf_result upload(pf_surface *surface) {
  if (surface->uploaded == NULL) return PF_OK;
  av_frame_unref(surface->uploaded);
  int error = av_hwframe_get_buffer(surface->frames, surface->uploaded, 0);
  if (error >= 0) error = av_hwframe_transfer_data(surface->uploaded, surface->picture, 0);
  if (error < 0) return pf_words_fail(PF_E_LIBRARY, &no_words, error, "upload to the device");
  describe(surface->uploaded);
  return PF_OK;
}

/* An encoder that still refers to the last picture must not see it change under its hands. */
static pf_result make_writable(pf_surface *surface) {
  if (av_frame_make_writable(surface->picture) < 0)
    return pf_fail(PF_E_MEMORY, "no memory for a picture");
  return PF_OK;
}

/* False: it has to go through memory. */
static bool import(pf_surface *surface, const pf_picture *picture) {
  if (picture->dmabuf == NULL || surface->uploaded == NULL || surface->import_failed) return false;
  if (surface->import != NULL && !pf_import_fits(surface->import, picture)) {
    pf_import_close(surface->import);
    surface->import = NULL;
  }
  pf_result result = PF_OK;
  if (surface->import == NULL)
    result = pf_import_open(surface->device, picture->width, picture->height, picture->format,
                            surface->picture->format, &surface->import);
  if (result == PF_OK) result = pf_import_load(surface->import, picture, surface->uploaded);
  surface->import_failed = result != PF_OK;
  if (result == PF_OK) describe(surface->uploaded);
  return result == PF_OK;
}

pf_result pf_surface_load(pf_surface *surface, const pf_picture *picture) {
  if (import(surface, picture)) return PF_OK;
  pf_result result = make_writable(surface);
  if (result != PF_OK) return result;
  const AVFrame *frame = surface->picture;
  pf_convert_target target = {
      .format = frame->format == AV_PIX_FMT_NV12 ? PF_PIXEL_NV12 : PF_PIXEL_I420};
  for (int i = 0; i < 3; i++) {
    target.plane[i] = frame->data[i];
    target.stride[i] = (uint32_t)frame->linesize[i];
  }
  result = pf_convert_picture(picture, &target);
  return result == PF_OK ? upload(surface) : result;
}

pf_result pf_surface_load_grey(pf_surface *surface) {
  pf_result result = make_writable(surface);
  if (result != PF_OK) return result;
  AVFrame *frame = surface->picture;
  for (int plane = 0; plane < 3 && frame->data[plane] != NULL; plane++) {
    int rows = plane == 0 ? frame->height : frame->height / 2;
    memset(frame->data[plane], 128, (size_t)frame->linesize[plane] * (size_t)rows);
  }
  return upload(surface);
}

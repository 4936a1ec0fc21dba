#include "format.h"

#include <spa/buffer/buffer.h>
#include <spa/buffer/meta.h>
#include <spa/debug/types.h>
#include <spa/param/buffers.h>
#include <spa/param/format-utils.h>
#include <spa/param/param.h>
#include <spa/param/video/format-utils.h>

#include "meta.h"

enum {
  /* Three for the producer; one waiting, one being encoded, one kept to be repeated, one kept for
   * the pointer, one spare. */
  BUFFERS_DEFAULT = 8,
  BUFFERS_MIN = 2,
  BUFFERS_MAX = 16,
  CURSOR_EDGE_DEFAULT = 64,
};

static const uint64_t modifier_linear = 0; /* DRM_FORMAT_MOD_LINEAR */

static const struct {
  uint32_t spa;
  uint32_t pixel;
  const char *name;
} formats[] = {
    {SPA_VIDEO_FORMAT_BGRx, PF_PIXEL_BGRX, "BGRx"},
    {SPA_VIDEO_FORMAT_RGBx, PF_PIXEL_RGBX, "RGBx"},
    {SPA_VIDEO_FORMAT_BGRA, PF_PIXEL_BGRX, "BGRA"},
    {SPA_VIDEO_FORMAT_RGBA, PF_PIXEL_RGBX, "RGBA"},
};

const char *pf_format_name(uint32_t spa_format) {
  for (size_t i = 0; i < PF_ARRAY_COUNT(formats); i++) {
    if (formats[i].spa == spa_format) return formats[i].name;
  }
  return "";
}

static void add(pf_params *params, const struct spa_pod *param) {
  if (param != NULL && params->count < PF_FORMAT_PARAMS_MAX) params->list[params->count++] = param;
}

/* `exact`: only the wanted size and rate; else any, with those of the producer first. */
static const struct spa_pod *offer(struct spa_pod_builder *builder,
                                   const pf_screencast_config *config, bool exact, bool dmabuf) {
  struct spa_pod_frame frame;
  spa_pod_builder_push_object(builder, &frame, SPA_TYPE_OBJECT_Format, SPA_PARAM_EnumFormat);
  spa_pod_builder_add(builder, SPA_FORMAT_mediaType, SPA_POD_Id(SPA_MEDIA_TYPE_video),
                      SPA_FORMAT_mediaSubtype, SPA_POD_Id(SPA_MEDIA_SUBTYPE_raw),
                      SPA_FORMAT_VIDEO_format,
                      SPA_POD_CHOICE_ENUM_Id(5, formats[0].spa, formats[0].spa, formats[1].spa,
                                             formats[2].spa, formats[3].spa),
                      0);
  if (dmabuf) {
    struct spa_pod_frame choice;
    spa_pod_builder_prop(builder, SPA_FORMAT_VIDEO_modifier,
                         SPA_POD_PROP_FLAG_MANDATORY | SPA_POD_PROP_FLAG_DONT_FIXATE);
    spa_pod_builder_push_choice(builder, &choice, SPA_CHOICE_Enum, 0);
    spa_pod_builder_long(builder, (int64_t)modifier_linear); /* preferred … */
    spa_pod_builder_long(builder, (int64_t)modifier_linear); /* … of these */
    spa_pod_builder_pop(builder, &choice);
  }
  struct spa_rectangle size = {1920, 1080}, smallest = {2, 2};
  struct spa_rectangle largest = {PF_WIDTH_MAX, PF_HEIGHT_MAX};
  /* 0 = as things change; a producer with a fixed rate is taken as it is. */
  struct spa_fraction any = {0, 1}, fastest = {PF_REFRESH_HZ_MAX, 1}, slowest = {1, 1};
  struct spa_fraction wanted = {config->refresh_mhz, 1000};
  if (exact) {
    size = smallest = largest = SPA_RECTANGLE(config->width, config->height);
    slowest = fastest = wanted;
  }
  struct spa_fraction most = {PF_REFRESH_HZ_MAX, 1};
  spa_pod_builder_add(builder, SPA_FORMAT_VIDEO_size,
                      SPA_POD_CHOICE_RANGE_Rectangle(&size, &smallest, &largest),
                      SPA_FORMAT_VIDEO_framerate, SPA_POD_CHOICE_RANGE_Fraction(&any, &any, &most),
                      SPA_FORMAT_VIDEO_maxFramerate,
                      SPA_POD_CHOICE_RANGE_Fraction(&wanted, &slowest, &fastest), 0);
  return spa_pod_builder_pop(builder, &frame);
}

void pf_format_offer(const pf_screencast_config *config, bool dmabuf, pf_params *out) {
  struct spa_pod_builder builder = SPA_POD_BUILDER_INIT(out->bytes, sizeof out->bytes);
  const bool sized = config->width != 0 && config->height != 0;
  out->count = 0;
  for (int exact = sized ? 1 : 0; exact >= 0; exact--) {
    if (dmabuf) add(out, offer(&builder, config, exact, true));
    add(out, offer(&builder, config, exact, false));
  }
}

pf_result pf_format_read(const struct spa_pod *param, pf_format *out) {
  *out = (pf_format){0};
  uint32_t type, subtype;
  struct spa_video_info_raw raw = {0};
  if (spa_format_parse(param, &type, &subtype) < 0 || type != SPA_MEDIA_TYPE_video ||
      subtype != SPA_MEDIA_SUBTYPE_raw || spa_format_video_raw_parse(param, &raw) < 0)
    return pf_fail(PF_E_UNSUPPORTED, "the producer's pictures are not raw video");
  out->spa_format = raw.format;
  out->width = raw.size.width;
  out->height = raw.size.height;
  bool known = false;
  for (size_t i = 0; i < PF_ARRAY_COUNT(formats); i++) {
    if (formats[i].spa != raw.format) continue;
    known = true;
    out->pixel = formats[i].pixel;
  }
  if (!known || raw.size.width < 2 || raw.size.height < 2 || raw.size.width > PF_WIDTH_MAX ||
      raw.size.height > PF_HEIGHT_MAX)
    return pf_fail(PF_E_UNSUPPORTED, "pictures of %ux%u in format %u can't be taken",
                   raw.size.width, raw.size.height, (unsigned)raw.format);
  const struct spa_fraction rate = raw.framerate.num != 0 ? raw.framerate : raw.max_framerate;
  if (rate.num != 0 && rate.denom != 0)
    out->refresh_mhz = (uint32_t)((uint64_t)rate.num * 1000 / rate.denom);
  const struct spa_pod_prop *modifier =
      spa_pod_find_prop(param, NULL, SPA_FORMAT_VIDEO_modifier);
  out->dmabuf = modifier != NULL;
  out->modifier = modifier != NULL ? (uint64_t)raw.modifier : 0;
  out->agreed = true;
  return PF_OK;
}

static uint32_t cursor_bytes(uint32_t edge) {
  return (uint32_t)(sizeof(struct spa_meta_cursor) + sizeof(struct spa_meta_bitmap)) +
         edge * edge * 4;
}

static const struct spa_pod *meta(struct spa_pod_builder *builder, uint32_t type, uint32_t bytes) {
  return spa_pod_builder_add_object(builder, SPA_TYPE_OBJECT_ParamMeta, SPA_PARAM_Meta,
                                    SPA_PARAM_META_type, SPA_POD_Id(type), SPA_PARAM_META_size,
                                    SPA_POD_Int((int32_t)bytes));
}

static const struct spa_pod *meta_range(struct spa_pod_builder *builder, uint32_t type,
                                        uint32_t bytes, uint32_t least, uint32_t most) {
  return spa_pod_builder_add_object(
      builder, SPA_TYPE_OBJECT_ParamMeta, SPA_PARAM_Meta, SPA_PARAM_META_type, SPA_POD_Id(type),
      SPA_PARAM_META_size,
      SPA_POD_CHOICE_RANGE_Int((int32_t)bytes, (int32_t)least, (int32_t)most));
}

void pf_format_buffers(const pf_screencast_config *config, const pf_format *format,
                       pf_params *out) {
  struct spa_pod_builder builder = SPA_POD_BUILDER_INIT(out->bytes, sizeof out->bytes);
  const uint32_t region = sizeof(struct spa_meta_region);
  const int32_t wished =
      config->buffer_count != 0 ? (int32_t)config->buffer_count : BUFFERS_DEFAULT;
  const int32_t memory =
      format->dmabuf ? 1 << SPA_DATA_DmaBuf : (1 << SPA_DATA_MemFd) | (1 << SPA_DATA_MemPtr);
  /* PipeWire allocates for producers that don't; where one is late with its own parameters, it
   * would make buffers without memory if it did not know how much is needed. */
  const uint64_t needed = (uint64_t)format->width * format->height * 4;
  const int32_t bytes = needed < INT32_MAX ? (int32_t)needed : INT32_MAX;
  out->count = 0;
  add(out, spa_pod_builder_add_object(
               &builder, SPA_TYPE_OBJECT_ParamBuffers, SPA_PARAM_Buffers,
               SPA_PARAM_BUFFERS_buffers,
               SPA_POD_CHOICE_RANGE_Int(wished, BUFFERS_MIN,
                                        wished > BUFFERS_MAX ? wished : BUFFERS_MAX),
               SPA_PARAM_BUFFERS_blocks, SPA_POD_Int(1), SPA_PARAM_BUFFERS_size,
               SPA_POD_CHOICE_RANGE_Int(bytes, 0, INT32_MAX), SPA_PARAM_BUFFERS_dataType,
               SPA_POD_CHOICE_FLAGS_Int(memory)));
  add(out, meta(&builder, SPA_META_Header, sizeof(struct spa_meta_header)));
  add(out, meta(&builder, SPA_META_VideoCrop, region));
  add(out, meta(&builder, SPA_META_VideoTransform, sizeof(struct spa_meta_videotransform)));
  add(out, meta_range(&builder, SPA_META_VideoDamage, region * PF_DAMAGE_REGIONS, region,
                      region * PF_DAMAGE_REGIONS));
  if (config->cursor)
    add(out, meta_range(&builder, SPA_META_Cursor, cursor_bytes(CURSOR_EDGE_DEFAULT),
                        cursor_bytes(1), cursor_bytes(PF_CURSOR_EDGE_MAX)));
}

#include "pixels.h"

#include <libyuv.h>
#include <stdlib.h>

#include "bt709.h"

/* Bilinear looks at four source pixels, which is too few when it shrinks by more than half. */
static enum FilterMode filter_for(const pf_picture *picture, uint32_t width, uint32_t height) {
  bool small = picture->width > 2 * width || picture->height > 2 * height;
  return small ? kFilterBox : kFilterBilinear;
}

static bool grow(pf__pixels_scratch *scratch, size_t size) {
  if (size <= scratch->size) return true;
  uint8_t *bytes = realloc(scratch->bytes, size);
  if (bytes == NULL) return false;
  scratch->bytes = bytes;
  scratch->size = size;
  return true;
}

void pf__pixels_free(pf__pixels_scratch *scratch) {
  free(scratch->bytes);
  *scratch = (pf__pixels_scratch){0};
}

/*
 * `scaled` becomes the picture as I420 at the wanted size, its planes in the scratch. Pairs of
 * chroma are split first: libyuv's scaling of pairs is two levels off, even on a flat colour.
 */
static pf_result scale_planar(pf__pixels_scratch *scratch, const pf_picture *picture,
                              pf_picture *scaled, uint32_t width, uint32_t height) {
  uint32_t half_width = (width + 1) / 2, half_height = (height + 1) / 2;
  uint32_t from_half_width = (picture->width + 1) / 2, from_half_height = (picture->height + 1) / 2;
  size_t luma_bytes = (size_t)width * height, chroma_bytes = (size_t)half_width * half_height;
  size_t from_chroma_bytes = (size_t)from_half_width * from_half_height;
  if (!grow(scratch, luma_bytes + 2 * chroma_bytes + 2 * from_chroma_bytes))
    return pf_fail(PF_E_MEMORY, "no memory to scale to %ux%u", width, height);
  *scaled = (pf_picture){.format = PF_PIXEL_I420, .stride = {width, half_width, half_width}};
  scaled->plane[0] = scratch->bytes;
  scaled->plane[1] = scaled->plane[0] + luma_bytes;
  scaled->plane[2] = scaled->plane[1] + chroma_bytes;
  uint8_t *u = picture->plane[1], *v = picture->plane[2];
  uint32_t u_stride = picture->stride[1], v_stride = picture->stride[2];
  if (picture->format == PF_PIXEL_NV12) {
    u = scaled->plane[2] + chroma_bytes;
    v = u + from_chroma_bytes;
    u_stride = v_stride = from_half_width;
    SplitUVPlane(picture->plane[1], (int)picture->stride[1], u, (int)u_stride, v, (int)v_stride,
                 (int)from_half_width, (int)from_half_height);
  }
  int failed = I420Scale(picture->plane[0], (int)picture->stride[0], u, (int)u_stride, v,
                         (int)v_stride, (int)picture->width, (int)picture->height,
                         scaled->plane[0], (int)width, scaled->plane[1], (int)half_width,
                         scaled->plane[2], (int)half_width, (int)width, (int)height,
                         filter_for(picture, width, height));
  return failed ? pf_fail(PF_E_LIBRARY, "libyuv can't scale to %ux%u", width, height) : PF_OK;
}

static pf_result draw_planar(pf__pixels_scratch *scratch, const pf_picture *picture, uint8_t *out,
                             uint32_t stride, uint32_t width, uint32_t height) {
  pf_picture scaled;
  const pf_picture *from = picture;
  if (picture->width != width || picture->height != height) {
    pf_result result = scale_planar(scratch, picture, &scaled, width, height);
    if (result != PF_OK) return result;
    from = &scaled;
  }
  bool pairs = from->format == PF_PIXEL_NV12;
  for (uint32_t y = 0; y < height; y++) {
    const uint8_t *u = from->plane[1] + (size_t)(y / 2) * from->stride[1];
    const uint8_t *v = pairs ? u + 1 : from->plane[2] + (size_t)(y / 2) * from->stride[2];
    pf__bt709_row(from->plane[0] + (size_t)y * from->stride[0], u, v, pairs ? 2 : 1,
                  out + (size_t)y * stride, width);
  }
  return PF_OK;
}

static pf_result draw_packed(const pf_picture *picture, uint8_t *out, uint32_t stride,
                             uint32_t width, uint32_t height) {
  if (picture->width == width && picture->height == height)
    ARGBCopy(picture->plane[0], (int)picture->stride[0], out, (int)stride, (int)width, (int)height);
  else if (ARGBScale(picture->plane[0], (int)picture->stride[0], (int)picture->width,
                     (int)picture->height, out, (int)stride, (int)width, (int)height,
                     filter_for(picture, width, height)) != 0)
    return pf_fail(PF_E_LIBRARY, "libyuv can't scale to %ux%u", width, height);
  if (picture->format == PF_PIXEL_RGBX)
    ABGRToARGB(out, (int)stride, out, (int)stride, (int)width, (int)height);
  return PF_OK;
}

pf_result pf__pixels_draw(pf__pixels_scratch *scratch, const pf_picture *picture, uint8_t *out,
                          uint32_t stride, uint32_t width, uint32_t height) {
  if (picture->width == 0 || picture->height == 0 || width == 0 || height == 0)
    return pf_fail(PF_E_ARGUMENT, "an empty picture can't be drawn");
  switch (picture->format) {
    case PF_PIXEL_I420:
    case PF_PIXEL_NV12:
      return draw_planar(scratch, picture, out, stride, width, height);
    case PF_PIXEL_BGRX:
    case PF_PIXEL_RGBX:
      return draw_packed(picture, out, stride, width, height);
    default:
      return pf_fail(PF_E_ARGUMENT, "no pixel format %u", picture->format);
  }
}

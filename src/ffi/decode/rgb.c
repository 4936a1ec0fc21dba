#include "rgb.h"

#include <string.h>

/* The inverse of BT.709 limited in 1/65536: 255/219, 255/224 times 2(1-Kr), 2(1-Kb) and so on. */
#define LUMA 76309
#define RED_BY_CR 117489
#define GREEN_BY_CB (-13975)
#define GREEN_BY_CR (-34925)
#define BLUE_BY_CB 138438

typedef struct plane {
  const uint8_t *data;
  uint32_t stride, row_bytes, rows;
} plane;

static uint32_t planes_of(const pf_picture *picture, plane out[3]) {
  uint32_t width = picture->width, height = picture->height;
  uint32_t half_width = (width + 1) / 2, half_height = (height + 1) / 2;
  bool packed = picture->format == PF_PIXEL_BGRX || picture->format == PF_PIXEL_RGBX;
  uint32_t count = packed ? 1 : picture->format == PF_PIXEL_I420 ? 3 : 2;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t row_bytes = packed ? 4 * width : i == 0 ? width : (4 - count) * half_width;
    uint32_t rows = i == 0 ? height : half_height;
    out[i] = (plane){picture->plane[i], picture->stride[i], row_bytes, rows};
  }
  return count;
}

uint64_t pf_picture_packed_bytes(const pf_picture *picture) {
  plane planes[3];
  uint64_t bytes = 0;
  uint32_t count = planes_of(picture, planes);
  for (uint32_t i = 0; i < count; i++) bytes += (uint64_t)planes[i].row_bytes * planes[i].rows;
  return bytes;
}

pf_result pf_picture_pack(const pf_picture *picture, uint8_t *out) {
  plane planes[3];
  uint32_t count = planes_of(picture, planes);
  for (uint32_t i = 0; i < count; i++)
    for (size_t y = 0; y < planes[i].rows; y++, out += planes[i].row_bytes)
      memcpy(out, planes[i].data + y * planes[i].stride, planes[i].row_bytes);
  return PF_OK;
}

static uint8_t clamp(int64_t scaled) {
  int64_t value = (scaled + 32768) >> 16;
  return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static void from_yuv(int luma, int cb, int cr, uint8_t *out) {
  int64_t base = (int64_t)(luma - 16) * LUMA;
  out[0] = clamp(base + (int64_t)(cr - 128) * RED_BY_CR);
  out[1] = clamp(base + (int64_t)(cb - 128) * GREEN_BY_CB + (int64_t)(cr - 128) * GREEN_BY_CR);
  out[2] = clamp(base + (int64_t)(cb - 128) * BLUE_BY_CB);
}

static void row_to_rgb(const pf_picture *picture, size_t y, uint8_t *out) {
  bool planar = picture->format == PF_PIXEL_I420;
  const uint8_t *first = picture->plane[0] + y * picture->stride[0];
  if (picture->format == PF_PIXEL_BGRX || picture->format == PF_PIXEL_RGBX) {
    uint32_t red = picture->format == PF_PIXEL_BGRX ? 2 : 0;
    for (size_t x = 0; x < picture->width; x++, out += 3) {
      out[0] = first[4 * x + red];
      out[1] = first[4 * x + 1];
      out[2] = first[4 * x + 2 - red];
    }
    return;
  }
  const uint8_t *u = picture->plane[1] + y / 2 * picture->stride[1];
  const uint8_t *v = planar ? picture->plane[2] + y / 2 * picture->stride[2] : u + 1;
  size_t step = planar ? 1 : 2;
  for (size_t x = 0; x < picture->width; x++, out += 3)
    from_yuv(first[x], u[x / 2 * step], v[x / 2 * step], out);
}

pf_result pf_picture_to_rgb(const pf_picture *picture, uint8_t *out) {
  if (picture->format > PF_PIXEL_RGBX)
    return pf_fail(PF_E_UNSUPPORTED, "format %u can't be shown as RGB", picture->format);
  for (size_t y = 0; y < picture->height; y++)
    row_to_rgb(picture, y, out + y * picture->width * 3);
  return PF_OK;
}

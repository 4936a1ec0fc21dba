#include "convert.h"

/* 0.2126, 0.7152, 0.0722 times 219/255; then the chroma rows of the header's formulas. Each chroma
 * row sums to 0, so that greys stay grey, and the Y row to 219/255 of 32768. */
static const pf_convert_matrix bgrx = {
    .y = {2032, 20127, 5983}, .u = {14392, -11094, -3298}, .v = {-1320, -13072, 14392}};
static const pf_convert_matrix rgbx = {
    .y = {5983, 20127, 2032}, .u = {-3298, -11094, 14392}, .v = {14392, -13072, -1320}};

pf_result pf_convert_picture(const pf_picture *picture, const pf_convert_target *target) {
  if (picture->format != PF_PIXEL_BGRX && picture->format != PF_PIXEL_RGBX)
    return pf_fail(PF_E_UNSUPPORTED, "pictures of format %u can't be encoded", picture->format);
  const pf_convert_matrix *matrix = picture->format == PF_PIXEL_BGRX ? &bgrx : &rgbx;
  const size_t stride = picture->stride[0];
  bool fast = pf_convert_has_avx2();
  for (size_t y = 0; y + 1 < picture->height; y += 2) {
    const uint8_t *pixels = picture->plane[0] + y * stride;
    uint8_t *luma = target->plane[0] + y * target->stride[0];
    bool planar = target->format == PF_PIXEL_I420;
    pf_convert_rows rows = {
        .pixels = {pixels, pixels + stride},
        .y = {luma, luma + target->stride[0]},
        .u = target->plane[1] + y / 2 * target->stride[1],
        .v = planar ? target->plane[2] + y / 2 * target->stride[2] : NULL,
        .width = picture->width,
    };
    pf_convert_rows_scalar(matrix, &rows, fast ? pf_convert_rows_avx2(matrix, &rows) : 0);
  }
  return PF_OK;
}

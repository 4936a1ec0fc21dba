/* Whatever a producer writes beside its pictures, nothing outside of it is read, and nothing
 * outside of the picture is drawn on. */
#include <stdlib.h>
#include <string.h>

#include "picture.h"

enum { WIDTH = 48, HEIGHT = 32, STRIDE = WIDTH * 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2) return 0;
  static pf_cursor cursor;
  if (cursor.rgba == NULL) cursor.rgba = malloc(PF_CURSOR_BYTES_MAX);
  /* Memory of exactly this size, so that a byte too far is seen. */
  uint8_t *meta = malloc(size - 2);
  memcpy(meta, data + 2, size - 2);
  pf_cursor_read(&cursor, meta, size - 2);
  pf_damage damage = pf_damage_read(meta, size - 2, WIDTH, HEIGHT);
  if (damage.pixels > (uint64_t)damage.rectangles * WIDTH * HEIGHT) abort();
  pf_crop crop = pf_crop_read(meta, size - 2, WIDTH, HEIGHT);
  free(meta);

  uint8_t *buffer = malloc((size_t)STRIDE * HEIGHT);
  memset(buffer, data[1], (size_t)STRIDE * HEIGHT);
  const uint8_t *base = buffer + (size_t)crop.y * STRIDE + (size_t)crop.x * 4;
  pf_pixels view = pf_pixels_upright(base, STRIDE, crop.width, crop.height, data[0] % 9);
  pf_picture picture = {.format = data[1] % 2 == 0 ? PF_PIXEL_BGRX : PF_PIXEL_RGBX,
                        .width = view.width,
                        .height = view.height,
                        .stride = {view.width * 4},
                        .plane = {malloc((size_t)view.width * 4 * view.height)}};
  pf_pixels_copy(&view, picture.plane[0], picture.stride[0]);
  pf_cursor_draw(&cursor, &picture);
  free(picture.plane[0]);
  free(buffer);
  return 0;
}

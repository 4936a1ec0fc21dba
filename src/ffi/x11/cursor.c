#include "cursor.h"

static uint8_t over(uint32_t cursor, uint32_t alpha, uint8_t below) {
  uint32_t sum = cursor + (below * (255 - alpha) + 127) / 255;
  return (uint8_t)(sum > 255 ? 255 : sum);
}

void pf_x11_cursor_paint(const pf_x11_cursor *self, pf_picture *picture, int32_t x, int32_t y) {
  bool swapped = picture->format == PF_PIXEL_RGBX;
  for (uint32_t row = 0; row < self->height; row++) {
    int64_t to_y = (int64_t)y - self->hot_y + row;
    if (to_y < 0 || to_y >= picture->height) continue;
    uint8_t *line = picture->plane[0] + (size_t)to_y * picture->stride[0];
    for (uint32_t column = 0; column < self->width; column++) {
      int64_t to_x = (int64_t)x - self->hot_x + column;
      uint32_t pixel = self->pixels[row * self->width + column], alpha = pixel >> 24;
      if (alpha == 0 || to_x < 0 || to_x >= picture->width) continue;
      uint8_t *to = line + to_x * 4;
      uint32_t red = pixel >> 16 & 255, green = pixel >> 8 & 255, blue = pixel & 255;
      to[0] = over(swapped ? red : blue, alpha, to[0]);
      to[1] = over(green, alpha, to[1]);
      to[2] = over(swapped ? blue : red, alpha, to[2]);
    }
  }
}

#include "picture.h"

#include <string.h>

#include <spa/buffer/meta.h>

pf_pixels pf_pixels_upright(const uint8_t *base, ptrdiff_t stride, uint32_t width, uint32_t height,
                            uint32_t transform) {
  const ptrdiff_t last_x = ((ptrdiff_t)width - 1) * 4, last_y = ((ptrdiff_t)height - 1) * stride;
  switch (transform) {
    case SPA_META_TRANSFORMATION_90:
      return (pf_pixels){base + last_y, -stride, 4, height, width};
    case SPA_META_TRANSFORMATION_180:
      return (pf_pixels){base + last_y + last_x, -4, -stride, width, height};
    case SPA_META_TRANSFORMATION_270:
      return (pf_pixels){base + last_x, stride, -4, height, width};
    case SPA_META_TRANSFORMATION_Flipped:
      return (pf_pixels){base + last_x, -4, stride, width, height};
    case SPA_META_TRANSFORMATION_Flipped90:
      return (pf_pixels){base, stride, 4, height, width};
    case SPA_META_TRANSFORMATION_Flipped180:
      return (pf_pixels){base + last_y, 4, -stride, width, height};
    case SPA_META_TRANSFORMATION_Flipped270:
      return (pf_pixels){base + last_y + last_x, -stride, -4, height, width};
    default:
      return (pf_pixels){base, 4, stride, width, height};
  }
}

/* A turned picture is read in squares, so that each cache line of a column is used while it is
 * there. */
static void copy_turned(const pf_pixels *pixels, uint8_t *target, uint32_t stride) {
  enum { SQUARE = 16 };
  for (uint32_t top = 0; top < pixels->height; top += SQUARE) {
    uint32_t bottom = top + SQUARE < pixels->height ? top + SQUARE : pixels->height;
    for (uint32_t left = 0; left < pixels->width; left += SQUARE) {
      uint32_t end = left + SQUARE < pixels->width ? left + SQUARE : pixels->width;
      for (uint32_t y = top; y < bottom; y++) {
        const uint8_t *row = pixels->first + (ptrdiff_t)y * pixels->down;
        uint8_t *out = target + (size_t)y * stride;
        for (uint32_t x = left; x < end; x++)
          memcpy(out + (size_t)x * 4, row + (ptrdiff_t)x * pixels->right, 4);
      }
    }
  }
}

void pf_pixels_copy(const pf_pixels *pixels, uint8_t *target, uint32_t stride) {
  if (pixels->right != 4) {
    copy_turned(pixels, target, stride);
    return;
  }
  for (uint32_t y = 0; y < pixels->height; y++)
    memcpy(target + (size_t)y * stride, pixels->first + (ptrdiff_t)y * pixels->down,
           (size_t)pixels->width * 4);
}

/* Premultiplied colour over an opaque one, rounded. */
static uint8_t over(uint8_t above, uint8_t below, uint8_t alpha) {
  uint32_t rest = (uint32_t)below * (255u - alpha) + 127u;
  uint32_t sum = above + rest / 255u;
  return sum > 255 ? 255 : (uint8_t)sum;
}

void pf_cursor_draw(const pf_cursor *cursor, const pf_picture *picture) {
  if (!pf_cursor_shown(cursor)) return;
  /* 64 bits: positions are a producer's, and may be anything. */
  int64_t left = (int64_t)cursor->x - cursor->hot_x, top = (int64_t)cursor->y - cursor->hot_y;
  const uint32_t red = picture->format == PF_PIXEL_RGBX ? 0 : 2, blue = 2 - red;
  for (uint32_t row = 0; row < cursor->height; row++) {
    int64_t y = top + row;
    if (y < 0 || y >= picture->height) continue;
    for (uint32_t column = 0; column < cursor->width; column++) {
      int64_t x = left + column;
      const uint8_t *dot = cursor->rgba + ((size_t)row * cursor->width + column) * 4;
      if (x < 0 || x >= picture->width || dot[3] == 0) continue;
      uint8_t *out = picture->plane[0] + (size_t)y * picture->stride[0] + (size_t)x * 4;
      out[red] = over(dot[0], out[red], dot[3]);
      out[1] = over(dot[1], out[1], dot[3]);
      out[blue] = over(dot[2], out[blue], dot[3]);
    }
  }
}

/*
 * Pixels on their way from a producer's buffer to a picture: turned upright, copied, and the
 * pointer drawn over them. Four bytes a pixel throughout.
 */
#ifndef PF_SCREENCAST_PICTURE_H
#define PF_SCREENCAST_PICTURE_H
#include "../common/common.h"

#include "meta.h"

/* An upright picture in foreign memory: where its upper left pixel is, and how many bytes on the
 * pixels to its right and below it are. Steps are negative where the buffer is turned. */
typedef struct pf_pixels {
  const uint8_t *first;
  ptrdiff_t right, down;
  uint32_t width, height;
} pf_pixels;

/* The upright picture in a buffer of width x height whose rows are `stride` bytes apart (negative:
 * `base` is its last row in memory), to which `transform` (enum spa_meta_videotransform_value, an
 * unknown one counts as none) was applied. */
pf_pixels pf_pixels_upright(const uint8_t *base, ptrdiff_t stride, uint32_t width, uint32_t height,
                            uint32_t transform);

/* Whether its rows lie as a pf_picture's. */
static inline bool pf_pixels_plain(const pf_pixels *pixels) {
  return pixels->right == 4 && pixels->down >= (ptrdiff_t)pixels->width * 4;
}

/* Copies all pixels to rows that are `stride` bytes apart. */
void pf_pixels_copy(const pf_pixels *pixels, uint8_t *target, uint32_t stride);

/* Draws the pointer where it stands, cut at the edges. `picture` is PF_PIXEL_BGRX or _RGBX. */
void pf_cursor_draw(const pf_cursor *cursor, const pf_picture *picture);

#endif

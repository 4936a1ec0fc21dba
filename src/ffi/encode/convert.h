/*
 * BGRx or RGBx to 4:2:0 in BT.709 limited range (ITU-R BT.709-6, item 3 and 4.6, 8 bits):
 *
 *   Y  = 16  + 219 (0.2126 R + 0.7152 G + 0.0722 B) / 255
 *   Cb = 128 + 224 (B - Y') / (1.8556 * 255)      of the mean of 2 × 2 pixels
 *   Cr = 128 + 224 (R - Y') / (1.5748 * 255)
 *
 * with coefficients of 15 bits, so that every sample is within 1 of the exact value. libyuv's
 * ARGBToI420 is BT.601; hence this one. Chroma is sited in the middle of the 2 × 2 pixels, and the
 * encoder says so where the codec can.
 */
#ifndef PF_CONVERT_H
#define PF_CONVERT_H
#include "../common/common.h"

/* Coefficients in 1/32768 by byte of the pixel: [0] B or R, [1] G, [2] R or B. */
typedef struct pf_convert_matrix {
  int16_t y[3], u[3], v[3];
} pf_convert_matrix;

#define PF_CONVERT_SHIFT 15
/* 16 and 128 with half a level for rounding, in the scale of Y and of a sum of four pixels. */
#define PF_CONVERT_Y_BIAS ((16 << PF_CONVERT_SHIFT) + (1 << (PF_CONVERT_SHIFT - 1)))
#define PF_CONVERT_UV_BIAS ((128 << (PF_CONVERT_SHIFT + 2)) + (1 << (PF_CONVERT_SHIFT + 1)))

/* Two rows of `width` pixels (even) to two rows of Y and one of U and V. For NV12 v is NULL and u
 * takes the pairs. */
typedef struct pf_convert_rows {
  const uint8_t *pixels[2];
  uint8_t *y[2];
  uint8_t *u, *v;
  uint32_t width;
} pf_convert_rows;

/* Converts the rows from pixel `from` (even) on. */
void pf_convert_rows_scalar(const pf_convert_matrix *matrix, const pf_convert_rows *rows,
                            uint32_t from);
/* The same for as many pixels as whole vectors cover; returns how many those are. */
uint32_t pf_convert_rows_avx2(const pf_convert_matrix *matrix, const pf_convert_rows *rows);
/* True when this build and this processor have it. */
bool pf_convert_has_avx2(void);

/* Where to: plane[2] is not used by NV12. */
typedef struct pf_convert_target {
  uint32_t format; /* PF_PIXEL_I420 or PF_PIXEL_NV12 */
  uint8_t *plane[3];
  uint32_t stride[3];
} pf_convert_target;

/* Converts a whole picture of even sides. PF_E_UNSUPPORTED for a format that is not packed RGB. */
pf_result pf_convert_picture(const pf_picture *picture, const pf_convert_target *target);

#endif

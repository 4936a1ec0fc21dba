/* Holds both conversions to the formulas of BT.709 and to each other, at odd widths. */
#include "convert.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(const char *what, uint32_t width, uint32_t x, uint32_t y) {
  fprintf(stderr, "%s at %u, %u of width %u\n", what, x, y, width);
  exit(1);
}

static uint32_t next_random(uint32_t *state) { return *state = *state * 1664525u + 1013904223u; }

static bool near_exact(double exact, uint8_t got) { return fabs(exact - got) <= 1.0; }

typedef struct planes {
  uint8_t *y, *u, *v;
} planes;

static planes allocate(size_t pixels) {
  return (planes){calloc(1, pixels), calloc(1, pixels / 2), calloc(1, pixels / 2)};
}
static void discard(planes p) {
  free(p.y);
  free(p.u);
  free(p.v);
}

static void check_pixels(const uint8_t *bgrx, uint32_t width, uint32_t height, planes got) {
  for (uint32_t y = 0; y < height; y += 2) {
    for (uint32_t x = 0; x < width; x += 2) {
      double r = 0, g = 0, b = 0;
      for (uint32_t i = 0; i < 4; i++) {
        size_t at = (size_t)(y + i / 2) * width + x + i % 2;
        const uint8_t *pixel = bgrx + 4 * at;
        double luma = 0.2126 * pixel[2] + 0.7152 * pixel[1] + 0.0722 * pixel[0];
        if (!near_exact(16 + 219 * luma / 255, got.y[at])) fail("Y", width, x, y);
        r += pixel[2] / 4.0, g += pixel[1] / 4.0, b += pixel[0] / 4.0;
      }
      double luma = 0.2126 * r + 0.7152 * g + 0.0722 * b;
      size_t at = (size_t)y / 2 * (width / 2) + x / 2;
      if (!near_exact(128 + 224 * (b - luma) / (1.8556 * 255), got.u[at])) fail("Cb", width, x, y);
      if (!near_exact(128 + 224 * (r - luma) / (1.5748 * 255), got.v[at])) fail("Cr", width, x, y);
    }
  }
}

/* As pf_convert_picture does it, but without the vectors. */
static void convert_scalar(const uint8_t *bgrx, uint32_t width, uint32_t height, planes out) {
  static const pf_convert_matrix matrix = {
      .y = {2032, 20127, 5983}, .u = {14392, -11094, -3298}, .v = {-1320, -13072, 14392}};
  for (size_t y = 0; y < height; y += 2) {
    pf_convert_rows rows = {
        .pixels = {bgrx + y * width * 4, bgrx + (y + 1) * width * 4},
        .y = {out.y + y * width, out.y + (y + 1) * width},
        .u = out.u + y / 2 * (width / 2),
        .v = out.v + y / 2 * (width / 2),
        .width = width,
    };
    pf_convert_rows_scalar(&matrix, &rows, 0);
  }
}

static void convert(uint8_t *pixels, uint32_t format, uint32_t width, uint32_t height,
                    uint32_t target_format, planes out) {
  pf_picture picture = {.format = format, .width = width, .height = height, .plane = {pixels},
                        .stride = {width * 4}};
  bool planar = target_format == PF_PIXEL_I420;
  pf_convert_target target = {.format = target_format,
                              .plane = {out.y, out.u, planar ? out.v : NULL},
                              .stride = {width, planar ? width / 2 : width, width / 2}};
  if (pf_convert_picture(&picture, &target) != PF_OK) fail("refused", width, 0, 0);
}

static void check_width(uint32_t width, uint32_t height, uint32_t *seed) {
  size_t pixels = (size_t)width * height;
  uint8_t *bgrx = malloc(pixels * 4), *rgbx = malloc(pixels * 4);
  planes vector = allocate(pixels), scalar = allocate(pixels), swapped = allocate(pixels);
  planes pairs = allocate(pixels * 2);
  for (size_t i = 0; i < pixels * 4; i++) bgrx[i] = (uint8_t)(next_random(seed) >> 24);
  memset(bgrx, 255, 64);
  memset(bgrx + 64, 0, 64);
  for (size_t i = 0; i < pixels * 4; i++) rgbx[i] = bgrx[i % 4 == 3 ? i : i / 4 * 4 + 2 - i % 4];
  convert(bgrx, PF_PIXEL_BGRX, width, height, PF_PIXEL_I420, vector);
  convert(rgbx, PF_PIXEL_RGBX, width, height, PF_PIXEL_I420, swapped);
  convert(bgrx, PF_PIXEL_BGRX, width, height, PF_PIXEL_NV12, pairs);
  convert_scalar(bgrx, width, height, scalar);
  check_pixels(bgrx, width, height, vector);
  if (memcmp(vector.y, scalar.y, pixels) != 0) fail("vector and scalar Y", width, 0, 0);
  if (memcmp(vector.u, scalar.u, pixels / 4) != 0) fail("vector and scalar U", width, 0, 0);
  if (memcmp(vector.v, scalar.v, pixels / 4) != 0) fail("vector and scalar V", width, 0, 0);
  if (memcmp(vector.y, swapped.y, pixels) != 0) fail("RGBx Y", width, 0, 0);
  if (memcmp(vector.u, swapped.u, pixels / 4) != 0) fail("RGBx U", width, 0, 0);
  for (size_t i = 0; i < pixels / 4; i++)
    if (pairs.u[2 * i] != vector.u[i] || pairs.u[2 * i + 1] != vector.v[i])
      fail("NV12", width, (uint32_t)i, 0);
  discard(vector), discard(scalar), discard(swapped), discard(pairs);
  free(bgrx), free(rgbx);
}

int main(void) {
  static const uint32_t widths[] = {64, 66, 94, 96, 98, 640, 1366};
  uint32_t seed = 1;
  for (size_t i = 0; i < PF_ARRAY_COUNT(widths); i++) check_width(widths[i], 64, &seed);
  return 0;
}

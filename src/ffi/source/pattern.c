#include "pattern.h"

#include <stdlib.h>
#include <string.h>

#define TILE 512u /* side of the tile in pixels; a power of two */
#define BANDS 3u
#define BARS 3u

struct pf_pattern {
  uint32_t kind, width, height;
  uint32_t tile[TILE * TILE];
};

/* Pixels that a band moves in each picture: even, so that chroma samples stay whole. */
static const int32_t band_speed_x[BANDS] = {4, -6, 2};
static const int32_t band_speed_y[BANDS] = {0, 0, 2};
static const uint32_t bar_speed[BARS] = {4, 6, 10};
static const uint32_t bar_colour[BARS] = {0xD02020, 0x20B040, 0x2060E0};

static uint32_t hash(uint32_t value) {
  value = (value ^ value >> 16) * 0x7FEB352Du;
  value = (value ^ value >> 15) * 0x846CA68Bu;
  return value ^ value >> 16;
}

/* A triangle wave of period 512 between 0 and 255. */
static uint32_t triangle(uint32_t phase) {
  phase &= 511;
  return phase < 256 ? phase : 511 - phase;
}

static uint32_t grey(uint32_t level) { return level << 16 | level << 8 | level; }

/* The tile repeats without a seam: every wave in it has a period that divides 512. */
static uint32_t tile_pixel(uint32_t x, uint32_t y) {
  uint32_t red = 48 + triangle(2 * x) * 5 / 8;
  uint32_t green = 48 + triangle(2 * y + 128) * 5 / 8;
  uint32_t blue = 48 + triangle(x + y) * 5 / 8;
  uint32_t block = x / 64 + y / 64 * 8, inside_x = x % 64, inside_y = y % 64;
  bool framed = inside_x >= 8 && inside_x < 56 && inside_y >= 8 && inside_y < 56;
  if (framed && block % 5 == 1) { /* small print: strokes of two pixels in lines of eight */
    bool ink = inside_y % 8 < 6 && hash(block * 4096 + inside_y / 2 * 64 + inside_x / 2) % 5 < 2;
    return ink ? grey(36) : grey(216);
  }
  if (framed && block % 5 == 3) { /* a lattice of lines, one pixel wide */
    if (inside_x % 8 == 0 || inside_y % 8 == 0) return grey(200);
  }
  return red << 16 | green << 8 | blue;
}

pf_result pf_pattern_open(uint32_t kind, uint32_t width, uint32_t height,
                          pf_pattern **out) {
  if (width < PF_WIDTH_MIN || width > PF_WIDTH_MAX || height < PF_HEIGHT_MIN ||
      height > PF_HEIGHT_MAX || width % 2 != 0 || height % 2 != 0)
    return pf_fail(PF_E_ARGUMENT, "%ux%u is not a mode: both sides are even, %u to %u pixels",
                   width, height, PF_WIDTH_MIN, PF_WIDTH_MAX);
  if (kind > PF_PATTERN_STILL) return pf_fail(PF_E_ARGUMENT, "there is no pattern %u", kind);
  pf_pattern *pattern = malloc(sizeof *pattern);
  if (pattern == NULL) return pf_fail(PF_E_MEMORY, "no memory for the synthetic pattern");
  pattern->kind = kind;
  pattern->width = width;
  pattern->height = height;
  for (uint32_t y = 0; y < TILE; y++)
    for (uint32_t x = 0; x < TILE; x++) pattern->tile[y * TILE + x] = tile_pixel(x, y);
  *out = pattern;
  return PF_OK;
}

void pf_pattern_close(pf_pattern *pattern) { free(pattern); }

static void draw_band_row(const uint32_t *tile_row, uint32_t shift, uint32_t *out,
                          uint32_t width) {
  for (uint32_t x = 0; x < width;) {
    uint32_t from = (x + shift) % TILE;
    uint32_t count = TILE - from < width - x ? TILE - from : width - x;
    memcpy(out + x, tile_row + from, count * sizeof *out);
    x += count;
  }
}

/* Where a thing that moves by `speed` is in picture `number`, modulo the power of two TILE. */
static uint32_t scrolled(uint64_t number, int32_t speed) {
  return (uint32_t)(number * (uint64_t)(int64_t)speed) % TILE;
}

static void draw_bands(const pf_pattern *pattern, uint64_t number, uint8_t *pixels,
                       uint32_t stride) {
  for (uint32_t y = 0; y < pattern->height; y++) {
    uint32_t band = (uint32_t)((uint64_t)y * BANDS / pattern->height);
    uint32_t tile_y = (y + scrolled(number, band_speed_y[band])) % TILE;
    draw_band_row(pattern->tile + tile_y * TILE, scrolled(number, band_speed_x[band]),
                  (uint32_t *)(void *)(pixels + (size_t)y * stride), pattern->width);
  }
}

static void draw_bars(const pf_pattern *pattern, uint64_t number, uint8_t *pixels,
                      uint32_t stride) {
  uint32_t bar_width = (pattern->width / 24) & ~1u;
  uint32_t range = pattern->width - bar_width;
  for (uint32_t i = 0; i < BARS; i++) {
    uint32_t start = (uint32_t)((uint64_t)range * i / BARS) & ~1u;
    uint32_t x = (uint32_t)((number * bar_speed[i] + start) % range) & ~1u;
    pf_card_patch bar = {.x = x, .width = bar_width, .height = pattern->height,
                         .rgb = bar_colour[i]};
    pf_fill(pixels, stride, &bar);
  }
}

static void draw_waves(const pf_pattern *pattern, uint64_t number, uint8_t *pixels,
                       uint32_t stride) {
  uint32_t width = pattern->width / 4, height = pattern->height / 4;
  uint32_t left = pattern->width / 2, top = pattern->height / 2, time = (uint32_t)number;
  for (uint32_t y = 0; y < height; y++) {
    uint32_t *row = (uint32_t *)(void *)(pixels + (size_t)(top + y) * stride) + left;
    uint32_t down = triangle(3 * y + 5 * time);
    for (uint32_t x = 0; x < width; x++) {
      uint32_t across = triangle(2 * x + 512 - (7 * time & 511));
      row[x] = (64 + across / 2) << 16 | (64 + (across + down) / 4) << 8 | (64 + down / 2);
    }
  }
}

static void draw_noise(const pf_pattern *pattern, uint64_t number, uint8_t *pixels,
                       uint32_t stride) {
  uint32_t width = pattern->width / 4, height = pattern->height / 4;
  uint32_t left = pattern->width / 8, top = pattern->height - height;
  for (uint32_t y = 0; y < height; y++) {
    uint32_t *row = (uint32_t *)(void *)(pixels + (size_t)(top + y) * stride) + left;
    uint32_t seed = hash((uint32_t)number * 65536 + y);
    for (uint32_t x = 0; x < width; x++) row[x] = grey(96 + (hash(seed + x) >> 26));
  }
}

void pf_pattern_draw(const pf_pattern *pattern, uint64_t number, uint8_t *pixels,
                     uint32_t stride) {
  if (pattern->kind == PF_PATTERN_CARD) {
    pf_card_draw(pattern->width, pattern->height, pixels, stride);
    return;
  }
  draw_bands(pattern, number, pixels, stride);
  draw_waves(pattern, number, pixels, stride);
  draw_noise(pattern, number, pixels, stride);
  draw_bars(pattern, number, pixels, stride);
}

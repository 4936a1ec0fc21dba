#include "testcard.h"

#include <stdlib.h>
#include <string.h>

#define COLUMNS 8

static const struct {
  uint8_t red, green, blue;
} colours[COLUMNS] = {{255, 255, 255}, {255, 255, 0}, {0, 255, 255}, {0, 255, 0},
                      {255, 0, 255},   {255, 0, 0},   {0, 0, 255},   {0, 0, 0}};

static atomic_uint live;

static void recycle(pf_picture *picture) {
  free(picture->owner);
  free(picture);
  atomic_fetch_sub(&live, 1);
}

static uint8_t clamp_byte(double value) {
  return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value + 0.5);
}

/* ITU-R BT.709-6, section 3, quantised to 8 bits: luma 16…235, chroma 16…240. */
static void to_yuv(uint32_t colour, uint8_t yuv[3]) {
  double red = colours[colour].red / 255.0, green = colours[colour].green / 255.0,
         blue = colours[colour].blue / 255.0;
  double luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  yuv[0] = clamp_byte(16 + 219 * luma);
  yuv[1] = clamp_byte(128 + 224 * (blue - luma) / 1.8556);
  yuv[2] = clamp_byte(128 + 224 * (red - luma) / 1.5748);
}

static uint32_t colour_at(uint32_t column, uint32_t y, uint32_t rows) {
  return y < rows / 2 ? column : COLUMNS - 1 - column;
}

static void draw_planar(pf_picture *picture) {
  uint32_t run = picture->width / COLUMNS;
  for (uint32_t y = 0; y < picture->height; y++) {
    for (uint32_t column = 0; column < COLUMNS; column++) {
      uint8_t yuv[3];
      to_yuv(colour_at(column, y, picture->height), yuv);
      memset(picture->plane[0] + y * picture->stride[0] + column * run, yuv[0], run);
      if (y % 2 != 0) continue;
      uint32_t row = y / 2;
      if (picture->format == PF_PIXEL_I420) {
        for (int plane = 1; plane < 3; plane++)
          memset(picture->plane[plane] + row * picture->stride[plane] + column * run / 2,
                 yuv[plane], run / 2);
      } else {
        uint8_t *pair = picture->plane[1] + row * picture->stride[1] + column * run;
        for (uint32_t i = 0; i < run; i++) pair[i] = yuv[1 + i % 2];
      }
    }
  }
}

static void draw_packed(pf_picture *picture) {
  uint32_t run = picture->width / COLUMNS;
  bool blue_first = picture->format == PF_PIXEL_BGRX;
  for (uint32_t y = 0; y < picture->height; y++) {
    uint8_t *pixel = picture->plane[0] + y * picture->stride[0];
    for (uint32_t x = 0; x < picture->width; x++, pixel += 4) {
      uint32_t colour = colour_at(x / run, y, picture->height);
      pixel[0] = blue_first ? colours[colour].blue : colours[colour].red;
      pixel[1] = colours[colour].green;
      pixel[2] = blue_first ? colours[colour].red : colours[colour].blue;
      pixel[3] = 0; /* means nothing, and must not be taken for transparency */
    }
  }
}

static void lay_out(pf_picture *picture, uint8_t *pixels) {
  size_t luma_bytes = (size_t)picture->stride[0] * picture->height;
  picture->plane[0] = pixels;
  if (picture->format == PF_PIXEL_NV12) {
    picture->stride[1] = picture->stride[0];
    picture->plane[1] = pixels + luma_bytes;
  } else if (picture->format == PF_PIXEL_I420) {
    picture->stride[1] = picture->stride[2] = picture->stride[0] / 2;
    picture->plane[1] = pixels + luma_bytes;
    picture->plane[2] = pixels + luma_bytes + luma_bytes / 4;
  }
}

static pf_picture *make_card(uint32_t format, uint32_t width, uint32_t height) {
  bool packed = format == PF_PIXEL_BGRX || format == PF_PIXEL_RGBX;
  uint32_t stride = (packed ? width * 4 : width) + 64; /* rows that are not contiguous */
  pf_picture *picture = calloc(1, sizeof *picture);
  uint8_t *pixels = malloc((size_t)stride * height * 3 / 2);
  if (picture == NULL || pixels == NULL) {
    free(picture);
    free(pixels);
    return NULL;
  }
  *picture = (pf_picture){.format = format, .width = width, .height = height,
                          .recycle = recycle, .owner = pixels};
  atomic_init(&picture->references, 1);
  picture->stride[0] = stride;
  lay_out(picture, pixels);
  if (packed)
    draw_packed(picture);
  else
    draw_planar(picture);
  atomic_fetch_add(&live, 1);
  return picture;
}

PF_EXPORT pf_result pf_testcard_push(const pf_sink *sink, uint32_t format, uint32_t width,
                                     uint32_t height) {
  if (format > PF_PIXEL_RGBX || width == 0 || width % 16 != 0 || height == 0 || height % 4 != 0 ||
      width > PF_WIDTH_MAX || height > PF_HEIGHT_MAX)
    return pf_fail(PF_E_ARGUMENT, "no test card of format %u, %ux%u", format, width, height);
  pf_picture *picture = make_card(format, width, height);
  if (picture == NULL) return pf_fail(PF_E_MEMORY, "no memory for a test card");
  picture->times.capture_ns = picture->times.decode_end_ns = pf_now_ns();
  pf_sink_push(sink, picture);
  pf_picture_release(picture);
  return PF_OK;
}

PF_EXPORT pf_result pf_testcard_stream(const pf_sink *sink, uint32_t format, uint32_t width,
                                       uint32_t height, uint32_t hertz, uint32_t count) {
  if (hertz == 0) return pf_fail(PF_E_ARGUMENT, "a stream has at least 1 picture a second");
  uint64_t next_ns = pf_now_ns();
  for (uint32_t i = 0; i < count; i++) {
    pf_result result = pf_testcard_push(sink, format, width, height);
    if (result != PF_OK) return result;
    next_ns += 1000000000u / hertz;
    struct timespec until = {.tv_sec = (time_t)(next_ns / 1000000000u),
                             .tv_nsec = (long)(next_ns % 1000000000u)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
  }
  return PF_OK;
}

PF_EXPORT uint32_t pf_testcard_live(void) { return atomic_load(&live); }

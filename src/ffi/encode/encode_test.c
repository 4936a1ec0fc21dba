/* Runs the whole stage under the sanitizers: pictures, keyframes, a new bit rate, a wrong size. */
#include "encode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPECT(condition)                                     \
  do {                                                        \
    if (!(condition)) {                                       \
      fprintf(stderr, "line %d: %s\n", __LINE__, #condition); \
      exit(1);                                                \
    }                                                         \
  } while (0)

typedef struct taker {
  atomic_uint units, keyframes;
  uint64_t sum;
} taker;

static void take(void *context, void *item) {
  taker *self = context;
  const pf_access_unit *unit = item;
  for (uint32_t i = 0; i < unit->bytes; i++) self->sum += unit->data[i];
  if ((unit->flags & PF_FRAME_FLAG_KEY) != 0) atomic_fetch_add(&self->keyframes, 1);
  atomic_fetch_add(&self->units, 1);
}

static void await_units(taker *self, unsigned count) {
  for (int i = 0; i < 5000 && atomic_load(&self->units) < count; i++)
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  EXPECT(atomic_load(&self->units) >= count);
}

static atomic_uint recycled;
static void recycle(pf_picture *picture) { atomic_fetch_add(&recycled, 1); }

static void push(const pf_sink *sink, uint8_t *pixels, uint32_t width, pf_picture *picture) {
  *picture = (pf_picture){.references = 1, .format = PF_PIXEL_BGRX, .width = width, .height = 96,
                          .plane = {pixels}, .stride = {width * 4}, .recycle = recycle};
  picture->times.capture_ns = pf_now_ns();
  pf_sink_push(sink, picture);
  pf_picture_release(picture);
}

int main(void) {
  enum { WIDTH = 128, COUNT = 12 };
  taker self = {0};
  pf_encode_config config = {.sink_push = (void *)(uintptr_t)take, .sink_context = &self,
                             .encoder = "libx264", .width = WIDTH, .height = 96,
                             .refresh_mhz = 60000, .bitrate_kbps = 2000};
  pf_encode *encode = NULL;
  EXPECT(pf_encode_open(&config, &encode) == PF_OK);
  EXPECT(pf_encode_start(encode) == PF_OK);
  pf_sink sink;
  pf_encode_sink(encode, &sink);
  uint8_t *pixels = malloc(WIDTH * 96 * 4);
  static pf_picture pictures[COUNT + 1];
  for (unsigned i = 0; i < COUNT; i++) {
    memset(pixels, (int)(i * 16), WIDTH * 96 * 4);
    if (i == 5) EXPECT(pf_encode_set(encode, PF_KNOB_BITRATE_KBPS, 4000) == PF_OK);
    push(&sink, pixels, WIDTH, &pictures[i]);
    await_units(&self, i + 1);
  }
  EXPECT(atomic_load(&self.keyframes) == 1);
  EXPECT(pf_encode_set(encode, PF_KNOB_KEYFRAME, 0) == PF_OK);
  await_units(&self, COUNT + 1);
  EXPECT(atomic_load(&self.keyframes) == 2);
  EXPECT(pf_encode_set(encode, PF_KNOB_BITRATE_KBPS, 1) == PF_E_ARGUMENT);
  EXPECT(pf_encode_set(encode, PF_KNOB_OVERLAY_VISIBLE, 1) == PF_E_ARGUMENT);
  push(&sink, pixels, WIDTH / 2, &pictures[COUNT]);
  pf_encode_stop(encode);
  EXPECT(atomic_load(&recycled) == COUNT + 1);
  pf_encode_close(encode);
  free(pixels);
  return 0;
}

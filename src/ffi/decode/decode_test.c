/*
 * Feeds a decoder what a broken or hostile peer could: damaged, cut, swapped and empty units, in
 * front of a tap that keeps pictures. Run under the sanitizers; what counts is that it survives and
 * shows a good picture again after the next good keyframe.
 */
#include "decode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../encode/encoder.h"
#include "tap.h"

#define EXPECT(condition)                                     \
  do {                                                        \
    if (!(condition)) {                                       \
      fprintf(stderr, "line %d: %s\n", __LINE__, #condition); \
      exit(1);                                                \
    }                                                         \
  } while (0)

/* libx265 3.5 loses a few strings at each open. */
PF_EXPORT const char *__lsan_default_suppressions(void);
PF_EXPORT const char *__lsan_default_suppressions(void) { return "leak:libx265"; }

enum { WIDTH = 128, HEIGHT = 96, UNITS = 40 };

typedef struct unit_copy {
  uint8_t *data;
  uint32_t bytes;
  bool keyframe;
} unit_copy;

static uint32_t next_random(uint32_t *state) { return *state = *state * 1664525u + 1013904223u; }

static void encode_units(const char *name, uint32_t codec, unit_copy units[UNITS]) {
  pf_encode_config config = {.width = WIDTH, .height = HEIGHT, .refresh_mhz = 60000,
                             .bitrate_kbps = 2000, .codec = codec};
  strcpy(config.encoder, name);
  pf_encoder *encoder = NULL;
  EXPECT(pf_encoder_open(&config, &encoder) == PF_OK);
  uint8_t *pixels = malloc(WIDTH * HEIGHT * 4);
  for (uint32_t i = 0; i < UNITS; i++) {
    for (uint32_t at = 0; at < WIDTH * HEIGHT * 4; at++) pixels[at] = (uint8_t)(at / 7 + i * 5);
    pf_picture picture = {.format = PF_PIXEL_BGRX, .width = WIDTH, .height = HEIGHT,
                          .plane = {pixels}, .stride = {WIDTH * 4}};
    pf_coded coded;
    EXPECT(pf_encoder_load(encoder, &picture) == PF_OK);
    EXPECT(pf_encoder_encode(encoder, i % 10 == 0, &coded) == PF_OK);
    units[i] = (unit_copy){malloc(coded.bytes), coded.bytes, coded.keyframe};
    memcpy(units[i].data, coded.data, coded.bytes);
  }
  free(pixels);
  pf_encoder_close(encoder);
}

static void push(const pf_sink *sink, const unit_copy *copy, uint32_t bytes, uint32_t frame) {
  pf_access_unit unit = {.data = copy->data, .bytes = bytes, .frame = frame,
                         .flags = copy->keyframe ? PF_FRAME_FLAG_KEY : 0};
  pf_sink_push(sink, &unit);
}

static uint64_t handled(const pf_decode_counters *counters) {
  return __atomic_load_n(&counters->queue_us.count, __ATOMIC_RELAXED) +
         __atomic_load_n(&counters->units_skipped, __ATOMIC_RELAXED);
}

static void await_handled(const pf_decode_counters *counters, uint64_t count) {
  for (int i = 0; i < 5000 && handled(counters) < count; i++)
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  EXPECT(handled(counters) >= count);
}

/* One unit in a round is damaged in one of five ways. */
static void push_damaged(const pf_sink *sink, unit_copy units[UNITS], uint32_t at, uint32_t *seed) {
  const unit_copy *good = &units[at];
  unit_copy bad = {malloc(good->bytes), good->bytes, good->keyframe};
  memcpy(bad.data, good->data, good->bytes);
  uint32_t kind = next_random(seed) >> 16;
  uint32_t bytes = good->bytes;
  if (kind % 5 == 0) bytes = next_random(seed) % (good->bytes + 1);
  if (kind % 5 == 1) bytes = 0;
  if (kind % 5 == 2) bad.keyframe = !good->keyframe;
  for (uint32_t n = 0; kind % 5 >= 3 && n < 8; n++)
    bad.data[next_random(seed) % good->bytes] = (uint8_t)(next_random(seed) >> 24);
  push(sink, &bad, bytes, at);
  free(bad.data);
}

static void survive(const char *name, uint32_t codec) {
  unit_copy units[UNITS];
  encode_units(name, codec, units);
  pf_tap *tap = NULL;
  pf_decode *decode = NULL;
  EXPECT(pf_tap_open(&(pf_tap_config){.flags = 1}, &tap) == PF_OK);
  pf_sink sink;
  pf_tap_sink(tap, &sink);
  pf_decode_config config = {.sink_push = (void *)(uintptr_t)sink.push,
                             .sink_context = sink.context,
                             .codec = codec, .queue_count = 8, .width = WIDTH, .height = HEIGHT};
  uint32_t seed = codec + 1;
  for (int round = 0; round < 12; round++) {
    EXPECT(pf_decode_open(&config, &decode) == PF_OK);
    EXPECT(pf_decode_start(decode) == PF_OK);
    const pf_decode_counters *counters = pf_decode_counters_block(decode);
    pf_decode_sink(decode, &sink);
    uint64_t pushed = 0;
    for (uint32_t i = 0; i < UNITS; i++) {
      if (i < UNITS / 2 && next_random(&seed) % 65536 < 20000)
        push_damaged(&sink, units, i, &seed);
      else
        push(&sink, &units[i], units[i].bytes, i);
      await_handled(counters, ++pushed);
    }
    /* the second half is good, and begins with a keyframe */
    EXPECT(__atomic_load_n(&counters->frames_out, __ATOMIC_RELAXED) >= UNITS / 4);
    pf_tap_picture shown;
    EXPECT(pf_tap_take(tap, &shown) == PF_OK);
    EXPECT(shown.width == WIDTH && shown.height == HEIGHT);
    pf_decode_close(decode); /* a picture that is held outlives its decoder */
    uint8_t rgb[WIDTH * HEIGHT * 3];
    EXPECT(pf_tap_copy_rgb(tap, rgb, sizeof rgb) == PF_OK);
    EXPECT(pf_tap_copy(tap, rgb, 1) == PF_E_ARGUMENT);
    pf_tap_release(tap);
  }
  pf_tap_close(tap);
  for (int i = 0; i < UNITS; i++) free(units[i].data);
}

static unsigned count_events(pf_events *events, uint32_t kind) {
  static pf_event taken[64];
  static int32_t count;
  if (events != NULL) count = pf_events_take(events, taken, PF_ARRAY_COUNT(taken));
  unsigned found = 0;
  for (int32_t i = 0; i < count; i++) found += taken[i].kind == kind;
  return found;
}

/* A decoder that gets units faster than it can take them drops whole runs, and says so. */
static void drops_runs_when_flooded(void) {
  unit_copy units[UNITS];
  encode_units("libx264", PF_CODEC_H264, units);
  pf_events *events = NULL;
  EXPECT(pf_events_open(&events) == PF_OK);
  pf_decode_config config = {.events = events, .codec = PF_CODEC_H264, .queue_count = 2,
                             .width = WIDTH, .height = HEIGHT};
  pf_decode *decode = NULL;
  EXPECT(pf_decode_open(&config, &decode) == PF_OK);
  pf_sink sink;
  pf_decode_sink(decode, &sink);
  const pf_decode_counters *counters = pf_decode_counters_block(decode);
  for (uint32_t i = 0; i < UNITS; i++) push(&sink, &units[i], units[i].bytes, i);
  EXPECT(counters->units_in == UNITS && counters->units_dropped == UNITS - 2);
  EXPECT(pf_decode_start(decode) == PF_OK);
  for (int i = 0; i < 5000 && __atomic_load_n(&counters->frames_out, __ATOMIC_RELAXED) < 2; i++)
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  pf_decode_stop(decode);
  EXPECT(counters->frames_out == 2 && counters->failures == 0 && counters->units_skipped == 0);
  EXPECT(count_events(events, PF_EVENT_STALL) == 1);
  EXPECT(count_events(NULL, PF_EVENT_RECOVERED) == 1);
  pf_decode_close(decode);
  pf_events_close(events);
  for (int i = 0; i < UNITS; i++) free(units[i].data);
}

int main(void) {
  survive("libx264", PF_CODEC_H264);
  survive("libx265", PF_CODEC_HEVC);
  survive("libaom-av1", PF_CODEC_AV1);
  drops_runs_when_flooded();
  return 0;
}

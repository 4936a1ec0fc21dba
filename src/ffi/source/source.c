#include "source.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

/* One being drawn, one in the encoder's mailbox, one in its hands; the rest for taps. */
#define POOL_COUNT 6
#define ROW_ALIGN 64u

struct pf_source {
  pf_source_config config;
  pf_sink sink;
  pf_pattern *pattern;
  uint8_t *pixels;
  pf_picture pool[POOL_COUNT];
  sem_t stop;
  pthread_t thread;
  bool running;
  pf_source_counters counters;
  _Atomic uint8_t mark;
};

/* A count of 0 is what marks a picture as free: nothing else is to do. */
static void recycle(pf_picture *picture) {}

static pf_result allocate(pf_source *source) {
  const pf_source_config *config = &source->config;
  size_t stride = ((size_t)config->width * 4 + ROW_ALIGN - 1) & ~(size_t)(ROW_ALIGN - 1);
  size_t bytes = stride * config->height;
  source->pixels = aligned_alloc(ROW_ALIGN, bytes * POOL_COUNT);
  if (source->pixels == NULL)
    return pf_fail(PF_E_MEMORY, "no memory for %d pictures of %ux%u", POOL_COUNT, config->width,
                   config->height);
  for (uint32_t i = 0; i < POOL_COUNT; i++) {
    source->pool[i] = (pf_picture){.format = PF_PIXEL_BGRX,
                                   .width = config->width,
                                   .height = config->height,
                                   .plane = {source->pixels + i * bytes},
                                   .stride = {(uint32_t)stride},
                                   .recycle = recycle,
                                   .owner = source};
  }
  return PF_OK;
}

PF_EXPORT pf_result pf_source_open(const pf_source_config *config, pf_source **out) {
  if (config->refresh_mhz < PF_REFRESH_HZ_MIN * 1000 ||
      config->refresh_mhz > PF_REFRESH_HZ_MAX * 1000)
    return pf_fail(PF_E_ARGUMENT, "%.3f Hz is not between %u and %u", config->refresh_mhz / 1e3,
                   PF_REFRESH_HZ_MIN, PF_REFRESH_HZ_MAX);
  pf_source *source = calloc(1, sizeof *source);
  if (source == NULL) return pf_fail(PF_E_MEMORY, "no memory for the synthetic source");
  source->config = *config;
  memcpy(&source->sink, &config->sink_push, sizeof source->sink);
  sem_init(&source->stop, 0, 0);
  pf_result result =
      pf_pattern_open(config->pattern, config->width, config->height, &source->pattern);
  if (result == PF_OK) result = allocate(source);
  if (result != PF_OK) {
    pf_source_close(source);
    return result;
  }
  *out = source;
  return PF_OK;
}

static pf_picture *free_picture(pf_source *source) {
  for (uint32_t i = 0; i < POOL_COUNT; i++) {
    pf_picture *picture = &source->pool[i];
    if (atomic_load_explicit(&picture->references, memory_order_acquire) == 0) return picture;
  }
  return NULL;
}

static void draw_and_push(pf_source *source, uint64_t number) {
  pf_picture *picture = free_picture(source);
  if (picture == NULL) {
    pf_count(source->counters.frames_dropped, 1);
    return;
  }
  uint8_t *pixels = picture->plane[0];
  uint32_t stride = picture->stride[0];
  pf_pattern_draw(source->pattern, number, pixels, stride);
  picture->number = number;
  picture->times = (pf_times){.capture_ns = pf_now_ns()};
  uint8_t mark = atomic_load_explicit(&source->mark, memory_order_relaxed);
  pf_marker_draw(pixels, stride, picture->width, picture->height, pf_marker_frame(mark, number),
                 picture->times.capture_ns);
  atomic_store_explicit(&picture->references, 1, memory_order_relaxed);
  pf_count(source->counters.frames, 1);
  pf_sink_push(&source->sink, picture);
  pf_picture_release(picture);
}

/* When picture `number` is due, after the first one. */
static uint64_t due_after_ns(const pf_source *source, uint64_t number) {
  return (uint64_t)((unsigned __int128)number * 1000000000000u / source->config.refresh_mhz);
}

/* True when it is time, false when the source is to stop. */
static bool wait_until(pf_source *source, uint64_t ns) {
  struct timespec due = {.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
  int result;
  do result = sem_clockwait(&source->stop, CLOCK_MONOTONIC, &due);
  while (result != 0 && errno == EINTR);
  return result != 0;
}

static void *run(void *context) {
  pf_source *source = context;
  const pf_source_config *config = &source->config;
  pf_thread_name("pf-source");
  pf_thread_eager();
  prctl(PR_SET_TIMERSLACK, 1ul, 0ul, 0ul, 0ul); /* wakes 50 µs late otherwise */
  pf_events_post(config->events, PF_EVENT_STARTED, config->stage, 0, 0, NULL);
  uint64_t start_ns = pf_now_ns(), number = 0;
  bool going = true;
  while (going && (config->frame_limit == 0 || number < config->frame_limit)) {
    draw_and_push(source, number++);
    if (config->pattern == PF_PATTERN_STILL) break;
    uint64_t late_ns = pf_now_ns() - start_ns;
    while (due_after_ns(source, number + 1) <= late_ns &&
           (config->frame_limit == 0 || number + 1 < config->frame_limit)) {
      pf_count(source->counters.frames_dropped, 1);
      number++;
    }
    going = wait_until(source, start_ns + due_after_ns(source, number));
  }
  if (going)
    pf_events_post(config->events, PF_EVENT_ENDED, config->stage, (int64_t)number, 0, NULL);
  return NULL;
}

PF_EXPORT pf_result pf_source_start(pf_source *source) {
  if (source->running) return pf_fail(PF_E_STATE, "the source is running");
  int error = pthread_create(&source->thread, NULL, run, source);
  if (error != 0) return pf_fail(PF_E_SYSTEM, "no thread for the source: %s", strerror(error));
  source->running = true;
  return PF_OK;
}

PF_EXPORT pf_result pf_source_set(pf_source *source, uint32_t knob, int64_t value) {
  if (knob != PF_KNOB_MARK) return pf_fail(PF_E_ARGUMENT, "a source has no knob %u", knob);
  atomic_store_explicit(&source->mark, (uint8_t)value, memory_order_relaxed);
  return PF_OK;
}

PF_EXPORT void pf_source_stop(pf_source *source) {
  if (!source->running) return;
  sem_post(&source->stop);
  pthread_join(source->thread, NULL);
  source->running = false;
}

PF_EXPORT void pf_source_close(pf_source *source) {
  if (source == NULL) return;
  pf_source_stop(source);
  pf_pattern_close(source->pattern);
  sem_destroy(&source->stop);
  free(source->pixels);
  free(source);
}

PF_EXPORT const void *pf_source_counters_block(pf_source *source) { return &source->counters; }

PF_EXPORT pf_result pf_source_render(uint64_t number, uint64_t capture_ns, uint32_t pattern_kind,
                                     uint32_t width, uint32_t height, uint8_t *out,
                                     uint32_t stride) {
  pf_pattern *pattern;
  pf_result result = pf_pattern_open(pattern_kind, width, height, &pattern);
  if (result != PF_OK) return result;
  if (stride % 4 != 0 || stride / 4 < width)
    result = pf_fail(PF_E_ARGUMENT, "a stride of %u is too short for %u pixels", stride, width);
  if (result == PF_OK) {
    pf_pattern_draw(pattern, number, out, stride);
    pf_marker_draw(out, stride, width, height, pf_marker_frame(0, number), capture_ns);
  }
  pf_pattern_close(pattern);
  return result;
}

PF_EXPORT pf_result pf_source_card_patch(uint32_t index, uint32_t width, uint32_t height,
                                         pf_card_patch *out) {
  return pf_card_patch_at(index, width, height, out);
}

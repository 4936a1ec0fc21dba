#include "tap.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "../source/marker.h"
#include "rgb.h"

#define FLAG_MARKERS 1u

typedef struct sighting {
  bool found;
  uint32_t frame;
  uint64_t capture_ns;
} sighting;

struct pf_tap {
  pf_sink next;
  bool reads_markers;
  _Atomic int64_t clock_offset_ns;
  pthread_mutex_t lock;
  pf_picture *newest; /* under the lock */
  sighting newest_marker;
  pf_picture *held; /* the reader's */
  sighting last;    /* the pushing thread's */
  pf_tap_counters counters;
};

PF_EXPORT pf_result pf_tap_open(const pf_tap_config *config, pf_tap **out) {
  pf_tap *tap = calloc(1, sizeof *tap);
  if (tap == NULL) return pf_fail(PF_E_MEMORY, "no memory for a tap");
  memcpy(&tap->next, &config->sink_push, sizeof tap->next);
  tap->reads_markers = (config->flags & FLAG_MARKERS) != 0;
  atomic_store(&tap->clock_offset_ns, PF_CLOCK_UNKNOWN);
  pthread_mutex_init(&tap->lock, NULL);
  *out = tap;
  return PF_OK;
}

PF_EXPORT void pf_tap_close(pf_tap *tap) {
  if (tap == NULL) return;
  pf_tap_release(tap);
  if (tap->newest != NULL) pf_picture_release(tap->newest);
  pthread_mutex_destroy(&tap->lock);
  free(tap);
}

static sighting look(const pf_picture *picture) {
  bool packed = picture->format == PF_PIXEL_BGRX || picture->format == PF_PIXEL_RGBX;
  const uint8_t *samples = picture->plane[0] + (packed ? 1 : 0); /* green, or luma */
  sighting seen = {0};
  seen.found = pf_marker_find(samples, packed ? 4 : 1, picture->stride[0], picture->width,
                              picture->height, &seen.frame, &seen.capture_ns) == PF_OK;
  return seen;
}

static sighting count_marker(pf_tap *tap, const pf_picture *picture) {
  sighting seen = look(picture);
  if (!seen.found) {
    pf_count(tap->counters.markers_unreadable, 1);
    return seen;
  }
  pf_count(tap->counters.markers, 1);
  pf_histogram_span(&tap->counters.marker_to_tap_us,
                    pf_local_ns(seen.capture_ns, atomic_load(&tap->clock_offset_ns)), pf_now_ns());
  uint32_t step = (seen.frame - tap->last.frame) & PF_MARKER_NUMBER_MASK;
  if (tap->last.found && step == 0) pf_count(tap->counters.markers_repeated, 1);
  if (tap->last.found && step > 1 && step < PF_MARKER_NUMBER_MASK / 2)
    pf_count(tap->counters.markers_skipped, step - 1);
  uint8_t mark = pf_marker_mark(seen.frame);
  if (!tap->last.found || mark != pf_marker_mark(tap->last.frame)) {
    pf_gauge(tap->counters.mark_ns, pf_now_ns());
    pf_gauge(tap->counters.mark, mark);
  }
  tap->last = seen;
  return seen;
}

static void push_picture(void *context, void *item) {
  pf_tap *tap = context;
  pf_picture *picture = item;
  pf_count(tap->counters.frames, 1);
  sighting seen = {0};
  if (tap->reads_markers) seen = count_marker(tap, picture);
  pf_picture_retain(picture);
  pthread_mutex_lock(&tap->lock);
  pf_picture *replaced = tap->newest;
  tap->newest = picture;
  tap->newest_marker = seen;
  pthread_mutex_unlock(&tap->lock);
  if (replaced != NULL) pf_picture_release(replaced);
  pf_sink_push(&tap->next, picture);
}

PF_EXPORT pf_result pf_tap_set(pf_tap *tap, uint32_t knob, int64_t value) {
  if (knob != PF_KNOB_CLOCK_OFFSET_NS)
    return pf_fail(PF_E_ARGUMENT, "a tap has no knob %u", knob);
  atomic_store(&tap->clock_offset_ns, value);
  return PF_OK;
}

PF_EXPORT void pf_tap_sink(pf_tap *tap, pf_sink *out) {
  *out = (pf_sink){.push = push_picture, .context = tap};
}

PF_EXPORT const void *pf_tap_counters_block(pf_tap *tap) { return &tap->counters; }

PF_EXPORT pf_result pf_tap_take(pf_tap *tap, pf_tap_picture *out) {
  pthread_mutex_lock(&tap->lock);
  pf_picture *picture = tap->newest;
  sighting seen = tap->newest_marker;
  tap->newest = NULL;
  pthread_mutex_unlock(&tap->lock);
  if (picture == NULL) return pf_fail(PF_E_EMPTY, "no new picture came");
  pf_tap_release(tap);
  tap->held = picture;
  *out = (pf_tap_picture){.number = picture->number,
                          .capture_ns = picture->times.capture_ns,
                          .decode_end_ns = picture->times.decode_end_ns,
                          .width = picture->width,
                          .height = picture->height,
                          .format = picture->format,
                          .marker_found = seen.found,
                          .marker_capture_ns = seen.capture_ns,
                          .marker_frame = seen.frame & PF_MARKER_NUMBER_MASK,
                          .marker_mark = pf_marker_mark(seen.frame)};
  return PF_OK;
}

static pf_result check_room(const pf_tap *tap, uint64_t has, uint64_t needs) {
  if (tap->held == NULL) return pf_fail(PF_E_STATE, "the tap holds no picture");
  if (has != needs)
    return pf_fail(PF_E_ARGUMENT, "the picture has %llu bytes, not %llu",
                   (unsigned long long)needs, (unsigned long long)has);
  return PF_OK;
}

PF_EXPORT pf_result pf_tap_copy(pf_tap *tap, uint8_t *out, uint64_t bytes) {
  uint64_t needs = tap->held == NULL ? 0 : pf_picture_packed_bytes(tap->held);
  pf_result result = check_room(tap, bytes, needs);
  return result == PF_OK ? pf_picture_pack(tap->held, out) : result;
}

PF_EXPORT pf_result pf_tap_copy_rgb(pf_tap *tap, uint8_t *out, uint64_t bytes) {
  uint64_t needs = tap->held == NULL ? 0 : (uint64_t)tap->held->width * tap->held->height * 3;
  pf_result result = check_room(tap, bytes, needs);
  return result == PF_OK ? pf_picture_to_rgb(tap->held, out) : result;
}

PF_EXPORT void pf_tap_release(pf_tap *tap) {
  if (tap->held != NULL) pf_picture_release(tap->held);
  tap->held = NULL;
}

#include "frontend.h"

#include <errno.h>
#include <string.h>

void pf__frontend_init(pf__frontend *front, const pf_present_config *config) {
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&front->changed, &attributes);
  pthread_condattr_destroy(&attributes);
  pthread_mutex_init(&front->lock, NULL);
  front->clock_offset_ns = PF_CLOCK_UNKNOWN;
  front->events = config->events;
  front->stage = config->stage;
}

void pf__frontend_destroy(pf__frontend *front) {
  pthread_cond_destroy(&front->changed);
  pthread_mutex_destroy(&front->lock);
}

/* With the lock held. */
static void wake(pf__frontend *front) {
  front->signalled = true;
  pthread_cond_signal(&front->changed);
  if (front->wake != NULL) front->wake(front->wake_context);
}

void pf__frontend_wake(pf__frontend *front) {
  pthread_mutex_lock(&front->lock);
  wake(front);
  pthread_mutex_unlock(&front->lock);
}

void pf__frontend_accept(pf__frontend *front, bool accepting) {
  pthread_mutex_lock(&front->lock);
  front->accepting = accepting;
  pf_picture *dropped = accepting ? NULL : front->waiting;
  if (dropped != NULL) front->waiting = NULL;
  wake(front);
  pthread_mutex_unlock(&front->lock);
  if (dropped != NULL) pf_picture_release(dropped);
}

static void push(void *context, void *item) {
  pf__frontend *front = context;
  pf_picture *picture = item;
  pthread_mutex_lock(&front->lock);
  pf_count(front->counters.frames_in, 1);
  pf_picture *replaced = NULL;
  if (front->accepting) {
    replaced = front->waiting;
    pf_picture_retain(picture);
    front->waiting = picture;
    wake(front);
  }
  if (replaced != NULL) pf_count(front->counters.frames_replaced, 1);
  pthread_mutex_unlock(&front->lock);
  if (replaced != NULL) pf_picture_release(replaced);
}

void pf__frontend_sink(pf__frontend *front, pf_sink *out) {
  *out = (pf_sink){.push = push, .context = front};
}

pf_picture *pf__frontend_take(pf__frontend *front) {
  pthread_mutex_lock(&front->lock);
  pf_picture *picture = front->waiting;
  front->waiting = NULL;
  pthread_mutex_unlock(&front->lock);
  return picture;
}

static struct timespec to_timespec(uint64_t ns) {
  return (struct timespec){.tv_sec = (time_t)(ns / 1000000000u),
                           .tv_nsec = (long)(ns % 1000000000u)};
}

bool pf__frontend_accepting(pf__frontend *front) {
  pthread_mutex_lock(&front->lock);
  bool accepting = front->accepting;
  pthread_mutex_unlock(&front->lock);
  return accepting;
}

bool pf__frontend_pause(pf__frontend *front, uint64_t deadline_ns) {
  struct timespec until = to_timespec(deadline_ns);
  pthread_mutex_lock(&front->lock);
  while (front->accepting)
    if (pthread_cond_timedwait(&front->changed, &front->lock, &until) == ETIMEDOUT) break;
  bool accepting = front->accepting;
  pthread_mutex_unlock(&front->lock);
  return accepting;
}

pf_picture *pf__frontend_wait(pf__frontend *front, uint64_t deadline_ns) {
  struct timespec until = to_timespec(deadline_ns);
  pthread_mutex_lock(&front->lock);
  while (!front->signalled)
    if (pthread_cond_timedwait(&front->changed, &front->lock, &until) == ETIMEDOUT) break;
  front->signalled = false;
  pf_picture *picture = front->waiting;
  front->waiting = NULL;
  pthread_mutex_unlock(&front->lock);
  return picture;
}

void pf__frontend_shown(pf__frontend *front, const pf_times *times) {
  uint64_t now_ns = pf_now_ns();
  int64_t offset_ns = __atomic_load_n(&front->clock_offset_ns, __ATOMIC_RELAXED);
  pf_count(front->counters.frames_presented, 1);
  pf_histogram_span(&front->counters.present_us, times->decode_end_ns, now_ns);
  pf_histogram_span(&front->counters.capture_to_presented_us,
                    pf_local_ns(times->capture_ns, offset_ns), now_ns);
}

void pf__frontend_set_overlay(pf__frontend *front, const char *text) {
  size_t bytes = text == NULL ? 0 : strlen(text);
  if (bytes >= PF_OVERLAY_BYTES) {
    bytes = PF_OVERLAY_BYTES - 1;
    while (bytes > 0 && ((uint8_t)text[bytes] & 0xc0) == 0x80) bytes--;
  }
  pthread_mutex_lock(&front->lock);
  for (size_t i = 0; i < bytes; i++) {
    uint8_t byte = (uint8_t)text[i];
    bool control = (byte < 0x20 && byte != '\n') || byte == 0x7f;
    front->overlay[i] = control ? ' ' : (char)byte;
  }
  front->overlay[bytes] = '\0';
  front->overlay_version++;
  if (front->overlay_visible) wake(front);
  pthread_mutex_unlock(&front->lock);
}

uint32_t pf__frontend_overlay(pf__frontend *front, char out[PF_OVERLAY_BYTES]) {
  pthread_mutex_lock(&front->lock);
  if (front->overlay_visible)
    memcpy(out, front->overlay, PF_OVERLAY_BYTES);
  else
    out[0] = '\0';
  uint32_t version = front->overlay_version;
  pthread_mutex_unlock(&front->lock);
  return version;
}

static void show_overlay(pf__frontend *front, bool visible) {
  front->overlay_visible = visible;
  front->overlay_version++;
  wake(front);
}

void pf__frontend_toggle_overlay(pf__frontend *front) {
  pthread_mutex_lock(&front->lock);
  show_overlay(front, !front->overlay_visible);
  pthread_mutex_unlock(&front->lock);
}

pf_result pf__frontend_set(pf__frontend *front, uint32_t knob, int64_t value) {
  switch (knob) {
    case PF_KNOB_CLOCK_OFFSET_NS:
      __atomic_store_n(&front->clock_offset_ns, value, __ATOMIC_RELAXED);
      return PF_OK;
    case PF_KNOB_OVERLAY_VISIBLE:
      pthread_mutex_lock(&front->lock);
      show_overlay(front, value != 0);
      pthread_mutex_unlock(&front->lock);
      return PF_OK;
    default:
      return pf_fail(PF_E_ARGUMENT, "a presenter has no knob %u", knob);
  }
}

/* The handle, its calls and its thread. */
#include "input.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "devices.h"
#include "queue.h"

enum {
  PACE_NS = 1000000,
  EDGE_PACE_NS = 500000,
  EDGE_BURST_NS = 64 * EDGE_PACE_NS,
  CLOSE_MS_MAX = 200, /* a compositor that hangs may not hold up the end of a session */
};

struct pf_input {
  pf_input_config config;
  pf_input_devices *devices;
  pthread_mutex_t lock; /* of the queue */
  pf_input_queue queue;
  uint32_t text[PF_TEXT_BYTES_MAX]; /* under the lock */
  uint64_t settled_ns; /* nothing is sent before */
  uint64_t motion_ns, character_ns; /* the next one not before */
  uint64_t edge_ns; /* the same, if a burst of edges came before */
  int wake_fd;
  atomic_bool stopping, gone;
  bool running;
  pthread_t thread;
  pf_input_counters counters;
};

/* The first event and, if it is one, the characters that wait; under the lock. */
typedef struct due_events {
  pf_input_event event;
  uint32_t characters[1 + PF_INPUT_AHEAD];
  uint32_t count;
} due_events;

static void take(pf_input *self, due_events *out) {
  out->event = *pf_input_queue_peek(&self->queue, 0);
  for (out->count = 0; out->count <= PF_INPUT_AHEAD; out->count++) {
    const pf_input_event *event = pf_input_queue_peek(&self->queue, out->count);
    if (event == NULL || event->kind != PF_INPUT_CHARACTER) break;
    out->characters[out->count] = (uint32_t)event->a;
  }
  pf_input_queue_pop(&self->queue);
}

static uint64_t due_ns(const pf_input *self, const pf_input_event *event) {
  switch (event->kind) {
    case PF_INPUT_MOTION:
    case PF_INPUT_POSITION:
    case PF_INPUT_SCROLL:
      return self->motion_ns;
    case PF_INPUT_CHARACTER:
      return self->character_ns;
    case PF_INPUT_TOUCH:
      return event->phase == PF_INPUT_TOUCH_MOVE ? self->motion_ns : self->edge_ns;
    default:
      return self->edge_ns;
  }
}

/* Notes when the next event of this kind may be sent. */
static void pace(pf_input *self, const pf_input_event *event, uint64_t now_ns) {
  bool touches = event->kind == PF_INPUT_TOUCH && event->phase != PF_INPUT_TOUCH_MOVE;
  if (event->kind == PF_INPUT_CHARACTER) {
    self->character_ns = now_ns + PACE_NS;
  } else if (!touches && event->kind != PF_INPUT_KEY && event->kind != PF_INPUT_BUTTON) {
    self->motion_ns = now_ns + PACE_NS;
  } else {
    uint64_t burst_ns = now_ns - EDGE_BURST_NS;
    self->edge_ns = (self->edge_ns > burst_ns ? self->edge_ns : burst_ns) + EDGE_PACE_NS;
  }
}


/* Sends the first event if its time has come. Returns when to call again: 0 = at once. */
static uint64_t step(pf_input *self) {
  uint64_t now_ns = pf_now_ns();
  if (now_ns < self->settled_ns) return self->settled_ns;
  due_events next;
  pthread_mutex_lock(&self->lock);
  const pf_input_event *first = pf_input_queue_peek(&self->queue, 0);
  uint64_t due = first == NULL ? UINT64_MAX : due_ns(self, first);
  if (due <= now_ns) take(self, &next);
  pthread_mutex_unlock(&self->lock);
  if (due > now_ns) return due;
  pace(self, &next.event, now_ns);
  if (next.count > 0) pf_input_devices_type(self->devices, next.characters, next.count);
  else pf_input_devices_send(self->devices, &next.event);
  return 0;
}

static void end(pf_input *self) {
  char words[128];
  atomic_store(&self->gone, true);
  pf_count(self->counters.failures, 1);
  snprintf(words, sizeof words, "The desktop takes no input any more: %s.", pf_last_error());
  pf_events_post(self->config.events, PF_EVENT_ENDED, self->config.stage, 0, 0, words);
}

static void *run(void *argument) {
  pf_input *self = argument;
  pf_thread_name("pf-input");
  while (!atomic_load(&self->stopping)) {
    /* While the desktop does not read, nothing more is put into the connection's buffer. */
    uint64_t until_ns = pf_input_devices_ready(self->devices) ? step(self) : UINT64_MAX;
    if (until_ns == 0) continue;
    if (pf_input_devices_wait(self->devices, self->wake_fd, until_ns) != PF_OK) {
      end(self);
      return NULL;
    }
  }
  if (pf_input_devices_ready(self->devices)) pf_input_devices_release(self->devices);
  pf_input_devices_settle(self->devices, CLOSE_MS_MAX);
  return NULL;
}

static void wake(pf_input *self) {
  uint64_t one = 1;
  ssize_t written = write(self->wake_fd, &one, sizeof one);
  (void)written;
}

PF_EXPORT pf_result pf_input_open(const pf_input_config *config, pf_input **out) {
  pf_input *self = calloc(1, sizeof *self);
  if (self == NULL) return pf_fail(PF_E_MEMORY, "no memory for the input");
  self->config = *config;
  self->config.path[sizeof config->path - 1] = '\0';
  self->config.region[sizeof config->region - 1] = '\0';
  self->config.layout[sizeof config->layout - 1] = '\0';
  self->queue.counters = &self->counters;
  pthread_mutex_init(&self->lock, NULL);
  self->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  pf_result result = pf_fail(PF_E_SYSTEM, "eventfd: %s", strerror(errno));
  if (self->wake_fd >= 0)
    result = pf_input_devices_open(&self->config, &self->counters, &self->devices);
  if (result == PF_OK) {
    self->settled_ns = pf_now_ns() + PF_INPUT_SETTLE_MS * 1000000ull;
    int error = pthread_create(&self->thread, NULL, run, self);
    self->running = error == 0;
    if (error != 0) result = pf_fail(PF_E_SYSTEM, "pthread_create: %s", strerror(error));
  }
  if (result != PF_OK) {
    pf_input_close(self);
    return result;
  }
  *out = self;
  return PF_OK;
}

PF_EXPORT void pf_input_close(pf_input *self) {
  if (self == NULL) return;
  atomic_store(&self->stopping, true);
  if (self->running) {
    wake(self);
    pthread_join(self->thread, NULL);
  }
  pf_input_devices_close(self->devices);
  if (self->wake_fd >= 0) close(self->wake_fd);
  pthread_mutex_destroy(&self->lock);
  free(self);
}

PF_EXPORT const pf_input_counters *pf_input_counters_block(pf_input *self) {
  return &self->counters;
}

static pf_result push(pf_input *self, pf_input_event event) {
  if (atomic_load(&self->gone)) return pf_fail(PF_E_CLOSED, "the compositor has ended");
  pthread_mutex_lock(&self->lock);
  bool was_empty = self->queue.count == 0;
  pf_result result = pf_input_queue_push(&self->queue, event);
  pthread_mutex_unlock(&self->lock);
  if (was_empty) wake(self);
  return result == PF_OK ? PF_OK : pf_fail(result, "too much input waits");
}

static pf_result push_edge(pf_input *self, pf_input_kind kind, uint32_t code, uint32_t down) {
  if (code >= PF_INPUT_CODES) return pf_fail(PF_E_ARGUMENT, "%u is no key or button", code);
  return push(self, (pf_input_event){.kind = kind, .a = (int32_t)code, .b = down != 0});
}

PF_EXPORT pf_result pf_input_key(pf_input *self, uint32_t code, uint32_t down) {
  return push_edge(self, PF_INPUT_KEY, code, down);
}

PF_EXPORT pf_result pf_input_button(pf_input *self, uint32_t code, uint32_t down) {
  return push_edge(self, PF_INPUT_BUTTON, code, down);
}

PF_EXPORT pf_result pf_input_motion(pf_input *self, int32_t dx, int32_t dy) {
  return push(self, (pf_input_event){.kind = PF_INPUT_MOTION, .a = dx, .b = dy});
}

PF_EXPORT pf_result pf_input_position(pf_input *self, uint32_t x, uint32_t y) {
  if (x > UINT16_MAX || y > UINT16_MAX)
    return pf_fail(PF_E_ARGUMENT, "%u, %u is not a place on the output", x, y);
  pf_input_event event = {.kind = PF_INPUT_POSITION, .a = (int32_t)x, .b = (int32_t)y};
  return push(self, event);
}

PF_EXPORT pf_result pf_input_scroll(pf_input *self, int32_t horizontal, int32_t vertical) {
  return push(self, (pf_input_event){.kind = PF_INPUT_SCROLL, .a = horizontal, .b = vertical});
}

PF_EXPORT pf_result pf_input_touch(pf_input *self, uint32_t finger, uint32_t phase, uint32_t x,
                                   uint32_t y) {
  if (finger >= PF_TOUCH_FINGERS_MAX || phase > PF_INPUT_TOUCH_CANCEL)
    return pf_fail(PF_E_ARGUMENT, "no finger %u does %u", finger, phase);
  if (x > UINT16_MAX || y > UINT16_MAX)
    return pf_fail(PF_E_ARGUMENT, "%u, %u is not a place on the output", x, y);
  return push(self, (pf_input_event){.kind = PF_INPUT_TOUCH,
                                     .a = (int32_t)x,
                                     .b = (int32_t)y,
                                     .finger = (uint8_t)finger,
                                     .phase = (uint8_t)phase});
}

PF_EXPORT pf_result pf_input_text(pf_input *self, const uint8_t *text, uint32_t bytes) {
  if (atomic_load(&self->gone)) return pf_fail(PF_E_CLOSED, "the compositor has ended");
  if (bytes > PF_TEXT_BYTES_MAX)
    return pf_fail(PF_E_ARGUMENT, "a text of %u bytes, %d at most", bytes, PF_TEXT_BYTES_MAX);
  pthread_mutex_lock(&self->lock);
  int32_t count = pf_input_decode_text(text, bytes, self->text);
  uint32_t lacking = 0;
  for (int32_t i = 0; i < count && lacking == 0; i++)
    if (!pf_input_devices_can_type(self->devices, self->text[i])) lacking = self->text[i];
  pf_result result = PF_E_ARGUMENT;
  if (lacking != 0) result = PF_E_UNSUPPORTED;
  else if (count >= 0) result = pf_input_queue_push_text(&self->queue, self->text, (uint32_t)count);
  pthread_mutex_unlock(&self->lock);
  if (count < 0) return pf_fail(result, "the text holds what can't be typed");
  if (lacking != 0) return pf_fail(result, "the keyboard's layout has no U+%04X", lacking);
  wake(self);
  return result == PF_OK ? PF_OK : pf_fail(result, "too much input waits");
}

PF_EXPORT void pf_input_release_all(pf_input *self) {
  pthread_mutex_lock(&self->lock);
  pf_input_queue_release_all(&self->queue);
  pthread_mutex_unlock(&self->lock);
  wake(self);
}

#include "capture.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "screen.h"

enum {
  POOLS = 3, /* the last one is used; those before it wait for their last picture */
  /* A screen that can't be read may be so for a moment, as while its size changes. */
  RETRY_MS = 50,
  FAILURES_IN_ROW_MAX = 60,
  STOP_MS_MAX = 200,
};

struct pf_x11 {
  pf_x11_config config;
  pf_x11_screen screen;
  pf_x11_pool *pools[POOLS];
  uint32_t pool_count;
  uint64_t number; /* of the next picture */
  uint64_t due_ns; /* nothing is captured before */
  uint32_t failures_in_row;
  bool finished;
  pf_x11_wake wake;
  atomic_bool stopping;
  bool started, joined;
  pthread_t thread;
  pf_capture_counters counters;
};

static void finish(pf_x11 *self, uint32_t event_kind, const char *what) {
  char words[128];
  if (self->finished) return;
  self->finished = true;
  if (event_kind == PF_EVENT_FAILED) pf_count(self->counters.failures, 1);
  snprintf(words, sizeof words, "%s: %s.", what, pf_last_error());
  pf_events_post(self->config.events, event_kind, self->config.stage, 0, 0, words);
}

static void close_idle_pools(pf_x11 *self) {
  while (self->pool_count > 1 && pf_x11_pool_idle(self->pools[0])) {
    pf_x11_pool_close(self->pools[0]);
    self->pool_count--;
    for (uint32_t i = 0; i < self->pool_count; i++) self->pools[i] = self->pools[i + 1];
  }
}

/* PF_E_FULL while too many pools are in use. */
static pf_result add_pool(pf_x11 *self) {
  close_idle_pools(self);
  if (self->pool_count == POOLS) return PF_E_FULL;
  pf_x11_screen *screen = &self->screen;
  pf_x11_shape shape = {.width = screen->width,
                        .height = screen->height,
                        .format = screen->format,
                        .shared = screen->has_shm};
  pf_result result = pf_x11_pool_open(&screen->connection, &shape, &self->wake,
                                      &self->pools[self->pool_count]);
  if (result == PF_OK) self->pool_count++;
  return result;
}

static pf_x11_pool *current_pool(pf_x11 *self) { return self->pools[self->pool_count - 1]; }

/* The server may be on another machine although it knows of shared memory: one picture tells. */
static pf_result try_once(pf_x11 *self) {
  const pf_x11_waiting patient = {.wake_fd = -1, .ms_max = PF_X11_ANSWER_MS};
  pf_x11_buffer *buffer = pf_x11_pool_take(current_pool(self));
  pf_result result = pf_x11_screen_get(&self->screen, buffer, &patient);
  pf_picture_release(&buffer->picture);
  self->screen.changed = true;
  if (result != PF_E_STATE || !self->screen.has_shm) return result;
  self->screen.has_shm = false;
  pf_x11_pool_close(current_pool(self));
  self->pool_count = 0;
  result = add_pool(self);
  return result == PF_OK ? try_once(self) : result;
}

PF_EXPORT pf_result pf_x11_open(const pf_x11_config *config, pf_x11 **out) {
  if (config->refresh_mhz < PF_REFRESH_HZ_MIN * 1000 ||
      config->refresh_mhz > PF_REFRESH_HZ_MAX * 1000)
    return pf_fail(PF_E_ARGUMENT, "%u mHz is not a refresh rate", config->refresh_mhz);
  pf_x11 *self = calloc(1, sizeof *self);
  if (self == NULL) return pf_fail(PF_E_MEMORY, "no memory for the capture");
  self->config = *config;
  self->config.display[sizeof config->display - 1] = '\0';
  self->screen.counters = &self->counters;
  self->wake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  pf_result result =
      self->wake.fd >= 0
          ? pf_x11_screen_open(&self->screen, self->config.display, config->cursor != 0)
          : pf_fail(PF_E_SYSTEM, "eventfd: %s", strerror(errno));
  if (result == PF_OK) result = add_pool(self);
  if (result == PF_OK) result = try_once(self);
  if (result != PF_OK) {
    pf_x11_close(self);
    return result;
  }
  *out = self;
  return PF_OK;
}

PF_EXPORT void pf_x11_describe(pf_x11 *self, pf_capture_output *out) {
  const pf_picture *picture = &current_pool(self)->buffers[0].picture;
  *out = (pf_capture_output){.width = picture->width, .height = picture->height};
  snprintf(out->name, sizeof out->name, "%.*s", (int)strcspn(self->config.display, "#"),
           self->config.display);
}

static void push(pf_x11 *self, pf_x11_buffer *buffer, uint64_t asked_ns) {
  pf_picture *picture = &buffer->picture;
  picture->number = self->number++;
  picture->times = (pf_times){.capture_ns = asked_ns};
  pf_histogram_span(&self->counters.copy_us, asked_ns, pf_now_ns());
  pf_count(self->counters.frames, 1);
  if (!atomic_load(&self->stopping))
    pf_sink_push(&(pf_sink){.push = (void (*)(void *, void *))self->config.sink_push,
                            .context = self->config.sink_context},
                 picture);
  if (picture->number == 0)
    pf_events_post(self->config.events, PF_EVENT_FIRST_FRAME, self->config.stage, 0, 0, NULL);
}

static void after_failure(pf_x11 *self, pf_result result, uint64_t now_ns) {
  pf_count(self->counters.frames_failed, 1);
  self->screen.changed = true;
  self->due_ns = now_ns + RETRY_MS * 1000000ull;
  if (atomic_load(&self->stopping)) return;
  if (result == PF_E_CLOSED) finish(self, PF_EVENT_ENDED, "The desktop can't be captured any more");
  else if (++self->failures_in_row == FAILURES_IN_ROW_MAX)
    finish(self, PF_EVENT_FAILED, "The desktop can't be captured");
}

static void capture(pf_x11 *self, pf_x11_buffer *buffer, uint64_t now_ns) {
  const pf_x11_waiting waiting = {
      .wake_fd = self->wake.fd, .stop = &self->stopping, .ms_max = PF_X11_ANSWER_MS};
  uint64_t frame_ns = 1000000000000ull / self->config.refresh_mhz;
  /* After a rest the frame times begin anew; else they are kept, whenever this thread woke. */
  bool rested = now_ns > self->due_ns + frame_ns;
  self->due_ns = (rested ? now_ns : self->due_ns) + frame_ns;
  pf_result result = pf_x11_screen_get(&self->screen, buffer, &waiting);
  if (result == PF_OK) {
    self->failures_in_row = 0;
    push(self, buffer, now_ns);
  } else {
    after_failure(self, result, now_ns);
  }
  pf_picture_release(&buffer->picture);
}

static bool follow_size(pf_x11 *self) {
  if (!self->screen.resized) return true;
  pf_result result = add_pool(self);
  if (result == PF_E_FULL) {
    atomic_store(&self->wake.wanted, true);
    return false;
  }
  if (result != PF_OK) {
    finish(self, PF_EVENT_FAILED, "The desktop can't be captured");
    return false;
  }
  self->screen.resized = false;
  const pf_picture *picture = &current_pool(self)->buffers[0].picture;
  pf_events_post(self->config.events, PF_EVENT_FORMAT, self->config.stage, picture->width,
                 picture->height, NULL);
  return true;
}

/* Captures if it is time. Returns when to call again at the latest. */
static uint64_t advance(pf_x11 *self) {
  uint64_t now_ns = pf_now_ns();
  if (self->screen.damage == 0) self->screen.changed = true;
  if (!self->screen.changed) return UINT64_MAX;
  if (now_ns < self->due_ns) return self->due_ns;
  if (!follow_size(self)) return UINT64_MAX;
  pf_x11_buffer *buffer = pf_x11_pool_take(current_pool(self));
  if (buffer == NULL) {
    if (!atomic_exchange(&self->wake.wanted, true)) pf_count(self->counters.buffer_waits, 1);
    buffer = pf_x11_pool_take(current_pool(self)); /* it may have become free before */
  }
  if (buffer == NULL) return UINT64_MAX;
  atomic_store(&self->wake.wanted, false);
  capture(self, buffer, now_ns);
  return 0;
}

static void *run(void *argument) {
  pf_x11 *self = argument;
  pf_thread_name("pf-x11");
  pf_gauge(self->counters.urgent, pf_thread_urgent());
  pf_events_post(self->config.events, PF_EVENT_STARTED, self->config.stage, 0, 0, NULL);
  while (!atomic_load(&self->stopping) && !self->finished) {
    if (!pf_x11_screen_listen(&self->screen)) {
      pf_fail(PF_E_CLOSED, "the X server has ended");
      finish(self, PF_EVENT_ENDED, "The desktop can't be captured any more");
      break;
    }
    uint64_t until_ns = advance(self);
    if (until_ns != 0) pf_x11_wait(&self->screen.connection, self->wake.fd, until_ns);
  }
  return NULL;
}

PF_EXPORT pf_result pf_x11_start(pf_x11 *self) {
  if (self->started) return pf_fail(PF_E_STATE, "the capture was started before");
  int error = pthread_create(&self->thread, NULL, run, self);
  if (error != 0) return pf_fail(PF_E_SYSTEM, "pthread_create: %s", strerror(error));
  self->started = true;
  return PF_OK;
}

PF_EXPORT void pf_x11_stop(pf_x11 *self) {
  if (!self->started || self->joined) return;
  atomic_store(&self->stopping, true);
  uint64_t one = 1;
  ssize_t written = write(self->wake.fd, &one, sizeof one);
  (void)written;
  pf_x11_join(&self->screen.connection, self->thread, STOP_MS_MAX);
  self->joined = true;
}

PF_EXPORT void pf_x11_close(pf_x11 *self) {
  if (self == NULL) return;
  pf_x11_stop(self);
  for (uint32_t i = 0; i < self->pool_count; i++) pf_x11_pool_close(self->pools[i]);
  pf_x11_disconnect(&self->screen.connection);
  if (self->wake.fd >= 0) close(self->wake.fd);
  free(self);
}

PF_EXPORT const pf_capture_counters *pf_x11_counters_block(pf_x11 *self) {
  return &self->counters;
}

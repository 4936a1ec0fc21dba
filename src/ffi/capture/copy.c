#include "copy.h"

#include <stdio.h>

/* A compositor that fails may do so for a moment, as while its mode changes; it is asked again. */
enum { RETRY_MS = 50, FAILURES_IN_ROW_MAX = 60 };

static void reset(pf_capture_copy *copy) {
  pf_capture *self = copy->capture;
  self->protocol->forget(copy);
  *copy = (pf_capture_copy){.capture = self};
}

void pf_capture_copy_drop(pf_capture_copy *copy) {
  if (copy->buffer != NULL) pf_picture_release(&copy->buffer->picture);
  if (copy->capture->protocol != NULL) reset(copy);
}

void pf_capture_finish(pf_capture *self, uint32_t event_kind, const char *words) {
  if (self->finished) return;
  self->finished = true;
  if (event_kind == PF_EVENT_FAILED) pf_count(self->counters.failures, 1);
  pf_events_post(self->config.events, event_kind, self->config.stage, 0, 0, words);
}

void pf_capture_count_damage(pf_capture *self, uint64_t pixels) {
  pf_count(self->counters.damage_rectangles, 1);
  pf_count(self->counters.damage_pixels, pixels);
}

/* The compositor's time of the frame, if it is of this clock: not ahead and not long ago. */
static uint64_t frame_time(uint64_t frame_ns, uint64_t now_ns) {
  bool sane = frame_ns <= now_ns && now_ns - frame_ns < 1000000000u;
  return sane ? frame_ns : now_ns;
}

void pf_capture_copy_deliver(pf_capture_copy *copy, uint64_t frame_ns, bool inverted) {
  pf_capture *self = copy->capture;
  pf_capture_buffer *buffer = copy->buffer;
  uint64_t now_ns = pf_now_ns();
  if (copy->whole) self->needs_whole = false;
  reset(copy);
  self->failures_in_row = 0;
  /* The next request leaves before this picture is handed on. */
  pf_capture_advance(self, now_ns);
  pf_wayland_flushed(&self->connection);

  pf_picture *picture = &buffer->picture;
  picture->number = self->number++;
  picture->times = (pf_times){.capture_ns = frame_time(frame_ns, now_ns)};
  if (inverted) pf_capture_buffer_flip(buffer);
  pf_histogram_span(&self->counters.copy_us, picture->times.capture_ns, now_ns);
  pf_count(self->counters.frames, 1);
  if (!atomic_load(&self->stopping))
    pf_sink_push(&(pf_sink){.push = (void (*)(void *, void *))self->config.sink_push,
                            .context = self->config.sink_context},
                 picture);
  if (picture->number == 0)
    pf_events_post(self->config.events, PF_EVENT_FIRST_FRAME, self->config.stage, 0, 0, NULL);
  pf_picture_release(picture);
}

void pf_capture_copy_fail(pf_capture_copy *copy) {
  pf_capture *self = copy->capture;
  pf_capture_copy_drop(copy);
  pf_count(self->counters.frames_failed, 1);
  self->needs_whole = true;
  self->retry_ns = pf_now_ns() + RETRY_MS * 1000000ull;
  if (++self->failures_in_row == FAILURES_IN_ROW_MAX)
    pf_capture_finish(self, PF_EVENT_FAILED, "The compositor refuses to have its output captured.");
}

static void close_idle_pools(pf_capture *self) {
  while (self->pool_count > 1 && pf_capture_pool_idle(self->pools[0])) {
    pf_capture_pool_close(self->pools[0]);
    self->pool_count--;
    for (uint32_t i = 0; i < self->pool_count; i++) self->pools[i] = self->pools[i + 1];
  }
}

pf_result pf_capture_use_shape(pf_capture *self, const pf_capture_shape *shape) {
  bool first = self->pool_count == 0;
  if (!first && pf_capture_same_shape(&self->pools[self->pool_count - 1]->shape, shape))
    return PF_OK;
  close_idle_pools(self);
  if (self->pool_count == PF_CAPTURE_POOLS) return PF_E_FULL;
  pf_result result = pf_capture_pool_open(self->globals[PF_CAPTURE_SHM].proxy, shape, &self->wake,
                                          &self->pools[self->pool_count]);
  if (result != PF_OK) return result;
  self->pool_count++;
  if (first) return PF_OK;
  self->needs_whole = true;
  const pf_picture *picture = &self->pools[self->pool_count - 1]->buffers[0].picture;
  pf_events_post(self->config.events, PF_EVENT_FORMAT, self->config.stage, picture->width,
                 picture->height, NULL);
  return PF_OK;
}

static bool output_is_faster(const pf_capture *self) {
  /* 1%: 60 Hz and 59.94 Hz are the same */
  uint64_t refresh_mhz = self->config.refresh_mhz;
  return self->output->refresh_mhz > 0 &&
         (uint64_t)self->output->refresh_mhz * 100 > refresh_mhz * 101;
}

static pf_capture_buffer *take_buffer(pf_capture *self) {
  pf_capture_pool *pool = self->pools[self->pool_count - 1];
  pf_capture_buffer *buffer = pf_capture_pool_take(pool);
  if (buffer != NULL) return buffer;
  if (!atomic_exchange(&self->wake.wanted, true)) pf_count(self->counters.buffer_waits, 1);
  return pf_capture_pool_take(pool); /* it may have become free before it was wanted */
}

/* Sends the copy request of a shaped copy if it may be sent now; else returns when it may. */
static uint64_t try_copy(pf_capture *self, pf_capture_copy *copy, uint64_t now_ns) {
  uint64_t cost_ns = 1000000000000ull / self->config.refresh_mhz;
  if (self->credit_ns < cost_ns) return now_ns + cost_ns - self->credit_ns;
  pf_result shaped = pf_capture_use_shape(self, &copy->shape);
  if (shaped == PF_E_FULL) {
    atomic_store(&self->wake.wanted, true);
    return UINT64_MAX;
  }
  if (shaped != PF_OK) {
    char words[128];
    snprintf(words, sizeof words, "The desktop can't be captured: %s.", pf_last_error());
    pf_capture_finish(self, PF_EVENT_FAILED, words);
    return UINT64_MAX;
  }
  pf_capture_buffer *buffer = take_buffer(self);
  if (buffer == NULL) return UINT64_MAX;
  copy->buffer = buffer;
  copy->state = PF_COPY_COPYING;
  copy->whole = self->needs_whole;
  self->credit_ns -= cost_ns;
  self->protocol->copy(copy);
  return UINT64_MAX;
}

/* While a whole picture is under way, a second copy would only show the same frame again. */
static bool whole_under_way(const pf_capture *self) {
  for (uint32_t i = 0; i < PF_CAPTURE_COPIES; i++) {
    if (self->copies[i].state == PF_COPY_COPYING && self->copies[i].whole) return true;
  }
  return false;
}

static void earn_credit(pf_capture *self, uint32_t copies, uint64_t now_ns) {
  uint64_t most_ns = copies * (1000000000000ull / self->config.refresh_mhz);
  uint64_t earned_ns = self->credit_ns + (now_ns - self->credit_at_ns);
  self->credit_ns = earned_ns < most_ns ? earned_ns : most_ns;
  self->credit_at_ns = now_ns;
}

uint64_t pf_capture_advance(pf_capture *self, uint64_t now_ns) {
  if (self->finished) return UINT64_MAX;
  if (self->output == NULL) {
    char words[128];
    snprintf(words, sizeof words, "The output %.63s was removed.", self->config.output);
    pf_capture_finish(self, PF_EVENT_ENDED, words);
    return UINT64_MAX;
  }
  if (now_ns < self->retry_ns) return self->retry_ns;
  uint32_t copies = output_is_faster(self) ? 1 : self->protocol->copies;
  uint64_t again_ns = UINT64_MAX;
  earn_credit(self, copies, now_ns);
  for (uint32_t i = 0; i < copies && !self->finished; i++) {
    pf_capture_copy *copy = &self->copies[i];
    if (copy->state == PF_COPY_NONE) self->protocol->ask(copy);
    if (copy->state != PF_COPY_SHAPED || whole_under_way(self)) continue;
    uint64_t copy_ns = try_copy(self, copy, now_ns);
    if (copy_ns < again_ns) again_ns = copy_ns;
  }
  return again_ns;
}

/* The handle. */
#include "screencast.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cast.h"

static void on_returned(void *data, uint64_t count) {
  pf_screencast *self = data;
  pf_slots_return(&self->slots);
  if (self->starved) pf_cast_deliver(self, pf_now_ns());
}

static void on_failed(void *data, uint32_t id, const char *words) {
  pf_screencast *self = data;
  if (!self->connection.gone) return;
  char sentence[PF_CAST_WORDS];
  snprintf(sentence, sizeof sentence, "PipeWire is gone (%.80s).", words);
  pf_cast_finish(self, PF_EVENT_ENDED, sentence);
}

static int be_urgent(struct spa_loop *loop, bool async, uint32_t sequence, const void *data,
                     size_t bytes, void *context) {
  pf_screencast *self = context;
  pf_gauge(self->counters.urgent, pf_thread_urgent());
  return 0;
}

static pf_result make_sources(pf_screencast *self) {
  self->loop = pw_thread_loop_get_loop(self->connection.loop);
  self->timer = pw_loop_add_timer(self->loop, pf_cast_on_timer, self);
  self->returned = pw_loop_add_event(self->loop, on_returned, self);
  if (self->timer == NULL || self->returned == NULL)
    return pf_fail(PF_E_SYSTEM, "no timer or event for the screencast");
  pf_slots_init(&self->slots, self->loop, self->returned);
  self->connection.failed = on_failed;
  self->connection.failed_context = self;
  pw_loop_invoke(self->loop, be_urgent, 0, NULL, 0, false, self);
  return PF_OK;
}

/* The size is worth a moment: with it the encoder is made once, and right. */
static pf_result await_format(pf_screencast *self) {
  uint64_t deadline_ns = pf_now_ns() + pf_cast_open_wait(self);
  while (!self->format.agreed && self->finished == 0) {
    if (!pf_pipewire_wait(&self->connection, deadline_ns)) break;
  }
  if (self->finished == 0) return PF_OK;
  size_t length = strlen(self->words); /* the caller ends the sentence */
  return pf_fail(self->connection.gone ? PF_E_CLOSED : PF_E_LIBRARY, "%.*s", (int)length - 1,
                 self->words);
}

static pf_result open_stream(pf_screencast *self) {
  pf_pipewire_lock(&self->connection);
  pf_result result = make_sources(self);
  if (result == PF_OK) result = pf_cast_find_node(self);
  if (result == PF_OK) result = pf_cast_connect(self, self->config.dmabuf != 0);
  if (result == PF_OK) result = await_format(self);
  self->told_width = self->format.width & ~1u;
  self->told_height = self->format.height & ~1u;
  pf_pipewire_unlock(&self->connection);
  return result;
}

static pf_screencast *make(const pf_screencast_config *config) {
  pf_screencast *self = calloc(1, sizeof *self);
  if (self == NULL) return NULL;
  self->config = *config;
  self->config.socket[sizeof config->socket - 1] = '\0';
  self->config.target[sizeof config->target - 1] = '\0';
  self->node = PF_SCREENCAST_ANY_NODE;
  self->credit_at_ns = pf_now_ns();
  self->cursor.rgba = malloc(PF_CURSOR_BYTES_MAX);
  if (self->cursor.rgba != NULL) return self;
  free(self);
  return NULL;
}

PF_EXPORT pf_result pf_screencast_open(const pf_screencast_config *config, pf_screencast **out) {
  pf_result result = PF_OK;
  if (config->refresh_mhz < PF_REFRESH_HZ_MIN * 1000 ||
      config->refresh_mhz > PF_REFRESH_HZ_MAX * 1000)
    result = pf_fail(PF_E_ARGUMENT, "%u mHz is not a refresh rate", config->refresh_mhz);
  pf_screencast *self = result == PF_OK ? make(config) : NULL;
  if (self == NULL) {
    if (config->fd >= 0) close(config->fd);
    return result != PF_OK ? result : pf_fail(PF_E_MEMORY, "no memory for the screencast");
  }
  pf_pipewire_remote remote = {.socket = self->config.socket, .fd = config->fd};
  result = pf_pipewire_open(&self->connection, &remote, "pf-screencast");
  if (result == PF_OK) result = open_stream(self);
  if (result != PF_OK) {
    pf_screencast_close(self);
    return result;
  }
  *out = self;
  return PF_OK;
}

PF_EXPORT void pf_screencast_describe(pf_screencast *self, pf_screencast_state *out) {
  *out = (pf_screencast_state){0};
  pf_pipewire_lock(&self->connection);
  const pf_format *format = &self->format;
  memcpy(out->name, self->name, sizeof out->name);
  snprintf(out->state, sizeof out->state, "%s", pf_cast_state(self));
  snprintf(out->memory, sizeof out->memory, "%s", pf_cast_memory(self));
  snprintf(out->error, sizeof out->error, "%.159s",
           self->words[0] != '\0' ? self->words : self->connection.words);
  out->node = self->node;
  out->buffer_count = self->slots.buffer_count;
  if (format->agreed) {
    snprintf(out->format, sizeof out->format, "%s", pf_format_name(format->spa_format));
    out->width = self->told_width != 0 ? self->told_width : format->width & ~1u;
    out->height = self->told_height != 0 ? self->told_height : format->height & ~1u;
    out->refresh_mhz = format->refresh_mhz;
  }
  pf_pipewire_unlock(&self->connection);
}

PF_EXPORT pf_result pf_screencast_start(pf_screencast *self) {
  if (self->started) return pf_fail(PF_E_STATE, "the screencast was started before");
  pf_pipewire_lock(&self->connection);
  pf_result result = PF_OK;
  if (self->finished != 0) {
    result = pf_fail(PF_E_CLOSED, "%.*s", (int)strlen(self->words) - 1, self->words);
  } else {
    self->started = true;
    pf_events_post(self->config.events, PF_EVENT_STARTED, self->config.stage, 0, 0, NULL);
    /* What came before is pushed by the stream's thread. */
    self->starved = true;
    pw_loop_signal_event(self->loop, self->returned);
  }
  pf_pipewire_unlock(&self->connection);
  return result;
}

PF_EXPORT void pf_screencast_stop(pf_screencast *self) {
  if (self->stopped || self->loop == NULL) return;
  pf_pipewire_lock(&self->connection);
  self->stopped = true;
  if (self->finished == 0) self->finished = PF_EVENT_ENDED; /* nothing is told of it */
  pf_cast_drop(self);
  if (self->stream != NULL) pw_stream_destroy(self->stream);
  self->stream = self->slots.stream = NULL;
  pf_pipewire_unlock(&self->connection);
}

PF_EXPORT void pf_screencast_close(pf_screencast *self) {
  if (self == NULL) return;
  pf_screencast_stop(self);
  if (self->loop != NULL) {
    pf_pipewire_lock(&self->connection);
    if (self->registry != NULL) {
      spa_hook_remove(&self->registry_hook);
      pw_proxy_destroy((struct pw_proxy *)self->registry);
    }
    if (self->timer != NULL) pw_loop_destroy_source(self->loop, self->timer);
    if (self->returned != NULL) pw_loop_destroy_source(self->loop, self->returned);
    pf_pipewire_unlock(&self->connection);
  }
  pf_pipewire_close(&self->connection);
  pf_slots_close(&self->slots);
  free(self->cursor.rgba);
  free(self);
}

PF_EXPORT const pf_screencast_counters *pf_screencast_counters_block(pf_screencast *self) {
  return &self->counters;
}

/* The handle and its thread; copies are in copy.c. */
#include "capture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "copy.h"
#include "ext-image-capture-source-v1-client.h"
#include "ext-image-copy-capture-v1-client.h"
#include "wlr-screencopy-unstable-v1-client.h"

enum { SCREENCOPY_VERSION_MIN = 3 };

static void on_output_removed(void *context, pf_wayland_output *output) {
  pf_capture *self = context;
  if (self->output != output) return;
  self->output = NULL;
  for (uint32_t i = 0; i < PF_CAPTURE_COPIES; i++) pf_capture_copy_drop(&self->copies[i]);
}

/* The newer one where the compositor has it. */
static pf_result choose_protocol(pf_capture *self) {
  const pf_wayland_global *globals = self->globals;
  if (globals[PF_CAPTURE_SOURCES].proxy != NULL && globals[PF_CAPTURE_IMAGES].proxy != NULL) {
    self->protocol = &pf_capture_image_copy;
    return PF_OK;
  }
  const pf_wayland_global *screencopy = &globals[PF_CAPTURE_SCREENCOPY];
  self->protocol = &pf_capture_screencopy;
  if (screencopy->found_version >= SCREENCOPY_VERSION_MIN) return PF_OK;
  if (screencopy->found_version == 0)
    return pf_fail(PF_E_MISSING, "the compositor has no %s", screencopy->interface->name);
  return pf_fail(PF_E_MISSING, "the compositor has %s in version %u, version %u is needed",
                 screencopy->interface->name, screencopy->found_version, SCREENCOPY_VERSION_MIN);
}

static pf_result connect_to_output(pf_capture *self) {
  self->globals[PF_CAPTURE_SHM] =
      (pf_wayland_global){.interface = &wl_shm_interface, .version = 1, .version_min = 1};
  self->globals[PF_CAPTURE_SCREENCOPY] =
      (pf_wayland_global){.interface = &zwlr_screencopy_manager_v1_interface, .version = 3};
  self->globals[PF_CAPTURE_SOURCES] = (pf_wayland_global){
      .interface = &ext_output_image_capture_source_manager_v1_interface, .version = 1};
  self->globals[PF_CAPTURE_IMAGES] =
      (pf_wayland_global){.interface = &ext_image_copy_capture_manager_v1_interface, .version = 1};
  pf_result result = pf_wayland_open(&self->connection, self->config.socket, self->globals,
                                     PF_ARRAY_COUNT(self->globals));
  if (result != PF_OK) return result;
  result = choose_protocol(self);
  if (result != PF_OK) return result;
  self->connection.output_removed = on_output_removed;
  self->connection.context = self;
  self->output = pf_wayland_find_output(&self->connection, self->config.output);
  if (self->output == NULL) return PF_E_MISSING;
  memcpy(self->config.output, self->output->name, sizeof self->config.output);
  return PF_OK;
}

/* Asks for a frame without copying it, to learn whether this output can be captured at all. */
static pf_result learn_shape(pf_capture *self) {
  pf_capture_advance(self, pf_now_ns());
  pf_result result = pf_wayland_roundtrip(&self->connection, PF_WAYLAND_ANSWER_MS);
  if (result != PF_OK) return result;
  const pf_capture_copy *first = &self->copies[0];
  if (first->state != PF_COPY_SHAPED || !first->known_format)
    return pf_fail(PF_E_UNSUPPORTED, "the compositor gives no pictures of the output %s",
                   self->config.output);
  return pf_capture_use_shape(self, &first->shape);
}

PF_EXPORT pf_result pf_capture_open(const pf_capture_config *config, pf_capture **out) {
  if (config->refresh_mhz < PF_REFRESH_HZ_MIN * 1000 ||
      config->refresh_mhz > PF_REFRESH_HZ_MAX * 1000)
    return pf_fail(PF_E_ARGUMENT, "%u mHz is not a refresh rate", config->refresh_mhz);
  pf_capture *self = calloc(1, sizeof *self);
  if (self == NULL) return pf_fail(PF_E_MEMORY, "no memory for the capture");
  self->config = *config;
  self->config.socket[sizeof config->socket - 1] = '\0';
  self->config.output[sizeof config->output - 1] = '\0';
  self->needs_whole = true;
  self->credit_at_ns = pf_now_ns();
  for (uint32_t i = 0; i < PF_CAPTURE_COPIES; i++) self->copies[i].capture = self;
  self->wake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  pf_result result = self->wake.fd >= 0 ? connect_to_output(self)
                                        : pf_fail(PF_E_SYSTEM, "eventfd: %s", strerror(errno));
  if (result == PF_OK) result = learn_shape(self);
  if (result != PF_OK) {
    pf_capture_close(self);
    return result;
  }
  *out = self;
  return PF_OK;
}

PF_EXPORT void pf_capture_describe(pf_capture *self, pf_capture_output *out) {
  const pf_picture *picture = &self->pools[self->pool_count - 1]->buffers[0].picture;
  *out = (pf_capture_output){.width = picture->width, .height = picture->height};
  memcpy(out->name, self->config.output, sizeof out->name);
  if (self->output != NULL && self->output->refresh_mhz > 0)
    out->refresh_mhz = (uint32_t)self->output->refresh_mhz;
}

static void end_by_connection(pf_capture *self) {
  char words[128];
  snprintf(words, sizeof words, "The desktop can't be captured any more: %s.", pf_last_error());
  pf_capture_finish(self, PF_EVENT_ENDED, words);
}

static void *run(void *argument) {
  pf_capture *self = argument;
  pf_thread_name("pf-capture");
  pf_gauge(self->counters.urgent, pf_thread_urgent());
  pf_events_post(self->config.events, PF_EVENT_STARTED, self->config.stage, 0, 0, NULL);
  while (!atomic_load(&self->stopping) && !self->finished) {
    uint64_t until_ns = pf_capture_advance(self, pf_now_ns());
    if (self->finished) break;
    pf_wayland_wake wake = pf_wayland_wait(&self->connection, self->wake.fd, until_ns);
    if (wake == PF_WAYLAND_WOKEN) atomic_store(&self->wake.wanted, false);
    if (wake == PF_WAYLAND_GONE) end_by_connection(self);
  }
  return NULL;
}

PF_EXPORT pf_result pf_capture_start(pf_capture *self) {
  if (self->started) return pf_fail(PF_E_STATE, "the capture was started before");
  int error = pthread_create(&self->thread, NULL, run, self);
  if (error != 0) return pf_fail(PF_E_SYSTEM, "pthread_create: %s", strerror(error));
  self->started = true;
  return PF_OK;
}

PF_EXPORT void pf_capture_stop(pf_capture *self) {
  if (!self->started || self->joined) return;
  atomic_store(&self->stopping, true);
  uint64_t one = 1;
  ssize_t written = write(self->wake.fd, &one, sizeof one);
  (void)written;
  pthread_join(self->thread, NULL);
  self->joined = true;
}

PF_EXPORT void pf_capture_close(pf_capture *self) {
  if (self == NULL) return;
  pf_capture_stop(self);
  for (uint32_t i = 0; i < PF_CAPTURE_COPIES; i++) pf_capture_copy_drop(&self->copies[i]);
  if (self->protocol != NULL) self->protocol->close(self);
  for (uint32_t i = 0; i < self->pool_count; i++) pf_capture_pool_close(self->pools[i]);
  pf_wayland_close(&self->connection);
  if (self->wake.fd >= 0) close(self->wake.fd);
  free(self);
}

PF_EXPORT const pf_capture_counters *pf_capture_counters_block(pf_capture *self) {
  return &self->counters;
}

#include "kwin.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "kde-output-device-v2-client.h"
#include "kde-output-management-v2-client.h"
#include "outputs.h"
#include "zkde-screencast-unstable-v1-client.h"

enum {
  CAST_VERSION = 5,
  CAST_VIRTUAL_VERSION = 2,
  CUSTOM_MODES_VERSION = 18,
  POINTER_HIDDEN = 1,
  POINTER_EMBEDDED = 2,
  CREATE_MS_MAX = 5000,
  /* Setting a mode is a matter of milliseconds; without an answer the output stays as it is. */
  MODE_MS_MAX = 1500,
  CLOSE_MS_MAX = 300,
};

/* What is done about the mode. */
typedef enum mode_state {
  MODE_UNKNOWN, /* the output is not there yet */
  MODE_ADDING, /* as one of the output's */
  MODE_ADDED, /* KWin took it, and will name it among the output's */
  MODE_SETTING,
  MODE_SET, /* KWin took it, and will tell it as the active one */
  MODE_DONE,
} mode_state;

struct pf_kwin {
  pf_kwin_config config;
  pf_wayland connection;
  pf_wayland_global globals[2]; /* cast, management */
  pf_kwin_outputs outputs;
  struct zkde_screencast_stream_unstable_v1 *stream;
  struct kde_output_configuration_v2 *configuration;
  char name[64]; /* of the output */
  uint32_t node;
  bool has_node;
  mode_state mode;
  uint64_t until_ns; /* of what is waited for */
  bool finished, started;
  int wake_fd;
  atomic_bool stopping;
  bool running;
  pthread_t thread;
  pthread_mutex_t lock; /* of described */
  pf_capture_output described;
};

static struct zkde_screencast_unstable_v1 *caster(pf_kwin *self) { return self->globals[0].proxy; }
static struct kde_output_management_v2 *management(pf_kwin *self) { return self->globals[1].proxy; }

static void finish(pf_kwin *self, uint32_t kind, const char *words) {
  if (self->finished) return;
  self->finished = true;
  pf_events_post(self->config.events, kind, self->config.stage, 0, 0, words);
}

static void finish_with(pf_kwin *self, uint32_t kind, const char *what) {
  char words[PF_EVENT_TEXT_BYTES];
  snprintf(words, sizeof words, "%s: %s.", what, pf_last_error());
  finish(self, kind, words);
}

static void on_closed(void *data, struct zkde_screencast_stream_unstable_v1 *stream) {
  finish(data, PF_EVENT_ENDED, "KWin has ended the cast of its output.");
}

static void on_created(void *data, struct zkde_screencast_stream_unstable_v1 *stream,
                       uint32_t node) {
  pf_kwin *self = data;
  self->node = node;
  self->has_node = true;
}

static void on_failed(void *data, struct zkde_screencast_stream_unstable_v1 *stream,
                      const char *error) {
  pf_fail(PF_E_UNSUPPORTED, "%s", error);
  finish_with(data, PF_EVENT_FAILED, "KWin does not cast its output");
}

static const struct zkde_screencast_stream_unstable_v1_listener stream_listener = {
    .closed = on_closed,
    .created = on_created,
    .failed = on_failed,
};

static void end_configuration(pf_kwin *self) {
  if (self->configuration != NULL) kde_output_configuration_v2_destroy(self->configuration);
  self->configuration = NULL;
}

static void on_applied(void *data, struct kde_output_configuration_v2 *configuration) {
  pf_kwin *self = data;
  end_configuration(self);
  self->mode = self->mode == MODE_ADDING ? MODE_ADDED : MODE_SET;
}

static void on_refused(void *data, struct kde_output_configuration_v2 *configuration) {
  pf_kwin *self = data;
  end_configuration(self);
  self->mode = MODE_DONE; /* what is active tells */
}

static void on_reason(void *data, struct kde_output_configuration_v2 *configuration,
                      const char *reason) {}

static const struct kde_output_configuration_v2_listener configuration_listener = {
    .applied = on_applied,
    .failed = on_refused,
    .failure_reason = on_reason,
};

static struct kde_output_configuration_v2 *configure(pf_kwin *self) {
  self->configuration = kde_output_management_v2_create_configuration(management(self));
  kde_output_configuration_v2_add_listener(self->configuration, &configuration_listener, self);
  self->until_ns = pf_now_ns() + MODE_MS_MAX * 1000000ull;
  return self->configuration;
}

static void set_mode(pf_kwin *self, pf_kwin_output *output, pf_kwin_mode *mode) {
  struct kde_output_configuration_v2 *configuration = configure(self);
  kde_output_configuration_v2_mode(configuration, output->proxy, mode->proxy);
  kde_output_configuration_v2_apply(configuration);
  self->mode = MODE_SETTING;
}

static void add_mode(pf_kwin *self, pf_kwin_output *output) {
  const pf_kwin_config *config = &self->config;
  struct kde_mode_list_v2 *list = kde_output_management_v2_create_mode_list(management(self));
  kde_mode_list_v2_set_resolution(list, config->width, config->height);
  kde_mode_list_v2_set_refresh_rate(list, config->refresh_mhz);
  kde_mode_list_v2_set_reduced_blanking(list, 1);
  kde_mode_list_v2_add_mode(list);
  struct kde_output_configuration_v2 *configuration = configure(self);
  kde_output_configuration_v2_set_custom_modes(configuration, output->proxy, list);
  kde_output_configuration_v2_apply(configuration);
  kde_mode_list_v2_destroy(list);
  self->mode = MODE_ADDING;
}

/* Takes the next step to the wanted mode, if there is one. */
static void want_mode(pf_kwin *self, pf_kwin_output *output) {
  const pf_kwin_mode wanted = {.width = (int32_t)self->config.width,
                               .height = (int32_t)self->config.height,
                               .refresh_mhz = (int32_t)self->config.refresh_mhz};
  bool is_own = self->config.name[0] != '\0';
  bool is_right = output->current != NULL && pf_kwin_same_mode(output->current, &wanted);
  pf_kwin_mode *known = pf_kwin_outputs_mode(&self->outputs, output, &wanted);
  bool takes_any = management(self) != NULL &&
                   kde_output_management_v2_get_version(management(self)) >= CUSTOM_MODES_VERSION;
  if (!is_own || is_right || management(self) == NULL) self->mode = MODE_DONE;
  else if (known != NULL && self->mode != MODE_SET) set_mode(self, output, known);
  else if (self->mode == MODE_UNKNOWN && takes_any) add_mode(self, output);
  else if (self->mode == MODE_UNKNOWN) self->mode = MODE_DONE;
}

static void describe(pf_kwin *self, const pf_kwin_output *output) {
  pf_capture_output now = {.width = self->config.width, .height = self->config.height};
  const pf_kwin_mode *mode = output == NULL ? NULL : output->current;
  snprintf(now.name, sizeof now.name, "%s", output == NULL ? self->name : output->name);
  if (mode != NULL) {
    now.width = (uint32_t)mode->width;
    now.height = (uint32_t)mode->height;
    now.refresh_mhz = (uint32_t)mode->refresh_mhz;
  }
  pthread_mutex_lock(&self->lock);
  self->described = now;
  pthread_mutex_unlock(&self->lock);
}

static void start(pf_kwin *self, const pf_kwin_output *output) {
  describe(self, output);
  self->started = true;
  self->until_ns = UINT64_MAX;
  pf_events_post(self->config.events, PF_EVENT_STARTED, self->config.stage, self->node, 0,
                 self->described.name);
}

/* Goes as far as what KWin has told allows. */
static void advance(pf_kwin *self) {
  pf_kwin_output *output = pf_kwin_outputs_find(&self->outputs, self->name);
  bool is_late = pf_now_ns() >= self->until_ns;
  if (self->started) {
    if (output != NULL) describe(self, output);
    return;
  }
  if (!self->has_node) {
    if (is_late) finish(self, PF_EVENT_FAILED, "KWin did not make an output in time.");
    return;
  }
  bool waits = self->mode == MODE_ADDING || self->mode == MODE_SETTING;
  if (!waits && self->mode != MODE_DONE && output != NULL) want_mode(self, output);
  bool has_mode = output != NULL && output->current != NULL;
  if ((self->mode == MODE_DONE && has_mode) || is_late) start(self, output);
}

static pf_result ask(pf_kwin *self) {
  const pf_kwin_config *config = &self->config;
  uint32_t pointer = config->cursor != 0 ? POINTER_EMBEDDED : POINTER_HIDDEN;
  if (config->name[0] != '\0') {
    snprintf(self->name, sizeof self->name, "%s", config->name);
    self->stream = zkde_screencast_unstable_v1_stream_virtual_output(
        caster(self), config->name, (int32_t)config->width, (int32_t)config->height,
        wl_fixed_from_int(1), pointer);
  } else {
    pf_wayland_output *first = pf_wayland_find_output(&self->connection, "");
    if (first == NULL) return PF_E_MISSING;
    snprintf(self->name, sizeof self->name, "%s", first->name);
    self->stream =
        zkde_screencast_unstable_v1_stream_output(caster(self), first->proxy, pointer);
  }
  zkde_screencast_stream_unstable_v1_add_listener(self->stream, &stream_listener, self);
  self->until_ns = pf_now_ns() + CREATE_MS_MAX * 1000000ull;
  return PF_OK;
}

static pf_result begin(pf_kwin *self) {
  self->globals[0] = (pf_wayland_global){.interface = &zkde_screencast_unstable_v1_interface,
                                         .version = CAST_VERSION,
                                         .version_min = CAST_VIRTUAL_VERSION};
  self->globals[1] = (pf_wayland_global){.interface = &kde_output_management_v2_interface,
                                         .version = CUSTOM_MODES_VERSION};
  pf_result result = pf_wayland_open(&self->connection, self->config.socket, self->globals,
                                     PF_ARRAY_COUNT(self->globals));
  if (result != PF_OK) return result;
  pf_kwin_outputs_open(&self->outputs, &self->connection);
  result = pf_wayland_roundtrip(&self->connection, PF_WAYLAND_ANSWER_MS);
  return result == PF_OK ? ask(self) : result;
}

static void end(pf_kwin *self) {
  if (self->connection.display == NULL) return;
  end_configuration(self);
  if (self->stream != NULL) zkde_screencast_stream_unstable_v1_close(self->stream);
  /* KWin drops what is unread of a connection that closes. */
  if (!self->finished) pf_wayland_roundtrip(&self->connection, CLOSE_MS_MAX);
  pf_kwin_outputs_close(&self->outputs);
  pf_wayland_close(&self->connection);
}

static void *run(void *argument) {
  pf_kwin *self = argument;
  pf_thread_name("pf-kwin");
  if (begin(self) != PF_OK) finish_with(self, PF_EVENT_FAILED, "KWin can't be asked for an output");
  while (!atomic_load(&self->stopping) && !self->finished) {
    advance(self);
    if (self->finished) break;
    pf_wayland_wake wake = pf_wayland_wait(&self->connection, self->wake_fd, self->until_ns);
    if (wake == PF_WAYLAND_GONE) finish_with(self, PF_EVENT_ENDED, "KWin has no output any more");
  }
  end(self);
  return NULL;
}

PF_EXPORT pf_result pf_kwin_open(const pf_kwin_config *config, pf_kwin **out) {
  pf_kwin *self = calloc(1, sizeof *self);
  if (self == NULL) return pf_fail(PF_E_MEMORY, "no memory for the output");
  self->config = *config;
  self->config.socket[sizeof config->socket - 1] = '\0';
  self->config.name[sizeof config->name - 1] = '\0';
  pthread_mutex_init(&self->lock, NULL);
  self->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  pf_result result = PF_OK;
  if (self->wake_fd < 0) result = pf_fail(PF_E_SYSTEM, "eventfd: %s", strerror(errno));
  if (result == PF_OK) {
    int error = pthread_create(&self->thread, NULL, run, self);
    self->running = error == 0;
    if (error != 0) result = pf_fail(PF_E_SYSTEM, "pthread_create: %s", strerror(error));
  }
  if (result != PF_OK) {
    pf_kwin_close(self);
    return result;
  }
  *out = self;
  return PF_OK;
}

PF_EXPORT pf_result pf_kwin_describe(pf_kwin *self, pf_capture_output *out) {
  pthread_mutex_lock(&self->lock);
  *out = self->described;
  pthread_mutex_unlock(&self->lock);
  return out->width > 0 ? PF_OK : pf_fail(PF_E_STATE, "KWin has not made the output yet");
}

PF_EXPORT void pf_kwin_close(pf_kwin *self) {
  if (self == NULL) return;
  atomic_store(&self->stopping, true);
  if (self->running) {
    uint64_t one = 1;
    ssize_t written = write(self->wake_fd, &one, sizeof one);
    (void)written;
    pthread_join(self->thread, NULL);
  }
  if (self->wake_fd >= 0) close(self->wake_fd);
  pthread_mutex_destroy(&self->lock);
  free(self);
}

#include "connection.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pipewire/extensions/metadata.h>
#include <spa/utils/result.h>

/* Never undone: libpipewire's own users in this process may still need it. */
static void init_library(void) {
  pw_init(NULL, NULL);
  /* Its messages go to standard error, where a person reads ours. */
  if (getenv("PIPEWIRE_DEBUG") == NULL) pw_log_set_level(SPA_LOG_LEVEL_NONE);
}

static void on_info(void *data, const struct pw_core_info *info) {
  pf_pipewire *self = data;
  if (info->version != NULL) snprintf(self->version, sizeof self->version, "%s", info->version);
}

static void on_done(void *data, uint32_t id, int sequence) {
  pf_pipewire *self = data;
  if (id != PW_ID_CORE || sequence != self->pending) return;
  self->pending = 0;
  pf_pipewire_news(self);
}

static void on_error(void *data, uint32_t id, int sequence, int error, const char *words) {
  pf_pipewire *self = data;
  bool gone = id == PW_ID_CORE && error == -EPIPE;
  if (self->gone) return;
  snprintf(self->words, sizeof self->words, "%s", words != NULL ? words : spa_strerror(error));
  self->gone = gone;
  self->refused = true;
  if (self->failed != NULL) self->failed(self->failed_context, id, self->words);
  pf_pipewire_news(self);
}

static const struct pw_core_events core_events = {
    PW_VERSION_CORE_EVENTS,
    .info = on_info,
    .done = on_done,
    .error = on_error,
};

static pf_result make_loop(pf_pipewire *self, const char *name) {
  self->loop = pw_thread_loop_new(name, NULL);
  if (self->loop == NULL) return pf_fail(PF_E_LIBRARY, "pw_thread_loop: %s", strerror(errno));
  struct pw_loop *loop = pw_thread_loop_get_loop(self->loop);
  /*
   * Without module-rt: where a data thread has ended already, it gives that thread's real-time
   * priority to the caller, from whom every process that is started inherits it. Nodes raise their
   * own threads.
   */
  struct pw_properties *plain = pw_properties_new(PW_KEY_CONFIG_NAME, "client.conf", "module.rt",
                                                  "false", NULL);
  self->context = pw_context_new(loop, plain, 0);
  if (self->context == NULL)
    return pf_fail(PF_E_LIBRARY, "libpipewire can't work here: %s", strerror(errno));
  int error = pw_thread_loop_start(self->loop);
  if (error < 0) return pf_fail(PF_E_SYSTEM, "pw_thread_loop_start: %s", spa_strerror(error));
  return PF_OK;
}

static pf_result connect_core(pf_pipewire *self, const pf_pipewire_remote *remote) {
  const char *socket = remote->socket != NULL ? remote->socket : "";
  if (remote->fd >= 0) {
    self->core = pw_context_connect_fd(self->context, remote->fd, NULL, 0);
  } else {
    struct pw_properties *properties =
        socket[0] != '\0' ? pw_properties_new(PW_KEY_REMOTE_NAME, socket, NULL) : NULL;
    self->core = pw_context_connect(self->context, properties, 0);
  }
  if (self->core == NULL) {
    bool absent = errno == EHOSTDOWN || errno == ENOENT || errno == ECONNREFUSED;
    return pf_fail(PF_E_MISSING, "no PipeWire %s %s%s", absent ? "runs" : "can be connected to",
                   socket[0] != '\0' ? "at " : "for this user", socket);
  }
  pw_core_add_listener(self->core, &self->core_hook, &core_events, self);
  return pf_pipewire_roundtrip(self);
}

pf_result pf_pipewire_open(pf_pipewire *self, const pf_pipewire_remote *remote, const char *name) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, init_library);
  *self = (pf_pipewire){0};
  pf_result result = make_loop(self, name);
  if (result != PF_OK) {
    if (remote->fd >= 0) close(remote->fd);
  } else {
    pf_pipewire_lock(self);
    result = connect_core(self, remote);
    pf_pipewire_unlock(self);
  }
  if (result != PF_OK) pf_pipewire_close(self);
  return result;
}

void pf_pipewire_close(pf_pipewire *self) {
  if (self->loop == NULL) return;
  pw_thread_loop_stop(self->loop);
  if (self->core != NULL) {
    spa_hook_remove(&self->core_hook);
    pw_core_disconnect(self->core);
  }
  if (self->context != NULL) pw_context_destroy(self->context);
  pw_thread_loop_destroy(self->loop);
  *self = (pf_pipewire){0};
}

bool pf_pipewire_is_session_manager(const char *type, const struct spa_dict *properties) {
  if (strcmp(type, PW_TYPE_INTERFACE_Metadata) != 0 || properties == NULL) return false;
  const char *name = spa_dict_lookup(properties, PW_KEY_METADATA_NAME);
  return name != NULL && strcmp(name, "default") == 0;
}

pf_result pf_pipewire_roundtrip(pf_pipewire *self) {
  uint64_t deadline_ns = pf_now_ns() + PF_PIPEWIRE_ANSWER_MS * 1000000ull;
  self->pending = pw_core_sync(self->core, PW_ID_CORE, 0);
  while (self->pending != 0 && !self->gone) {
    if (!pf_pipewire_wait(self, deadline_ns))
      return pf_fail(PF_E_CLOSED, "PipeWire does not answer");
  }
  return self->gone ? pf_fail(PF_E_CLOSED, "PipeWire hung up (%s)", self->words) : PF_OK;
}

bool pf_pipewire_wait(pf_pipewire *self, uint64_t deadline_ns) {
  uint64_t now_ns = pf_now_ns();
  if (now_ns >= deadline_ns) return false;
  struct timespec until; /* in the loop's own clock */
  pw_thread_loop_get_time(self->loop, &until, (int64_t)(deadline_ns - now_ns));
  pw_thread_loop_timed_wait_full(self->loop, &until);
  return true;
}

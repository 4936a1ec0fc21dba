#include "trial.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../pipewire/connection.h"

enum { APPEAR_MS = 3000 };

typedef struct trial {
  pf_pipewire connection;
  char name[48];
  uint32_t id; /* of the sink; SPA_ID_INVALID = it is not there */
} trial;

static void on_global(void *data, uint32_t id, uint32_t permissions, const char *type,
                      uint32_t version, const struct spa_dict *properties) {
  trial *self = data;
  if (strcmp(type, PW_TYPE_INTERFACE_Node) != 0 || properties == NULL) return;
  const char *name = spa_dict_lookup(properties, PW_KEY_NODE_NAME);
  if (name == NULL || strcmp(name, self->name) != 0) return;
  self->id = id;
  pf_pipewire_news(&self->connection);
}

static void on_global_remove(void *data, uint32_t id) {
  trial *self = data;
  if (id != self->id) return;
  self->id = SPA_ID_INVALID;
  pf_pipewire_news(&self->connection);
}

static const struct pw_registry_events registry_events = {
    PW_VERSION_REGISTRY_EVENTS,
    .global = on_global,
    .global_remove = on_global_remove,
};

/* Waits until the sink is there, or is not. */
static pf_result await_sink(trial *self, bool wanted, const char *what) {
  uint64_t deadline_ns = pf_now_ns() + APPEAR_MS * 1000000ull;
  while ((self->id != SPA_ID_INVALID) != wanted) {
    if (self->connection.gone) return pf_fail(PF_E_CLOSED, "PipeWire ended meanwhile");
    if (self->connection.refused)
      return pf_fail(PF_E_LIBRARY, "PipeWire refused it: %s", self->connection.words);
    if (!pf_pipewire_wait(&self->connection, deadline_ns))
      return pf_fail(PF_E_CLOSED, "PipeWire %s no sink within %d ms", what, APPEAR_MS);
  }
  return PF_OK;
}

/* Under the lock. */
static pf_result make_and_remove(trial *self, uint32_t *made_us) {
  const struct spa_dict_item items[] = {
      SPA_DICT_ITEM_INIT("factory.name", "support.null-audio-sink"),
      SPA_DICT_ITEM_INIT(PW_KEY_NODE_NAME, self->name),
      SPA_DICT_ITEM_INIT(PW_KEY_MEDIA_CLASS, "Audio/Sink"),
      SPA_DICT_ITEM_INIT("audio.position", "[ FL FR ]"),
      /* Nobody's sound goes there. */
      SPA_DICT_ITEM_INIT("priority.session", "0"),
      SPA_DICT_ITEM_INIT("node.virtual", "true"),
  };
  const struct spa_dict properties = SPA_DICT_INIT_ARRAY(items);
  uint64_t begun_ns = pf_now_ns();
  struct pw_proxy *sink = pw_core_create_object(
      self->connection.core, "adapter", PW_TYPE_INTERFACE_Node, PW_VERSION_NODE, &properties, 0);
  if (sink == NULL) return pf_fail(PF_E_LIBRARY, "libpipewire could not ask for it");
  pf_result result = await_sink(self, true, "made");
  *made_us = (uint32_t)((pf_now_ns() - begun_ns) / 1000);
  pw_proxy_destroy(sink);
  return result == PF_OK ? await_sink(self, false, "removed") : result;
}

pf_result pf_trial_sink(const char *socket, uint32_t *made_us) {
  trial self = {.id = SPA_ID_INVALID};
  *made_us = 0;
  snprintf(self.name, sizeof self.name, "punktfunk-trial-%d", (int)getpid());
  pf_result result = pf_pipewire_open(
      &self.connection, &(pf_pipewire_remote){.socket = socket, .fd = -1}, "pf-trial");
  if (result != PF_OK) return result;
  pf_pipewire_lock(&self.connection);
  struct pw_registry *registry =
      pw_core_get_registry(self.connection.core, PW_VERSION_REGISTRY, 0);
  struct spa_hook hook = {0};
  pw_registry_add_listener(registry, &hook, &registry_events, &self);
  result = make_and_remove(&self, made_us);
  spa_hook_remove(&hook);
  pw_proxy_destroy((struct pw_proxy *)registry);
  pf_pipewire_unlock(&self.connection);
  pf_pipewire_close(&self.connection);
  return result;
}

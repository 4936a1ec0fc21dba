#include "probe.h"

#include <string.h>

#include "connection.h"

static void on_global(void *data, uint32_t id, uint32_t permissions, const char *type,
                      uint32_t version, const struct spa_dict *properties) {
  pf_pipewire_server *out = data;
  if (pf_pipewire_is_session_manager(type, properties)) out->session_manager = 1;
}

static const struct pw_registry_events registry_events = {
    PW_VERSION_REGISTRY_EVENTS,
    .global = on_global,
};

PF_EXPORT pf_result pf_pipewire_probe(const char *socket, pf_pipewire_server *out) {
  pf_pipewire connection;
  *out = (pf_pipewire_server){0};
  pf_result result = pf_pipewire_open(
      &connection, &(pf_pipewire_remote){.socket = socket, .fd = -1}, "pf-probe");
  if (result != PF_OK) return result;
  pf_pipewire_lock(&connection);
  struct pw_registry *registry = pw_core_get_registry(connection.core, PW_VERSION_REGISTRY, 0);
  struct spa_hook hook = {0};
  pw_registry_add_listener(registry, &hook, &registry_events, out);
  result = pf_pipewire_roundtrip(&connection);
  memcpy(out->version, connection.version, sizeof out->version);
  spa_hook_remove(&hook);
  pw_proxy_destroy((struct pw_proxy *)registry);
  pf_pipewire_unlock(&connection);
  pf_pipewire_close(&connection);
  return result;
}

/* Most of what KWin tells about an output is of no interest here: one dispatcher takes the events
 * by their names, instead of a listener with a function for each of forty. */
#include "outputs.h"

#include <stdio.h>
#include <string.h>

#include "kde-output-device-v2-client.h"

enum {
  NAMED_VERSION = 2, /* of a global output: from it on it tells its name, and little else */
  REGISTRY_VERSION = 21, /* from it on there is one */
};

static void free_mode(pf_kwin_mode *mode) {
  if (mode->proxy != NULL) kde_output_device_mode_v2_destroy(mode->proxy);
  if (mode->output != NULL && mode->output->current == mode) mode->output->current = NULL;
  *mode = (pf_kwin_mode){0};
}

static void free_output(pf_kwin_output *output) {
  pf_kwin_outputs *outputs = output->outputs;
  for (uint32_t i = 0; i < PF_KWIN_MODES_MAX; i++) {
    if (outputs->modes[i].output == output) free_mode(&outputs->modes[i]);
  }
  if (kde_output_device_v2_get_version(output->proxy) >= REGISTRY_VERSION)
    kde_output_device_v2_release(output->proxy);
  else
    kde_output_device_v2_destroy(output->proxy);
  *output = (pf_kwin_output){0};
}

static int on_mode_event(const void *implementation, void *target, uint32_t opcode,
                         const struct wl_message *message, union wl_argument *arguments) {
  pf_kwin_mode *mode = wl_proxy_get_user_data(target);
  if (strcmp(message->name, "size") == 0) {
    mode->width = arguments[0].i;
    mode->height = arguments[1].i;
  } else if (strcmp(message->name, "refresh") == 0) {
    mode->refresh_mhz = arguments[0].i;
  } else if (strcmp(message->name, "removed") == 0) {
    free_mode(mode);
  }
  return 0;
}

static void add_mode(pf_kwin_output *output, struct wl_proxy *proxy) {
  pf_kwin_outputs *outputs = output->outputs;
  for (uint32_t i = 0; i < PF_KWIN_MODES_MAX; i++) {
    pf_kwin_mode *mode = &outputs->modes[i];
    if (mode->output != NULL) continue;
    *mode = (pf_kwin_mode){.outputs = outputs,
                           .output = output,
                           .proxy = (struct kde_output_device_mode_v2 *)proxy};
    wl_proxy_add_dispatcher(proxy, on_mode_event, NULL, mode);
    return;
  }
  wl_proxy_destroy(proxy);
}

static void set_current(pf_kwin_output *output, struct wl_object *proxy) {
  pf_kwin_outputs *outputs = output->outputs;
  output->current = NULL;
  for (uint32_t i = 0; i < PF_KWIN_MODES_MAX; i++) {
    pf_kwin_mode *mode = &outputs->modes[i];
    if (mode->output == output && (struct wl_object *)mode->proxy == proxy) output->current = mode;
  }
}

static int on_output_event(const void *implementation, void *target, uint32_t opcode,
                           const struct wl_message *message, union wl_argument *arguments) {
  pf_kwin_output *output = wl_proxy_get_user_data(target);
  const char *name = message->name;
  if (strcmp(name, "mode") == 0) add_mode(output, (struct wl_proxy *)arguments[0].o);
  else if (strcmp(name, "current_mode") == 0) set_current(output, arguments[0].o);
  else if (strcmp(name, "name") == 0)
    snprintf(output->name, sizeof output->name, "%s", arguments[0].s);
  else if (strcmp(name, "done") == 0) output->told = true;
  else if (strcmp(name, "removed") == 0) free_output(output);
  return 0;
}

static pf_kwin_output *add_output(pf_kwin_outputs *self, struct wl_proxy *proxy, uint32_t global) {
  for (uint32_t i = 0; i < PF_KWIN_OUTPUTS_MAX; i++) {
    pf_kwin_output *output = &self->list[i];
    if (output->proxy != NULL) continue;
    *output = (pf_kwin_output){
        .outputs = self, .proxy = (struct kde_output_device_v2 *)proxy, .global = global};
    wl_proxy_add_dispatcher(proxy, on_output_event, NULL, output);
    return output;
  }
  wl_proxy_destroy(proxy);
  return NULL;
}

static void on_finished(void *data, struct kde_output_device_registry_v2 *announcer) {}

static void on_output(void *data, struct kde_output_device_registry_v2 *announcer,
                      struct kde_output_device_v2 *output) {
  add_output(data, (struct wl_proxy *)output, 0);
}

static const struct kde_output_device_registry_v2_listener announcer_listener = {
    .finished = on_finished,
    .output = on_output,
};

/* Whatever the order of the globals, an output is listened to in one way only. */
static void bind_announcer(pf_kwin_outputs *self, uint32_t name, uint32_t version) {
  uint32_t most = (uint32_t)kde_output_device_registry_v2_interface.version;
  if (self->announcer != NULL || version < REGISTRY_VERSION) return;
  for (uint32_t i = 0; i < PF_KWIN_OUTPUTS_MAX; i++) {
    if (self->list[i].proxy != NULL) free_output(&self->list[i]);
  }
  self->announcer = wl_registry_bind(self->registry, name, &kde_output_device_registry_v2_interface,
                                     version < most ? version : most);
  kde_output_device_registry_v2_add_listener(self->announcer, &announcer_listener, self);
}

static void on_global(void *data, struct wl_registry *registry, uint32_t name,
                      const char *interface, uint32_t version) {
  pf_kwin_outputs *self = data;
  if (strcmp(interface, kde_output_device_registry_v2_interface.name) == 0) {
    bind_announcer(self, name, version);
    return;
  }
  bool is_output = strcmp(interface, kde_output_device_v2_interface.name) == 0;
  if (!is_output || self->announcer != NULL || version < NAMED_VERSION) return;
  add_output(self, wl_registry_bind(registry, name, &kde_output_device_v2_interface, NAMED_VERSION),
             name);
}

static void on_global_remove(void *data, struct wl_registry *registry, uint32_t name) {
  pf_kwin_outputs *self = data;
  for (uint32_t i = 0; i < PF_KWIN_OUTPUTS_MAX; i++) {
    pf_kwin_output *output = &self->list[i];
    if (output->proxy != NULL && output->global == name) free_output(output);
  }
}

static const struct wl_registry_listener registry_listener = {
    .global = on_global,
    .global_remove = on_global_remove,
};

void pf_kwin_outputs_open(pf_kwin_outputs *self, pf_wayland *connection) {
  self->registry = wl_display_get_registry(connection->display);
  wl_registry_add_listener(self->registry, &registry_listener, self);
}

void pf_kwin_outputs_close(pf_kwin_outputs *self) {
  if (self->registry == NULL) return;
  for (uint32_t i = 0; i < PF_KWIN_OUTPUTS_MAX; i++) {
    if (self->list[i].proxy != NULL) free_output(&self->list[i]);
  }
  if (self->announcer != NULL) kde_output_device_registry_v2_destroy(self->announcer);
  wl_registry_destroy(self->registry);
  *self = (pf_kwin_outputs){0};
}

pf_kwin_output *pf_kwin_outputs_find(pf_kwin_outputs *self, const char *name) {
  for (uint32_t i = 0; i < PF_KWIN_OUTPUTS_MAX; i++) {
    pf_kwin_output *output = &self->list[i];
    if (output->proxy == NULL || !output->told) continue;
    size_t has = strlen(output->name), wanted = strlen(name);
    if (has < wanted || strcmp(output->name + has - wanted, name) != 0) continue;
    if (has == wanted || output->name[has - wanted - 1] == '-') return output;
  }
  return NULL;
}

pf_kwin_mode *pf_kwin_outputs_mode(pf_kwin_outputs *self, const pf_kwin_output *output,
                                   const pf_kwin_mode *wanted) {
  for (uint32_t i = 0; i < PF_KWIN_MODES_MAX; i++) {
    pf_kwin_mode *mode = &self->modes[i];
    if (mode->output == output && pf_kwin_same_mode(mode, wanted)) return mode;
  }
  return NULL;
}

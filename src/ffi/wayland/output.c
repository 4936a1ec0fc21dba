#include "output.h"

#include <stdio.h>
#include <string.h>

#include "xdg-output-unstable-v1-client.h"

enum { OUTPUT_VERSION_NAMED = 4, OUTPUT_VERSION_RELEASE = 3 };

static void on_geometry(void *data, struct wl_output *proxy, int32_t x, int32_t y,
                        int32_t physical_width, int32_t physical_height, int32_t subpixel,
                        const char *make, const char *model, int32_t transform) {}
static void on_mode(void *data, struct wl_output *proxy, uint32_t flags, int32_t width,
                    int32_t height, int32_t refresh_mhz) {
  pf_wayland_output *output = data;
  if ((flags & WL_OUTPUT_MODE_CURRENT) == 0) return;
  output->width = width;
  output->height = height;
  output->refresh_mhz = refresh_mhz;
}
static void on_done(void *data, struct wl_output *proxy) {}
static void on_scale(void *data, struct wl_output *proxy, int32_t factor) {}
static void on_name(void *data, struct wl_output *proxy, const char *name) {
  pf_wayland_output *output = data;
  snprintf(output->name, sizeof output->name, "%s", name);
}
static void on_description(void *data, struct wl_output *proxy, const char *description) {}

static const struct wl_output_listener output_listener = {
    .geometry = on_geometry,
    .mode = on_mode,
    .done = on_done,
    .scale = on_scale,
    .name = on_name,
    .description = on_description,
};

static void on_xdg_position(void *data, struct zxdg_output_v1 *xdg, int32_t x, int32_t y) {}
static void on_xdg_size(void *data, struct zxdg_output_v1 *xdg, int32_t width, int32_t height) {}
static void on_xdg_done(void *data, struct zxdg_output_v1 *xdg) {}
static void on_xdg_name(void *data, struct zxdg_output_v1 *xdg, const char *name) {
  on_name(data, NULL, name);
}
static void on_xdg_description(void *data, struct zxdg_output_v1 *xdg, const char *text) {}

static const struct zxdg_output_v1_listener xdg_listener = {
    .logical_position = on_xdg_position,
    .logical_size = on_xdg_size,
    .done = on_xdg_done,
    .name = on_xdg_name,
    .description = on_xdg_description,
};

static void ask_name(pf_wayland *self, pf_wayland_output *output) {
  if (output->proxy == NULL || output->xdg != NULL || self->xdg_manager == NULL) return;
  if (wl_output_get_version(output->proxy) >= OUTPUT_VERSION_NAMED) return;
  output->xdg = zxdg_output_manager_v1_get_xdg_output(self->xdg_manager, output->proxy);
  zxdg_output_v1_add_listener(output->xdg, &xdg_listener, output);
}

void pf_wayland_name_outputs(pf_wayland *self) {
  for (uint32_t i = 0; i < PF_WAYLAND_OUTPUTS_MAX; i++) ask_name(self, &self->outputs[i]);
}

void pf_wayland_add_output(pf_wayland *self, uint32_t global, uint32_t version) {
  for (uint32_t i = 0; i < PF_WAYLAND_OUTPUTS_MAX; i++) {
    pf_wayland_output *output = &self->outputs[i];
    if (output->proxy != NULL) continue;
    uint32_t bound = version < OUTPUT_VERSION_NAMED ? version : OUTPUT_VERSION_NAMED;
    *output = (pf_wayland_output){.connection = self, .global = global};
    output->proxy = wl_registry_bind(self->registry, global, &wl_output_interface, bound);
    wl_output_add_listener(output->proxy, &output_listener, output);
    ask_name(self, output);
    return;
  }
}

void pf_wayland_free_output(pf_wayland_output *output) {
  if (output->xdg != NULL) zxdg_output_v1_destroy(output->xdg);
  if (wl_output_get_version(output->proxy) >= OUTPUT_VERSION_RELEASE)
    wl_output_release(output->proxy);
  else
    wl_output_destroy(output->proxy);
  *output = (pf_wayland_output){0};
}

void pf_wayland_remove_output(pf_wayland *self, uint32_t global) {
  for (uint32_t i = 0; i < PF_WAYLAND_OUTPUTS_MAX; i++) {
    pf_wayland_output *output = &self->outputs[i];
    if (output->proxy == NULL || output->global != global) continue;
    if (self->output_removed != NULL) self->output_removed(self->context, output);
    pf_wayland_free_output(output);
  }
}

pf_wayland_output *pf_wayland_find_output(pf_wayland *self, const char *name) {
  for (uint32_t i = 0; i < PF_WAYLAND_OUTPUTS_MAX; i++) {
    pf_wayland_output *output = &self->outputs[i];
    if (output->proxy == NULL) continue;
    if (name[0] == '\0' || strcmp(output->name, name) == 0) return output;
  }
  if (name[0] == '\0') pf_fail(PF_E_MISSING, "the compositor has no output");
  else pf_fail(PF_E_MISSING, "the compositor has no output %s", name);
  return NULL;
}

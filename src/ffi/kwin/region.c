#include "region.h"

#include "xdg-output-unstable-v1-client.h"

static void on_position(void *data, struct zxdg_output_v1 *proxy, int32_t x, int32_t y) {
  pf_kwin_region *self = data;
  self->x = x;
  self->y = y;
}
static void on_size(void *data, struct zxdg_output_v1 *proxy, int32_t width, int32_t height) {
  pf_kwin_region *self = data;
  self->width = width;
  self->height = height;
}
static void on_done(void *data, struct zxdg_output_v1 *proxy) {}
static void on_name(void *data, struct zxdg_output_v1 *proxy, const char *name) {}
static void on_description(void *data, struct zxdg_output_v1 *proxy, const char *text) {}

static const struct zxdg_output_v1_listener listener = {
    .logical_position = on_position,
    .logical_size = on_size,
    .done = on_done,
    .name = on_name,
    .description = on_description,
};

void pf_kwin_region_open(pf_kwin_region *self, pf_wayland *connection, const char *name) {
  pf_wayland_output *output = pf_wayland_find_output(connection, name);
  *self = (pf_kwin_region){.width = 1, .height = 1};
  if (output == NULL) return;
  self->width = output->width;
  self->height = output->height;
  if (connection->xdg_manager == NULL) return;
  self->proxy = zxdg_output_manager_v1_get_xdg_output(connection->xdg_manager, output->proxy);
  zxdg_output_v1_add_listener(self->proxy, &listener, self);
}

void pf_kwin_region_close(pf_kwin_region *self) {
  if (self->proxy != NULL) zxdg_output_v1_destroy(self->proxy);
  self->proxy = NULL;
}

/*
 * kwin_peer SOCKET BEHAVIOUR: answers as KWin does to who wants an output cast, for tests; KWin
 * itself casts with graphics cards only. Ends with its standard input.
 *
 *   modern    kde_output_management_v2 in version 18, outputs as globals, any mode
 *   registry  the same in version 22, outputs announced by their registry
 *   old       version 6: the output keeps 60 Hz
 *   refusing  takes no other mode, although its version says so
 *   failing   casts nothing
 *   silent    never answers
 *   closing   ends the cast as soon as it is asked for a mode
 *
 * Prints a line for each: "listening", "virtual NAME WIDTHxHEIGHT POINTER",
 * "custom WIDTHxHEIGHT@MHZ", "mode WIDTHxHEIGHT@MHZ", "gone NAME".
 */
#include "../common/common.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wayland-server-core.h>

#include "kde-output-device-v2-server.h"
#include "kde-output-management-v2-server.h"
#include "zkde-screencast-unstable-v1-server.h"

enum { NODE = 42, MODES = 4, REFRESH_MHZ = 60000 };

typedef struct mode {
  uint32_t width, height, refresh_mhz;
  struct wl_resource *resource;
} mode;

static struct {
  struct wl_display *display;
  struct wl_global *device_global;
  struct wl_resource *announcer, *device, *stream;
  const char *behaviour;
  char name[96];
  mode modes[MODES];
  uint32_t mode_count, current;
  mode listed, custom; /* of the mode list; of the configuration */
  uint32_t wanted; /* of the configuration; MODES = none */
} peer;

static bool behaves(const char *name) { return strcmp(peer.behaviour, name) == 0; }
static bool has_registry(void) { return behaves("registry"); }

static void destroy(struct wl_client *client, struct wl_resource *resource) {
  wl_resource_destroy(resource);
}

static void tell_mode(uint32_t index) {
  mode *told = &peer.modes[index];
  told->resource = wl_resource_create(wl_resource_get_client(peer.device),
                                      &kde_output_device_mode_v2_interface,
                                      wl_resource_get_version(peer.device), 0);
  wl_resource_set_implementation(told->resource, NULL, NULL, NULL);
  kde_output_device_v2_send_mode(peer.device, told->resource);
  kde_output_device_mode_v2_send_size(told->resource, (int32_t)told->width, (int32_t)told->height);
  kde_output_device_mode_v2_send_refresh(told->resource, (int32_t)told->refresh_mhz);
}

static void tell_current(void) {
  kde_output_device_v2_send_current_mode(peer.device, peer.modes[peer.current].resource);
  kde_output_device_v2_send_done(peer.device);
}

static void tell_device(struct wl_resource *device) {
  static const struct kde_output_device_v2_interface handlers = {.release = destroy};
  peer.device = device;
  wl_resource_set_implementation(device, &handlers, NULL, NULL);
  kde_output_device_v2_send_geometry(device, 0, 0, 0, 0, 0, "KDE", "virtual", 0);
  kde_output_device_v2_send_name(device, peer.name);
  kde_output_device_v2_send_enabled(device, 1);
  for (uint32_t i = 0; i < peer.mode_count; i++) tell_mode(i);
  tell_current();
}

static void bind_device(struct wl_client *client, void *data, uint32_t version, uint32_t id) {
  tell_device(wl_resource_create(client, &kde_output_device_v2_interface, (int)version, id));
}

static void announce(void) {
  if (!has_registry()) {
    peer.device_global =
        wl_global_create(peer.display, &kde_output_device_v2_interface, 18, NULL, bind_device);
    return;
  }
  struct wl_resource *device =
      wl_resource_create(wl_resource_get_client(peer.announcer), &kde_output_device_v2_interface,
                         wl_resource_get_version(peer.announcer), 0);
  kde_output_device_registry_v2_send_output(peer.announcer, device);
  tell_device(device);
}

static void on_stream_gone(struct wl_resource *resource) {
  printf("gone %s\n", peer.name);
  if (peer.device_global != NULL) wl_global_destroy(peer.device_global);
  peer.device_global = NULL;
  peer.stream = NULL;
}

static void on_stream_virtual(struct wl_client *client, struct wl_resource *resource, uint32_t id,
                              const char *name, int32_t width, int32_t height, wl_fixed_t scale,
                              uint32_t pointer) {
  static const struct zkde_screencast_stream_unstable_v1_interface handlers = {.close = destroy};
  printf("virtual %s %dx%d %u\n", name, width, height, pointer);
  peer.stream = wl_resource_create(client, &zkde_screencast_stream_unstable_v1_interface,
                                   wl_resource_get_version(resource), id);
  wl_resource_set_implementation(peer.stream, &handlers, NULL, on_stream_gone);
  snprintf(peer.name, sizeof peer.name, "Virtual-%s", name);
  peer.modes[0] = (mode){
      .width = (uint32_t)width, .height = (uint32_t)height, .refresh_mhz = REFRESH_MHZ};
  peer.mode_count = 1;
  peer.current = 0;
  if (behaves("silent")) return;
  if (behaves("failing")) {
    zkde_screencast_stream_unstable_v1_send_failed(peer.stream, "OpenGL compositing is required");
    return;
  }
  announce();
  zkde_screencast_stream_unstable_v1_send_created(peer.stream, NODE);
}

static void bind_cast(struct wl_client *client, void *data, uint32_t version, uint32_t id) {
  static const struct zkde_screencast_unstable_v1_interface handlers = {
      .destroy = destroy, .stream_virtual_output = on_stream_virtual};
  struct wl_resource *resource =
      wl_resource_create(client, &zkde_screencast_unstable_v1_interface, (int)version, id);
  wl_resource_set_implementation(resource, &handlers, NULL, NULL);
}

static void on_resolution(struct wl_client *client, struct wl_resource *resource, uint32_t width,
                          uint32_t height) {
  peer.listed.width = width;
  peer.listed.height = height;
}
static void on_rate(struct wl_client *client, struct wl_resource *resource, uint32_t rate) {
  peer.listed.refresh_mhz = rate;
}
static void on_blanking(struct wl_client *client, struct wl_resource *resource, uint32_t reduced) {}
static void on_add(struct wl_client *client, struct wl_resource *resource) {
  const mode *added = &peer.listed;
  printf("custom %ux%u@%u\n", added->width, added->height, added->refresh_mhz);
}

static void on_list(struct wl_client *client, struct wl_resource *resource, uint32_t id) {
  static const struct kde_mode_list_v2_interface handlers = {.destroy = destroy,
                                                             .add_mode = on_add,
                                                             .set_resolution = on_resolution,
                                                             .set_refresh_rate = on_rate,
                                                             .set_reduced_blanking = on_blanking};
  struct wl_resource *list = wl_resource_create(client, &kde_mode_list_v2_interface,
                                                wl_resource_get_version(resource), id);
  wl_resource_set_implementation(list, &handlers, NULL, NULL);
}

static void on_custom(struct wl_client *client, struct wl_resource *resource,
                      struct wl_resource *device, struct wl_resource *list) {
  peer.custom = peer.listed;
}

static void on_mode(struct wl_client *client, struct wl_resource *resource,
                    struct wl_resource *device, struct wl_resource *wanted) {
  for (uint32_t i = 0; i < peer.mode_count; i++) {
    if (peer.modes[i].resource == wanted) peer.wanted = i;
  }
  const mode *chosen = &peer.modes[peer.wanted];
  printf("mode %ux%u@%u\n", chosen->width, chosen->height, chosen->refresh_mhz);
}

static void on_apply(struct wl_client *client, struct wl_resource *configuration) {
  if (behaves("refusing")) {
    if (wl_resource_get_version(configuration) >= 12)
      kde_output_configuration_v2_send_failure_reason(configuration, "no");
    kde_output_configuration_v2_send_failed(configuration);
    return;
  }
  if (behaves("closing")) {
    zkde_screencast_stream_unstable_v1_send_closed(peer.stream);
    return;
  }
  if (peer.custom.width != 0) {
    peer.modes[peer.mode_count] = peer.custom;
    tell_mode(peer.mode_count++);
    kde_output_device_v2_send_done(peer.device);
  }
  if (peer.wanted < MODES) peer.current = peer.wanted;
  kde_output_configuration_v2_send_applied(configuration);
  /* Told only now: an active mode is to be read back, not assumed. */
  if (peer.wanted < MODES) tell_current();
}

static void on_configuration(struct wl_client *client, struct wl_resource *resource, uint32_t id) {
  static const struct kde_output_configuration_v2_interface handlers = {
      .mode = on_mode, .apply = on_apply, .destroy = destroy, .set_custom_modes = on_custom};
  struct wl_resource *configuration =
      wl_resource_create(client, &kde_output_configuration_v2_interface,
                         wl_resource_get_version(resource), id);
  peer.wanted = MODES;
  peer.custom = (mode){0};
  wl_resource_set_implementation(configuration, &handlers, NULL, NULL);
}

static void bind_management(struct wl_client *client, void *data, uint32_t version, uint32_t id) {
  static const struct kde_output_management_v2_interface handlers = {
      .create_configuration = on_configuration, .create_mode_list = on_list};
  struct wl_resource *resource =
      wl_resource_create(client, &kde_output_management_v2_interface, (int)version, id);
  wl_resource_set_implementation(resource, &handlers, NULL, NULL);
}

static void bind_registry(struct wl_client *client, void *data, uint32_t version, uint32_t id) {
  peer.announcer =
      wl_resource_create(client, &kde_output_device_registry_v2_interface, (int)version, id);
  wl_resource_set_implementation(peer.announcer, NULL, NULL, NULL);
}

int main(int count, char **arguments) {
  if (count != 3) return 2;
  peer.behaviour = arguments[2];
  setvbuf(stdout, NULL, _IOLBF, 0);
  peer.display = wl_display_create();
  if (wl_display_add_socket(peer.display, arguments[1]) != 0) return 1;
  int version = has_registry() ? 22 : behaves("old") ? 6 : 18;
  wl_global_create(peer.display, &zkde_screencast_unstable_v1_interface, 5, NULL, bind_cast);
  wl_global_create(peer.display, &kde_output_management_v2_interface, version, NULL,
                   bind_management);
  if (has_registry())
    wl_global_create(peer.display, &kde_output_device_registry_v2_interface, 21, NULL,
                     bind_registry);
  printf("listening\n");
  struct wl_event_loop *loop = wl_display_get_event_loop(peer.display);
  struct pollfd waits[2] = {{.fd = wl_event_loop_get_fd(loop), .events = POLLIN},
                            {.fd = 0, .events = POLLIN}};
  while (waits[1].revents == 0) {
    wl_display_flush_clients(peer.display);
    poll(waits, 2, -1);
    wl_event_loop_dispatch(loop, 0);
  }
  wl_display_destroy_clients(peer.display);
  wl_display_destroy(peer.display);
  return 0;
}

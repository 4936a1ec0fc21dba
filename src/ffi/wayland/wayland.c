/* Connection, registry and waiting; outputs are in output.c. */
#include "wayland.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "output.h"
#include "xdg-output-unstable-v1-client.h"

static int connect_to(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (path[0] != '/' || strlen(path) >= sizeof address.sun_path)
    return pf_fail(PF_E_ARGUMENT, "%s is not the path of a Wayland socket", path);
  strcpy(address.sun_path, path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return pf_fail(PF_E_SYSTEM, "socket: %s", strerror(errno));
  if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
  int error = errno;
  close(fd);
  /* A socket without a listener is one that was just bound, or whose compositor has ended. */
  pf_result why = error == ECONNREFUSED || error == EAGAIN ? PF_E_CLOSED : PF_E_MISSING;
  return pf_fail(why, "no compositor answers at %s: %s", path, strerror(error));
}

static void on_global(void *data, struct wl_registry *registry, uint32_t name,
                      const char *interface, uint32_t version) {
  pf_wayland *self = data;
  if (strcmp(interface, wl_output_interface.name) == 0) {
    pf_wayland_add_output(self, name, version);
  } else if (strcmp(interface, zxdg_output_manager_v1_interface.name) == 0 && version >= 2 &&
             self->xdg_manager == NULL) {
    self->xdg_manager = wl_registry_bind(registry, name, &zxdg_output_manager_v1_interface, 2);
  }
  for (uint32_t i = 0; i < self->global_count; i++) {
    pf_wayland_global *global = &self->globals[i];
    if (global->proxy != NULL || strcmp(interface, global->interface->name) != 0) continue;
    global->found_version = version;
    if (version < global->version_min) continue;
    uint32_t bound = version < global->version ? version : global->version;
    global->proxy = wl_registry_bind(registry, name, global->interface, bound);
  }
}

static void on_global_remove(void *data, struct wl_registry *registry, uint32_t name) {
  pf_wayland_remove_output(data, name);
}

static const struct wl_registry_listener registry_listener = {
    .global = on_global,
    .global_remove = on_global_remove,
};

static pf_result check_globals(const pf_wayland *self) {
  for (uint32_t i = 0; i < self->global_count; i++) {
    const pf_wayland_global *global = &self->globals[i];
    if (global->proxy != NULL || global->version_min == 0) continue;
    if (global->found_version == 0)
      return pf_fail(PF_E_MISSING, "the compositor has no %s", global->interface->name);
    return pf_fail(PF_E_MISSING, "the compositor has %s in version %u, version %u is needed",
                   global->interface->name, global->found_version, global->version_min);
  }
  return PF_OK;
}

pf_result pf_wayland_open(pf_wayland *self, const char *socket, pf_wayland_global *globals,
                          uint32_t global_count) {
  *self = (pf_wayland){.globals = globals, .global_count = global_count};
  int fd = connect_to(socket);
  if (fd < 0) return (pf_result)fd;
  self->display = wl_display_connect_to_fd(fd); /* owns fd, also when it fails */
  if (self->display == NULL) return pf_fail(PF_E_MEMORY, "no memory for a Wayland connection");
  self->registry = wl_display_get_registry(self->display);
  wl_registry_add_listener(self->registry, &registry_listener, self);
  /* The first answer names the globals, the second describes the outputs, the third their names
   * where only xdg-output has them. */
  pf_result result = pf_wayland_roundtrip(self, PF_WAYLAND_ANSWER_MS);
  if (result == PF_OK) result = check_globals(self);
  if (result == PF_OK) pf_wayland_name_outputs(self);
  if (result == PF_OK) result = pf_wayland_roundtrip(self, PF_WAYLAND_ANSWER_MS);
  if (result == PF_OK) result = pf_wayland_roundtrip(self, PF_WAYLAND_ANSWER_MS);
  if (result != PF_OK) pf_wayland_close(self);
  return result;
}

void pf_wayland_close(pf_wayland *self) {
  if (self->display == NULL) return;
  for (uint32_t i = 0; i < PF_WAYLAND_OUTPUTS_MAX; i++) {
    if (self->outputs[i].proxy != NULL) pf_wayland_free_output(&self->outputs[i]);
  }
  for (uint32_t i = 0; i < self->global_count; i++) {
    if (self->globals[i].proxy != NULL) wl_proxy_destroy(self->globals[i].proxy);
    self->globals[i].proxy = NULL;
  }
  if (self->xdg_manager != NULL) zxdg_output_manager_v1_destroy(self->xdg_manager);
  wl_registry_destroy(self->registry);
  wl_display_flush(self->display);
  wl_display_disconnect(self->display);
  self->display = NULL;
}

static void on_done(void *data, struct wl_callback *callback, uint32_t serial) {
  *(bool *)data = true;
}

static const struct wl_callback_listener done_listener = {.done = on_done};

pf_result pf_wayland_roundtrip(pf_wayland *self, uint32_t ms_max) {
  bool done = false;
  uint64_t until_ns = pf_now_ns() + ms_max * 1000000ull;
  struct wl_callback *callback = wl_display_sync(self->display);
  wl_callback_add_listener(callback, &done_listener, &done);
  pf_result result = PF_OK;
  while (!done && result == PF_OK) {
    if (pf_wayland_wait(self, -1, until_ns) == PF_WAYLAND_GONE) result = PF_E_CLOSED;
    else if (!done && pf_now_ns() >= until_ns)
      result = pf_fail(PF_E_CLOSED, "the compositor does not answer");
  }
  wl_callback_destroy(callback);
  return result;
}

static pf_wayland_wake lost(pf_wayland *self) {
  int error = wl_display_get_error(self->display);
  if (error == EPROTO) {
    const struct wl_interface *interface = NULL;
    uint32_t id = 0, code = wl_display_get_protocol_error(self->display, &interface, &id);
    pf_fail(PF_E_CLOSED, "the compositor refused a request: %s error %u",
            interface == NULL ? "protocol" : interface->name, code);
  } else {
    pf_fail(PF_E_CLOSED, "the compositor has ended");
  }
  return PF_WAYLAND_GONE;
}

static void set_timeout(struct timespec *out, uint64_t until_ns) {
  uint64_t now_ns = pf_now_ns();
  uint64_t left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
  *out = (struct timespec){.tv_sec = (time_t)(left_ns / 1000000000u),
                           .tv_nsec = (long)(left_ns % 1000000000u)};
}

pf_wayland_wake pf_wayland_wait(pf_wayland *self, int wake_fd, uint64_t until_ns) {
  struct wl_display *display = self->display;
  while (wl_display_prepare_read(display) != 0) {
    if (wl_display_dispatch_pending(display) < 0) return lost(self);
  }
  bool full = wl_display_flush(display) < 0 && errno == EAGAIN;
  struct pollfd waits[2] = {
      {.fd = wl_display_get_fd(display), .events = (short)(POLLIN | (full ? POLLOUT : 0))},
      {.fd = wake_fd, .events = POLLIN}, /* poll skips -1 */
  };
  struct timespec timeout;
  set_timeout(&timeout, until_ns);
  int ready = ppoll(waits, 2, until_ns == UINT64_MAX ? NULL : &timeout, NULL);
  if (ready > 0 && (waits[0].revents & ~POLLOUT) != 0) {
    if (wl_display_read_events(display) < 0) return lost(self);
  } else {
    wl_display_cancel_read(display);
  }
  if (wl_display_dispatch_pending(display) < 0) return lost(self);
  if (ready > 0 && waits[1].revents != 0) {
    uint64_t count;
    ssize_t taken = read(wake_fd, &count, sizeof count); /* EAGAIN: it was read before */
    (void)taken;
    return PF_WAYLAND_WOKEN;
  }
  return PF_WAYLAND_IDLE;
}

bool pf_wayland_flushed(pf_wayland *self) {
  return wl_display_flush(self->display) >= 0 || errno != EAGAIN;
}

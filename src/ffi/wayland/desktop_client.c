#include "desktop_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "xdg-shell-client.h"

enum { BUFFERS = 2, FOREVER = -1 };

static struct {
  struct wl_display *display;
  struct wl_compositor *compositor;
  struct wl_shm *shm;
  struct xdg_wm_base *shell;
  struct wl_surface *surface;
  struct wl_buffer *buffers[BUFFERS];
  uint32_t *pixels[BUFFERS];
  bool busy[BUFFERS];
  int width, height, wanted_width, wanted_height;
  int frames_left; /* to be drawn; FOREVER */
  uint32_t drawn;
  bool waits; /* for a frame callback */
  bool answers, black;
} client;

static void check(bool good, const char *what) {
  if (good) return;
  fprintf(stderr, "desktop_client: %s\n", what);
  exit(1);
}

static void on_released(void *data, struct wl_buffer *buffer) { *(bool *)data = false; }
static const struct wl_buffer_listener buffer_listener = {.release = on_released};

static void fill(uint32_t *pixels, int left, int top, int right, int bottom, uint32_t colour) {
  for (int y = top; y < bottom; y++) {
    uint32_t *row = pixels + (size_t)y * (size_t)client.width;
    for (int x = left; x < right; x++) row[x] = colour;
  }
}

static void make_buffer(int index) {
  int w = client.width, h = client.height;
  size_t bytes = (size_t)w * (size_t)h * 4;
  int fd = memfd_create("desktop-client", MFD_CLOEXEC);
  check(fd >= 0 && ftruncate(fd, (off_t)bytes) == 0, "no memory for the window");
  uint32_t *pixels = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  check(pixels != MAP_FAILED, "no memory for the window");
  struct wl_shm_pool *pool = wl_shm_create_pool(client.shm, fd, (int32_t)bytes);
  client.buffers[index] = wl_shm_pool_create_buffer(pool, 0, w, h, w * 4, WL_SHM_FORMAT_XRGB8888);
  wl_buffer_add_listener(client.buffers[index], &buffer_listener, &client.busy[index]);
  wl_shm_pool_destroy(pool);
  close(fd);
  client.pixels[index] = pixels;
  client.busy[index] = false;
  fill(pixels, 0, 0, w / 2, h / 2, 0xff0000);
  fill(pixels, w / 2, 0, w, h / 2, 0x00ff00);
  fill(pixels, 0, h / 2, w / 2, h, 0x0000ff);
  fill(pixels, w / 2, h / 2, w, h, 0xffffff);
}

static void resize(void) {
  for (int i = 0; i < BUFFERS; i++) {
    if (client.buffers[i] == NULL) continue;
    wl_buffer_destroy(client.buffers[i]);
    munmap(client.pixels[i], (size_t)client.width * (size_t)client.height * 4);
  }
  client.width = client.wanted_width;
  client.height = client.wanted_height;
  for (int i = 0; i < BUFFERS; i++) make_buffer(i);
  printf("size %d %d\n", client.width, client.height);
}

static void draw(void);

static void on_frame(void *data, struct wl_callback *callback, uint32_t time) {
  wl_callback_destroy(callback);
  client.waits = false;
  if (client.frames_left != 0) draw();
}
static const struct wl_callback_listener frame_listener = {.done = on_frame};

static void draw(void) {
  int index = client.busy[0] ? 1 : 0;
  int w = client.width, h = client.height, side = h / 8;
  uint32_t shade = client.drawn & 255;
  if (client.frames_left > 0) client.frames_left--;
  client.drawn++;
  if (!client.busy[index]) {
    if (client.answers) fill(client.pixels[index], 0, 0, w, h, client.black ? 0 : 0xffffff);
    else fill(client.pixels[index], (w - side) / 2, (h - side) / 2, (w + side) / 2, (h + side) / 2,
         shade << 16 | shade << 8 | shade);
    client.busy[index] = true;
    wl_surface_attach(client.surface, client.buffers[index], 0, 0);
  }
  /* All of it, so that the compositor and the capture have the most to do. */
  wl_surface_damage_buffer(client.surface, 0, 0, w, h);
  if (client.frames_left != 0) {
    wl_callback_add_listener(wl_surface_frame(client.surface), &frame_listener, NULL);
    client.waits = true;
  }
  wl_surface_commit(client.surface);
  if (client.frames_left == 0) printf("drawn %u\n", client.drawn);
}

void pf_desktop_client_pressed(void) {
  if (!client.answers || client.width == 0) return;
  client.black = !client.black;
  client.frames_left = 1;
  draw();
}

static void on_surface_configure(void *data, struct xdg_surface *surface, uint32_t serial) {
  xdg_surface_ack_configure(surface, serial);
  if (client.wanted_width == 0) {
    client.wanted_width = 640;
    client.wanted_height = 480;
  }
  bool resized = client.width != client.wanted_width || client.height != client.wanted_height;
  if (!resized) return;
  resize();
  if (client.frames_left == 0) client.frames_left = 1;
  if (!client.waits) draw();
}
static const struct xdg_surface_listener surface_listener = {.configure = on_surface_configure};

static void on_configure(void *data, struct xdg_toplevel *toplevel, int32_t width, int32_t height,
                         struct wl_array *states) {
  if (width == 0 || height == 0) return;
  client.wanted_width = width;
  client.wanted_height = height;
}
static void on_close(void *data, struct xdg_toplevel *toplevel) { exit(0); }
static void on_bounds(void *data, struct xdg_toplevel *toplevel, int32_t width, int32_t height) {}
static void on_capabilities(void *data, struct xdg_toplevel *toplevel, struct wl_array *list) {}
static const struct xdg_toplevel_listener toplevel_listener = {
    .configure = on_configure,
    .close = on_close,
    .configure_bounds = on_bounds,
    .wm_capabilities = on_capabilities,
};

static void on_ping(void *data, struct xdg_wm_base *shell, uint32_t serial) {
  xdg_wm_base_pong(shell, serial);
}
static const struct xdg_wm_base_listener shell_listener = {.ping = on_ping};

static void on_global(void *data, struct wl_registry *registry, uint32_t name,
                      const char *interface, uint32_t version) {
  if (strcmp(interface, wl_compositor_interface.name) == 0) {
    client.compositor = wl_registry_bind(registry, name, &wl_compositor_interface, 4);
  } else if (strcmp(interface, wl_shm_interface.name) == 0) {
    client.shm = wl_registry_bind(registry, name, &wl_shm_interface, 1);
  } else if (strcmp(interface, xdg_wm_base_interface.name) == 0) {
    client.shell = wl_registry_bind(registry, name, &xdg_wm_base_interface, 1);
    xdg_wm_base_add_listener(client.shell, &shell_listener, NULL);
  } else if (strcmp(interface, wl_seat_interface.name) == 0 && version >= 5) {
    pf_desktop_client_listen(wl_registry_bind(registry, name, &wl_seat_interface, 5));
  }
}
static void on_global_remove(void *data, struct wl_registry *registry, uint32_t name) {}
static const struct wl_registry_listener registry_listener = {
    .global = on_global,
    .global_remove = on_global_remove,
};

int main(int count, char **arguments) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  const char *how = count > 1 ? arguments[1] : "still";
  client.frames_left = 1;
  client.answers = strcmp(how, "answer") == 0;
  if (strcmp(how, "moving") == 0) client.frames_left = FOREVER;
  if (strcmp(how, "burst") == 0 && count > 2) client.frames_left = atoi(arguments[2]);
  client.display = wl_display_connect(NULL);
  check(client.display != NULL, "no compositor");
  wl_registry_add_listener(wl_display_get_registry(client.display), &registry_listener, NULL);
  wl_display_roundtrip(client.display);
  check(client.compositor != NULL && client.shm != NULL && client.shell != NULL, "a global lacks");
  client.surface = wl_compositor_create_surface(client.compositor);
  struct xdg_surface *surface = xdg_wm_base_get_xdg_surface(client.shell, client.surface);
  xdg_surface_add_listener(surface, &surface_listener, NULL);
  struct xdg_toplevel *toplevel = xdg_surface_get_toplevel(surface);
  xdg_toplevel_add_listener(toplevel, &toplevel_listener, NULL);
  xdg_toplevel_set_title(toplevel, "desktop_client");
  if (strcmp(arguments[count - 1], "fullscreen") == 0) xdg_toplevel_set_fullscreen(toplevel, NULL);
  wl_surface_commit(client.surface);
  while (wl_display_dispatch(client.display) >= 0) {
  }
  return 1;
}

/*
 * Waiting for the display and for other threads at once. SDL's own way wakes a waiting thread by a
 * message through the display server, sent on the thread that has a picture; an eventfd is ten
 * times as fast, and keeps the decoder's thread away from a server that may hang or die.
 */
#include "window.h"

#include <SDL_syswm.h>
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* SDL settles changes of the focus by looking at the clock whenever it is asked for events. */
#define LOOK_MS 50
/* Drivers whose events have no file descriptor, as SDL's on a bare console. */
#define LOOK_BLIND_MS 4

/* The one window of this process, for the handler that gets no context. */
static pf_presenter *displayed;

/* Xlib ends the process when its server is gone, unless this handler does not return. */
static int on_display_lost(void *display) {
  pf_presenter *presenter = displayed;
  presenter->lost = true;
  pf__frontend_accept(&presenter->front, false);
  pf__window_cpu_close(presenter);
  pf__window_input_release(presenter);
  pf_events_post(presenter->front.events, PF_EVENT_FAILED, presenter->front.stage, 0, 0,
                 "the display is gone");
  pthread_exit(NULL);
}

/* A function of a library that SDL has loaded, or NULL. */
static void *loaded(const char *library, const char *name) {
  void *handle = dlopen(library, RTLD_LAZY | RTLD_NOLOAD);
  if (handle == NULL) return NULL;
  void *function = dlsym(handle, name);
  dlclose(handle);
  return function;
}

static int display_fd(pf_presenter *presenter) {
  SDL_SysWMinfo info;
  SDL_VERSION(&info.version);
  if (!SDL_GetWindowWMInfo(presenter->window, &info)) return -1;
#ifdef SDL_VIDEO_DRIVER_X11
  if (info.subsystem == SDL_SYSWM_X11) {
    int (*get)(void *) = (int (*)(void *))loaded("libX11.so.6", "XConnectionNumber");
    void *(*set)(int (*)(void *)) =
        (void *(*)(int (*)(void *)))loaded("libX11.so.6", "XSetIOErrorHandler");
    displayed = presenter;
    if (set != NULL) set(on_display_lost);
    return get != NULL ? get(info.info.x11.display) : -1;
  }
#endif
#ifdef SDL_VIDEO_DRIVER_WAYLAND
  if (info.subsystem == SDL_SYSWM_WAYLAND) {
    int (*get)(void *) = (int (*)(void *))loaded("libwayland-client.so.0", "wl_display_get_fd");
    return get != NULL ? get(info.info.wl.display) : -1;
  }
#endif
  return -1;
}

pf_result pf__window_wait_open(pf_presenter *presenter) {
  presenter->display_fd = display_fd(presenter);
  presenter->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (presenter->wake_fd < 0) return pf_fail(PF_E_SYSTEM, "eventfd: %s", strerror(errno));
  return PF_OK;
}

void pf__window_wait_close(pf_presenter *presenter) {
  if (presenter->wake_fd >= 0) close(presenter->wake_fd);
  presenter->wake_fd = -1;
}

void pf__window_wake(void *context) {
  pf_presenter *presenter = context;
  uint64_t one = 1;
  ssize_t written = write(presenter->wake_fd, &one, sizeof one); /* fails only when it is set */
  (void)written;
}

void pf__window_wait(pf_presenter *presenter) {
  struct pollfd ready[2] = {{.fd = presenter->wake_fd, .events = POLLIN},
                            {.fd = presenter->display_fd, .events = POLLIN}};
  bool blind = presenter->display_fd < 0;
  poll(ready, blind ? 1 : 2, blind ? LOOK_BLIND_MS : LOOK_MS);
  uint64_t count;
  ssize_t taken = read(presenter->wake_fd, &count, sizeof count);
  (void)taken;
}

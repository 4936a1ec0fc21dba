#include "connection.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <xcb/xcbext.h>

enum { COOKIE_BYTES = 16, DISPLAY_BYTES = 108 };

static bool read_cookie(const char *hex, char out[COOKIE_BYTES]) {
  if (strlen(hex) != COOKIE_BYTES * 2) return false;
  for (int i = 0; i < COOKIE_BYTES; i++) {
    unsigned byte;
    if (sscanf(hex + i * 2, "%2x", &byte) != 1) return false;
    out[i] = (char)byte;
  }
  return true;
}

/* libxcb waits without a bound for a server that does not greet; so it is greeted before, by the
 * connection setup of the X11 protocol (chapter 8), which every server answers, be it with a no. */
static pf_result greet(const char *name) {
  static const uint8_t setup[12] = {'l', 0, 11}; /* little-endian, version 11.0, no authority */
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  char *host = NULL;
  int display = 0, screen = 0;
  bool parsed = xcb_parse_display(name, &host, &display, &screen) != 0;
  bool is_here = parsed && (host[0] == '\0' || strcmp(host, "unix") == 0);
  free(host);
  if (!is_here) return PF_OK;
  snprintf(address.sun_path, sizeof address.sun_path, "/tmp/.X11-unix/X%d", display);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return pf_fail(PF_E_SYSTEM, "socket: %s", strerror(errno));
  pf_result result = PF_OK;
  struct pollfd wait = {.fd = fd, .events = POLLIN};
  bool there = connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
               send(fd, setup, sizeof setup, MSG_NOSIGNAL) == (ssize_t)sizeof setup;
  /* Who is not there at all, libxcb tells, which may know other ways to it. */
  if (there && poll(&wait, 1, PF_X11_ANSWER_MS) == 0)
    result = pf_fail(PF_E_CLOSED, "the X server at %s does not answer", name);
  close(fd);
  return result;
}

static pf_result refused(int error, const char *display) {
  switch (error) {
    case XCB_CONN_CLOSED_PARSE_ERR:
      return pf_fail(PF_E_ARGUMENT, "%s is not the name of an X display", display);
    case XCB_CONN_CLOSED_INVALID_SCREEN:
      return pf_fail(PF_E_MISSING, "the X server at %s has no such screen", display);
    default:
      return pf_fail(PF_E_MISSING, "no X server lets this user in at %s (see $XAUTHORITY)",
                     display);
  }
}

pf_result pf_x11_connect(pf_x11_connection *self, const char *display) {
  char name[DISPLAY_BYTES], kind[] = "MIT-MAGIC-COOKIE-1", cookie[COOKIE_BYTES];
  snprintf(name, sizeof name, "%s", display);
  char *hex = strchr(name, '#');
  if (hex != NULL) *hex++ = '\0';
  if (hex != NULL && !read_cookie(hex, cookie))
    return pf_fail(PF_E_ARGUMENT, "the cookie of the X display is not 32 hex digits");
  pf_result greeted = greet(name);
  if (greeted != PF_OK) return greeted;
  xcb_auth_info_t auth = {
      .namelen = sizeof kind - 1, .name = kind, .datalen = sizeof cookie, .data = cookie};
  int number = 0;
  self->xcb = xcb_connect_to_display_with_auth_info(name, hex == NULL ? NULL : &auth, &number);
  int error = xcb_connection_has_error(self->xcb);
  if (error != 0) {
    pf_x11_disconnect(self);
    return refused(error, name);
  }
  xcb_screen_iterator_t screens = xcb_setup_roots_iterator(xcb_get_setup(self->xcb));
  for (; number > 0 && screens.rem > 1; number--) xcb_screen_next(&screens);
  self->screen = screens.data;
  return PF_OK;
}

void pf_x11_disconnect(pf_x11_connection *self) {
  if (self->xcb != NULL) xcb_disconnect(self->xcb); /* also one with an error */
  self->xcb = NULL;
}

void pf_x11_break(pf_x11_connection *self) {
  shutdown(xcb_get_file_descriptor(self->xcb), SHUT_RDWR);
}

void pf_x11_join(pf_x11_connection *self, pthread_t thread, uint32_t ms_max) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  uint64_t ns = (uint64_t)until.tv_nsec + ms_max * 1000000ull;
  until.tv_sec += (time_t)(ns / 1000000000u);
  until.tv_nsec = (long)(ns % 1000000000u);
  if (pthread_timedjoin_np(thread, NULL, &until) == 0) return;
  pf_x11_break(self);
  pthread_join(thread, NULL);
}

void *pf_x11_reply(pf_x11_connection *self, unsigned sequence, const pf_x11_waiting *waiting,
                   int *error) {
  uint64_t until_ns = pf_now_ns() + waiting->ms_max * 1000000ull;
  int ignored;
  if (error == NULL) error = &ignored;
  *error = 0;
  xcb_flush(self->xcb);
  for (;;) {
    void *reply = NULL;
    xcb_generic_error_t *problem = NULL;
    if (xcb_poll_for_reply(self->xcb, sequence, &reply, &problem)) {
      if (problem != NULL) *error = problem->error_code;
      else if (reply == NULL) *error = PF_X11_GONE;
      free(problem);
      return reply;
    }
    bool stopped = waiting->stop != NULL && atomic_load(waiting->stop);
    bool late = pf_now_ns() >= until_ns;
    if (stopped || late) {
      xcb_discard_reply(self->xcb, sequence);
      *error = stopped ? PF_X11_STOPPED : PF_X11_TIMEOUT;
      return NULL;
    }
    pf_x11_wait(self, waiting->wake_fd, until_ns);
  }
}

const xcb_query_extension_reply_t *pf_x11_extension(pf_x11_connection *self,
                                                    xcb_extension_t *extension) {
  const xcb_query_extension_reply_t *data = xcb_get_extension_data(self->xcb, extension);
  return data != NULL && data->present ? data : NULL;
}

void pf_x11_wait(pf_x11_connection *self, int wake_fd, uint64_t until_ns) {
  struct pollfd waits[2] = {
      {.fd = xcb_get_file_descriptor(self->xcb), .events = POLLIN},
      {.fd = wake_fd, .events = POLLIN}, /* poll skips -1 */
  };
  uint64_t now_ns = pf_now_ns(), left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
  struct timespec timeout = {.tv_sec = (time_t)(left_ns / 1000000000u),
                             .tv_nsec = (long)(left_ns % 1000000000u)};
  if (ppoll(waits, 2, until_ns == UINT64_MAX ? NULL : &timeout, NULL) <= 0) return;
  if (waits[1].revents == 0) return;
  uint64_t count;
  ssize_t taken = read(wake_fd, &count, sizeof count); /* EAGAIN: it was read before */
  (void)taken;
}

bool pf_x11_writable(pf_x11_connection *self) {
  struct pollfd wait = {.fd = xcb_get_file_descriptor(self->xcb), .events = POLLOUT};
  return poll(&wait, 1, 0) == 1 && (wait.revents & POLLOUT) != 0;
}

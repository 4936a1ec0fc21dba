#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define ESCAPE "\x1b"
#define CANCEL "\x18" /* ends a control sequence that was cut off */
#define STRING_END ESCAPE "\\" /* ends a cut-off kitty or sixel picture */
#define ENTER ESCAPE "[?1049h" ESCAPE "[?25l" ESCAPE "[0m" ESCAPE "[2J"
#define LEAVE                                                                       \
  CANCEL STRING_END PF_TERMINAL_INPUT_END ESCAPE "[?2026l" ESCAPE "[0m" ESCAPE "[?25h" \
         ESCAPE "[?1049l"

#define POLL_MS 100
#define LEAVE_WAIT_MS 300 /* for a terminal that reads nothing */

PF_EXPORT const char *pf_presenter_restore_text(void) { return LEAVE; }

pf_result pf__tty_open(pf__tty *tty, const char *path) {
  /* An open of its own: O_NONBLOCK must not spread to the standard streams. */
  tty->fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (tty->fd < 0)
    return pf_fail(PF_E_MISSING, "no terminal at %s (%s); choose --present window or none", path,
                   strerror(errno));
  if (!isatty(tty->fd)) {
    pf__tty_close(tty);
    return pf_fail(PF_E_MISSING, "%s is no terminal; choose --present window or none", path);
  }
  return PF_OK;
}

void pf__tty_close(pf__tty *tty) {
  if (tty->fd >= 0) close(tty->fd);
  tty->fd = -1;
}

bool pf__tty_size(const pf__tty *tty, pf__screen *out) {
  struct winsize size;
  if (ioctl(tty->fd, TIOCGWINSZ, &size) != 0) return false;
  if (size.ws_col == 0 || size.ws_row == 0) { /* a line that does not know what hangs on it */
    *out = (pf__screen){.columns = 80, .rows = 24};
    return true;
  }
  *out = (pf__screen){.columns = size.ws_col, .rows = size.ws_row};
  out->cell_width = size.ws_xpixel / size.ws_col;
  out->cell_height = size.ws_ypixel / size.ws_row;
  return true;
}

bool pf__tty_in_foreground(const pf__tty *tty) {
  pid_t foreground = tcgetpgrp(tty->fd);
  return foreground <= 0 || foreground == getpgrp();
}

/*
 * Typed keys must not show in the picture (ECHO), nor Ctrl+S stop it (IXON). Only these two are
 * changed, and only those that were set are set again: whoever else sets modes keeps them.
 */
static void take_modes(pf__tty *tty) {
  struct termios modes;
  if (!pf__tty_in_foreground(tty)) return; /* SIGTTOU would stop this process */
  if (tcgetattr(tty->fd, &modes) != 0) return;
  tty->had_echo = (modes.c_lflag & ECHO) != 0;
  tty->had_flow_control = (modes.c_iflag & IXON) != 0;
  modes.c_lflag &= ~(tcflag_t)ECHO;
  modes.c_iflag &= ~(tcflag_t)IXON;
  tcsetattr(tty->fd, TCSANOW, &modes);
}

/* Ctrl+C stays what ends the stream, whatever the host would do with it. */
bool pf__tty_take_keys(pf__tty *tty) {
  struct termios modes;
  if (!pf__tty_in_foreground(tty) || tcgetattr(tty->fd, &modes) != 0) return false;
  if ((modes.c_lflag & ICANON) != 0) {
    tty->had_lines = true;
    tty->suspend_key = modes.c_cc[VSUSP];
    tty->quit_key = modes.c_cc[VQUIT];
  }
  modes.c_lflag &= ~(tcflag_t)(ECHO | ICANON);
  modes.c_iflag &= ~(tcflag_t)IXON;
  modes.c_cc[VSUSP] = modes.c_cc[VQUIT] = _POSIX_VDISABLE;
  modes.c_cc[VMIN] = 1;
  modes.c_cc[VTIME] = 0;
  return tcsetattr(tty->fd, TCSANOW, &modes) == 0;
}

static void give_modes_back(pf__tty *tty) {
  struct termios modes;
  bool changed = tty->had_echo || tty->had_flow_control || tty->had_lines;
  if (!changed || tcgetattr(tty->fd, &modes) != 0) return;
  if (tty->had_lines) {
    tcflush(tty->fd, TCIFLUSH); /* what is still unread was meant for the stream */
    modes.c_lflag |= ICANON;
    modes.c_cc[VSUSP] = tty->suspend_key;
    modes.c_cc[VQUIT] = tty->quit_key;
  }
  if (tty->had_echo) modes.c_lflag |= ECHO;
  if (tty->had_flow_control) modes.c_iflag |= IXON;
  tcsetattr(tty->fd, TCSANOW, &modes);
  tty->had_echo = tty->had_flow_control = tty->had_lines = false;
}

bool pf__tty_write(pf__tty *tty, pf__frontend *front, const char *bytes, size_t count) {
  while (count > 0) {
    ssize_t written = write(tty->fd, bytes, count);
    if (written > 0) {
      bytes += written;
      count -= (size_t)written;
      continue;
    }
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno != EAGAIN) return false;
    struct pollfd ready = {.fd = tty->fd, .events = POLLOUT};
    poll(&ready, 1, POLL_MS);
    if (!pf__frontend_accepting(front)) return false;
  }
  return true;
}

bool pf__tty_enter(pf__tty *tty, pf__frontend *front) {
  tty->entered = true;
  take_modes(tty);
  return pf__tty_write(tty, front, ENTER, sizeof ENTER - 1);
}

/* Writes as much as the terminal takes until the deadline; returns how much. */
static size_t write_until(int fd, const char *bytes, size_t count, uint64_t deadline_ns) {
  size_t done = 0;
  while (done < count) {
    ssize_t written = write(fd, bytes + done, count - done);
    if (written > 0) {
      done += (size_t)written;
    } else if (pf_now_ns() > deadline_ns || (errno != EAGAIN && errno != EINTR)) {
      break;
    } else {
      struct pollfd ready = {.fd = fd, .events = POLLOUT};
      poll(&ready, 1, POLL_MS);
    }
  }
  return done;
}

void pf__tty_leave(pf__tty *tty) {
  if (!tty->entered) return;
  tty->entered = false;
  const size_t count = sizeof LEAVE - 1;
  uint64_t now_ns = pf_now_ns();
  if (write_until(tty->fd, LEAVE, count, now_ns + LEAVE_WAIT_MS * 1000000ull) < count) {
    /* What is stuck is picture. Without it there is room, also for what was half written. */
    tcflush(tty->fd, TCOFLUSH);
    write_until(tty->fd, LEAVE, count, 0);
  }
  give_modes_back(tty);
}

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
#define LEAVE CANCEL STRING_END ESCAPE "[?2026l" ESCAPE "[0m" ESCAPE "[?25h" ESCAPE "[?1049l"

#define POLL_MS 100
#define LEAVE_WAIT_MS 300 /* for a terminal that reads nothing, as after Ctrl+S */

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
  if (ioctl(tty->fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return false;
  *out = (pf__screen){.columns = size.ws_col, .rows = size.ws_row};
  out->cell_width = size.ws_xpixel / size.ws_col;
  out->cell_height = size.ws_ypixel / size.ws_row;
  return true;
}

/* Only the echo is changed, both ways: whoever else sets modes meanwhile keeps them. */
static void set_echo(pf__tty *tty, bool echo) {
  struct termios modes;
  bool background = tcgetpgrp(tty->fd) > 0 && tcgetpgrp(tty->fd) != getpgrp();
  if (background || tcgetattr(tty->fd, &modes) != 0) return; /* would be stopped by SIGTTOU */
  if (!echo && (modes.c_lflag & ECHO) == 0) return;
  if (echo && !tty->echo_silenced) return;
  modes.c_lflag = echo ? modes.c_lflag | ECHO : modes.c_lflag & ~(tcflag_t)ECHO;
  tcsetattr(tty->fd, TCSANOW, &modes);
  tty->echo_silenced = !echo;
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
  set_echo(tty, false);
  return pf__tty_write(tty, front, ENTER, sizeof ENTER - 1);
}

void pf__tty_leave(pf__tty *tty) {
  if (!tty->entered) return;
  tty->entered = false;
  const char *bytes = LEAVE;
  size_t count = sizeof LEAVE - 1;
  uint64_t deadline_ns = pf_now_ns() + LEAVE_WAIT_MS * 1000000ull;
  while (count > 0) {
    ssize_t written = write(tty->fd, bytes, count);
    if (written > 0) {
      bytes += written;
      count -= (size_t)written;
    } else if (written < 0 && errno != EAGAIN && errno != EINTR) {
      break;
    } else if (pf_now_ns() > deadline_ns) {
      tcflush(tty->fd, TCOFLUSH); /* what is stuck is picture; room for the rest */
      ssize_t last = write(tty->fd, bytes, count);
      (void)last;
      break;
    } else {
      struct pollfd ready = {.fd = tty->fd, .events = POLLOUT};
      poll(&ready, 1, POLL_MS);
    }
  }
  set_echo(tty, true);
}

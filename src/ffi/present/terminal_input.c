/*
 * Keyboard and mouse of the terminal, read by a thread of their own so that no key waits for a
 * picture. The modes are changed by the thread that draws, between two pictures.
 */
#include "terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define ESCAPE "\x1b"
/* All motion of the mouse in cells, focus, pasted text in brackets; of kitty's protocol (if there
 * is one) all keys with their releases, places and text, and the question whether there is; and
 * whether the mouse can be told in pixels. */
#define BEGIN                                                                              \
  ESCAPE "[?1003h" ESCAPE "[?1006h" ESCAPE "[?1004h" ESCAPE "[?2004h" ESCAPE "[>31u" ESCAPE \
         "[?u" ESCAPE "[?1016$p"
#define IN_PIXELS ESCAPE "[?1016h"

enum {
  MOUSE_IN_PIXELS = 1016,
  /* A terminal sends the parts of a sequence at once; a person presses Escape and then waits. */
  ESCAPE_MS = 30,
  BACKGROUND_MS = 200,
  DECRPM_SET = 1,
  DECRPM_RESET = 2,
  NOTCH = 120,
};

static void post(pf_presenter *presenter, uint32_t kind, int64_t a, int64_t b, const char *text) {
  pf_count(presenter->front.counters.input_events, 1);
  pf_events_post(presenter->front.events, kind, presenter->front.stage, a, b, text);
}

static void post_key(pf_presenter *presenter, uint32_t usage, bool down) {
  pf__terminal_input *input = &presenter->input;
  if (usage > PF_TERMINAL_USAGE_LAST || input->pressed[usage] == down) return;
  input->pressed[usage] = down;
  post(presenter, PF_EVENT_KEY, usage, down, NULL);
}

static void post_tap(pf_presenter *presenter, uint32_t usage, uint32_t modifiers) {
  static const struct {
    uint32_t modifier, usage;
  } held[] = {
      {PF__KEYS_CTRL, 224}, {PF__KEYS_SHIFT, 225}, {PF__KEYS_ALT, 226}, {PF__KEYS_SUPER, 227}};
  for (size_t i = 0; i < PF_ARRAY_COUNT(held); i++)
    if (modifiers & held[i].modifier) post_key(presenter, held[i].usage, true);
  post_key(presenter, usage, true);
  post_key(presenter, usage, false);
  for (size_t i = PF_ARRAY_COUNT(held); i > 0; i--)
    if (modifiers & held[i - 1].modifier) post_key(presenter, held[i - 1].usage, false);
}

/* A place on the screen as one on the picture; false beside it. */
static bool place(pf_presenter *presenter, const pf__keys_event *event, uint32_t *x, uint32_t *y) {
  pf__terminal_input *input = &presenter->input;
  pthread_mutex_lock(&input->lock);
  pf__terminal_area area = input->area;
  pthread_mutex_unlock(&input->lock);
  bool pixels = atomic_load(&input->in_pixels) && area.cell_width > 0 && area.cell_height > 0;
  double width = area.columns, height = area.rows;
  double across = event->x - 0.5 - area.left, down = event->y - 0.5 - area.top;
  if (pixels) {
    width *= area.cell_width;
    height *= area.cell_height;
    across = event->x - 0.5 - (double)area.left * area.cell_width;
    down = event->y - 0.5 - (double)area.top * area.cell_height;
  }
  if (area.columns == 0 || area.rows == 0) return false;
  bool inside = across >= 0 && down >= 0 && across < width && down < height;
  if (!inside && input->buttons == 0) return false;
  across = across < 0 ? 0 : across > width ? width : across;
  down = down < 0 ? 0 : down > height ? height : down;
  *x = (uint32_t)(across / width * UINT16_MAX);
  *y = (uint32_t)(down / height * UINT16_MAX);
  return true;
}

/* Whether the place is the picture's, which is told if it is news. */
static bool take_position(pf_presenter *presenter, const pf__keys_event *event) {
  pf__terminal_input *input = &presenter->input;
  uint32_t x, y;
  if (!place(presenter, event, &x, &y)) return false;
  if (x != input->x || y != input->y) post(presenter, PF_EVENT_POSITION, x, y, NULL);
  input->x = x;
  input->y = y;
  return true;
}

static void take_button(pf_presenter *presenter, const pf__keys_event *event) {
  uint32_t *buttons = &presenter->input.buttons, bit = 1u << event->a;
  bool down = event->b != 0;
  if (((*buttons & bit) != 0) == down) return;
  if (!take_position(presenter, event) && down) return;
  *buttons ^= bit;
  post(presenter, PF_EVENT_BUTTON, event->a, down, NULL);
}

static void release(pf_presenter *presenter) {
  for (uint32_t usage = 0; usage <= PF_TERMINAL_USAGE_LAST; usage++)
    post_key(presenter, usage, false);
  for (uint32_t button = 1; button <= 5; button++)
    if (presenter->input.buttons & 1u << button)
      post(presenter, PF_EVENT_BUTTON, button, 0, NULL);
  presenter->input.buttons = 0;
}

static void take_focus(pf_presenter *presenter, bool gained) {
  if (!gained) release(presenter);
  post(presenter, gained ? PF_EVENT_FOCUS_GAINED : PF_EVENT_FOCUS_LOST, 0, 0, NULL);
}

static void take_event(void *context, const pf__keys_event *event) {
  pf_presenter *presenter = context;
  switch (event->kind) {
    case PF__KEYS_EDGE:
      post_key(presenter, (uint32_t)event->a, event->b != 0);
      return;
    case PF__KEYS_TAP:
      post_tap(presenter, (uint32_t)event->a, (uint32_t)event->b);
      return;
    case PF__KEYS_TEXT:
      post(presenter, PF_EVENT_TEXT, 0, 0, event->text);
      return;
    case PF__KEYS_POINTER:
      take_position(presenter, event);
      return;
    case PF__KEYS_BUTTON:
      take_button(presenter, event);
      return;
    case PF__KEYS_SCROLL:
      if (take_position(presenter, event))
        post(presenter, PF_EVENT_SCROLL, event->a * NOTCH, event->b * NOTCH, NULL);
      return;
    case PF__KEYS_FOCUS:
      take_focus(presenter, event->a != 0);
      return;
    case PF__KEYS_INTERRUPT:
      kill(getpid(), SIGINT);
      return;
    case PF__KEYS_MODE:
      if (event->a != MOUSE_IN_PIXELS) return;
      if (event->b == DECRPM_RESET) atomic_store(&presenter->input.can_pixels, true);
      pf__frontend_wake(&presenter->front);
      return;
  }
}

/* Reads what is there; false when the terminal is gone. */
static bool read_keys(pf_presenter *presenter) {
  uint8_t bytes[1024];
  ssize_t count = read(presenter->tty.fd, bytes, sizeof bytes);
  if (count <= 0) return count < 0 && (errno == EAGAIN || errno == EINTR);
  presenter->input.keys.by_text = atomic_load(&presenter->input.text);
  pf__keys_feed(&presenter->input.keys, bytes, (size_t)count);
  return true;
}

static void *input_thread(void *argument) {
  pf_presenter *presenter = argument;
  pf__terminal_input *input = &presenter->input;
  pf_thread_name("pf-keys");
  while (!atomic_load(&input->stopping)) {
    /* What stands in the background would be stopped for reading. */
    bool reads = atomic_load(&input->active) && pf__tty_in_foreground(&presenter->tty);
    struct pollfd ready[2] = {{.fd = input->wake_fd, .events = POLLIN},
                              {.fd = reads ? presenter->tty.fd : -1, .events = POLLIN}};
    bool waits = pf__keys_waits(&input->keys);
    int count = poll(ready, 2, waits ? ESCAPE_MS : BACKGROUND_MS);
    if (count == 0 && waits) pf__keys_idle(&input->keys);
    if (ready[0].revents != 0) {
      uint64_t times;
      ssize_t bytes = read(input->wake_fd, &times, sizeof times);
      (void)bytes;
    } else if (ready[1].revents != 0 && !read_keys(presenter)) {
      break; /* the thread that draws sees it too, and says so */
    }
    if (!atomic_load(&input->active)) release(presenter);
  }
  release(presenter);
  return NULL;
}

static void wake(pf__terminal_input *input) {
  uint64_t one = 1;
  ssize_t written = write(input->wake_fd, &one, sizeof one);
  (void)written;
}

pf_result pf__terminal_input_open(pf_presenter *presenter, const pf_present_config *config) {
  pf__terminal_input *input = &presenter->input;
  pthread_mutex_init(&input->lock, NULL);
  input->keys.emit = take_event;
  input->keys.context = presenter;
  atomic_init(&input->wanted, (config->flags & PF_PRESENT_FLAG_NO_INPUT) == 0);
  atomic_init(&input->text, (config->flags & PF_PRESENT_FLAG_TEXT) != 0);
  input->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (input->wake_fd >= 0) return PF_OK;
  return pf_fail(PF_E_SYSTEM, "eventfd: %s", strerror(errno));
}

void pf__terminal_input_close(pf_presenter *presenter) {
  pf__terminal_input_stop(presenter);
  if (presenter->input.wake_fd >= 0) close(presenter->input.wake_fd);
  pthread_mutex_destroy(&presenter->input.lock);
}

/* Begins to read: modes first, so that what comes is understood. */
static void begin(pf_presenter *presenter) {
  pf__terminal_input *input = &presenter->input;
  if (!pf__tty_take_keys(&presenter->tty)) return; /* in the background: not now */
  pf__tty_write(&presenter->tty, &presenter->front, BEGIN, sizeof BEGIN - 1);
  atomic_store(&input->active, true);
  if (input->running) wake(input);
  else input->running = pthread_create(&input->thread, NULL, input_thread, presenter) == 0;
}

void pf__terminal_input_follow(pf_presenter *presenter) {
  pf__terminal_input *input = &presenter->input;
  bool wanted = atomic_load(&input->wanted), active = atomic_load(&input->active);
  if (wanted && !active) {
    begin(presenter);
  } else if (!wanted && active) {
    atomic_store(&input->active, false);
    atomic_store(&input->can_pixels, false);
    atomic_store(&input->in_pixels, false);
    wake(input);
    pf__tty_write(&presenter->tty, &presenter->front, PF_TERMINAL_INPUT_END,
                  sizeof PF_TERMINAL_INPUT_END - 1);
  } else if (active && atomic_load(&input->can_pixels) && !atomic_load(&input->in_pixels)) {
    pf__tty_write(&presenter->tty, &presenter->front, IN_PIXELS, sizeof IN_PIXELS - 1);
    atomic_store(&input->in_pixels, true);
  }
}

void pf__terminal_input_area(pf_presenter *presenter, const pf__terminal_area *area) {
  pthread_mutex_lock(&presenter->input.lock);
  presenter->input.area = *area;
  pthread_mutex_unlock(&presenter->input.lock);
}

void pf__terminal_input_stop(pf_presenter *presenter) {
  pf__terminal_input *input = &presenter->input;
  atomic_store(&input->stopping, true);
  if (!input->running) return;
  wake(input);
  pthread_join(input->thread, NULL);
  input->running = false;
}

#include "terminal.h"

#include <stdlib.h>
#include <string.h>

#define SIZE_CHECK_NS 200000000u /* a still picture follows a resized terminal this soon */

/* A terminal that knows it shows everything between these two at once; others ignore them. */
#define BEGIN_UPDATE "\x1b[?2026h"
#define END_UPDATE "\x1b[?2026l"

/* The line at the bottom: reversed, the first one, cut to the width (counting characters, not
 * bytes). */
static void append_overlay(GString *output, const pf__screen *screen, const char *text) {
  const char *end = text;
  for (uint32_t left = screen->columns; *end != '\0' && *end != '\n'; end++) {
    bool starts = ((uint8_t)*end & 0xc0) != 0x80;
    if (starts && left-- == 0) break;
  }
  g_string_append_printf(output, "\x1b[%u;1H\x1b[0;7m", screen->rows);
  g_string_append_len(output, text, end - text);
  g_string_append(output, "\x1b[K\x1b[0m");
}

/* Draws the picture and the overlay; whether all of it is written. */
static bool show(pf_presenter *presenter, const pf_picture *picture, const pf__screen *screen,
                 const char *overlay) {
  GString *output = presenter->output;
  pf__screen canvas_screen = *screen;
  /* The last row is the overlay's; below sixels it also keeps the screen from scrolling. */
  bool reserved = overlay[0] != '\0' || presenter->canvas.mode == CHAFA_PIXEL_MODE_SIXELS;
  if (reserved && canvas_screen.rows > 1) canvas_screen.rows--;
  g_string_assign(output, BEGIN_UPDATE);
  if (pf__canvas_fit(&presenter->canvas, &canvas_screen, picture))
    g_string_append(output, "\x1b[0m\x1b[2J");
  if (pf__canvas_draw(&presenter->canvas, picture, output) != PF_OK) {
    pf_count(presenter->front.counters.failures, 1);
    return false;
  }
  const pf__canvas *canvas = &presenter->canvas;
  pf__terminal_area area = {.left = canvas->left,
                            .top = canvas->top,
                            .columns = canvas->columns,
                            .rows = canvas->rows,
                            .cell_width = screen->cell_width,
                            .cell_height = screen->cell_height};
  pf__terminal_input_area(presenter, &area);
  if (overlay[0] != '\0') append_overlay(output, screen, overlay);
  g_string_append(output, END_UPDATE);
  return pf__tty_write(&presenter->tty, &presenter->front, output->str, output->len);
}

static void work(pf_presenter *presenter) {
  pf__frontend *front = &presenter->front;
  pf_picture *picture = NULL;
  pf__screen screen = {0};
  uint32_t overlay_version = 0;
  uint64_t next_ns = 0;
  while (pf__frontend_pause(front, next_ns)) {
    pf_picture *newer = pf__frontend_wait(front, pf_now_ns() + SIZE_CHECK_NS);
    if (newer != NULL) {
      if (picture != NULL) pf_picture_release(picture);
      picture = newer;
    }
    pf__terminal_input_follow(presenter);
    pf__screen now;
    if (!pf__tty_size(&presenter->tty, &now)) break;
    char overlay[PF_OVERLAY_BYTES];
    uint32_t version = pf__frontend_overlay(front, overlay);
    bool changed = memcmp(&now, &screen, sizeof now) != 0 || version != overlay_version;
    if (picture == NULL || (newer == NULL && !changed)) continue;
    screen = now;
    overlay_version = version;
    next_ns = pf_now_ns() + pf__canvas_interval_ns(&presenter->canvas);
    if (!show(presenter, picture, &screen, overlay)) continue;
    if (newer != NULL) pf__frontend_shown(front, &picture->times);
  }
  if (picture != NULL) pf_picture_release(picture);
}

static void *terminal_thread(void *argument) {
  pf_presenter *presenter = argument;
  pf__frontend *front = &presenter->front;
  pf_thread_name("pf-terminal");
  pf_events_post(front->events, PF_EVENT_STARTED, front->stage, 0, 0,
                 pf__canvas_name(&presenter->canvas));
  if (pf__tty_enter(&presenter->tty, front)) work(presenter);
  pf__terminal_input_stop(presenter);
  bool stopped = !pf__frontend_accepting(front);
  pf__frontend_accept(front, false);
  if (!stopped)
    pf_events_post(front->events, PF_EVENT_FAILED, front->stage, 0, 0, "the terminal is gone");
  pf__tty_leave(&presenter->tty);
  return NULL;
}

PF_EXPORT pf_result pf_presenter_open(const pf_present_config *config, pf_presenter **out) {
  pf_presenter *presenter = calloc(1, sizeof *presenter);
  if (presenter == NULL) return pf_fail(PF_E_MEMORY, "no memory for the terminal");
  pf__frontend_init(&presenter->front, config);
  presenter->front.overlay_visible = true; /* no key of a terminal could switch it on */
  presenter->output = g_string_new(NULL);
  presenter->tty.fd = presenter->input.wake_fd = -1;
  const char *path = config->terminal[0] != '\0' ? config->terminal : "/dev/tty";
  pf_result result = pf__tty_open(&presenter->tty, path);
  if (result == PF_OK) result = pf__canvas_open(&presenter->canvas);
  if (result == PF_OK) result = pf__terminal_input_open(presenter, config);
  if (result != PF_OK) {
    pf_presenter_close(presenter);
    return result;
  }
  *out = presenter;
  return PF_OK;
}

PF_EXPORT pf_result pf_presenter_start(pf_presenter *presenter) {
  if (presenter->started || presenter->joined)
    return pf_fail(PF_E_STATE, "the terminal was started before");
  pf__frontend_accept(&presenter->front, true);
  int error = pthread_create(&presenter->thread, NULL, terminal_thread, presenter);
  if (error != 0) {
    pf__frontend_accept(&presenter->front, false);
    return pf_fail(PF_E_SYSTEM, "no thread for the terminal: %s", strerror(error));
  }
  presenter->started = true;
  return PF_OK;
}

PF_EXPORT void pf_presenter_stop(pf_presenter *presenter) {
  pf__frontend_accept(&presenter->front, false);
  if (presenter->started && !presenter->joined) pthread_join(presenter->thread, NULL);
  presenter->joined = true;
}

PF_EXPORT void pf_presenter_close(pf_presenter *presenter) {
  if (presenter == NULL) return;
  pf_presenter_stop(presenter);
  pf__terminal_input_close(presenter);
  pf__canvas_close(&presenter->canvas);
  pf__tty_close(&presenter->tty);
  g_string_free(presenter->output, TRUE);
  pf__frontend_destroy(&presenter->front);
  free(presenter);
}

PF_EXPORT pf_result pf_presenter_set(pf_presenter *presenter, uint32_t knob, int64_t value) {
  if (knob == PF_KNOB_GRAB || knob == PF_KNOB_FULLSCREEN) return PF_OK;
  if (knob != PF_KNOB_TEXT_INPUT && knob != PF_KNOB_INPUT_ENABLED)
    return pf__frontend_set(&presenter->front, knob, value);
  pf__terminal_input *input = &presenter->input;
  atomic_store(knob == PF_KNOB_TEXT_INPUT ? &input->text : &input->wanted, value != 0);
  pf__frontend_wake(&presenter->front);
  return PF_OK;
}

PF_EXPORT void pf_presenter_set_overlay(pf_presenter *presenter, const char *utf8) {
  pf__frontend_set_overlay(&presenter->front, utf8);
}

PF_EXPORT void pf_presenter_sink(pf_presenter *presenter, pf_sink *out) {
  pf__frontend_sink(&presenter->front, out);
}

PF_EXPORT const void *pf_presenter_counters(pf_presenter *presenter) {
  return &presenter->front.counters;
}

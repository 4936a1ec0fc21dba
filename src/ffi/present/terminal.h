/*
 * The terminal presenter's parts.
 *
 *   terminal.c          the exports and the thread
 *   terminal_tty.c      the terminal as a device: size, modes, writing without blocking
 *   terminal_canvas.c   pictures to what the terminal understands, by chafa
 *   terminal_input.c    keyboard and mouse to events, by
 *     terminal_keys.c     what the terminal sends
 */
#ifndef PF_PRESENT_TERMINAL_H
#define PF_PRESENT_TERMINAL_H
#include "frontend.h"

#include <chafa.h>

#include "pixels.h"
#include "presenter.h"
#include "terminal_keys.h"

#define PF_PRESENT_FLAG_NO_INPUT 4u
#define PF_PRESENT_FLAG_TEXT 8u
/* The last usage of HID page 7 that a terminal tells of: the right Super key. */
#define PF_TERMINAL_USAGE_LAST 231
/* Ends what the input has asked of the terminal. */
#define PF_TERMINAL_INPUT_END \
  "\x1b[<u\x1b[?1016l\x1b[?1003l\x1b[?1006l\x1b[?1004l\x1b[?2004l"

/* Where on the screen what goes, in cells. */
typedef struct pf__screen {
  uint32_t columns, rows;
  uint32_t cell_width, cell_height; /* pixels; 0 = the terminal does not say */
} pf__screen;

typedef struct pf__tty {
  int fd;
  bool entered;
  bool had_echo, had_flow_control;
  bool had_lines; /* it gave whole lines, and had keys to suspend and to quit */
  uint8_t suspend_key, quit_key;
} pf__tty;

typedef struct pf__canvas {
  ChafaTermInfo *terminal;
  ChafaSymbolMap *symbols;
  ChafaPixelMode mode;
  ChafaCanvasMode colours;
  ChafaCanvas *canvas;
  uint32_t columns, rows;          /* of the canvas, in cells */
  uint32_t left, top;              /* its corner on the screen, in cells from 0 */
  uint32_t width, height;          /* pixels that chafa is given */
  uint8_t *pixels;                 /* BGRA */
  pf__pixels_scratch scratch;
  pf__screen screen;               /* what it was laid out for */
  uint32_t picture_width, picture_height;
} pf__canvas;

/* Where on the screen the picture is, in cells; cells in pixels, 0 = not known. */
typedef struct pf__terminal_area {
  uint32_t left, top, columns, rows;
  uint32_t cell_width, cell_height;
} pf__terminal_area;

typedef struct pf__terminal_input {
  pthread_t thread;
  bool running;
  int wake_fd;
  atomic_bool stopping;
  atomic_bool wanted, active; /* what is asked for, and what is in force */
  atomic_bool text;           /* keys that print come as text, where the terminal tells both */
  atomic_bool can_pixels;     /* the terminal said that it can tell the mouse in pixels */
  atomic_bool in_pixels;      /* and does */
  pthread_mutex_t lock;       /* of the area */
  pf__terminal_area area;
  pf__keys keys;
  bool pressed[PF_TERMINAL_USAGE_LAST + 1];
  uint32_t buttons; /* bit n = button n is down */
  uint32_t x, y;    /* where the pointer was told to be */
} pf__terminal_input;

struct pf_presenter {
  pf__frontend front;
  pthread_t thread;
  bool started, joined;
  pf__tty tty;
  pf__canvas canvas;
  GString *output;
  pf__terminal_input input;
};

/* terminal_input.c: only stop, wanted and text are for other threads than the one that draws. */
pf_result pf__terminal_input_open(pf_presenter *presenter, const pf_present_config *config);
void pf__terminal_input_close(pf_presenter *presenter);
/* Begins or ends to read, as is wanted now; between two pictures. */
void pf__terminal_input_follow(pf_presenter *presenter);
void pf__terminal_input_area(pf_presenter *presenter, const pf__terminal_area *area);
void pf__terminal_input_stop(pf_presenter *presenter);

/* terminal_tty.c */
pf_result pf__tty_open(pf__tty *tty, const char *path);
void pf__tty_close(pf__tty *tty);
/* 80x24 when the terminal does not know its size; false when it is gone. */
bool pf__tty_size(const pf__tty *tty, pf__screen *out);
/* Alternate screen, no cursor, no echo, no flow control; and back. */
bool pf__tty_enter(pf__tty *tty, pf__frontend *front);
void pf__tty_leave(pf__tty *tty);
/* Whether this process may read from the terminal and change its modes. */
bool pf__tty_in_foreground(const pf__tty *tty);
/* Has keys come one by one, also those that suspend and quit; false in the background. */
bool pf__tty_take_keys(pf__tty *tty);
/* Writes everything, waiting for a slow terminal while `front` accepts pictures; false when that
 * ended first or the terminal is gone. */
bool pf__tty_write(pf__tty *tty, pf__frontend *front, const char *bytes, size_t count);

/* terminal_canvas.c */
/* Learns from the environment what the terminal can do. PF_E_UNSUPPORTED: no pictures. */
pf_result pf__canvas_open(pf__canvas *canvas);
void pf__canvas_close(pf__canvas *canvas);
const char *pf__canvas_name(const pf__canvas *canvas);
/* Least time between two pictures: what terminals keep up with. */
uint64_t pf__canvas_interval_ns(const pf__canvas *canvas);
/* Fits the canvas to screen and picture; true when something moved, so that the screen needs to
 * be cleared. */
bool pf__canvas_fit(pf__canvas *canvas, const pf__screen *screen, const pf_picture *picture);
/* Appends what draws the picture. */
pf_result pf__canvas_draw(pf__canvas *canvas, const pf_picture *picture, GString *output);

#endif

/*
 * The terminal presenter's parts.
 *
 *   terminal.c          the exports and the thread
 *   terminal_tty.c      the terminal as a device: size, modes, writing without blocking
 *   terminal_canvas.c   pictures to what the terminal understands, by chafa
 */
#ifndef PF_PRESENT_TERMINAL_H
#define PF_PRESENT_TERMINAL_H
#include "frontend.h"

#include <chafa.h>

#include "pixels.h"
#include "presenter.h"

/* Where on the screen what goes, in cells. */
typedef struct pf__screen {
  uint32_t columns, rows;
  uint32_t cell_width, cell_height; /* pixels; 0 = the terminal does not say */
} pf__screen;

typedef struct pf__tty {
  int fd;
  bool entered;
  bool had_echo, had_flow_control;
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

struct pf_presenter {
  pf__frontend front;
  pthread_t thread;
  bool started, joined;
  pf__tty tty;
  pf__canvas canvas;
  GString *output;
};

/* terminal_tty.c */
pf_result pf__tty_open(pf__tty *tty, const char *path);
void pf__tty_close(pf__tty *tty);
/* 80x24 when the terminal does not know its size; false when it is gone. */
bool pf__tty_size(const pf__tty *tty, pf__screen *out);
/* Alternate screen, no cursor, no echo, no flow control; and back. */
bool pf__tty_enter(pf__tty *tty, pf__frontend *front);
void pf__tty_leave(pf__tty *tty);
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

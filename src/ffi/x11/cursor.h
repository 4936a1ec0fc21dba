/* The pointer's picture, which X servers leave out of what they give. */
#ifndef PF_X11_CURSOR_H
#define PF_X11_CURSOR_H
#include "connection.h"

enum { PF_X11_CURSOR_SIDE_MAX = 256 };

typedef struct pf_x11_cursor {
  uint32_t width, height; /* 0 = none is shown */
  int32_t hot_x, hot_y;
  uint32_t pixels[PF_X11_CURSOR_SIDE_MAX * PF_X11_CURSOR_SIDE_MAX]; /* ARGB, premultiplied */
} pf_x11_cursor;

/* Paints it with its hot spot at a place of the picture, which has 4 bytes a pixel. */
void pf_x11_cursor_paint(const pf_x11_cursor *self, pf_picture *picture, int32_t x, int32_t y);

#endif

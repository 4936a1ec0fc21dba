/* What changes on an X server's screen, and how its picture and pointer are got. */
#ifndef PF_X11_SCREEN_H
#define PF_X11_SCREEN_H
#include "cursor.h"
#include "pool.h"

#include <xcb/damage.h>

typedef struct pf_x11_screen {
  pf_x11_connection connection;
  uint32_t width, height, format; /* of the root window; PF_PIXEL_* */
  bool has_shm;
  xcb_damage_damage_t damage; /* 0 = the server does not tell changes */
  uint8_t damage_event, fixes_event, input_opcode; /* 0 = the server does not tell */
  bool paints_cursor, cursor_is_stale;
  bool changed, resized; /* since pf_x11_screen_get; by events */
  pf_capture_counters *counters;
  pf_x11_cursor cursor;
} pf_x11_screen;

pf_result pf_x11_screen_open(pf_x11_screen *self, const char *display, bool paints_cursor);
/* Handles the events that came. False when the connection is lost. */
bool pf_x11_screen_listen(pf_x11_screen *self);
/* Writes the whole screen into a buffer of its size. PF_E_STATE when it can't be got just now, as
 * while its size changes; PF_E_CLOSED when the server does not answer or is gone. */
pf_result pf_x11_screen_get(pf_x11_screen *self, pf_x11_buffer *buffer,
                            const pf_x11_waiting *waiting);

#endif

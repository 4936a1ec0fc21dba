/*
 * The window presenter's parts. One thread owns all of SDL's video: it opens the display, handles
 * events and draws. Everyone else leaves a request in the handle and wakes it by an SDL user event.
 *
 *   window.c        the thread, its life, the exports
 *   window_draw.c   textures, letterbox, overlay
 *   window_input.c  keyboard and mouse to events
 */
#ifndef PF_PRESENT_WINDOW_H
#define PF_PRESENT_WINDOW_H
#include "frontend.h"

#include <SDL.h>
#include <SDL_ttf.h>

#include "presenter.h"

#define PF_PRESENT_FLAG_FULLSCREEN 1u
#define PF_PRESENT_FLAG_GRAB 2u
#define PF_PRESENT_FLAG_NO_INPUT 4u

/* Usages of HID page 7 that SDL's scancodes share: letters from 4, modifiers up to 231. */
#define PF_USAGE_FIRST 4
#define PF_USAGE_LAST 231

enum { PF__REQUEST_NONE = -1 };

typedef enum pf__phase {
  PF__PHASE_OPENING,
  PF__PHASE_OPEN,
  PF__PHASE_FAILED,
  PF__PHASE_RUNNING,
  PF__PHASE_STOPPING,
} pf__phase;

typedef struct pf__window_input {
  bool enabled;
  bool pressed[PF_USAGE_LAST + 1];
  uint32_t buttons; /* bit n = button n is down */
  int32_t motion_x, motion_y;
  bool moved_to; /* position_x and _y wait to be posted */
  uint32_t position_x, position_y;
  float scroll_x, scroll_y; /* 1/120 of a notch, with the fraction that was not posted */
} pf__window_input;

typedef struct pf__window_draw {
  SDL_Renderer *renderer;
  SDL_Texture *texture; /* the newest picture */
  uint32_t format, width, height;
  SDL_Rect area; /* of the picture in the window, in pixels of the renderer's output */
  TTF_Font *font;
  SDL_Texture *overlay;
  int overlay_width, overlay_height;
  uint32_t overlay_version;
  bool size_refused; /* the present picture size was reported as not showable */
} pf__window_draw;

struct pf_presenter {
  pf__frontend front;
  pf_present_config config;
  pthread_t thread;
  pthread_cond_t phase_changed; /* with front.lock */
  pf__phase phase;
  pf_result failure;
  char failure_text[256];
  Uint32 wake_event;
  atomic_bool wake_pending;
  atomic_int grab_request, fullscreen_request;
  SDL_Window *window;
  bool closed; /* window_closed was posted */
  bool redraw;
  int posted_width, posted_height;
  pf__window_draw draw;
  pf__window_input input;
};

/* Makes the renderer and loads the font (none: no overlay). */
pf_result pf__window_draw_open(pf_presenter *presenter);
void pf__window_draw_close(pf_presenter *presenter);
/* Copies a picture into the texture; false when the display can't take it. */
bool pf__window_draw_upload(pf_presenter *presenter, const pf_picture *picture);
/* Forgets the textures, whose contents the display has lost. */
void pf__window_draw_reset(pf_presenter *presenter);
/* Draws the newest picture and the overlay; returns when the window system has taken the frame. */
void pf__window_draw_show(pf_presenter *presenter);
/* Whether the overlay has changed since it was drawn. */
bool pf__window_draw_stale(pf_presenter *presenter);

/* Handles a keyboard, mouse or focus event. */
void pf__window_input_handle(pf_presenter *presenter, const SDL_Event *event);
/* Posts motion, position and scrolling that were gathered since the last flush. */
void pf__window_input_flush(pf_presenter *presenter);
/* Posts releases for all that is held down. */
void pf__window_input_release(pf_presenter *presenter);
/* Grabs or frees pointer and keyboard. */
void pf__window_grab(pf_presenter *presenter, bool grab);

void pf__window_set_fullscreen(pf_presenter *presenter, bool fullscreen);
bool pf__window_is_fullscreen(pf_presenter *presenter);
void pf__window_post_closed(pf_presenter *presenter);

#endif

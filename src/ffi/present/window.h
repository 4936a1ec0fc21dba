/*
 * The window presenter's parts. One thread owns all of SDL's video: it opens the display, handles
 * events and draws. Everyone else leaves a request in the handle and wakes it by an eventfd.
 *
 *   window.c         the exports and the life of the thread
 *   window_loop.c    what the thread does while it runs
 *   window_draw.c    letterbox, overlay; draws by one of
 *     window_gpu.c     textures of SDL's renderer
 *     window_cpu.c     libyuv straight into the window's shared memory: without a GPU this takes
 *                      a tenth of the time that a software renderer does
 *   window_wait.c    waits for the display and for other threads; a display that goes away
 *   window_input.c   keyboard and mouse to events
 *   window_touch.c   fingers to events
 */
#ifndef PF_PRESENT_WINDOW_H
#define PF_PRESENT_WINDOW_H
#include "frontend.h"

#include <SDL.h>
#include <SDL_ttf.h>

#include "pixels.h"
#include "presenter.h"

#define PF_PRESENT_FLAG_FULLSCREEN 1u
#define PF_PRESENT_FLAG_GRAB 2u
#define PF_PRESENT_FLAG_NO_INPUT 4u
#define PF_PRESENT_FLAG_TEXT 8u

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

typedef struct pf__window_finger {
  bool down, moved; /* moved: x and y wait to be posted */
  SDL_TouchID screen;
  SDL_FingerID id;
  uint32_t x, y;
} pf__window_finger;

typedef struct pf__window_input {
  bool enabled;
  bool text; /* keys that print come as text, unless the pointer is grabbed */
  uint16_t modifiers; /* KMOD_* as of the last key event; SDL's own are those of now */
  bool pressed[PF_USAGE_LAST + 1];
  uint8_t sent_as[PF_USAGE_LAST + 1]; /* by place: the usage that a key went down as, 0 = none */
  uint32_t buttons; /* bit n = button n is down */
  int32_t motion_x, motion_y;
  bool moved_to; /* position_x and _y wait to be posted */
  uint32_t position_x, position_y;
  pf__window_finger fingers[PF_TOUCH_FINGERS_MAX];
  float scroll_x, scroll_y; /* 1/120 of a notch, with the fraction that was not posted */
} pf__window_input;

typedef struct pf__window_draw {
  uint32_t picture_width, picture_height; /* 0 before the first picture */
  SDL_Rect area;                          /* of the picture, in pixels of the output */
  TTF_Font *font;
  SDL_Surface *overlay; /* ARGB, dark box and text; NULL = nothing to show */
  uint32_t overlay_version;
  /* by GPU; renderer == NULL: by CPU */
  SDL_Renderer *renderer;
  SDL_Texture *texture, *overlay_texture;
  uint32_t format;
  /* by CPU */
  pf_picture *picture;
  pf__pixels_scratch scratch;
} pf__window_draw;

struct pf_presenter {
  pf__frontend front;
  pf_present_config config;
  pthread_t thread;
  pthread_cond_t phase_changed; /* with front.lock */
  pf__phase phase;
  pf_result failure;
  char failure_text[256];
  int wake_fd, display_fd; /* display_fd -1: the video driver has none */
  bool lost;               /* the display went away and took the thread with it */
  atomic_int grab_request, fullscreen_request, text_request, input_request;
  SDL_Window *window;
  bool closed; /* window_closed was posted */
  bool redraw;
  bool noted; /* that pictures can't be shown */
  int posted_width, posted_height;
  pf__window_draw draw;
  pf__window_input input;
};

/* window.c */
pf__phase pf__window_phase(pf_presenter *presenter);
/* A hidden window. */
pf_result pf__window_make(pf_presenter *presenter);

/* window_loop.c: shows the window and works until the phase is no longer running. */
void pf__window_run(pf_presenter *presenter);
void pf__window_set_fullscreen(pf_presenter *presenter, bool fullscreen);
bool pf__window_is_fullscreen(pf_presenter *presenter);
void pf__window_post_closed(pf_presenter *presenter);

/* window_wait.c */
pf_result pf__window_wait_open(pf_presenter *presenter);
void pf__window_wait_close(pf_presenter *presenter);
/* Returns when there is something to look at: an event, a wake-up, or a little time has passed. */
void pf__window_wait(pf_presenter *presenter);
/* Ends a wait; any thread. `context` is the presenter. */
void pf__window_wake(void *context);

/* window_draw.c */
pf_result pf__window_draw_open(pf_presenter *presenter);
void pf__window_draw_close(pf_presenter *presenter);
const char *pf__window_draw_name(pf_presenter *presenter);
/* Pixels that can be drawn to. */
void pf__window_output_size(pf_presenter *presenter, int *width, int *height);
/* Makes this the picture to show; false when the display can't take it. */
bool pf__window_draw_upload(pf_presenter *presenter, pf_picture *picture);
/* Whether the overlay has changed since it was drawn. */
bool pf__window_draw_stale(pf_presenter *presenter);
/* Draws picture and overlay; true when the window system has taken the frame. */
bool pf__window_draw_show(pf_presenter *presenter);

/* window_gpu.c: open leaves draw.renderer NULL when there is no GPU behind it. */
void pf__window_gpu_open(pf_presenter *presenter);
void pf__window_gpu_close(pf_presenter *presenter);
void pf__window_gpu_reset(pf_presenter *presenter);
bool pf__window_gpu_upload(pf_presenter *presenter, const pf_picture *picture);
bool pf__window_gpu_show(pf_presenter *presenter);

/* window_cpu.c */
pf_result pf__window_cpu_open(pf_presenter *presenter);
void pf__window_cpu_close(pf_presenter *presenter);
void pf__window_cpu_keep(pf_presenter *presenter, pf_picture *picture);
bool pf__window_cpu_show(pf_presenter *presenter);

/* window_input.c */
void pf__window_input_handle(pf_presenter *presenter, const SDL_Event *event);
/* Posts motion, position and scrolling that were gathered since the last flush. */
void pf__window_input_flush(pf_presenter *presenter);
/* Posts releases for all that is held down. */
void pf__window_input_release(pf_presenter *presenter);
/* Grabs or frees pointer and keyboard. */
void pf__window_grab(pf_presenter *presenter, bool grab);
/* Has keys that print come as text, or by their place. */
void pf__window_set_text(pf_presenter *presenter, bool text);
/* Counts and posts an event of the input. */
void pf__window_post(pf_presenter *presenter, uint32_t kind, int64_t a, int64_t b,
                     const char *text);
/* A place of the window, in pixels of its output, as a place of the picture. */
void pf__window_place(const pf_presenter *presenter, SDL_Point place, uint32_t *x, uint32_t *y);

/* window_touch.c */
void pf__window_touch_handle(pf_presenter *presenter, const SDL_TouchFingerEvent *event);
void pf__window_touch_flush(pf_presenter *presenter);
/* Takes all fingers off the picture. */
void pf__window_touch_release(pf_presenter *presenter);

#endif

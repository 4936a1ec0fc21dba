#include "window.h"

#define EVENTS_PER_TURN 256 /* a flood of input must not keep pictures waiting */

void pf__window_set_fullscreen(pf_presenter *presenter, bool fullscreen) {
  SDL_SetWindowFullscreen(presenter->window, fullscreen ? SDL_WINDOW_FULLSCREEN_DESKTOP : 0);
  presenter->redraw = true;
}

bool pf__window_is_fullscreen(pf_presenter *presenter) {
  return (SDL_GetWindowFlags(presenter->window) & SDL_WINDOW_FULLSCREEN) != 0;
}

void pf__window_post_closed(pf_presenter *presenter) {
  if (presenter->closed) return;
  presenter->closed = true;
  pf_events_post(presenter->front.events, PF_EVENT_WINDOW_CLOSED, presenter->front.stage, 0, 0,
                 NULL);
}

static void handle_window(pf_presenter *presenter, uint8_t what) {
  switch (what) {
    case SDL_WINDOWEVENT_CLOSE:
      pf__window_post_closed(presenter);
      return;
    case SDL_WINDOWEVENT_EXPOSED:
      presenter->redraw = true;
      return;
    case SDL_WINDOWEVENT_SIZE_CHANGED: {
      int width, height;
      pf__window_output_size(presenter, &width, &height);
      presenter->redraw = true;
      if (width == presenter->posted_width && height == presenter->posted_height) return;
      presenter->posted_width = width;
      presenter->posted_height = height;
      pf_events_post(presenter->front.events, PF_EVENT_WINDOW_RESIZED, presenter->front.stage,
                     width, height, NULL);
      return;
    }
    default:
      return;
  }
}

static void handle_event(pf_presenter *presenter, const SDL_Event *event) {
  switch (event->type) {
    case SDL_QUIT: /* the last window was closed, or the compositor is gone */
      pf__window_post_closed(presenter);
      return;
    case SDL_RENDER_TARGETS_RESET:
    case SDL_RENDER_DEVICE_RESET:
      pf__window_gpu_reset(presenter);
      presenter->redraw = true;
      return;
    case SDL_WINDOWEVENT:
      handle_window(presenter, event->window.event);
      break;
    default:
      break;
  }
  pf__window_input_handle(presenter, event);
}

static int handle_events(pf_presenter *presenter) {
  SDL_Event event;
  int count = 0;
  while (count < EVENTS_PER_TURN && SDL_PollEvent(&event)) {
    handle_event(presenter, &event);
    count++;
  }
  return count;
}

static void apply_requests(pf_presenter *presenter) {
  int grab = atomic_exchange(&presenter->grab_request, PF__REQUEST_NONE);
  if (grab != PF__REQUEST_NONE) pf__window_grab(presenter, grab != 0);
  int text = atomic_exchange(&presenter->text_request, PF__REQUEST_NONE);
  if (text != PF__REQUEST_NONE) pf__window_set_text(presenter, text != 0);
  int input = atomic_exchange(&presenter->input_request, PF__REQUEST_NONE);
  if (input == 0) pf__window_input_release(presenter);
  if (input != PF__REQUEST_NONE) presenter->input.enabled = input != 0;
  int fullscreen = atomic_exchange(&presenter->fullscreen_request, PF__REQUEST_NONE);
  if (fullscreen != PF__REQUEST_NONE) pf__window_set_fullscreen(presenter, fullscreen != 0);
}

/* Says it once for a run of failures. */
static void note_failure(pf_presenter *presenter, const pf_picture *picture) {
  pf_count(presenter->front.counters.failures, 1);
  if (presenter->noted) return;
  char text[PF_EVENT_TEXT_BYTES];
  SDL_snprintf(text, sizeof text, "the display can't take pictures of %ux%u: %s", picture->width,
               picture->height, SDL_GetError());
  pf_events_post(presenter->front.events, PF_EVENT_NOTE, presenter->front.stage, 0, 0, text);
}

static void draw_newest(pf_presenter *presenter) {
  pf_picture *picture = pf__frontend_take(&presenter->front);
  pf_times times = {0};
  bool uploaded = false;
  if (picture != NULL) {
    times = picture->times;
    uploaded = pf__window_draw_upload(presenter, picture);
    if (!uploaded) note_failure(presenter, picture);
    presenter->noted = !uploaded;
    pf_picture_release(picture);
  }
  if (!uploaded && !presenter->redraw && !pf__window_draw_stale(presenter)) return;
  bool shown = pf__window_draw_show(presenter);
  presenter->redraw = !shown;
  if (uploaded && shown) pf__frontend_shown(&presenter->front, &times);
}

void pf__window_run(pf_presenter *presenter) {
  char text[PF_EVENT_TEXT_BYTES];
  SDL_snprintf(text, sizeof text, "%s, %s", SDL_GetCurrentVideoDriver(),
               pf__window_draw_name(presenter));
  SDL_ShowWindow(presenter->window);
  presenter->redraw = true;
  pf__frontend_accept(&presenter->front, true);
  pf_events_post(presenter->front.events, PF_EVENT_STARTED, presenter->front.stage, 0, 0, text);
  while (pf__window_phase(presenter) == PF__PHASE_RUNNING) {
    /* Drawing may have read events that no descriptor tells of: wait only when there are none. */
    if (handle_events(presenter) == 0) {
      pf__window_wait(presenter);
      handle_events(presenter);
    }
    apply_requests(presenter);
    pf__window_input_flush(presenter);
    draw_newest(presenter);
  }
  pf__window_input_release(presenter);
}

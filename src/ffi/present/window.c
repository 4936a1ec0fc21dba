#include "window.h"

#include <stdlib.h>
#include <string.h>

/* SDL's video is one per process, and so is the thread that may touch it. */
static atomic_flag in_use = ATOMIC_FLAG_INIT;

static void set_phase(pf_presenter *presenter, pf__phase phase) {
  pthread_mutex_lock(&presenter->front.lock);
  presenter->phase = phase;
  pthread_cond_broadcast(&presenter->phase_changed);
  pthread_mutex_unlock(&presenter->front.lock);
}

pf__phase pf__window_phase(pf_presenter *presenter) {
  pthread_mutex_lock(&presenter->front.lock);
  pf__phase phase = presenter->phase;
  pthread_mutex_unlock(&presenter->front.lock);
  return phase;
}

static void set_hints(void) {
  SDL_SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1");
  SDL_SetHint(SDL_HINT_APP_NAME, "punktfunk");
  SDL_SetHint(SDL_HINT_RENDER_SCALE_QUALITY, "linear");
  SDL_SetHint(SDL_HINT_RENDER_VSYNC, "0");
  SDL_SetHint(SDL_HINT_MOUSE_FOCUS_CLICKTHROUGH, "1");
  SDL_SetHint(SDL_HINT_MOUSE_RELATIVE_SCALING, "0");
  SDL_SetHint(SDL_HINT_GRAB_KEYBOARD, "1");
  SDL_SetHint(SDL_HINT_TOUCH_MOUSE_EVENTS, "0"); /* the host makes of a finger what it can */
  SDL_SetHint(SDL_HINT_MOUSE_TOUCH_EVENTS, "0");
  /* By SDL's own order a Wayland session would go through Xwayland, a copy and a wait more, and a
   * machine without a display would get a window that nobody can see. SDL_VIDEODRIVER overrides. */
  SDL_SetHint(SDL_HINT_VIDEODRIVER, getenv("WAYLAND_DISPLAY") != NULL ? "wayland,x11" : "x11");
}

pf_result pf__window_make(pf_presenter *presenter) {
  const pf_present_config *config = &presenter->config;
  int width = config->width > 0 ? (int)config->width : 1280;
  int height = config->height > 0 ? (int)config->height : 720;
  SDL_Rect usable;
  if (SDL_GetDisplayUsableBounds(0, &usable) == 0 && (width > usable.w || height > usable.h)) {
    double scale = SDL_min((double)usable.w / width, (double)usable.h / height);
    width = SDL_max((int)(width * scale), 1);
    height = SDL_max((int)(height * scale), 1);
  }
  presenter->window =
      SDL_CreateWindow(config->title, SDL_WINDOWPOS_CENTERED, SDL_WINDOWPOS_CENTERED, width, height,
                       SDL_WINDOW_HIDDEN | SDL_WINDOW_RESIZABLE | SDL_WINDOW_ALLOW_HIGHDPI);
  if (presenter->window == NULL) return pf_fail(PF_E_LIBRARY, "no window: %s", SDL_GetError());
  return PF_OK;
}

static pf_result open_display(pf_presenter *presenter) {
  set_hints();
  if (SDL_Init(SDL_INIT_VIDEO) != 0)
    return pf_fail(PF_E_MISSING,
                   "no display can be opened (%s); choose --present terminal or none",
                   SDL_GetError());
  SDL_StopTextInput(); /* until text is asked for: an input method must not eat keys */
  pf_result result = pf__window_make(presenter);
  if (result == PF_OK) result = pf__window_draw_open(presenter);
  if (result == PF_OK) result = pf__window_wait_open(presenter);
  return result;
}

static void close_display(pf_presenter *presenter) {
  pf__window_draw_close(presenter);
  if (presenter->window != NULL) SDL_DestroyWindow(presenter->window);
  presenter->window = NULL;
  SDL_QuitSubSystem(SDL_INIT_VIDEO);
}

static void *window_thread(void *argument) {
  pf_presenter *presenter = argument;
  pf_thread_name("pf-window");
  pf_result result = open_display(presenter);
  if (result != PF_OK) {
    SDL_strlcpy(presenter->failure_text, pf_last_error(), sizeof presenter->failure_text);
    presenter->failure = result;
    close_display(presenter);
    set_phase(presenter, PF__PHASE_FAILED);
    return NULL;
  }
  pthread_mutex_lock(&presenter->front.lock);
  presenter->front.wake = pf__window_wake;
  presenter->front.wake_context = presenter;
  presenter->phase = PF__PHASE_OPEN;
  pthread_cond_broadcast(&presenter->phase_changed);
  while (presenter->phase == PF__PHASE_OPEN)
    pthread_cond_wait(&presenter->phase_changed, &presenter->front.lock);
  pthread_mutex_unlock(&presenter->front.lock);
  if (pf__window_phase(presenter) == PF__PHASE_RUNNING) pf__window_run(presenter);
  pf__frontend_accept(&presenter->front, false);
  pthread_mutex_lock(&presenter->front.lock);
  presenter->front.wake = NULL;
  pthread_mutex_unlock(&presenter->front.lock);
  close_display(presenter);
  return NULL;
}

static void destroy(pf_presenter *presenter) {
  bool lost = presenter->lost;
  pf__window_wait_close(presenter);
  pthread_cond_destroy(&presenter->phase_changed);
  pf__frontend_destroy(&presenter->front);
  free(presenter);
  /* SDL can't be shut down without the display that it lost: no second window in this process. */
  if (!lost) atomic_flag_clear(&in_use);
}

static void wait_while_opening(pf_presenter *presenter) {
  pthread_mutex_lock(&presenter->front.lock);
  while (presenter->phase == PF__PHASE_OPENING)
    pthread_cond_wait(&presenter->phase_changed, &presenter->front.lock);
  pthread_mutex_unlock(&presenter->front.lock);
}

PF_EXPORT pf_result pf_presenter_open(const pf_present_config *config, pf_presenter **out) {
  if (atomic_flag_test_and_set(&in_use))
    return pf_fail(PF_E_STATE, "this process has a window already, or lost its display");
  pf_presenter *presenter = calloc(1, sizeof *presenter);
  if (presenter == NULL) {
    atomic_flag_clear(&in_use);
    return pf_fail(PF_E_MEMORY, "no memory for the window");
  }
  pf__frontend_init(&presenter->front, config);
  pthread_cond_init(&presenter->phase_changed, NULL);
  presenter->config = *config;
  presenter->wake_fd = presenter->display_fd = -1;
  presenter->input.enabled = (config->flags & PF_PRESENT_FLAG_NO_INPUT) == 0;
  bool grab = (config->flags & PF_PRESENT_FLAG_GRAB) != 0;
  bool fullscreen = (config->flags & PF_PRESENT_FLAG_FULLSCREEN) != 0;
  atomic_init(&presenter->grab_request, grab ? 1 : PF__REQUEST_NONE);
  bool text = (config->flags & PF_PRESENT_FLAG_TEXT) != 0;
  atomic_init(&presenter->text_request, text ? 1 : PF__REQUEST_NONE);
  atomic_init(&presenter->input_request, PF__REQUEST_NONE);
  atomic_init(&presenter->fullscreen_request, fullscreen ? 1 : PF__REQUEST_NONE);
  int error = pthread_create(&presenter->thread, NULL, window_thread, presenter);
  if (error != 0) {
    destroy(presenter);
    return pf_fail(PF_E_SYSTEM, "no thread for the window: %s", strerror(error));
  }
  wait_while_opening(presenter);
  if (presenter->phase == PF__PHASE_FAILED) {
    pf_result failure = pf_fail(presenter->failure, "%s", presenter->failure_text);
    pthread_join(presenter->thread, NULL);
    destroy(presenter);
    return failure;
  }
  *out = presenter;
  return PF_OK;
}

PF_EXPORT pf_result pf_presenter_start(pf_presenter *presenter) {
  if (pf__window_phase(presenter) != PF__PHASE_OPEN)
    return pf_fail(PF_E_STATE, "the window was started before");
  set_phase(presenter, PF__PHASE_RUNNING);
  return PF_OK;
}

PF_EXPORT void pf_presenter_stop(pf_presenter *presenter) {
  if (pf__window_phase(presenter) == PF__PHASE_STOPPING) return;
  set_phase(presenter, PF__PHASE_STOPPING);
  pf__frontend_wake(&presenter->front);
  pthread_join(presenter->thread, NULL);
}

PF_EXPORT void pf_presenter_close(pf_presenter *presenter) {
  if (presenter == NULL) return;
  pf_presenter_stop(presenter);
  destroy(presenter);
}

PF_EXPORT pf_result pf_presenter_set(pf_presenter *presenter, uint32_t knob, int64_t value) {
  atomic_int *request = knob == PF_KNOB_GRAB            ? &presenter->grab_request
                        : knob == PF_KNOB_FULLSCREEN    ? &presenter->fullscreen_request
                        : knob == PF_KNOB_TEXT_INPUT    ? &presenter->text_request
                        : knob == PF_KNOB_INPUT_ENABLED ? &presenter->input_request
                                                        : NULL;
  if (request == NULL) return pf__frontend_set(&presenter->front, knob, value);
  atomic_store(request, value != 0 ? 1 : 0);
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

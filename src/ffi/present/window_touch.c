#include "window.h"

enum { DOWN, MOVE, UP, CANCEL };

static void post(pf_presenter *presenter, const pf__window_finger *finger, int64_t phase) {
  int64_t number = finger - presenter->input.fingers;
  pf__window_post(presenter, PF_EVENT_TOUCH, number + 256 * phase,
                  (int64_t)finger->x + 65536 * (int64_t)finger->y, NULL);
}

/* The finger of these ids; NULL: it is not down. */
static pf__window_finger *find(pf__window_input *input, const SDL_TouchFingerEvent *event) {
  for (size_t i = 0; i < PF_ARRAY_COUNT(input->fingers); i++) {
    pf__window_finger *finger = &input->fingers[i];
    if (finger->down && finger->screen == event->touchId && finger->id == event->fingerId)
      return finger;
  }
  return NULL;
}

static pf__window_finger *find_free(pf__window_input *input) {
  for (size_t i = 0; i < PF_ARRAY_COUNT(input->fingers); i++)
    if (!input->fingers[i].down) return &input->fingers[i];
  return NULL;
}

/* Where a finger is, in pixels of the output. */
static SDL_Point place_of(pf_presenter *presenter, const SDL_TouchFingerEvent *event) {
  int width, height;
  pf__window_output_size(presenter, &width, &height);
  return (SDL_Point){.x = (int)(event->x * (float)width), .y = (int)(event->y * (float)height)};
}

/* A finger that comes down beside the picture is none of the host's; one that leaves it stays. */
static void put_down(pf_presenter *presenter, const SDL_TouchFingerEvent *event) {
  SDL_Point place = place_of(presenter, event);
  pf__window_finger *finger = find_free(&presenter->input);
  if (finger == NULL || !SDL_PointInRect(&place, &presenter->draw.area)) return;
  *finger =
      (pf__window_finger){.down = true, .screen = event->touchId, .id = event->fingerId};
  pf__window_place(presenter, place, &finger->x, &finger->y);
  pf__window_input_flush(presenter);
  post(presenter, finger, DOWN);
}

void pf__window_touch_handle(pf_presenter *presenter, const SDL_TouchFingerEvent *event) {
  pf__window_finger *finger = find(&presenter->input, event);
  if (finger == NULL) {
    if (event->type == SDL_FINGERDOWN) put_down(presenter, event);
    return;
  }
  if (event->type == SDL_FINGERMOTION) {
    pf__window_place(presenter, place_of(presenter, event), &finger->x, &finger->y);
    finger->moved = true;
  } else if (event->type == SDL_FINGERUP) {
    pf__window_input_flush(presenter);
    finger->down = false;
    post(presenter, finger, UP);
  }
}

void pf__window_touch_flush(pf_presenter *presenter) {
  for (size_t i = 0; i < PF_ARRAY_COUNT(presenter->input.fingers); i++) {
    pf__window_finger *finger = &presenter->input.fingers[i];
    if (finger->down && finger->moved) post(presenter, finger, MOVE);
    finger->moved = false;
  }
}

void pf__window_touch_release(pf_presenter *presenter) {
  for (size_t i = 0; i < PF_ARRAY_COUNT(presenter->input.fingers); i++) {
    pf__window_finger *finger = &presenter->input.fingers[i];
    if (finger->down) post(presenter, finger, CANCEL);
    finger->down = false;
  }
}

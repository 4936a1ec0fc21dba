#include "window.h"

void pf__window_post(pf_presenter *presenter, uint32_t kind, int64_t a, int64_t b,
                     const char *text) {
  pf_count(presenter->front.counters.input_events, 1);
  pf_events_post(presenter->front.events, kind, presenter->front.stage, a, b, text);
}

static void post(pf_presenter *presenter, uint32_t kind, int64_t a, int64_t b) {
  pf__window_post(presenter, kind, a, b, NULL);
}

void pf__window_input_flush(pf_presenter *presenter) {
  pf__window_input *input = &presenter->input;
  if (input->motion_x != 0 || input->motion_y != 0)
    post(presenter, PF_EVENT_MOTION, input->motion_x, input->motion_y);
  input->motion_x = input->motion_y = 0;
  if (input->moved_to) post(presenter, PF_EVENT_POSITION, input->position_x, input->position_y);
  input->moved_to = false;
  pf__window_touch_flush(presenter);
  int32_t across = (int32_t)input->scroll_x, down = (int32_t)input->scroll_y;
  if (across != 0 || down != 0) post(presenter, PF_EVENT_SCROLL, across, down);
  input->scroll_x -= (float)across;
  input->scroll_y -= (float)down;
}

void pf__window_input_release(pf_presenter *presenter) {
  pf__window_input *input = &presenter->input;
  pf__window_input_flush(presenter);
  for (uint32_t usage = PF_USAGE_FIRST; usage <= PF_USAGE_LAST; usage++) {
    if (!input->pressed[usage]) continue;
    input->pressed[usage] = false;
    post(presenter, PF_EVENT_KEY, usage, 0);
  }
  for (uint32_t button = SDL_BUTTON_LEFT; button <= SDL_BUTTON_X2; button++)
    if (input->buttons & (1u << button)) post(presenter, PF_EVENT_BUTTON, button, 0);
  input->buttons = 0;
  pf__window_touch_release(presenter);
  input->scroll_x = input->scroll_y = 0;
}

/* What grabs the pointer is played, not written: its keys count by their place. */
static bool writes(const pf_presenter *presenter) {
  return presenter->input.text && !SDL_GetRelativeMouseMode();
}

/* An input method gets the keys only while text is wanted. */
static void follow_text(const pf_presenter *presenter) {
  if (writes(presenter)) SDL_StartTextInput();
  else SDL_StopTextInput();
}

void pf__window_grab(pf_presenter *presenter, bool grab) {
  SDL_SetRelativeMouseMode(grab ? SDL_TRUE : SDL_FALSE);
  SDL_SetWindowKeyboardGrab(presenter->window, grab ? SDL_TRUE : SDL_FALSE);
  follow_text(presenter);
}

void pf__window_set_text(pf_presenter *presenter, bool text) {
  presenter->input.text = text;
  follow_text(presenter);
}

/* The letter on the key; on a layout without Latin letters, the one of its place. */
static SDL_Keycode letter(const SDL_Keysym *key) {
  if (key->sym < 128) return key->sym;
  if (key->scancode < SDL_SCANCODE_A || key->scancode > SDL_SCANCODE_Z) return SDLK_UNKNOWN;
  return SDLK_a + (SDL_Keycode)(key->scancode - SDL_SCANCODE_A);
}

/* Keys that command this window and never reach the host. */
static bool handle_command(pf_presenter *presenter, const SDL_Keysym *key) {
  if (key->scancode == SDL_SCANCODE_F11) {
    pf__window_set_fullscreen(presenter, !pf__window_is_fullscreen(presenter));
    return true;
  }
  bool chord = (key->mod & KMOD_CTRL) && (key->mod & KMOD_ALT) && (key->mod & KMOD_SHIFT);
  if (!chord) return false;
  switch (letter(key)) {
    case SDLK_z:
      pf__window_grab(presenter, !SDL_GetRelativeMouseMode());
      return true;
    case SDLK_s:
      pf__frontend_toggle_overlay(&presenter->front);
      return true;
    case SDLK_t:
      pf__window_set_text(presenter, !presenter->input.text);
      return true;
    case SDLK_m:
      pf_events_post(presenter->front.events, PF_EVENT_NEXT_MODE, presenter->front.stage, 0, 0,
                     NULL);
      return true;
    case SDLK_q:
      pf__window_post_closed(presenter);
      return true;
    default:
      return false;
  }
}

/* A letter with one of these held is a command, whatever it prints. */
static bool is_command(const pf__window_input *input) {
  return (input->modifiers & (KMOD_CTRL | KMOD_LALT | KMOD_GUI)) != 0;
}

/*
 * Whether a key is only there to write: one that prints, or changes what others print. Its text
 * comes as an event of its own, when the layout, its dead keys or an input method have made it.
 */
static bool is_for_text(const pf__window_input *input, SDL_Scancode code) {
  if (code == SDL_SCANCODE_RALT || code == SDL_SCANCODE_CAPSLOCK ||
      code == SDL_SCANCODE_NUMLOCKCLEAR)
    return true;
  if (is_command(input)) return false;
  if (code >= SDL_SCANCODE_KP_1 && code <= SDL_SCANCODE_KP_PERIOD)
    return (input->modifiers & KMOD_NUM) != 0;
  return (code >= SDL_SCANCODE_A && code <= SDL_SCANCODE_0) ||
         (code >= SDL_SCANCODE_SPACE && code <= SDL_SCANCODE_SLASH) ||
         (code >= SDL_SCANCODE_KP_DIVIDE && code <= SDL_SCANCODE_KP_PLUS) ||
         code == SDL_SCANCODE_NONUSBACKSLASH || code == SDL_SCANCODE_KP_EQUALS ||
         code == SDL_SCANCODE_KP_COMMA ||
         (code >= SDL_SCANCODE_INTERNATIONAL1 && code <= SDL_SCANCODE_LANG9);
}

static void handle_text(pf_presenter *presenter, const SDL_TextInputEvent *event) {
  if (!writes(presenter) || is_command(&presenter->input)) return;
  pf__window_input_flush(presenter);
  pf__window_post(presenter, PF_EVENT_TEXT, 0, 0, event->text);
}

/*
 * What a key is sent as: its place. A command among text is meant by its letter, which is sent as
 * the key that has it on a US keyboard, and so on most others.
 */
static uint32_t usage_of(const pf_presenter *presenter, const SDL_Keysym *key) {
  bool is_letter = key->sym >= SDLK_a && key->sym <= SDLK_z;
  if (is_letter && writes(presenter) && is_command(&presenter->input))
    return PF_USAGE_FIRST + (uint32_t)(key->sym - SDLK_a);
  return (uint32_t)key->scancode;
}

static void handle_key(pf_presenter *presenter, const SDL_KeyboardEvent *event) {
  pf__window_input *input = &presenter->input;
  bool down = event->type == SDL_KEYDOWN;
  input->modifiers = event->keysym.mod;
  if (event->repeat != 0) return;
  if (down && handle_command(presenter, &event->keysym)) return;
  uint32_t place = (uint32_t)event->keysym.scancode;
  if (!input->enabled || place < PF_USAGE_FIRST || place > PF_USAGE_LAST) return;
  if (down) input->sent_as[place] = (uint8_t)usage_of(presenter, &event->keysym);
  uint32_t usage = input->sent_as[place];
  if (input->pressed[usage] == down) return;
  if (down && writes(presenter) && is_for_text(input, event->keysym.scancode)) return;
  pf__window_input_flush(presenter);
  input->pressed[usage] = down;
  post(presenter, PF_EVENT_KEY, usage, down ? 1 : 0);
}

static uint32_t share(int at, int begin, int length) {
  int last = length > 1 ? length - 1 : 1;
  int offset = at < begin ? 0 : at - begin > last ? last : at - begin;
  return (uint32_t)((int64_t)offset * 65535 / last);
}

void pf__window_place(const pf_presenter *presenter, SDL_Point place, uint32_t *x, uint32_t *y) {
  const SDL_Rect *area = &presenter->draw.area;
  *x = share(place.x, area->x, area->w);
  *y = share(place.y, area->y, area->h);
}

/*
 * Takes a place of the window in; false when it is beside the picture. While a button is held, a
 * place beside the picture counts as the nearest one of its edge, so that drags don't get stuck.
 */
static bool take_position(pf_presenter *presenter, int window_x, int window_y) {
  pf__window_input *input = &presenter->input;
  const SDL_Rect *area = &presenter->draw.area;
  int window_width, window_height, width, height;
  SDL_GetWindowSize(presenter->window, &window_width, &window_height);
  pf__window_output_size(presenter, &width, &height);
  if (window_width < 1 || window_height < 1 || area->w < 1 || area->h < 1) return false;
  SDL_Point place = {.x = (int)((int64_t)window_x * width / window_width),
                     .y = (int)((int64_t)window_y * height / window_height)};
  bool inside = SDL_PointInRect(&place, area);
  /* The host's pointer is in the picture: a second one on top would only lead it. */
  SDL_ShowCursor(inside ? SDL_DISABLE : SDL_ENABLE);
  if (!inside && input->buttons == 0) return false;
  pf__window_place(presenter, place, &input->position_x, &input->position_y);
  input->moved_to = true;
  return true;
}

static void handle_motion(pf_presenter *presenter, const SDL_MouseMotionEvent *event) {
  if (SDL_GetRelativeMouseMode()) {
    presenter->input.motion_x += event->xrel;
    presenter->input.motion_y += event->yrel;
  } else {
    take_position(presenter, event->x, event->y);
  }
}

static void handle_button(pf_presenter *presenter, const SDL_MouseButtonEvent *event) {
  pf__window_input *input = &presenter->input;
  bool down = event->type == SDL_MOUSEBUTTONDOWN;
  if (event->button < SDL_BUTTON_LEFT || event->button > SDL_BUTTON_X2) return;
  uint32_t bit = 1u << event->button;
  if (((input->buttons & bit) != 0) == down) return;
  bool grabbed = SDL_GetRelativeMouseMode();
  if (!grabbed && !take_position(presenter, event->x, event->y) && down) return;
  pf__window_input_flush(presenter);
  input->buttons ^= bit;
  post(presenter, PF_EVENT_BUTTON, event->button, down ? 1 : 0);
}

static void handle_wheel(pf_presenter *presenter, const SDL_MouseWheelEvent *event) {
  presenter->input.scroll_x += event->preciseX * 120;
  presenter->input.scroll_y -= event->preciseY * 120; /* SDL counts away from the person */
}

static void handle_focus(pf_presenter *presenter, uint8_t what) {
  if (what == SDL_WINDOWEVENT_FOCUS_GAINED) {
    post(presenter, PF_EVENT_FOCUS_GAINED, 0, 0);
  } else if (what == SDL_WINDOWEVENT_FOCUS_LOST) {
    pf__window_input_release(presenter);
    post(presenter, PF_EVENT_FOCUS_LOST, 0, 0);
  }
}

void pf__window_input_handle(pf_presenter *presenter, const SDL_Event *event) {
  switch (event->type) {
    case SDL_KEYDOWN:
    case SDL_KEYUP:
      handle_key(presenter, &event->key);
      return;
    case SDL_WINDOWEVENT:
      handle_focus(presenter, event->window.event);
      return;
    default:
      break;
  }
  if (!presenter->input.enabled) return;
  if (event->type == SDL_TEXTINPUT)
    handle_text(presenter, &event->text);
  else if (event->type == SDL_MOUSEMOTION)
    handle_motion(presenter, &event->motion);
  else if (event->type == SDL_MOUSEBUTTONDOWN || event->type == SDL_MOUSEBUTTONUP)
    handle_button(presenter, &event->button);
  else if (event->type == SDL_MOUSEWHEEL)
    handle_wheel(presenter, &event->wheel);
  else if (event->type == SDL_FINGERDOWN || event->type == SDL_FINGERMOTION ||
           event->type == SDL_FINGERUP)
    pf__window_touch_handle(presenter, &event->tfinger);
}

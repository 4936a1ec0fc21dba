/* What is sent to the devices of an emulated input server: see server.h. */
#include "server.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PLACE_MAX = 65535 };

static double place(int32_t share, uint32_t begin, uint32_t length) {
  return begin + (double)share * (length > 1 ? length - 1 : 0) / PLACE_MAX;
}

static void place_in(const struct ei_region *region, const pf_input_event *event, double *x,
                     double *y) {
  struct ei_region *of = (struct ei_region *)region;
  *x = place(event->a, ei_region_get_x(of), ei_region_get_width(of));
  *y = place(event->b, ei_region_get_y(of), ei_region_get_height(of));
}

pf_result pf_input_devices_open(const pf_input_config *config, pf_input_counters *counters,
                                pf_input_devices **out) {
  pf_input_devices *self = calloc(1, sizeof *self);
  if (self == NULL) {
    if (config->fd >= 0) close(config->fd);
    return pf_fail(PF_E_MEMORY, "no memory for the input");
  }
  pthread_mutex_init(&self->lock, NULL);
  self->counters = counters;
  self->layout = config->layout;
  memcpy(self->mapping_id, config->region, sizeof self->mapping_id);
  self->width = config->width;
  self->height = config->height;
  pf_result result = pf_ei_connect(self, config);
  if (result != PF_OK) {
    pf_input_devices_close(self);
    return result;
  }
  *out = self;
  return PF_OK;
}

void pf_input_devices_close(pf_input_devices *self) {
  if (self == NULL) return;
  pf_ei_disconnect(self);
  pthread_mutex_destroy(&self->lock);
  free(self);
}

bool pf_input_devices_ready(pf_input_devices *self) { return !self->gone; }

pf_result pf_input_devices_wait(pf_input_devices *self, int wake_fd, uint64_t until_ns) {
  uint64_t now_ns = pf_now_ns(), left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
  struct timespec left = {.tv_sec = (time_t)(left_ns / 1000000000u),
                          .tv_nsec = (long)(left_ns % 1000000000u)};
  struct pollfd ready[2] = {{.fd = ei_get_fd(self->ei), .events = POLLIN},
                            {.fd = wake_fd, .events = POLLIN}};
  if (ppoll(ready, 2, until_ns == UINT64_MAX ? NULL : &left, NULL) > 0 && ready[1].revents != 0) {
    uint64_t count;
    ssize_t bytes = read(wake_fd, &count, sizeof count);
    (void)bytes;
  }
  if (ready[0].revents != 0) pf_ei_handle(self);
  return self->gone ? pf_fail(PF_E_CLOSED, "its input server has ended") : PF_OK;
}

/* What was sent lies in the socket, which the server reads to its end. */
void pf_input_devices_settle(pf_input_devices *self, uint32_t ms_max) {}

/* Ends what was put together for a device; NULL: there was none to send it. */
static void finish(pf_input_devices *self, struct ei_device *of) {
  if (of == NULL) pf_count(self->counters->ignored, 1);
  else ei_device_frame(of, ei_now(self->ei));
}

static void send_edge(pf_input_devices *self, pf_input_kind kind, uint32_t code, bool down) {
  bool is_button = kind == PF_INPUT_BUTTON;
  if (!down && self->down[code] == 0) return; /* released to type, or with its device */
  struct ei_device *of =
      pf_ei_find(self, is_button ? EI_DEVICE_CAP_BUTTON : EI_DEVICE_CAP_KEYBOARD);
  if (of != NULL && is_button) ei_device_button_button(of, code, down);
  else if (of != NULL) ei_device_keyboard_key(of, code, down);
  self->down[code] = down && of != NULL ? (uint8_t)(1 + kind) : 0;
  finish(self, of);
}

static void send_position(pf_input_devices *self, const pf_input_event *event) {
  struct ei_region *region;
  struct ei_device *of = pf_ei_find_region(self, EI_DEVICE_CAP_POINTER_ABSOLUTE, &region);
  double x, y;
  if (of != NULL) {
    place_in(region, event, &x, &y);
    ei_device_pointer_motion_absolute(of, x, y);
  }
  finish(self, of);
}

static void send_touch(pf_input_devices *self, const pf_input_event *event) {
  struct ei_touch **touch = &self->touches[event->finger];
  struct ei_region *region;
  struct ei_device *of = pf_ei_find_region(self, EI_DEVICE_CAP_TOUCH, &region);
  bool begins = event->phase == PF_INPUT_TOUCH_DOWN;
  if (of == NULL || (*touch == NULL) != begins) {
    pf_count(self->counters->ignored, 1);
    return;
  }
  double x, y;
  place_in(region, event, &x, &y);
  if (begins) {
    *touch = ei_device_touch_new(of);
    ei_touch_down(*touch, x, y);
  } else if (event->phase == PF_INPUT_TOUCH_MOVE) {
    ei_touch_motion(*touch, x, y);
  } else {
    of = ei_touch_get_device(*touch);
    ei_touch_up(*touch); /* servers before libei 1.4 know no cancel */
    *touch = ei_touch_unref(*touch);
  }
  finish(self, of);
}

void pf_input_devices_send(pf_input_devices *self, const pf_input_event *event) {
  pf_input_counters *counters = self->counters;
  struct ei_device *of;
  switch (event->kind) {
    case PF_INPUT_KEY:
    case PF_INPUT_BUTTON:
      if (event->kind == PF_INPUT_KEY) pf_count(counters->keys, 1);
      else pf_count(counters->buttons, 1);
      send_edge(self, event->kind, (uint32_t)event->a, event->b != 0);
      return;
    case PF_INPUT_MOTION:
      pf_count(counters->motions, 1);
      of = pf_ei_find(self, EI_DEVICE_CAP_POINTER);
      if (of != NULL) ei_device_pointer_motion(of, event->a / 256.0, event->b / 256.0);
      finish(self, of);
      return;
    case PF_INPUT_POSITION:
      pf_count(counters->motions, 1);
      send_position(self, event);
      return;
    case PF_INPUT_SCROLL:
      pf_count(counters->scrolls, 1);
      of = pf_ei_find(self, EI_DEVICE_CAP_SCROLL);
      if (of != NULL) ei_device_scroll_discrete(of, event->a, event->b);
      finish(self, of);
      return;
    case PF_INPUT_TOUCH:
      pf_count(counters->touches, 1);
      send_touch(self, event);
      return;
    case PF_INPUT_CHARACTER:
      return;
  }
}

bool pf_input_devices_can_type(pf_input_devices *self, uint32_t character) {
  pthread_mutex_lock(&self->lock);
  bool can = self->keymap != NULL && pf_input_chord_find(self->keymap, character) != NULL;
  pthread_mutex_unlock(&self->lock);
  return can;
}

void pf_input_devices_type(pf_input_devices *self, const uint32_t *characters, uint32_t count) {
  pf_input_step steps[PF_INPUT_STEPS_MAX];
  pf_count(self->counters->texts, 1);
  const pf_input_way *way =
      self->keymap == NULL ? NULL : pf_input_chord_find(self->keymap, characters[0]);
  int32_t step_count = way == NULL ? -1 : pf_input_chord(self->keymap, way, self->down, steps);
  if (step_count < 0) pf_count(self->counters->failures, 1);
  for (int32_t i = 0; i < step_count; i++)
    send_edge(self, PF_INPUT_KEY, steps[i].code, steps[i].down);
}

void pf_input_devices_release(pf_input_devices *self) {
  for (uint32_t code = 0; code < PF_INPUT_CODES; code++)
    if (self->down[code] != 0)
      send_edge(self, (pf_input_kind)(self->down[code] - 1), code, false);
  for (uint8_t finger = 0; finger < PF_TOUCH_FINGERS_MAX; finger++) {
    pf_input_event lift = {
        .kind = PF_INPUT_TOUCH, .finger = finger, .phase = PF_INPUT_TOUCH_CANCEL};
    if (self->touches[finger] != NULL) send_touch(self, &lift);
  }
}

/* Devices of the kernel, for every desktop that reads its devices by itself: see input.h. */
#include "../input/devices.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../input/chord.h"
#include "device.h"

struct pf_input_devices {
  pf_uinput kernel;
  pf_input_keymap keymap;
  uint8_t down[PF_INPUT_CODES]; /* as in the queue, but as sent */
  pf_input_counters *counters;
};

pf_result pf_input_devices_open(const pf_input_config *config, pf_input_counters *counters,
                                pf_input_devices **out) {
  pf_input_devices *self = calloc(1, sizeof *self);
  if (self == NULL) return pf_fail(PF_E_MEMORY, "no memory for the input");
  self->counters = counters;
  pf_result result =
      pf_uinput_open(&self->kernel, config->path[0] != '\0' ? config->path : "/dev/uinput");
  if (result == PF_OK) result = pf_input_keymap_open(&self->keymap, config->layout);
  if (result != PF_OK) {
    pf_input_devices_close(self);
    return result;
  }
  *out = self;
  return PF_OK;
}

void pf_input_devices_close(pf_input_devices *self) {
  if (self == NULL) return;
  pf_uinput_close(&self->kernel);
  pf_input_keymap_close(&self->keymap);
  free(self);
}

/* The kernel takes everything at once: whoever reads too slowly loses events, not we. */
bool pf_input_devices_ready(pf_input_devices *self) { return true; }

pf_result pf_input_devices_wait(pf_input_devices *self, int wake_fd, uint64_t until_ns) {
  uint64_t now_ns = pf_now_ns(), left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
  struct timespec left = {.tv_sec = (time_t)(left_ns / 1000000000u),
                          .tv_nsec = (long)(left_ns % 1000000000u)};
  struct pollfd wake = {.fd = wake_fd, .events = POLLIN};
  if (ppoll(&wake, 1, until_ns == UINT64_MAX ? NULL : &left, NULL) <= 0) return PF_OK;
  uint64_t count;
  ssize_t bytes = read(wake_fd, &count, sizeof count);
  (void)bytes;
  return PF_OK;
}

void pf_input_devices_settle(pf_input_devices *self, uint32_t ms_max) {}

static void note(pf_input_devices *self, pf_result result) {
  if (result != PF_OK) pf_count(self->counters->failures, 1);
}

static void send_edge(pf_input_devices *self, pf_input_kind kind, uint32_t code, bool down) {
  bool is_button = kind == PF_INPUT_BUTTON;
  if (!down && self->down[code] == 0) return; /* released to type a text */
  note(self, is_button ? pf_uinput_button(&self->kernel, code, down)
                       : pf_uinput_key(&self->kernel, code, down));
  self->down[code] = down ? (uint8_t)(1 + kind) : 0;
}

void pf_input_devices_send(pf_input_devices *self, const pf_input_event *event) {
  pf_input_counters *counters = self->counters;
  switch (event->kind) {
    case PF_INPUT_KEY:
      pf_count(counters->keys, 1);
      send_edge(self, event->kind, (uint32_t)event->a, event->b != 0);
      return;
    case PF_INPUT_BUTTON:
      pf_count(counters->buttons, 1);
      send_edge(self, event->kind, (uint32_t)event->a, event->b != 0);
      return;
    case PF_INPUT_MOTION:
      pf_count(counters->motions, 1);
      note(self, pf_uinput_motion(&self->kernel, event->a, event->b));
      return;
    case PF_INPUT_POSITION:
      pf_count(counters->motions, 1);
      note(self, pf_uinput_position(&self->kernel, event->a, event->b));
      return;
    case PF_INPUT_SCROLL:
      pf_count(counters->scrolls, 1);
      note(self, pf_uinput_scroll(&self->kernel, event->a, event->b));
      return;
    case PF_INPUT_TOUCH:
      pf_count(counters->touches, 1);
      note(self, pf_uinput_touch(&self->kernel, event));
      return;
    case PF_INPUT_CHARACTER:
      return;
  }
}

bool pf_input_devices_can_type(pf_input_devices *self, uint32_t character) {
  return pf_input_chord_find(&self->keymap, character) != NULL;
}

void pf_input_devices_type(pf_input_devices *self, const uint32_t *characters, uint32_t count) {
  const pf_input_way *way = pf_input_chord_find(&self->keymap, characters[0]);
  pf_input_step steps[PF_INPUT_STEPS_MAX];
  pf_count(self->counters->texts, 1);
  if (way == NULL) return;
  int32_t step_count = pf_input_chord(&self->keymap, way, self->down, steps);
  if (step_count < 0) pf_count(self->counters->failures, 1);
  for (int32_t i = 0; i < step_count; i++)
    send_edge(self, PF_INPUT_KEY, steps[i].code, steps[i].down);
}

void pf_input_devices_release(pf_input_devices *self) {
  for (uint32_t code = 0; code < PF_INPUT_CODES; code++)
    if (self->down[code] != 0)
      send_edge(self, (pf_input_kind)(self->down[code] - 1), code, false);
  for (uint8_t finger = 0; finger < PF_TOUCH_FINGERS_MAX; finger++) {
    if ((self->kernel.touching & 1u << finger) == 0) continue;
    pf_input_event lift = {
        .kind = PF_INPUT_TOUCH, .finger = finger, .phase = PF_INPUT_TOUCH_CANCEL};
    note(self, pf_uinput_touch(&self->kernel, &lift));
  }
}

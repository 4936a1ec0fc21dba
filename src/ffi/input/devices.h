/* The virtual devices and what is sent to them; used by one thread. */
#ifndef PF_INPUT_DEVICES_H
#define PF_INPUT_DEVICES_H
#include "../wayland/wayland.h"
#include "keymap.h"
#include "queue.h"

struct zwp_virtual_keyboard_v1;
struct zwlr_virtual_pointer_v1;

typedef struct pf_input_devices {
  pf_wayland connection;
  pf_wayland_global globals[3]; /* seat, keyboard manager, pointer manager */
  struct zwp_virtual_keyboard_v1 *keyboard, *text_keyboard;
  struct zwlr_virtual_pointer_v1 *pointer;
  pf_input_keymap keymap;
  pf_input_slots slots; /* what the text keyboard's keymap has */
  bool slots_sent;
  int32_t scrolled[2]; /* 1/120 notches that are not yet a whole one: vertical, horizontal */
  uint8_t down[PF_INPUT_CODES]; /* as in the queue, but as sent */
  pf_input_counters *counters;
} pf_input_devices;

pf_result pf_input_devices_open(pf_input_devices *self, const pf_input_config *config);
void pf_input_devices_close(pf_input_devices *self);
/* Sends an event that is not a character. */
void pf_input_devices_send(pf_input_devices *self, const pf_input_event *event);
/* Whether a character needs a slot of the text keyboard that it does not have yet. */
bool pf_input_devices_needs_slot(const pf_input_devices *self, uint32_t character);
/* Gives the characters slots (beginning anew where they do not fit) and sends the keymap. */
void pf_input_devices_set_slots(pf_input_devices *self, const pf_input_slots *wanted);
void pf_input_devices_type(pf_input_devices *self, uint32_t character);
/* Releases all that was sent as pressed. */
void pf_input_devices_release(pf_input_devices *self);

#endif

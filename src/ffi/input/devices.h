/*
 * The virtual devices of one way into a desktop and what is sent to them. Each library of input has
 * one implementation; the handle in input.c drives it from one thread.
 */
#ifndef PF_INPUT_DEVICES_H
#define PF_INPUT_DEVICES_H
#include "queue.h"

/* Characters behind the one to type that pf_input_devices_type is told. */
enum { PF_INPUT_AHEAD = 256 };

typedef struct pf_input_devices pf_input_devices;

/* As pf_input_open; `counters` outlive the devices. On failure nothing is left. */
pf_result pf_input_devices_open(const pf_input_config *config, pf_input_counters *counters,
                                pf_input_devices **out);
/* NULL is allowed. */
void pf_input_devices_close(pf_input_devices *self);
/* Whether more may be sent: false while the desktop does not take what was sent before. */
bool pf_input_devices_ready(pf_input_devices *self);
/*
 * Sends what is left, waits for the desktop, `wake_fd` (an eventfd; it is read) or the time
 * `until_ns` (CLOCK_MONOTONIC, UINT64_MAX = never). PF_E_CLOSED when the desktop has ended.
 */
pf_result pf_input_devices_wait(pf_input_devices *self, int wake_fd, uint64_t until_ns);
/* Waits until what was sent has arrived, this long at most. */
void pf_input_devices_settle(pf_input_devices *self, uint32_t ms_max);
/* Sends an event that is not a character. */
void pf_input_devices_send(pf_input_devices *self, const pf_input_event *event);
/* Whether a character can be typed at all. The only call that other threads make. */
bool pf_input_devices_can_type(pf_input_devices *self, uint32_t character);
/* Types the first character; `count` - 1 follow it. */
void pf_input_devices_type(pf_input_devices *self, const uint32_t *characters, uint32_t count);
/* Releases all that was sent as pressed. */
void pf_input_devices_release(pf_input_devices *self);

#endif

/*
 * The connection to an emulated input server and the devices that it has given so far: gamescope's
 * socket, or a descriptor that Mutter, KWin or the RemoteDesktop portal gave. The server makes the
 * devices in its own time, may take them away and give others; each event goes by the first one
 * that can send it. Used by one thread, but for the keymap.
 */
#ifndef PF_EI_SERVER_H
#define PF_EI_SERVER_H
#include "../input/chord.h"
#include "../input/devices.h"

#include <libei.h>
#include <pthread.h>

enum { PF_EI_DEVICES_MAX = 32 };

typedef struct pf_ei_device {
  struct ei_device *ei; /* NULL = the slot is free */
  bool resumed;
} pf_ei_device;

struct pf_input_devices {
  struct ei *ei;
  bool connected, gone;
  pf_ei_device devices[PF_EI_DEVICES_MAX];
  uint32_t sequence; /* of the last start of emulation */
  char mapping_id[sizeof((pf_input_config *)0)->region];
  uint32_t width, height; /* of the wanted region, 0 = any */
  const char *layout;     /* where the server has no keymap */
  struct ei_touch *touches[PF_TOUCH_FINGERS_MAX];
  pthread_mutex_t lock; /* of the keymap, which other threads look at */
  pf_input_keymap *keymap;
  uint8_t down[PF_INPUT_CODES]; /* as in the queue, but as sent */
  pf_input_counters *counters;
};

/* Connects and waits until there is a keyboard and a pointer; what else there is comes when it
 * comes. Takes config->fd over, also on failure; see pf_input_open. */
pf_result pf_ei_connect(pf_input_devices *self, const pf_input_config *config);
/* Frees devices, touches, keymap and the connection. */
void pf_ei_disconnect(pf_input_devices *self);
/* Handles what the server has said. */
void pf_ei_handle(pf_input_devices *self);
/* The first device that can do it; NULL = none can now. */
struct ei_device *pf_ei_find(pf_input_devices *self, enum ei_device_capability capability);
/* The device whose region is meant, and that region; the first one where none fits. */
struct ei_device *pf_ei_find_region(pf_input_devices *self, enum ei_device_capability capability,
                                    struct ei_region **out);

#endif

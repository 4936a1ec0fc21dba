/*
 * Devices of an emulated input server, by libei: gamescope's socket, or a descriptor that Mutter,
 * KWin or the RemoteDesktop portal gave. The server makes the devices in its own time, may take
 * them away and give others; each event goes by the first one that can send it.
 */
#include "../input/devices.h"

#include <errno.h>
#include <libei.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../input/chord.h"

enum {
  DEVICES_MAX = 32,
  /* Servers that ask a person do so before they give the descriptor: then they answer at once. */
  OPEN_MS_MAX = 3000,
  PLACE_MAX = 65535,
};

typedef struct device {
  struct ei_device *ei; /* NULL = the slot is free */
  bool resumed;
} device;

struct pf_input_devices {
  struct ei *ei;
  bool connected, gone;
  device devices[DEVICES_MAX];
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

static void be_silent(struct ei *ei, enum ei_log_priority priority, const char *message,
                      struct ei_log_context *context) {}

static pf_result read_keymap(pf_input_keymap *keymap, struct ei_keymap *from) {
  size_t bytes = ei_keymap_get_size(from);
  if (ei_keymap_get_type(from) != EI_KEYMAP_TYPE_XKB)
    return pf_fail(PF_E_UNSUPPORTED, "the desktop's keymap is not XKB's");
  char *text = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, ei_keymap_get_fd(from), 0);
  if (text == MAP_FAILED) return pf_fail(PF_E_SYSTEM, "a keymap: %s", strerror(errno));
  pf_result result = pf_input_keymap_open_text(keymap, text, bytes);
  munmap(text, bytes);
  return result;
}

static void drop_keymap(pf_input_devices *self, pf_input_keymap *newer) {
  pthread_mutex_lock(&self->lock);
  pf_input_keymap *old = self->keymap;
  self->keymap = newer;
  pthread_mutex_unlock(&self->lock);
  if (old != NULL) pf_input_keymap_close(old);
  free(old);
}

/* Takes the keymap of a keyboard over; without one, that of the layout. */
static void take_keymap(pf_input_devices *self, struct ei_device *keyboard) {
  pf_input_keymap *keymap = calloc(1, sizeof *keymap);
  struct ei_keymap *from = ei_device_keyboard_get_keymap(keyboard);
  pf_result result = PF_E_MEMORY;
  if (keymap != NULL && from != NULL) result = read_keymap(keymap, from);
  else if (keymap != NULL) result = pf_input_keymap_open(keymap, self->layout);
  if (result == PF_OK) {
    drop_keymap(self, keymap);
    return;
  }
  pf_count(self->counters->failures, 1);
  if (keymap != NULL) pf_input_keymap_close(keymap);
  free(keymap);
}

/* What a device held is up with it. */
static void forget_held(pf_input_devices *self, struct ei_device *of) {
  bool keys = ei_device_has_capability(of, EI_DEVICE_CAP_KEYBOARD);
  bool buttons = ei_device_has_capability(of, EI_DEVICE_CAP_BUTTON);
  for (uint32_t code = 0; code < PF_INPUT_CODES; code++) {
    bool is_button = self->down[code] == 1 + PF_INPUT_BUTTON;
    if (is_button ? buttons : keys) self->down[code] = 0;
  }
  for (int finger = 0; finger < PF_TOUCH_FINGERS_MAX; finger++) {
    struct ei_touch *touch = self->touches[finger];
    if (touch == NULL || ei_touch_get_device(touch) != of) continue;
    self->touches[finger] = ei_touch_unref(touch);
  }
}

static device *find_slot(pf_input_devices *self, const struct ei_device *of) {
  for (int i = 0; i < DEVICES_MAX; i++)
    if (self->devices[i].ei == of) return &self->devices[i];
  return NULL;
}

static void add(pf_input_devices *self, struct ei_device *added) {
  device *slot = find_slot(self, NULL);
  if (slot != NULL) *slot = (device){.ei = ei_device_ref(added)};
}

static void resume(pf_input_devices *self, device *which) {
  which->resumed = true;
  ei_device_start_emulating(which->ei, ++self->sequence);
  if (ei_device_has_capability(which->ei, EI_DEVICE_CAP_KEYBOARD)) take_keymap(self, which->ei);
}

static void take_away(pf_input_devices *self, device *which, bool for_good) {
  if (which->resumed) forget_held(self, which->ei);
  which->resumed = false;
  if (for_good) which->ei = ei_device_unref(which->ei);
}

static void handle(pf_input_devices *self, struct ei_event *event) {
  device *which = NULL;
  struct ei_device *of = ei_event_get_device(event);
  if (of != NULL) which = find_slot(self, of);
  switch (ei_event_get_type(event)) {
    case EI_EVENT_CONNECT:
      self->connected = true;
      return;
    case EI_EVENT_DISCONNECT:
      self->gone = true;
      return;
    case EI_EVENT_SEAT_ADDED:
      ei_seat_bind_capabilities(ei_event_get_seat(event), EI_DEVICE_CAP_POINTER,
                                EI_DEVICE_CAP_POINTER_ABSOLUTE, EI_DEVICE_CAP_KEYBOARD,
                                EI_DEVICE_CAP_TOUCH, EI_DEVICE_CAP_SCROLL, EI_DEVICE_CAP_BUTTON,
                                NULL);
      return;
    case EI_EVENT_DEVICE_ADDED:
      add(self, of);
      return;
    case EI_EVENT_DEVICE_RESUMED:
      if (which != NULL) resume(self, which);
      return;
    case EI_EVENT_DEVICE_PAUSED:
    case EI_EVENT_DEVICE_REMOVED:
      if (which != NULL)
        take_away(self, which, ei_event_get_type(event) == EI_EVENT_DEVICE_REMOVED);
      return;
    default:
      return;
  }
}

static void handle_all(pf_input_devices *self) {
  struct ei_event *event;
  ei_dispatch(self->ei);
  while ((event = ei_get_event(self->ei)) != NULL) {
    handle(self, event);
    ei_event_unref(event);
  }
}

/* The first device that can do it; NULL = none can now. */
static struct ei_device *find(pf_input_devices *self, enum ei_device_capability capability) {
  for (int i = 0; i < DEVICES_MAX; i++) {
    device *each = &self->devices[i];
    if (each->resumed && ei_device_has_capability(each->ei, capability)) return each->ei;
  }
  return NULL;
}

static bool fits(const pf_input_devices *self, struct ei_region *region, bool by_id) {
  const char *id = ei_region_get_mapping_id(region);
  if (by_id) return self->mapping_id[0] != '\0' && id != NULL && strcmp(id, self->mapping_id) == 0;
  return self->width != 0 && ei_region_get_width(region) == self->width &&
         ei_region_get_height(region) == self->height;
}

/* The device whose region is meant, and that region; the first one where none fits. */
static struct ei_device *find_region(pf_input_devices *self, enum ei_device_capability capability,
                                     struct ei_region **out) {
  for (int by_id = 1; by_id >= 0; by_id--) {
    for (int i = 0; i < DEVICES_MAX; i++) {
      device *each = &self->devices[i];
      if (!each->resumed || !ei_device_has_capability(each->ei, capability)) continue;
      for (size_t at = 0; (*out = ei_device_get_region(each->ei, at)) != NULL; at++)
        if (fits(self, *out, by_id != 0)) return each->ei;
    }
  }
  struct ei_device *first = find(self, capability);
  *out = first == NULL ? NULL : ei_device_get_region(first, 0);
  return *out == NULL ? NULL : first;
}

static double place(int32_t share, uint32_t begin, uint32_t length) {
  return begin + (double)share * (length > 1 ? length - 1 : 0) / PLACE_MAX;
}

static void place_in(const struct ei_region *region, const pf_input_event *event, double *x,
                     double *y) {
  struct ei_region *of = (struct ei_region *)region;
  *x = place(event->a, ei_region_get_x(of), ei_region_get_width(of));
  *y = place(event->b, ei_region_get_y(of), ei_region_get_height(of));
}

static bool usable(pf_input_devices *self) {
  return find(self, EI_DEVICE_CAP_KEYBOARD) != NULL && find(self, EI_DEVICE_CAP_BUTTON) != NULL;
}

/* Waits until there is a keyboard and a pointer; what else there is comes when it comes. */
static pf_result wait_for_devices(pf_input_devices *self) {
  uint64_t end_ns = pf_now_ns() + OPEN_MS_MAX * 1000000ull;
  while (!usable(self)) {
    uint64_t now_ns = pf_now_ns();
    struct pollfd server = {.fd = ei_get_fd(self->ei), .events = POLLIN};
    if (now_ns >= end_ns) break;
    poll(&server, 1, (int)((end_ns - now_ns) / 1000000) + 1);
    handle_all(self);
    if (self->gone) return pf_fail(PF_E_UNSUPPORTED, "the desktop refused the connection");
  }
  bool any = find(self, EI_DEVICE_CAP_KEYBOARD) != NULL || find(self, EI_DEVICE_CAP_BUTTON) != NULL;
  if (any) return PF_OK;
  if (self->connected) return pf_fail(PF_E_UNSUPPORTED, "the desktop gives no devices");
  return pf_fail(PF_E_CLOSED, "the desktop's input server does not answer");
}

static pf_result connect_to(pf_input_devices *self, const pf_input_config *config) {
  self->ei = ei_new_sender(self);
  if (self->ei == NULL) {
    if (config->fd >= 0) close(config->fd);
    return pf_fail(PF_E_MEMORY, "no memory for the input");
  }
  ei_log_set_handler(self->ei, be_silent);
  ei_configure_name(self->ei, "punktfunk");
  int error = config->fd >= 0 ? ei_setup_backend_fd(self->ei, config->fd)
                              : ei_setup_backend_socket(self->ei, config->path);
  if (error == 0) return wait_for_devices(self);
  return pf_fail(PF_E_MISSING, "no input server answers at %s: %s",
                 config->fd >= 0 ? "the descriptor" : config->path, strerror(-error));
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
  pf_result result = connect_to(self, config);
  if (result != PF_OK) {
    pf_input_devices_close(self);
    return result;
  }
  *out = self;
  return PF_OK;
}

void pf_input_devices_close(pf_input_devices *self) {
  if (self == NULL) return;
  for (int finger = 0; finger < PF_TOUCH_FINGERS_MAX; finger++)
    if (self->touches[finger] != NULL) ei_touch_unref(self->touches[finger]);
  for (int i = 0; i < DEVICES_MAX; i++)
    if (self->devices[i].ei != NULL) ei_device_unref(self->devices[i].ei);
  if (self->ei != NULL) ei_unref(self->ei);
  drop_keymap(self, NULL);
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
  if (ready[0].revents != 0) handle_all(self);
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
  if (!down && self->down[code] == 0) return; /* released to type a text, or with its device */
  struct ei_device *of = find(self, is_button ? EI_DEVICE_CAP_BUTTON : EI_DEVICE_CAP_KEYBOARD);
  if (of != NULL && is_button) ei_device_button_button(of, code, down);
  else if (of != NULL) ei_device_keyboard_key(of, code, down);
  self->down[code] = down && of != NULL ? (uint8_t)(1 + kind) : 0;
  finish(self, of);
}

static void send_position(pf_input_devices *self, const pf_input_event *event) {
  struct ei_region *region;
  struct ei_device *of = find_region(self, EI_DEVICE_CAP_POINTER_ABSOLUTE, &region);
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
  struct ei_device *of = find_region(self, EI_DEVICE_CAP_TOUCH, &region);
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
      of = find(self, EI_DEVICE_CAP_POINTER);
      if (of != NULL) ei_device_pointer_motion(of, event->a / 256.0, event->b / 256.0);
      finish(self, of);
      return;
    case PF_INPUT_POSITION:
      pf_count(counters->motions, 1);
      send_position(self, event);
      return;
    case PF_INPUT_SCROLL:
      pf_count(counters->scrolls, 1);
      of = find(self, EI_DEVICE_CAP_SCROLL);
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

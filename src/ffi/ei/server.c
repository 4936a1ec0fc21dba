#include "server.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Servers that ask a person do so before they give the descriptor: then they answer at once. */
enum { OPEN_MS_MAX = 3000 };

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

/* `newer` may be NULL. */
static void swap_keymap(pf_input_devices *self, pf_input_keymap *newer) {
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
    swap_keymap(self, keymap);
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

static pf_ei_device *find_slot(pf_input_devices *self, const struct ei_device *of) {
  for (int i = 0; i < PF_EI_DEVICES_MAX; i++)
    if (self->devices[i].ei == of) return &self->devices[i];
  return NULL;
}

static void add(pf_input_devices *self, struct ei_device *added) {
  pf_ei_device *slot = find_slot(self, NULL);
  if (slot != NULL) *slot = (pf_ei_device){.ei = ei_device_ref(added)};
}

static void resume(pf_input_devices *self, pf_ei_device *which) {
  which->resumed = true;
  ei_device_start_emulating(which->ei, ++self->sequence);
  if (ei_device_has_capability(which->ei, EI_DEVICE_CAP_KEYBOARD)) take_keymap(self, which->ei);
}

static void take_away(pf_input_devices *self, pf_ei_device *which, bool for_good) {
  if (which->resumed) forget_held(self, which->ei);
  which->resumed = false;
  if (for_good) which->ei = ei_device_unref(which->ei);
}

static void handle(pf_input_devices *self, struct ei_event *event) {
  pf_ei_device *which = NULL;
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

void pf_ei_handle(pf_input_devices *self) {
  struct ei_event *event;
  ei_dispatch(self->ei);
  while ((event = ei_get_event(self->ei)) != NULL) {
    handle(self, event);
    ei_event_unref(event);
  }
}

struct ei_device *pf_ei_find(pf_input_devices *self, enum ei_device_capability capability) {
  for (int i = 0; i < PF_EI_DEVICES_MAX; i++) {
    pf_ei_device *each = &self->devices[i];
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

struct ei_device *pf_ei_find_region(pf_input_devices *self, enum ei_device_capability capability,
                                     struct ei_region **out) {
  for (int by_id = 1; by_id >= 0; by_id--) {
    for (int i = 0; i < PF_EI_DEVICES_MAX; i++) {
      pf_ei_device *each = &self->devices[i];
      if (!each->resumed || !ei_device_has_capability(each->ei, capability)) continue;
      for (size_t at = 0; (*out = ei_device_get_region(each->ei, at)) != NULL; at++)
        if (fits(self, *out, by_id != 0)) return each->ei;
    }
  }
  struct ei_device *first = pf_ei_find(self, capability);
  *out = first == NULL ? NULL : ei_device_get_region(first, 0);
  return *out == NULL ? NULL : first;
}

static bool usable(pf_input_devices *self) {
  return pf_ei_find(self, EI_DEVICE_CAP_KEYBOARD) != NULL &&
         pf_ei_find(self, EI_DEVICE_CAP_BUTTON) != NULL;
}

static pf_result wait_for_devices(pf_input_devices *self) {
  uint64_t end_ns = pf_now_ns() + OPEN_MS_MAX * 1000000ull;
  while (!usable(self)) {
    uint64_t now_ns = pf_now_ns();
    struct pollfd server = {.fd = ei_get_fd(self->ei), .events = POLLIN};
    if (now_ns >= end_ns) break;
    poll(&server, 1, (int)((end_ns - now_ns) / 1000000) + 1);
    pf_ei_handle(self);
    if (self->gone) return pf_fail(PF_E_UNSUPPORTED, "the desktop refused the connection");
  }
  bool any = pf_ei_find(self, EI_DEVICE_CAP_KEYBOARD) != NULL ||
             pf_ei_find(self, EI_DEVICE_CAP_BUTTON) != NULL;
  if (any) return PF_OK;
  if (self->connected) return pf_fail(PF_E_UNSUPPORTED, "the desktop gives no devices");
  return pf_fail(PF_E_CLOSED, "the desktop's input server does not answer");
}

/* Connects to the socket, or takes the one that is given; -1 with errno. */
static int open_socket(const pf_input_config *config) {
  struct stat about;
  if (config->fd >= 0) {
    if (fstat(config->fd, &about) == 0 && S_ISSOCK(about.st_mode)) return config->fd;
    close(config->fd);
    errno = ENOTSOCK;
    return -1;
  }
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s", config->path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

/* libei keeps no descriptor that it can't use, but does not close it either: it gets good ones. */
pf_result pf_ei_connect(pf_input_devices *self, const pf_input_config *config) {
  int fd = open_socket(config);
  if (fd < 0)
    return pf_fail(PF_E_MISSING, "no input server answers at %s: %s",
                   config->fd >= 0 ? "the descriptor" : config->path, strerror(errno));
  self->ei = ei_new_sender(self);
  if (self->ei == NULL) {
    close(fd);
    return pf_fail(PF_E_MEMORY, "no memory for the input");
  }
  ei_log_set_handler(self->ei, be_silent);
  ei_configure_name(self->ei, "punktfunk");
  int error = ei_setup_backend_fd(self->ei, fd);
  if (error == 0) return wait_for_devices(self);
  return pf_fail(PF_E_LIBRARY, "libei: %s", strerror(-error));
}

void pf_ei_disconnect(pf_input_devices *self) {
  for (int finger = 0; finger < PF_TOUCH_FINGERS_MAX; finger++)
    if (self->touches[finger] != NULL) ei_touch_unref(self->touches[finger]);
  for (int i = 0; i < PF_EI_DEVICES_MAX; i++)
    if (self->devices[i].ei != NULL) ei_device_unref(self->devices[i].ei);
  if (self->ei != NULL) ei_unref(self->ei);
  swap_keymap(self, NULL);
}

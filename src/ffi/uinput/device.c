#include "device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/uinput.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

typedef struct code_range {
  uint16_t first, last;
} code_range;

enum { RANGES_MAX = 4, CODES_MAX = 6 };

/* What a device can do; 0 ends a list. */
typedef struct description {
  const char *name;
  uint16_t product;
  int property; /* INPUT_PROP_*, -1 = none */
  code_range keys[RANGES_MAX];
  uint16_t relatives[CODES_MAX];
  bool relative;
  uint16_t absolutes[CODES_MAX];
  bool absolute;
} description;

/* Who reads these knows mice and touch screens by their buttons, axes and properties. */
static const description descriptions[PF_UINPUT_DEVICES] = {
    [PF_UINPUT_KEYBOARD] = {.name = "punktfunk keyboard",
                            .product = 1,
                            .property = -1,
                            .keys = {{KEY_ESC, KEY_MICMUTE}}},
    [PF_UINPUT_MOUSE] = {.name = "punktfunk mouse",
                         .product = 2,
                         .property = INPUT_PROP_POINTER,
                         .keys = {{BTN_LEFT, BTN_TASK}},
                         .relative = true,
                         .relatives = {REL_X, REL_Y, REL_WHEEL, REL_HWHEEL, REL_WHEEL_HI_RES,
                                       REL_HWHEEL_HI_RES}},
    [PF_UINPUT_POINTER] = {.name = "punktfunk pointer",
                           .product = 3,
                           .property = INPUT_PROP_POINTER,
                           .keys = {{BTN_LEFT, BTN_RIGHT}},
                           .absolute = true,
                           .absolutes = {ABS_X, ABS_Y}},
    [PF_UINPUT_TOUCH] = {.name = "punktfunk touch screen",
                         .product = 4,
                         .property = INPUT_PROP_DIRECT,
                         .keys = {{BTN_TOUCH, BTN_TOUCH}},
                         .absolute = true,
                         .absolutes = {ABS_X, ABS_Y, ABS_MT_SLOT, ABS_MT_POSITION_X,
                                       ABS_MT_POSITION_Y, ABS_MT_TRACKING_ID}},
};

static bool set_keys(int fd, const description *what) {
  bool good = ioctl(fd, UI_SET_EVBIT, EV_KEY) == 0;
  for (int i = 0; i < RANGES_MAX && what->keys[i].first != 0; i++)
    for (uint16_t code = what->keys[i].first; good && code <= what->keys[i].last; code++)
      good = ioctl(fd, UI_SET_KEYBIT, code) == 0;
  return good;
}

static bool set_relatives(int fd, const description *what) {
  bool good = ioctl(fd, UI_SET_EVBIT, EV_REL) == 0;
  for (int i = 0; good && i < CODES_MAX; i++)
    good = ioctl(fd, UI_SET_RELBIT, what->relatives[i]) == 0;
  return good;
}

static int32_t maximum(uint16_t axis) {
  if (axis == ABS_MT_SLOT) return PF_TOUCH_FINGERS_MAX - 1;
  return PF_UINPUT_PLACE_MAX;
}

static bool set_absolutes(int fd, const description *what) {
  bool good = ioctl(fd, UI_SET_EVBIT, EV_ABS) == 0;
  for (int i = 0; good && i < CODES_MAX; i++) {
    uint16_t axis = what->absolutes[i];
    if (i > 0 && axis == 0) break; /* ABS_X is 0 too, and comes first */
    struct uinput_abs_setup setup = {.code = axis, .absinfo = {.maximum = maximum(axis)}};
    good = ioctl(fd, UI_ABS_SETUP, &setup) == 0;
  }
  return good;
}

static bool create(int fd, const description *what) {
  struct uinput_setup setup = {.id = {.bustype = BUS_VIRTUAL, .product = what->product}};
  snprintf(setup.name, sizeof setup.name, "%s", what->name);
  bool good = set_keys(fd, what);
  if (good && what->relative) good = set_relatives(fd, what);
  if (good && what->absolute) good = set_absolutes(fd, what);
  if (good && what->property >= 0) good = ioctl(fd, UI_SET_PROPBIT, what->property) == 0;
  return good && ioctl(fd, UI_DEV_SETUP, &setup) == 0 && ioctl(fd, UI_DEV_CREATE) == 0;
}

static pf_result explain(const char *path, int error) {
  switch (error) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
      return pf_fail(PF_E_MISSING, "%s is not there: load the kernel's module uinput", path);
    case EACCES:
    case EPERM:
      return pf_fail(PF_E_MISSING,
                     "%s may not be opened: give this user access to it by a udev rule or the "
                     "group input",
                     path);
    case ENOTTY:
    case EINVAL:
      return pf_fail(PF_E_UNSUPPORTED, "%s is no uinput that can make these devices", path);
    default:
      return pf_fail(PF_E_SYSTEM, "%s: %s", path, strerror(error));
  }
}

pf_result pf_uinput_open(pf_uinput *self, const char *path) {
  for (int i = 0; i < PF_UINPUT_DEVICES; i++) self->fds[i] = -1;
  for (int i = 0; i < PF_UINPUT_DEVICES; i++) {
    int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && create(fd, &descriptions[i])) {
      self->fds[i] = fd;
      continue;
    }
    int error = errno;
    if (fd >= 0) close(fd);
    pf_uinput_close(self);
    return explain(path, error);
  }
  return PF_OK;
}

void pf_uinput_close(pf_uinput *self) {
  for (int i = 0; i < PF_UINPUT_DEVICES; i++) {
    if (self->fds[i] < 0) continue;
    ioctl(self->fds[i], UI_DEV_DESTROY);
    close(self->fds[i]);
    self->fds[i] = -1;
  }
}

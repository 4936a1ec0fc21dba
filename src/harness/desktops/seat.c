/*
 * A stand-in for systemd-logind in the kernel test machine, where nobody logs in: one session,
 * which is always active and may open every device that this process may. What KWin asks of
 * org.freedesktop.login1, no more. Prints a line when it can be asked; lives on the bus that
 * DBUS_SYSTEM_BUS_ADDRESS names.
 */
#define _GNU_SOURCE /* pipe2 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

static const char manager_path[] = "/org/freedesktop/login1";
static const char session_path[] = "/org/freedesktop/login1/session/test";
static const char seat_path[] = "/org/freedesktop/login1/seat/seat0";

static int give_session(sd_bus_message *call, void *data, sd_bus_error *error) {
  return sd_bus_reply_method_return(call, "o", session_path);
}

static int agree(sd_bus_message *call, void *data, sd_bus_error *error) {
  return sd_bus_reply_method_return(call, "");
}

/* The lock is given back when its last descriptor is closed, which nobody waits for here. */
static int inhibit(sd_bus_message *call, void *data, sd_bus_error *error) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return -1;
  int result = sd_bus_reply_method_return(call, "h", ends[1]);
  close(ends[0]);
  close(ends[1]);
  return result;
}

static int open_device(const char *folder, unsigned major_number, unsigned minor_number) {
  DIR *entries = opendir(folder);
  int fd = -1;
  for (struct dirent *entry; entries != NULL && fd < 0 && (entry = readdir(entries)) != NULL;) {
    char path[512];
    struct stat status;
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    if (stat(path, &status) < 0 || !S_ISCHR(status.st_mode)) continue;
    if (major(status.st_rdev) != major_number || minor(status.st_rdev) != minor_number) continue;
    fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
  }
  if (entries != NULL) closedir(entries);
  return fd;
}

static int take_device(sd_bus_message *call, void *data, sd_bus_error *error) {
  uint32_t major_number, minor_number;
  int result = sd_bus_message_read(call, "uu", &major_number, &minor_number);
  if (result < 0) return result;
  int fd = open_device("/dev/dri", major_number, minor_number);
  if (fd < 0) return sd_bus_reply_method_errorf(call, SD_BUS_ERROR_FILE_NOT_FOUND, "no device");
  result = sd_bus_reply_method_return(call, "hb", fd, 0);
  close(fd);
  return result;
}

static int tell_active(sd_bus *bus, const char *path, const char *interface, const char *property,
                       sd_bus_message *reply, void *data, sd_bus_error *error) {
  return sd_bus_message_append(reply, "b", 1);
}

static int tell_terminal(sd_bus *bus, const char *path, const char *interface,
                         const char *property, sd_bus_message *reply, void *data,
                         sd_bus_error *error) {
  return sd_bus_message_append(reply, "u", 1);
}

static int tell_seat(sd_bus *bus, const char *path, const char *interface, const char *property,
                     sd_bus_message *reply, void *data, sd_bus_error *error) {
  return sd_bus_message_append(reply, "(so)", "seat0", seat_path);
}

static const sd_bus_vtable manager[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD("GetSession", "s", "o", give_session, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("GetSessionByPID", "u", "o", give_session, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Inhibit", "ssss", "h", inhibit, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_VTABLE_END,
};

static const sd_bus_vtable session[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD("Activate", "", "", agree, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("TakeControl", "b", "", agree, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("ReleaseControl", "", "", agree, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("SetType", "s", "", agree, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("TakeDevice", "uu", "hb", take_device, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("ReleaseDevice", "uu", "", agree, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("PauseDeviceComplete", "uu", "", agree, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_PROPERTY("Active", "b", tell_active, 0, 0),
    SD_BUS_PROPERTY("VTNr", "u", tell_terminal, 0, SD_BUS_VTABLE_PROPERTY_CONST),
    SD_BUS_PROPERTY("Seat", "(so)", tell_seat, 0, SD_BUS_VTABLE_PROPERTY_CONST),
    SD_BUS_VTABLE_END,
};

static void check(int result, const char *what) {
  if (result >= 0) return;
  fprintf(stderr, "seat: %s: %s\n", what, strerror(-result));
  exit(1);
}

int main(void) {
  sd_bus *bus = NULL;
  check(sd_bus_open_system(&bus), "the bus");
  check(sd_bus_add_object_vtable(bus, NULL, manager_path, "org.freedesktop.login1.Manager",
                                 manager, NULL),
        "the manager");
  check(sd_bus_add_object_vtable(bus, NULL, session_path, "org.freedesktop.login1.Session",
                                 session, NULL),
        "the session");
  check(sd_bus_request_name(bus, "org.freedesktop.login1", 0), "the name");
  puts("ready");
  fflush(stdout);
  for (;;) {
    int done = sd_bus_process(bus, NULL);
    check(done, "a call");
    if (done == 0) check(sd_bus_wait(bus, UINT64_MAX), "the bus");
  }
}

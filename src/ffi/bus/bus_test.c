/* A bus of its own at an abstract socket; prints what failed and exits 1. */
#include "bus.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define EXPECT(condition)                                     \
  do {                                                        \
    if (!(condition)) {                                       \
      fprintf(stderr, "line %d: %s\n", __LINE__, #condition); \
      exit(1);                                                \
    }                                                         \
  } while (0)

static int listener;
static char path[32];

static void listen_here(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int length = snprintf(path, sizeof path, "@pf-bus-test-%d", (int)getpid());
  memcpy(address.sun_path + 1, path + 1, (size_t)length - 1);
  listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  socklen_t bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)length);
  EXPECT(bind(listener, (struct sockaddr *)&address, bytes) == 0);
  EXPECT(listen(listener, 4) == 0);
}

static pf_bus *connect_both(int *server) {
  pf_bus *bus = NULL;
  EXPECT(pf_bus_open(path, &bus) == PF_OK);
  *server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  EXPECT(*server >= 0);
  return bus;
}

/* Waits for bytes or the end; returns what pf_bus_take does. */
static int32_t take(pf_bus *bus, uint8_t *out, uint32_t max) {
  for (;;) {
    int32_t count = pf_bus_take(bus, out, max);
    if (count != 0) return count;
    struct pollfd news = {.fd = pf_bus_fd(bus), .events = POLLIN};
    EXPECT(poll(&news, 1, 10000) == 1);
    uint64_t kicks;
    EXPECT(read(news.fd, &kicks, sizeof kicks) == sizeof kicks);
  }
}

static void give_fds(int server, const int *fds, size_t count, const char *bytes) {
  struct iovec piece = {(void *)bytes, strlen(bytes)};
  _Alignas(struct cmsghdr) char control[CMSG_SPACE(32 * sizeof(int))] = {0};
  struct msghdr message = {.msg_iov = &piece,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = CMSG_SPACE(count * sizeof *fds)};
  struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(count * sizeof *fds);
  memcpy(CMSG_DATA(rights), fds, count * sizeof *fds);
  EXPECT(sendmsg(server, &message, 0) > 0);
}

static void passes_descriptors_in_order_and_no_more_than_it_keeps(void) {
  int server, ends[2], many[32];
  pf_bus *bus = connect_both(&server);
  EXPECT(pipe(ends) == 0);
  give_fds(server, &ends[1], 1, "a");
  for (size_t i = 0; i < PF_ARRAY_COUNT(many); i++) many[i] = ends[0];
  uint8_t byte;
  EXPECT(take(bus, &byte, 1) == 1 && byte == 'a');
  int32_t writer = pf_bus_take_fd(bus);
  EXPECT(writer >= 0 && write(writer, "x", 1) == 1);
  EXPECT(read(ends[0], &byte, 1) == 1 && byte == 'x');
  EXPECT(pf_bus_take_fd(bus) == PF_E_EMPTY);
  close(writer);
  give_fds(server, many, PF_ARRAY_COUNT(many), "b");
  EXPECT(take(bus, &byte, 1) == 1 && byte == 'b');
  for (int i = 0; i < PF_BUS_FDS - 1; i++) close(pf_bus_take_fd(bus));
  close(ends[0]);
  close(ends[1]);
  pf_bus_close(bus); /* with one that nobody took */
  close(server);
}

static void sends_a_descriptor(void) {
  int server, ends[2];
  pf_bus *bus = connect_both(&server);
  EXPECT(pipe(ends) == 0);
  EXPECT(pf_bus_send(bus, (const uint8_t *)"hi", 2, ends[1]) == PF_OK);
  char bytes[8];
  struct iovec piece = {bytes, sizeof bytes};
  _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  struct msghdr message = {.msg_iov = &piece,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = sizeof control};
  EXPECT(recvmsg(server, &message, MSG_CMSG_CLOEXEC) == 2);
  int fd;
  EXPECT(CMSG_FIRSTHDR(&message) != NULL);
  memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
  EXPECT(write(fd, "y", 1) == 1 && read(ends[0], bytes, 1) == 1 && bytes[0] == 'y');
  close(fd);
  close(ends[0]);
  close(ends[1]);
  pf_bus_close(bus);
  close(server);
}

static void keeps_every_byte_of_a_flood_both_ways(void) {
  int server;
  pf_bus *bus = connect_both(&server);
  static uint8_t out[PF_BUS_OUT_BYTES], in[PF_BUS_IN_BYTES];
  for (size_t i = 0; i < sizeof out; i++) out[i] = (uint8_t)(i * 7 + (i >> 8));
  EXPECT(pf_bus_send(bus, out, sizeof out, -1) == PF_OK);
  EXPECT(pf_bus_send(bus, out, sizeof out, -1) == PF_E_FULL);
  EXPECT(pf_bus_send(bus, out, 1, server) == PF_E_FULL);
  for (size_t at = 0; at < sizeof out;) {
    ssize_t got = recv(server, in, sizeof in, 0);
    EXPECT(got > 0 && memcmp(in, out + at, (size_t)got) == 0);
    at += (size_t)got;
  }
  size_t sent = 0, taken = 0;
  while (taken < sizeof out) {
    size_t rest = sizeof out - sent;
    ssize_t some = rest > 0 ? send(server, out + sent, rest, MSG_DONTWAIT) : 0;
    if (some > 0) sent += (size_t)some;
    uint32_t max = 1 + (uint32_t)(taken % 7919);
    int32_t got = taken < sent ? take(bus, in, max) : 0;
    EXPECT(got >= 0 && memcmp(in, out + taken, (size_t)got) == 0);
    taken += (size_t)got;
  }
  pf_bus_close(bus);
  close(server);
}

static void tells_the_end_after_what_came_before_it(void) {
  int server;
  pf_bus *bus = connect_both(&server);
  EXPECT(send(server, "last", 4, 0) == 4);
  close(server);
  uint8_t bytes[8];
  EXPECT(take(bus, bytes, sizeof bytes) == 4 && memcmp(bytes, "last", 4) == 0);
  EXPECT(take(bus, bytes, sizeof bytes) == PF_E_CLOSED);
  EXPECT(pf_bus_send(bus, bytes, 1, -1) == PF_E_CLOSED);
  pf_bus_close(bus);
}

int main(void) {
  pf_bus *bus = NULL;
  EXPECT(pf_bus_open("/nonexistent/bus", &bus) == PF_E_SYSTEM);
  EXPECT(pf_bus_open("", &bus) == PF_E_ARGUMENT);
  listen_here();
  passes_descriptors_in_order_and_no_more_than_it_keeps();
  sends_a_descriptor();
  keeps_every_byte_of_a_flood_both_ways();
  tells_the_end_after_what_came_before_it();
  close(listener);
  pf_bus_close(NULL);
  return 0;
}

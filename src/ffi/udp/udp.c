#include "udp.h"

#include "udp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

/* Datagrams a receive call takes, each up to 64 KiB of packets that GRO has joined. */
#define RECEIVE_COUNT 16
#define RECEIVE_BYTES 65536
/* The kernel cuts a GSO burst into at most this many packets and bytes. */
#define GSO_PACKETS 64
#define GSO_BYTES 65000
#define SEND_WAIT_MS 2

typedef struct receive_slot {
  pf_address from;
  struct iovec vector;
  _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(uint32_t))];
} receive_slot;

struct pf_udp {
  int fd;
  bool v6, gso;
  uint16_t port;
  uint32_t receive_bytes, send_bytes;
  uint32_t kernel_drops; /* newest value of SO_RXQ_OVFL, which wraps */
  uint64_t kernel_drops_total;
  struct mmsghdr headers[RECEIVE_COUNT];
  receive_slot slots[RECEIVE_COUNT];
  uint8_t buffers[RECEIVE_COUNT][RECEIVE_BYTES];
};

static uint32_t grow(int fd, int force, int option, uint32_t wish) {
  int value = (int)wish;
  if (setsockopt(fd, SOL_SOCKET, force, &value, sizeof value) != 0)
    setsockopt(fd, SOL_SOCKET, option, &value, sizeof value);
  socklen_t bytes = sizeof value;
  /* The kernel tells twice what the application asked for. */
  return getsockopt(fd, SOL_SOCKET, option, &value, &bytes) == 0 ? (uint32_t)value / 2 : 0;
}

static int bind_socket(const char *address, uint16_t port, bool *v6) {
  pf_address local;
  if (pf_address_parse(address, port, &local) != PF_OK) {
    errno = EINVAL;
    return -1;
  }
  *v6 = local.storage.ss_family == AF_INET6;
  int fd = socket(local.storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  int off = 0;
  if (*v6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (bind(fd, (const struct sockaddr *)&local.storage, local.bytes) == 0) return fd;
  int why = errno;
  close(fd);
  errno = why;
  return -1;
}

static void prepare_receive(pf_udp *udp) {
  for (int i = 0; i < RECEIVE_COUNT; i++) {
    receive_slot *slot = &udp->slots[i];
    slot->vector = (struct iovec){.iov_base = udp->buffers[i], .iov_len = RECEIVE_BYTES};
    udp->headers[i].msg_hdr = (struct msghdr){
        .msg_name = &slot->from.storage,
        .msg_namelen = sizeof slot->from.storage,
        .msg_iov = &slot->vector,
        .msg_iovlen = 1,
        .msg_control = slot->control,
        .msg_controllen = sizeof slot->control,
    };
  }
}

pf_result pf_udp_open(const char *address, uint16_t port, uint32_t socket_bytes, uint32_t flags,
                      pf_udp **out) {
  pf_udp *udp = calloc(1, sizeof *udp);
  if (udp == NULL) return pf_fail(PF_E_MEMORY, "no memory for a UDP socket");
  udp->fd = bind_socket(address, port, &udp->v6);
  if (udp->fd < 0 && strcmp(address, "::") == 0 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL))
    udp->fd = bind_socket("0.0.0.0", port, &udp->v6);
  if (udp->fd < 0) {
    const char *why = errno == EADDRINUSE ? "is in use by another program" : strerror(errno);
    pf_fail(PF_E_SYSTEM, "UDP port %u of %s %s", port, address, why);
    free(udp);
    return PF_E_SYSTEM;
  }
  int on = 1;
  setsockopt(udp->fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
  if (!(flags & PF_UDP_NO_GRO)) setsockopt(udp->fd, SOL_UDP, UDP_GRO, &on, sizeof on);
  udp->gso = !(flags & PF_UDP_NO_GSO);
  udp->receive_bytes = grow(udp->fd, SO_RCVBUFFORCE, SO_RCVBUF, socket_bytes);
  udp->send_bytes = grow(udp->fd, SO_SNDBUFFORCE, SO_SNDBUF, socket_bytes);
  struct sockaddr_storage local;
  socklen_t bytes = sizeof local;
  getsockname(udp->fd, (struct sockaddr *)&local, &bytes);
  udp->port = ntohs(udp->v6 ? ((struct sockaddr_in6 *)&local)->sin6_port
                            : ((struct sockaddr_in *)&local)->sin_port);
  prepare_receive(udp);
  *out = udp;
  return PF_OK;
}

void pf_udp_close(pf_udp *udp) {
  if (udp == NULL) return;
  close(udp->fd);
  free(udp);
}

int pf_udp_fd(const pf_udp *udp) { return udp->fd; }
uint16_t pf_udp_port(const pf_udp *udp) { return udp->port; }
uint32_t pf_udp_receive_bytes(const pf_udp *udp) { return udp->receive_bytes; }
uint32_t pf_udp_send_bytes(const pf_udp *udp) { return udp->send_bytes; }
bool pf_udp_uses_gso(const pf_udp *udp) { return udp->gso; }

/* An IPv4 address as an IPv6 socket wants it (RFC 4291 section 2.5.5.2). */
static pf_address mapped(const pf_udp *udp, const pf_address *to) {
  if (!udp->v6 || to->storage.ss_family != AF_INET) return *to;
  const struct sockaddr_in *v4 = (const struct sockaddr_in *)&to->storage;
  pf_address out = {.bytes = sizeof(struct sockaddr_in6)};
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out.storage;
  v6->sin6_family = AF_INET6;
  v6->sin6_port = v4->sin_port;
  v6->sin6_addr.s6_addr[10] = v6->sin6_addr.s6_addr[11] = 0xff;
  memcpy(&v6->sin6_addr.s6_addr[12], &v4->sin_addr, 4);
  return out;
}

/* After a failed send: whether trying again may help. */
static bool wait_for_room(const pf_udp *udp) {
  if (errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS && errno != EINTR) return false;
  struct pollfd room = {.fd = udp->fd, .events = POLLOUT};
  return poll(&room, 1, SEND_WAIT_MS) > 0;
}

static bool send_gso(pf_udp *udp, const pf_address *to, const uint8_t *packets,
                     uint32_t packet_bytes, uint32_t count) {
  struct iovec vector = {.iov_base = (void *)(uintptr_t)packets,
                         .iov_len = (size_t)packet_bytes * count};
  union {
    struct cmsghdr header;
    uint8_t bytes[CMSG_SPACE(sizeof(uint16_t))];
  } control = {0};
  struct msghdr message = {.msg_name = (void *)(uintptr_t)&to->storage,
                           .msg_namelen = to->bytes,
                           .msg_iov = &vector,
                           .msg_iovlen = 1};
  if (count > 1) {
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    control.header.cmsg_level = SOL_UDP;
    control.header.cmsg_type = UDP_SEGMENT;
    control.header.cmsg_len = CMSG_LEN(sizeof(uint16_t));
    uint16_t segment = (uint16_t)packet_bytes;
    memcpy(CMSG_DATA(&control.header), &segment, sizeof segment);
  }
  return sendmsg(udp->fd, &message, 0) >= 0;
}

static int send_many(pf_udp *udp, const pf_address *to, const uint8_t *packets,
                     uint32_t packet_bytes, uint32_t count) {
  struct iovec vectors[GSO_PACKETS];
  struct mmsghdr messages[GSO_PACKETS];
  for (uint32_t i = 0; i < count; i++) {
    vectors[i] = (struct iovec){.iov_base = (void *)(uintptr_t)(packets + (size_t)i * packet_bytes),
                                .iov_len = packet_bytes};
    messages[i] = (struct mmsghdr){.msg_hdr = {.msg_name = (void *)(uintptr_t)&to->storage,
                                               .msg_namelen = to->bytes,
                                               .msg_iov = &vectors[i],
                                               .msg_iovlen = 1}};
  }
  return sendmmsg(udp->fd, messages, count, 0);
}

void pf_udp_send(pf_udp *udp, const pf_address *to, const uint8_t *packets, uint32_t packet_bytes,
                 uint32_t count, pf_udp_sent *out) {
  pf_address address = mapped(udp, to);
  *out = (pf_udp_sent){0};
  uint32_t burst = GSO_BYTES / packet_bytes;
  if (burst > GSO_PACKETS) burst = GSO_PACKETS;
  bool waited = false;
  for (uint32_t done = 0; done < count;) {
    uint32_t now = count - done < burst ? count - done : burst;
    const uint8_t *from = packets + (size_t)done * packet_bytes;
    int sent = udp->gso ? (send_gso(udp, &address, from, packet_bytes, now) ? (int)now : -1)
                        : send_many(udp, &address, from, packet_bytes, now);
    out->calls++;
    if (sent > 0) {
      done += (uint32_t)sent;
      out->packets += (uint32_t)sent;
      waited = false;
    } else if (udp->gso && (errno == EINVAL || errno == EIO || errno == ENOPROTOOPT ||
                            errno == EOPNOTSUPP || errno == EMSGSIZE)) {
      udp->gso = false;
    } else if (!waited && wait_for_room(udp)) {
      waited = true;
    } else {
      out->dropped += now;
      done += now;
      waited = false;
    }
  }
}

static uint32_t read_control(pf_udp *udp, struct msghdr *header, uint32_t bytes) {
  uint32_t segment = bytes;
  for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c)) {
    if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
      int value;
      memcpy(&value, CMSG_DATA(c), sizeof value);
      if (value > 0) segment = (uint32_t)value;
    } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
      uint32_t drops;
      memcpy(&drops, CMSG_DATA(c), sizeof drops);
      udp->kernel_drops_total += drops - udp->kernel_drops;
      udp->kernel_drops = drops;
    }
  }
  return segment;
}

uint32_t pf_udp_receive(pf_udp *udp, void (*take)(void *context, const pf_udp_packet *packet),
                        void *context, uint64_t *kernel_drops) {
  int count = recvmmsg(udp->fd, udp->headers, RECEIVE_COUNT, MSG_DONTWAIT, NULL);
  uint32_t packets = 0;
  for (int i = 0; i < count; i++) {
    struct msghdr *header = &udp->headers[i].msg_hdr;
    receive_slot *slot = &udp->slots[i];
    uint32_t bytes = udp->headers[i].msg_len;
    uint32_t segment = read_control(udp, header, bytes);
    slot->from.bytes = header->msg_namelen;
    for (uint32_t at = 0; at < bytes || (bytes == 0 && at == 0); at += segment > 0 ? segment : 1) {
      uint32_t left = bytes - at;
      pf_udp_packet packet = {.data = udp->buffers[i] + at,
                              .bytes = left < segment ? left : segment,
                              .from = &slot->from};
      take(context, &packet);
      packets++;
    }
    header->msg_namelen = sizeof slot->from.storage;
    header->msg_controllen = sizeof slot->control;
  }
  *kernel_drops = udp->kernel_drops_total;
  return packets;
}

#include "udp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/net_tstamp.h>
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

typedef struct receive_slot {
  pf_address from;
  struct in6_addr to;
  struct iovec vector;
  _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(uint32_t)) +
                                           CMSG_SPACE(sizeof(struct in6_pktinfo))];
} receive_slot;

struct pf_udp {
  int fd;
  bool v6, no_gso, no_times;
  uint16_t port;
  uint32_t receive_bytes, send_bytes;
  uint32_t kernel_drops; /* newest value of SO_RXQ_OVFL, which wraps */
  uint64_t kernel_drops_total; /* since the socket was opened */
  struct mmsghdr headers[RECEIVE_COUNT];
  receive_slot slots[RECEIVE_COUNT];
  uint8_t buffers[RECEIVE_COUNT][RECEIVE_BYTES];
};

static uint32_t grow(int fd, int force, int option, uint32_t wish) {
  int value = (int)wish;
  if (wish > INT32_MAX / 2) value = INT32_MAX / 2;
  if (wish > 0 && setsockopt(fd, SOL_SOCKET, force, &value, sizeof value) != 0)
    setsockopt(fd, SOL_SOCKET, option, &value, sizeof value);
  socklen_t bytes = sizeof value;
  /* The kernel tells twice what the application asked for. */
  return getsockopt(fd, SOL_SOCKET, option, &value, &bytes) == 0 ? (uint32_t)value / 2 : 0;
}

static int bind_socket(const pf_address *local) {
  bool v6 = local->storage.ss_family == AF_INET6;
  int fd = socket(local->storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  int off = 0;
  if (v6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (bind(fd, (const struct sockaddr *)&local->storage, local->bytes) == 0) return fd;
  int why = errno;
  close(fd);
  errno = why;
  return -1;
}

/* A machine without IPv6 gets an IPv4 socket for "::". */
static pf_result bind_best(pf_udp *udp, const char *address, uint16_t port) {
  pf_address local;
  pf_result result = pf_address_parse(address, port, &local);
  if (result != PF_OK) return result;
  udp->fd = bind_socket(&local);
  if (udp->fd < 0 && strcmp(address, "::") == 0 &&
      (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) {
    pf_address_parse("0.0.0.0", port, &local);
    udp->fd = bind_socket(&local);
  }
  udp->v6 = local.storage.ss_family == AF_INET6;
  if (udp->fd >= 0) return PF_OK;
  if (errno == EADDRINUSE)
    return pf_fail(PF_E_SYSTEM, "another program has taken UDP port %u", port);
  return pf_fail(PF_E_SYSTEM, "UDP port %u of %s can't be opened: %s", port, address,
                 strerror(errno));
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
  pf_result result = bind_best(udp, address, port);
  if (result != PF_OK) {
    free(udp);
    return result;
  }
  int on = 1;
  setsockopt(udp->fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
  if (!(flags & PF_UDP_NO_GRO)) setsockopt(udp->fd, SOL_UDP, UDP_GRO, &on, sizeof on);
  if (udp->v6) setsockopt(udp->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
  else setsockopt(udp->fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
  const struct sock_txtime times = {.clockid = CLOCK_MONOTONIC}; /* fq's clock */
  udp->no_times = setsockopt(udp->fd, SOL_SOCKET, SO_TXTIME, &times, sizeof times) != 0;
  udp->no_gso = (flags & PF_UDP_NO_GSO) != 0;
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
uint64_t pf_udp_kernel_drops(const pf_udp *udp) { return udp->kernel_drops_total; }

/* IPv6 sockets want IPv4 addresses mapped (RFC 4291 section 2.5.5.2). */
static struct in6_addr map_v4(const void *v4) {
  struct in6_addr mapped = {.s6_addr = {[10] = 0xff, [11] = 0xff}};
  memcpy(&mapped.s6_addr[12], v4, 4);
  return mapped;
}

pf_udp_path pf_udp_path_to(const pf_udp *udp, const pf_address *address,
                           const struct in6_addr *source) {
  pf_udp_path path = {.address = *address, .gso = !udp->no_gso, .has_source = source != NULL};
  if (source != NULL) path.source = *source;
  char queue[PF_UDP_QUEUE_NAME_BYTES];
  pf_udp_queue_of(address, source, queue);
  path.timed = !udp->no_times && strcmp(queue, "fq") == 0;
  if (!udp->v6 || address->storage.ss_family != AF_INET) return path;
  const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address->storage;
  path.address = (pf_address){.bytes = sizeof(struct sockaddr_in6)};
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&path.address.storage;
  v6->sin6_family = AF_INET6;
  v6->sin6_port = v4->sin_port;
  v6->sin6_addr = map_v4(&v4->sin_addr);
  return path;
}

typedef struct burst {
  const uint8_t *packets;
  uint32_t packet_bytes, count;
} burst;

/* Control messages of a send call. */
typedef struct control {
  _Alignas(struct cmsghdr) uint8_t bytes[CMSG_SPACE(sizeof(uint16_t)) +
                                         CMSG_SPACE(sizeof(struct in6_pktinfo)) +
                                         CMSG_SPACE(sizeof(uint64_t))];
  size_t used;
} control;

static void add_control(control *c, int level, int type, const void *data, size_t bytes) {
  struct cmsghdr *header = (struct cmsghdr *)(c->bytes + c->used);
  header->cmsg_len = CMSG_LEN(bytes);
  header->cmsg_level = level;
  header->cmsg_type = type;
  memcpy(CMSG_DATA(header), data, bytes);
  c->used += CMSG_SPACE(bytes);
}

/* Where from, and when. */
static void add_path(control *c, const pf_udp *udp, const pf_udp_path *path) {
  if (path->has_source && udp->v6) {
    const struct in6_pktinfo info = {.ipi6_addr = path->source};
    add_control(c, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
  } else if (path->has_source) {
    struct in_pktinfo info = {0};
    memcpy(&info.ipi_spec_dst, &path->source.s6_addr[12], sizeof info.ipi_spec_dst);
    add_control(c, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
  }
  if (path->timed && path->launch_ns != 0)
    add_control(c, SOL_SOCKET, SCM_TXTIME, &path->launch_ns, sizeof path->launch_ns);
}

/* All or nothing, as sendmsg does; returns packets or -1. */
static int send_gso(const pf_udp *udp, const pf_udp_path *path, const burst *b) {
  struct iovec vector = {.iov_base = (void *)(uintptr_t)b->packets,
                         .iov_len = (size_t)b->packet_bytes * b->count};
  control c = {.used = 0};
  add_path(&c, udp, path);
  uint16_t segment = (uint16_t)b->packet_bytes;
  if (b->count > 1) add_control(&c, SOL_UDP, UDP_SEGMENT, &segment, sizeof segment);
  const struct msghdr message = {.msg_name = (void *)(uintptr_t)&path->address.storage,
                                 .msg_namelen = path->address.bytes,
                                 .msg_iov = &vector,
                                 .msg_iovlen = 1,
                                 .msg_control = c.used > 0 ? c.bytes : NULL,
                                 .msg_controllen = c.used};
  return sendmsg(udp->fd, &message, 0) >= 0 ? (int)b->count : -1;
}

static int send_each(const pf_udp *udp, const pf_udp_path *path, const burst *b) {
  struct iovec vectors[PF_UDP_BURST_PACKETS];
  struct mmsghdr messages[PF_UDP_BURST_PACKETS];
  control c = {.used = 0};
  add_path(&c, udp, path);
  for (uint32_t i = 0; i < b->count; i++) {
    vectors[i] = (struct iovec){
        .iov_base = (void *)(uintptr_t)(b->packets + (size_t)i * b->packet_bytes),
        .iov_len = b->packet_bytes};
    messages[i] =
        (struct mmsghdr){.msg_hdr = {.msg_name = (void *)(uintptr_t)&path->address.storage,
                                     .msg_namelen = path->address.bytes,
                                     .msg_iov = &vectors[i],
                                     .msg_iovlen = 1,
                                     .msg_control = c.used > 0 ? c.bytes : NULL,
                                     .msg_controllen = c.used}};
  }
  return sendmmsg(udp->fd, messages, b->count, 0);
}

static bool is_gso_refused(int why) {
  return why == EINVAL || why == EIO || why == EMSGSIZE || why == ENOPROTOOPT || why == EOPNOTSUPP;
}

/* After a failed send: whether trying again may help. */
static bool wait_for_room(const pf_udp *udp, int why) {
  if (why != EAGAIN && why != EWOULDBLOCK && why != ENOBUFS && why != EINTR) return false;
  struct pollfd room = {.fd = udp->fd, .events = POLLOUT};
  return poll(&room, 1, PF_UDP_SEND_WAIT_MS) > 0;
}

void pf_udp_send(pf_udp *udp, pf_udp_path *path, const uint8_t *packets, uint32_t packet_bytes,
                 uint32_t count, pf_udp_sent *out) {
  *out = (pf_udp_sent){0};
  bool waited = false;
  for (uint32_t done = 0; done < count;) {
    burst rest = {packets + (size_t)done * packet_bytes, packet_bytes, count - done};
    bool gso = path->gso;
    int sent = gso ? send_gso(udp, path, &rest) : send_each(udp, path, &rest);
    int why = errno;
    out->calls++;
    if (sent > 0) {
      done += (uint32_t)sent;
      out->packets += (uint32_t)sent;
      waited = false;
    } else if (gso && rest.count > 1 && is_gso_refused(why)) {
      path->gso = path->timed = false; /* fq keeps so many bursts, but not so many packets */
    } else if (path->has_source && why == EINVAL) {
      path->has_source = false; /* the address is not this machine's any more */
      path->gso = !udp->no_gso;
    } else if (!waited && wait_for_room(udp, why)) {
      waited = true;
    } else {
      /* A packet that is refused by itself does not take the others with it. */
      uint32_t lost = gso || waited ? rest.count : 1;
      out->dropped += lost;
      done += lost;
      waited = false;
    }
  }
}

/* Returns how long each of the packets is that came joined. */
static uint32_t read_control(pf_udp *udp, struct msghdr *header, uint32_t bytes,
                             struct in6_addr *to) {
  uint32_t segment = bytes;
  *to = in6addr_any;
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
    } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
      memcpy(to, CMSG_DATA(c), sizeof *to); /* the first field of in6_pktinfo */
    } else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
      struct in_pktinfo info;
      memcpy(&info, CMSG_DATA(c), sizeof info);
      *to = map_v4(&info.ipi_spec_dst);
    }
  }
  return segment;
}

/* One datagram, which may be several packets of `segment` bytes that the kernel has joined. */
static void take_datagram(receive_slot *slot, uint8_t *data, uint32_t bytes, uint32_t segment,
                          void (*take)(void *context, const pf_udp_packet *packet), void *context) {
  uint32_t at = 0;
  do {
    uint32_t left = bytes - at;
    pf_udp_packet packet = {.data = data + at,
                            .bytes = left < segment ? left : segment,
                            .joined = at > 0,
                            .from = &slot->from,
                            .to = IN6_IS_ADDR_UNSPECIFIED(&slot->to) ? NULL : &slot->to};
    take(context, &packet);
    at += segment;
  } while (at < bytes);
}

bool pf_udp_receive(pf_udp *udp, void (*take)(void *context, const pf_udp_packet *packet),
                    void *context) {
  int count = recvmmsg(udp->fd, udp->headers, RECEIVE_COUNT, MSG_DONTWAIT, NULL);
  for (int i = 0; i < count; i++) {
    struct msghdr *header = &udp->headers[i].msg_hdr;
    receive_slot *slot = &udp->slots[i];
    uint32_t bytes = udp->headers[i].msg_len;
    uint32_t segment = read_control(udp, header, bytes, &slot->to);
    slot->from.bytes = header->msg_namelen;
    take_datagram(slot, udp->buffers[i], bytes, segment > 0 ? segment : 1, take, context);
    header->msg_namelen = sizeof slot->from.storage;
    header->msg_controllen = sizeof slot->control;
  }
  return count == RECEIVE_COUNT;
}

/* Which queueing discipline packets leave through: the route's device, then its disciplines. */
#include "udp.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <unistd.h>

typedef struct request {
  struct nlmsghdr header;
  union {
    struct rtmsg route;
    struct tcmsg queue;
  };
  uint8_t attributes[2 * RTA_SPACE(sizeof(struct in6_addr))];
} request;

static void add_attribute(request *r, uint16_t type, const void *data, size_t bytes) {
  struct rtattr *attribute = (struct rtattr *)((uint8_t *)r + r->header.nlmsg_len);
  attribute->rta_type = type;
  attribute->rta_len = (unsigned short)RTA_LENGTH(bytes);
  memcpy(RTA_DATA(attribute), data, bytes);
  r->header.nlmsg_len += (uint32_t)RTA_SPACE(bytes);
}

/* Calls `take` for each message that answers. */
static void ask(int fd, request *r, void (*take)(const struct nlmsghdr *message, void *context),
                void *context) {
  _Alignas(struct nlmsghdr) uint8_t answer[16384];
  if (send(fd, r, r->header.nlmsg_len, 0) < 0) return;
  for (;;) {
    ssize_t bytes = recv(fd, answer, sizeof answer, MSG_DONTWAIT); /* the kernel has it at once */
    if (bytes <= 0) return;
    uint32_t left = (uint32_t)bytes;
    const struct nlmsghdr *message = (const struct nlmsghdr *)answer;
    for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
      if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR) return;
      take(message, context);
    }
    if (!(r->header.nlmsg_flags & NLM_F_DUMP)) return;
  }
}

/* The data of an attribute of `type`; NULL = there is none. */
static const void *find(const struct rtattr *attribute, size_t left, uint16_t type, size_t *bytes) {
  for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
    if (attribute->rta_type != type) continue;
    *bytes = RTA_PAYLOAD(attribute);
    return RTA_DATA(attribute);
  }
  return NULL;
}

static void take_route(const struct nlmsghdr *message, void *context) {
  size_t bytes;
  const void *device = find(RTM_RTA(NLMSG_DATA(message)), RTM_PAYLOAD(message), RTA_OIF, &bytes);
  if (message->nlmsg_type == RTM_NEWROUTE && device != NULL && bytes == sizeof(int))
    memcpy(context, device, sizeof(int));
}

static bool is_v4(const struct in6_addr *address) { return IN6_IS_ADDR_V4MAPPED(address); }

/* Index of the device that packets leave by; 0 = not known. */
static int device_of(int fd, const pf_address *to, const struct in6_addr *source) {
  const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&to->storage;
  bool wide = to->storage.ss_family == AF_INET6;
  if (wide && v6->sin6_scope_id != 0) return (int)v6->sin6_scope_id;
  const void *address = &v6->sin6_addr;
  if (wide && is_v4(&v6->sin6_addr)) {
    wide = false;
    address = &v6->sin6_addr.s6_addr[12];
  } else if (!wide) {
    address = &((const struct sockaddr_in *)&to->storage)->sin_addr;
  }
  request r = {.header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg)),
                          .nlmsg_type = RTM_GETROUTE,
                          .nlmsg_flags = NLM_F_REQUEST},
               .route = {.rtm_family = wide ? AF_INET6 : AF_INET,
                         .rtm_dst_len = wide ? 128 : 32}};
  add_attribute(&r, RTA_DST, address, wide ? 16 : 4);
  if (source != NULL && is_v4(source) == !wide) {
    r.route.rtm_src_len = wide ? 128 : 32;
    add_attribute(&r, RTA_SRC, wide ? &source->s6_addr[0] : &source->s6_addr[12], wide ? 16 : 4);
  }
  int device = 0;
  ask(fd, &r, take_route, &device);
  return device;
}

typedef struct queues {
  int device;
  char *name;
} queues;

/* Those that only hold others, or that see what comes in, are passed over. */
static void take_queue(const struct nlmsghdr *message, void *context) {
  const queues *q = context;
  const struct tcmsg *queue = NLMSG_DATA(message);
  size_t bytes;
  const char *kind = find(TCA_RTA(queue), NLMSG_PAYLOAD(message, sizeof *queue), TCA_KIND, &bytes);
  if (message->nlmsg_type != RTM_NEWQDISC || queue->tcm_ifindex != q->device || kind == NULL ||
      bytes > PF_UDP_QUEUE_NAME_BYTES || memchr(kind, 0, bytes) == NULL ||
      strcmp(kind, "mq") == 0 || strcmp(kind, "ingress") == 0 || strcmp(kind, "clsact") == 0)
    return;
  if (q->name[0] != 0 && strcmp(q->name, kind) != 0) kind = "mixed";
  strcpy(q->name, kind);
}

void pf_udp_queue_of(const pf_address *to, const struct in6_addr *source,
                     char out[PF_UDP_QUEUE_NAME_BYTES]) {
  out[0] = 0;
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) return;
  queues q = {.device = device_of(fd, to, source), .name = out};
  request r = {.header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct tcmsg)),
                          .nlmsg_type = RTM_GETQDISC,
                          .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
               .queue = {.tcm_ifindex = q.device}};
  if (q.device != 0) ask(fd, &r, take_queue, &q);
  close(fd);
}

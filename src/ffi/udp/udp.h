/*
 * A UDP socket for bursts of equal packets: UDP_SEGMENT (GSO) where the kernel takes it, else
 * sendmmsg; recvmmsg with UDP_GRO into buffers of the socket's own.
 */
#ifndef PF_UDP_H
#define PF_UDP_H
#include "../common/common.h"

#include <netinet/in.h>
#include <sys/socket.h>

typedef struct pf_udp pf_udp;

typedef struct pf_address {
  struct sockaddr_storage storage;
  socklen_t bytes;
} pf_address;

/* "192.0.2.1" or "2001:db8::1%eth0" and a port. PF_E_ARGUMENT when it is no numeric address. */
pf_result pf_address_parse(const char *text, uint16_t port, pf_address *out);
bool pf_address_equal(const pf_address *a, const pf_address *b);
/* "192.0.2.1:9778" or "[2001:db8::1]:9778"; v4-mapped addresses as IPv4. */
void pf_address_format(const pf_address *address, char *out, size_t out_bytes);

enum { PF_UDP_NO_GSO = 1, PF_UDP_NO_GRO = 2 }; /* flags of the port's configuration */

/* Where packets go to. */
typedef struct pf_udp_path {
  pf_address address;
  struct in6_addr source; /* own address that they come from, IPv4 mapped; the kernel chooses one */
  bool has_source;        /* if there is none, or when it is not this machine's any more */
  /* Whether bursts leave by GSO. Turns false when the kernel refuses that on the way to this
   * address (a small path MTU, a device without checksums). */
  bool gso;
  /* Whether the kernel keeps packets until their time (SO_TXTIME): the queue of the device is fq.
   * Not etf, which throws away what is late instead of sending it at once. */
  bool timed;
  uint64_t launch_ns; /* when the next burst may leave, CLOCK_MONOTONIC; 0 = at once */
} pf_udp_path;

/* Binds; "::" also takes IPv4, and falls back to 0.0.0.0 on a machine without IPv6. `socket_bytes`
 * is the wished size of both buffers. PF_E_ARGUMENT: no numeric address; PF_E_SYSTEM: the port is
 * taken, say. */
pf_result pf_udp_open(const char *address, uint16_t port, uint32_t socket_bytes, uint32_t flags,
                      pf_udp **out);
void pf_udp_close(pf_udp *udp);
int pf_udp_fd(const pf_udp *udp);
uint16_t pf_udp_port(const pf_udp *udp);
/* Sizes that the kernel gave, in bytes as the application counts them. */
uint32_t pf_udp_receive_bytes(const pf_udp *udp);
uint32_t pf_udp_send_bytes(const pf_udp *udp);
/* The way to an address, in the form that this socket wants it. `source` is the own address that
 * packets are to come from (RFC 3542 section 6.7, ip(7) IP_PKTINFO), NULL = any. Asks the kernel
 * for the route and its queue, which takes some 0.1 ms. */
pf_udp_path pf_udp_path_to(const pf_udp *udp, const pf_address *address,
                           const struct in6_addr *source);

/* Name of the queueing discipline that packets to an address leave through, as "fq" or "noqueue";
 * "mixed" when the device has several queues that differ, "" when it can't be told. (rtnetlink(7))
 * `source` may be NULL. */
#define PF_UDP_QUEUE_NAME_BYTES 16
void pf_udp_queue_of(const pf_address *to, const struct in6_addr *source,
                     char out[PF_UDP_QUEUE_NAME_BYTES]);

/* Most packets of a burst, and most bytes of all of them: what the kernel cuts into packets. */
#define PF_UDP_BURST_PACKETS 64u
#define PF_UDP_BURST_BYTES 65000u

typedef struct pf_udp_sent {
  uint32_t packets, calls;
  uint32_t dropped; /* the kernel had no room even after a short wait */
} pf_udp_sent;

/* Sends a burst of `count` packets of `packet_bytes` each that lie behind one another. Several
 * threads may send by one socket, each with a path of its own. Packets for which the kernel has no
 * room within PF_UDP_SEND_WAIT_MS, or which it refuses, are dropped and counted. */
#define PF_UDP_SEND_WAIT_MS 2
void pf_udp_send(pf_udp *udp, pf_udp_path *path, const uint8_t *packets, uint32_t packet_bytes,
                 uint32_t count, pf_udp_sent *out);

typedef struct pf_udp_packet {
  uint8_t *data; /* may be written to; valid until `take` returns */
  uint32_t bytes;
  bool joined; /* came joined (GRO) behind the packet before it, at the same time */
  const pf_address *from;
  const struct in6_addr *to; /* own address that it came to, IPv4 mapped; NULL = not known */
} pf_udp_packet;

/* Takes what has arrived, without waiting, and calls `take` for each packet. Returns whether there
 * may be more. */
bool pf_udp_receive(pf_udp *udp, void (*take)(void *context, const pf_udp_packet *packet),
                    void *context);
/* Packets that the kernel dropped because the buffer was full. On the receiving thread. */
uint64_t pf_udp_kernel_drops(const pf_udp *udp);

#endif

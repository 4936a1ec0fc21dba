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

enum { PF_UDP_NO_GSO = 1, PF_UDP_NO_GRO = 2 };

/* Binds; "::" also takes IPv4, and falls back to 0.0.0.0 on a machine without IPv6. `socket_bytes`
 * is the wished size of both buffers. */
pf_result pf_udp_open(const char *address, uint16_t port, uint32_t socket_bytes, uint32_t flags,
                      pf_udp **out);
void pf_udp_close(pf_udp *udp);
int pf_udp_fd(const pf_udp *udp);
uint16_t pf_udp_port(const pf_udp *udp);
/* Sizes that the kernel gave, in bytes as the application counts them. */
uint32_t pf_udp_receive_bytes(const pf_udp *udp);
uint32_t pf_udp_send_bytes(const pf_udp *udp);
/* Whether bursts leave by GSO; turns false when the kernel refuses it. */
bool pf_udp_uses_gso(const pf_udp *udp);

typedef struct pf_udp_sent {
  uint32_t packets, calls;
  uint32_t dropped; /* the kernel had no room even after a short wait */
} pf_udp_sent;

/* Sends `count` packets of `packet_bytes` each that lie behind one another. Any thread; one at a
 * time. Packets for which the kernel has no room within 2 ms are dropped and counted. */
void pf_udp_send(pf_udp *udp, const pf_address *to, const uint8_t *packets, uint32_t packet_bytes,
                 uint32_t count, pf_udp_sent *out);

typedef struct pf_udp_packet {
  uint8_t *data; /* may be written to; valid until the next receive */
  uint32_t bytes;
  const pf_address *from;
} pf_udp_packet;

/* Takes what has arrived, without waiting, and calls `take` for each packet. Returns how many
 * packets there were; `kernel_drops` gets the socket's total of packets dropped in the kernel. */
uint32_t pf_udp_receive(pf_udp *udp, void (*take)(void *context, const pf_udp_packet *packet),
                        void *context, uint64_t *kernel_drops);

#endif

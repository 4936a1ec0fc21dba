#include "relay.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#define PACKET_BYTES 2048

static int open_socket(uint16_t *port) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  CHECK(fd >= 0);
  int bytes = 16 << 20;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
  pf_address any;
  CHECK(pf_address_parse("127.0.0.1", 0, &any) == PF_OK);
  CHECK(bind(fd, (struct sockaddr *)&any.storage, any.bytes) == 0);
  CHECK(getsockname(fd, (struct sockaddr *)&any.storage, &any.bytes) == 0);
  if (port != NULL) *port = ntohs(((struct sockaddr_in *)&any.storage)->sin_port);
  return fd;
}

void pf_relay_open(pf_relay *relay, uint64_t seed) {
  *relay = (pf_relay){.random = {seed}};
  relay->front = open_socket(&relay->port);
  relay->back = open_socket(NULL);
}

static void pass(int fd, const pf_address *to, const uint8_t *packet, ssize_t bytes) {
  if (to->bytes == 0) return;
  ssize_t sent = sendto(fd, packet, (size_t)bytes, 0, (const struct sockaddr *)&to->storage,
                        to->bytes);
  (void)sent; /* a network may lose it */
}

/* Packets of the host, of which one is held back until the next has passed. */
static void take_from_host(pf_relay *relay) {
  uint8_t packet[PACKET_BYTES], held[PACKET_BYTES];
  ssize_t bytes, held_bytes = 0;
  while ((bytes = recv(relay->back, packet, sizeof packet, 0)) > 0) {
    if (pf_random_below(&relay->random, 1000) < atomic_load(&relay->lost)) continue;
    if (held_bytes == 0 && pf_random_below(&relay->random, 1000) < atomic_load(&relay->delayed)) {
      memcpy(held, packet, (size_t)bytes);
      held_bytes = bytes;
      continue;
    }
    pass(relay->front, &relay->client, packet, bytes);
    if (pf_random_below(&relay->random, 1000) < atomic_load(&relay->doubled))
      pass(relay->front, &relay->client, packet, bytes);
    if (held_bytes == 0) continue;
    pass(relay->front, &relay->client, held, held_bytes);
    held_bytes = 0;
  }
  if (held_bytes > 0) pass(relay->front, &relay->client, held, held_bytes);
}

static void take_from_client(pf_relay *relay) {
  uint8_t packet[PACKET_BYTES];
  pf_address from = {.bytes = sizeof from.storage};
  ssize_t bytes;
  while ((bytes = recvfrom(relay->front, packet, sizeof packet, 0,
                           (struct sockaddr *)&from.storage, &from.bytes)) > 0) {
    relay->client = from;
    pass(relay->back, &relay->host, packet, bytes);
    from.bytes = sizeof from.storage;
  }
}

static void *run(void *context) {
  pf_relay *relay = context;
  while (!atomic_load(&relay->stopping)) {
    struct pollfd fds[2] = {{.fd = relay->front, .events = POLLIN},
                            {.fd = relay->back, .events = POLLIN}};
    poll(fds, 2, 5);
    if (atomic_load(&relay->moves) != relay->moved) {
      relay->moved++;
      close(relay->back);
      relay->back = open_socket(NULL);
      continue;
    }
    take_from_client(relay);
    take_from_host(relay);
  }
  return NULL;
}

void pf_relay_start(pf_relay *relay, uint32_t host_port) {
  CHECK(pf_address_parse("127.0.0.1", (uint16_t)host_port, &relay->host) == PF_OK);
  CHECK(pthread_create(&relay->thread, NULL, run, relay) == 0);
}

void pf_relay_close(pf_relay *relay) {
  atomic_store(&relay->stopping, true);
  pthread_join(relay->thread, NULL);
  close(relay->front);
  close(relay->back);
}

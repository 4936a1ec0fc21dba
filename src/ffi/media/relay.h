/* A network between two ends of a test: a thread that loses, doubles and reorders packets of the
 * host by a seed, and moves to another port when told. */
#ifndef PF_MEDIA_RELAY_H
#define PF_MEDIA_RELAY_H
#include "testing.h"

typedef struct pf_relay {
  int front, back; /* towards the client, towards the host */
  uint16_t port;   /* that the client sends to */
  pf_address client, host;
  /* Of 1,000 packets of the host; any thread sets them. */
  atomic_uint lost, doubled, delayed;
  atomic_uint moves; /* count of changes of the port that the host sees */
  uint32_t moved;
  pf_random random;
  atomic_bool stopping;
  pthread_t thread;
} pf_relay;

/* Binds; the client can be told its port. */
void pf_relay_open(pf_relay *relay, uint64_t seed);
void pf_relay_start(pf_relay *relay, uint32_t host_port);
void pf_relay_close(pf_relay *relay);

#endif

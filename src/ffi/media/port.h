/*
 * A UDP port with its receiving thread, and the sessions that share it.
 *
 * The thread takes packets, finds their session by tag, opens them under the session's key and
 * replay window, and hands each plane to who takes it. It also runs the sessions' timers: it sleeps
 * until a packet or the nearest deadline comes. Sessions are added and removed under the port's
 * lock, which the thread holds for a batch at a time, so that it never touches one that is gone.
 */
#ifndef PF_PORT_H
#define PF_PORT_H
#include "../common/common.h"
#include "../udp/udp.h"

#define PF_PORT_SESSIONS_MAX 64

typedef struct pf_port pf_port;

/* Binds the socket; its fields are described in the configuration's table. Posts a `note` event
 * with the sysctl line when the kernel gives less buffer than was asked for (a = bytes of the
 * receive buffer, b = of the send buffer). PF_E_ARGUMENT: no numeric address; PF_E_SYSTEM: the port
 * is taken, say. */
pf_result pf_port_open(const pf_port_config *config, pf_port **out);
pf_result pf_port_start(pf_port *port);
void pf_port_stop(pf_port *port);
/* Every session must be closed before. */
void pf_port_close(pf_port *port);
/* The port's number, as the kernel chose it for 0. */
uint32_t pf_port_number(const pf_port *port);
const void *pf_port_counters_block(pf_port *port);

/* For the sessions of this library: */

typedef struct pf_session pf_session;
/* PF_E_FULL: PF_PORT_SESSIONS_MAX are there. PF_E_ARGUMENT: the tag is taken. */
pf_result pf_port_add(pf_port *port, pf_session *session);
/* When it returns, the thread does not touch the session any more. */
void pf_port_remove(pf_port *port, pf_session *session);
/* Keeps the receiving thread from the sessions; it runs their timers at once when unlocked. */
void pf_port_lock(pf_port *port);
void pf_port_unlock(pf_port *port);
pf_udp *pf_port_udp(pf_port *port);
/* One datagram as the socket gave it, which is opened in place. The thread calls it under the lock;
 * tests and fuzzers call it on a port that was not started. */
void pf_port_take(pf_port *port, const pf_udp_packet *packet, uint64_t now_ns);
/* Runs the sessions' timers; returns when the next is due, in ns, UINT64_MAX = none is. */
uint64_t pf_port_tick(pf_port *port, uint64_t now_ns);

#endif

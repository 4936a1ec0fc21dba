/* What port.c and session.c know of each other. */
#ifndef PF_SESSION_H
#define PF_SESSION_H
#include "port.h"

uint32_t pf_session_tag(const pf_session *session);
/* One packet with this session's tag, on the receiving thread. */
void pf_session_take(pf_session *session, const pf_udp_packet *packet,
                     const pf_packet_header *header, uint64_t now_ns);
/* Runs what is due; returns when the next thing is, UINT64_MAX = nothing. */
uint64_t pf_session_tick(pf_session *session, uint64_t now_ns);

pf_result pf_port_add(pf_port *port, pf_session *session);
void pf_port_remove(pf_port *port, pf_session *session);
void pf_port_lock(pf_port *port);
/* Unlocks and lets the thread look at its timers. */
void pf_port_unlock(pf_port *port);
pf_udp *pf_port_udp(pf_port *port);

#endif

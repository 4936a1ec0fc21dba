/*
 * Exports of libpf_core: the event queue (contract in common.h) and the tee.
 */
#ifndef PF_CORE_H
#define PF_CORE_H
#include "../common/common.h"

pf_result pf_core_events_open(pf_events **out);
void pf_core_events_close(pf_events *events);
int pf_core_events_fd(pf_events *events);
uint64_t pf_core_events_dropped(pf_events *events);
int32_t pf_core_events_take(pf_events *events, pf_event *out, uint32_t max);
/* Nanoseconds of CLOCK_MONOTONIC, the clock of every time in this program. */
uint64_t pf_core_now_ns(void);

/*
 * Makes the UDP sockets of this process that are bound to a port deaf to ICMP errors (ip(7),
 * IP_RECVERR off), whoever opened them. A socket that hears them fails its next send, to whomever
 * that goes, because an earlier receiver is no longer there. Returns how many sockets there are, or
 * PF_E_ARGUMENT for a port outside of 1…65535, PF_E_SYSTEM where /proc is not there.
 */
int32_t pf_core_ignore_unreachable(uint32_t port);

/* A tee pushes each item to two sinks in turn, on the pushing thread. */
typedef struct pf_tee pf_tee;
pf_result pf_tee_open(const pf_sink *first, const pf_sink *second, pf_tee **out);
void pf_tee_close(pf_tee *tee);
void pf_tee_sink(pf_tee *tee, pf_sink *out);

#endif

/*
 * This protocol's own sender and receiver, as they stream, with their packets caught between the
 * host's sealing and its socket. The sender's thread runs, unpaced, and pf_lab_send waits for it;
 * the receiver runs on the caller's thread by the lab's clock. The sockets of both are bound and
 * never used.
 */
#ifndef PF_LAB_ENDS_H
#define PF_LAB_ENDS_H
#include "lab_state.h"

extern const pf__scheme pf__lab_gf16;

#endif

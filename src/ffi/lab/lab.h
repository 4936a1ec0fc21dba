/*
 * Frames through the real sender and the real receiver in virtual time, without a network: what the
 * loss harness measures. The caller plays the network: it takes the packets of a frame, decides
 * which of them arrive, when and how long, and delivers them.
 *
 *   pf_lab_send -> [sender: cut, parity, seal] -> slot of packets
 *                                                     |  the caller's network
 *   compare <- [receiver: open, reassemble, rebuild] <- pf_lab_deliver
 *
 * Schemes: 0 is this protocol's own (see ends.h); 1 is the layout that Moonlight's clients expect
 * (see moonlight.h). Every frame is a keyframe, so that its fate is its own: it is lost when the
 * one behind it is whole first. Every frame that is delivered is compared with what was sent.
 *
 * Times are nanoseconds from the lab's beginning. One thread at a time may use a lab.
 */
#ifndef PF_LAB_H
#define PF_LAB_H
#include "../common/common.h"

typedef struct pf_lab pf_lab;

enum { PF_LAB_GF16 = 0, PF_LAB_GF8 = 1 };
/* Slots of one lab at most. */
#define PF_LAB_SLOTS_MAX 64u

/* PF_E_ARGUMENT: an unknown scheme; frame_bytes 0 or with the frame header above
 * PF_FRAME_BYTES_MAX; no slot or more than PF_LAB_SLOTS_MAX; parity_permille above 1,000.
 * PF_E_MEMORY, PF_E_SYSTEM, PF_E_MISSING (no AEAD library). */
pf_result pf_lab_open(const pf_lab_config *config, pf_lab **out);
void pf_lab_close(pf_lab *lab);

/* Sends the next frame; its packets replace what is in `slot`. Returns how many they are: data
 * first, as many as the counter data_count tells, then parity. 0: the scheme can't carry a frame of
 * this size at all. PF_E_ARGUMENT: there is no such slot. */
int32_t pf_lab_send(pf_lab *lab, uint32_t slot);

/* Bytes of each packet in a slot. */
uint32_t pf_lab_packet_bytes(const pf_lab *lab, uint32_t slot);

/* Delivers `count` packets in the order given: `packets` are slot << 16 | index, `at_ns` when each
 * arrives, never falling, `bytes` how much of each arrives (more than it has: all of it). Timers
 * run on the way. PF_E_ARGUMENT: there is no such packet; those before it were delivered. */
pf_result pf_lab_deliver(pf_lab *lab, const uint32_t *packets, const double *at_ns,
                         const uint16_t *bytes, uint32_t count);

/* A pf_lab_counters; `first_wrong` counts from 1. */
const void *pf_lab_counters_block(pf_lab *lab);

#endif

/*
 * A byte stream to a message bus that file descriptors can come with, which sockets in TypeScript
 * would lose. A thread moves bytes between the socket and two bounded buffers; TypeScript reads and
 * writes D-Bus messages in them (D-Bus Specification 0.43, "Message Protocol").
 *
 * A descriptor is in the queue before the bytes of its message are, and in the messages' order.
 * Descriptors beyond the queue are closed. All functions but open and close may be called from any
 * thread.
 */
#ifndef PF_BUS_H
#define PF_BUS_H
#include "../common/common.h"

typedef struct pf_bus pf_bus;

/*
 * Connects to the socket at `path`, or to the abstract one when it begins with "@". Never waits
 * longer than connect(2) does for a local socket. PF_E_ARGUMENT: too long a path. PF_E_SYSTEM: no
 * one listens there.
 */
PF_EXPORT pf_result pf_bus_open(const char *path, pf_bus **out);
/* Closes the connection and every descriptor that was not taken. NULL is allowed. */
PF_EXPORT void pf_bus_close(pf_bus *self);
/* An eventfd, readable after bytes or the end have come. Owned by the handle. */
PF_EXPORT int32_t pf_bus_fd(const pf_bus *self);
/* Queues `count` bytes, all of them or none; a descriptor `fd` >= 0, which stays the caller's, goes
 * with them. PF_E_FULL: PF_BUS_OUT_BYTES are on their way, or anything is that `fd` can't pass;
 * PF_E_CLOSED: the bus is gone. */
PF_EXPORT pf_result pf_bus_send(pf_bus *self, const uint8_t *bytes, uint32_t count, int32_t fd);
/* Takes up to `max` bytes and returns how many; 0 = none now; PF_E_CLOSED = none ever more. */
PF_EXPORT int32_t pf_bus_take(pf_bus *self, uint8_t *out, uint32_t max);
/* The oldest descriptor, which then is the caller's and closed by exec; PF_E_EMPTY without one. */
PF_EXPORT int32_t pf_bus_take_fd(pf_bus *self);

enum {
  PF_BUS_IN_BYTES = 1 << 16,
  PF_BUS_OUT_BYTES = 1 << 21, /* a longest text message as key events takes 1.3 MB */
  PF_BUS_FDS = 16             /* a message that this program waits for brings one */
};

#endif

/*
 * One peer on a port: its keys, its replay window, its path. A host learns the path from the
 * client's authenticated hellos and follows it when it changes; a client sends hellos, at once,
 * each 50 ms until the first video or probe packet comes, then each PF_HELLO_INTERVAL_MS.
 */
#ifndef PF_SESSION_H
#define PF_SESSION_H
#include "loss.h"
#include "port.h"

/* Opens it on a port, which must outlive it. A `path` event tells the client's address to a host
 * (text = address and port). PF_E_ARGUMENT: the tag is taken on this port, or the peer's address is
 * no numeric one; PF_E_FULL; PF_E_MISSING: no AEAD library. */
pf_result pf_session_open(const pf_session_config *config, pf_port *port, pf_session **out);
/* Takes it off its port. The stages on it must be stopped or closed first. */
void pf_session_close(pf_session *session);
const void *pf_session_counters_block(pf_session *session);
/* Name of the AEAD library in use. */
const char *pf_session_cipher(const pf_session *session);

/* For the stages of this library: */

/* Who takes a session's opened bodies and gets its timer, on the receiving thread. */
typedef struct pf_plane_handler {
  void (*take)(void *context, uint8_t plane, const uint8_t *body, uint32_t bytes, uint64_t now_ns);
  /* Returns when it wants to be called again, in ns; UINT64_MAX = not before the next packet. */
  uint64_t (*tick)(void *context, uint64_t now_ns);
  void *context;
} pf_plane_handler;
/* One takes PF_PLANE_PROBE, one each of sound's planes, and one PF_PLANE_VIDEO and all the rest.
 * NULL takes the plane's handler off; it is not running when this returns. */
void pf_session_set_handler(pf_session *session, uint8_t plane, const pf_plane_handler *handler);
/* What the network lost of what the peer sent, up to the last timer. A gap does not tell its plane:
 * while a handler takes the probe's, all loss counts as the probe's, else as the video's. On the
 * receiving thread. */
pf_loss_counts pf_session_loss(const pf_session *session, uint8_t plane);

/* Whether packets can be sent: the peer's address is known. Any thread. */
bool pf_session_has_path(const pf_session *session);

#define PF_SESSION_BODY_BYTES (PF_SHARD_HEADER_BYTES + PF_SHARD_BYTES_MAX)
/* Packets of this body size that one burst holds at most. */
uint32_t pf_session_burst_max(uint32_t body_bytes);
/* Bodies that leave as packets one behind the other. */
typedef struct pf_session_burst {
  const uint8_t *bodies; /* stay as they are */
  size_t body_stride;    /* from body to body */
  uint32_t body_bytes, count;
  uint8_t plane;
  uint64_t launch_ns; /* not before this time, CLOCK_MONOTONIC, if pf_session_is_timed; 0 = now */
} pf_session_burst;
/* Seals and sends at most pf_session_burst_max packets. Any thread; bursts of one session follow
 * one another. Without a path nothing is sent and no sequence used. The first burst on a path that
 * the kernel refuses to segment posts a `note`; it and what follows leaves packet by packet. */
pf_result pf_session_send(pf_session *session, const pf_session_burst *burst, pf_udp_sent *sent);
/* Whether the kernel keeps packets until their time on the way to the peer. Any thread. */
bool pf_session_is_timed(const pf_session *session);

/* For the port: */

uint32_t pf_session_tag(const pf_session *session);
/* One packet with this session's tag; at least a header and a tag long. */
void pf_session_take(pf_session *session, const pf_udp_packet *packet,
                     const pf_packet_header *header, uint64_t now_ns);
/* Runs what is due; returns when the next thing is, UINT64_MAX = nothing. */
uint64_t pf_session_tick(pf_session *session, uint64_t now_ns);

#endif

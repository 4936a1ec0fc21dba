/*
 * A UDP port with its receiving thread, and the sessions that share it.
 *
 * The thread takes packets, finds their session by tag, opens them under the session's key and
 * replay window, and hands each plane to who takes it. It also runs the sessions' timers. A session
 * is added and removed under the port's lock, which the thread holds for one batch at a time, so
 * that it never touches a session that is gone.
 */
#ifndef PF_PORT_H
#define PF_PORT_H
#include "../common/common.h"
#include "../udp/udp.h"

#define PF_PORT_SESSIONS_MAX 64

typedef struct pf_port pf_port;
typedef struct pf_session pf_session;

pf_result pf_port_open(const pf_port_config *config, pf_port **out);
pf_result pf_port_start(pf_port *port);
void pf_port_stop(pf_port *port);
/* Every session must be closed before. */
void pf_port_close(pf_port *port);
uint32_t pf_port_number(const pf_port *port);
const void *pf_port_counters_block(pf_port *port);

pf_result pf_session_open(const pf_session_config *config, pf_port *port, pf_session **out);
/* Takes it off its port. The send and receive stages on it must be stopped or closed first. */
void pf_session_close(pf_session *session);
const void *pf_session_counters_block(pf_session *session);
/* Name of the AEAD library in use. */
const char *pf_session_cipher(pf_session *session);

/* For the stages of this library: */

/* Who takes a session's opened bodies and gets its timer, on the receiving thread. */
typedef struct pf_plane_handler {
  void (*take)(void *context, uint8_t plane, uint8_t *body, uint32_t bytes, uint64_t now_ns);
  /* Returns when it wants to be called again, in ns; UINT64_MAX = not before the next packet. */
  uint64_t (*tick)(void *context, uint64_t now_ns);
  void *context;
} pf_plane_handler;
/* NULL takes the handler off; it is not running when this returns. */
void pf_session_set_handler(pf_session *session, const pf_plane_handler *handler);
/* Highest sequence number + 1 less the packets that came: what the network lost so far. */
uint64_t pf_session_lost(const pf_session *session);

/* Whether packets can be sent: the peer's address is known. */
bool pf_session_has_path(pf_session *session);
/* Seals `count` bodies of `body_bytes`, which lie `body_stride` apart, and sends them as one burst.
 * At most PF_SESSION_BURST packets of at most PF_SESSION_BODY_BYTES. Any thread, one at a time. */
#define PF_SESSION_BURST 44
#define PF_SESSION_BODY_BYTES (PF_SHARD_HEADER_BYTES + PF_SHARD_BYTES_MAX)
pf_result pf_session_send(pf_session *session, uint8_t plane, const uint8_t *bodies,
                          size_t body_stride, uint32_t body_bytes, uint32_t count,
                          pf_udp_sent *sent);
#endif

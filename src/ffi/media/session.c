#include "session.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "../seal/seal.h"

/* Until the first video packet a client repeats its hello quickly: it may have been lost. */
#define HELLO_QUICK_MS 50
#define PACKET_BYTES_MAX (PF_PACKET_HEADER_BYTES + PF_SESSION_BODY_BYTES + PF_SEAL_TAG_BYTES)

struct pf_session {
  pf_port *port;
  pf_events *events;
  uint32_t stage, tag;
  bool is_host;

  pthread_mutex_t send_lock; /* guards what follows, up to the blank line */
  pf_seal *sealer;
  uint64_t sequence;
  pf_address path;
  bool has_path;
  uint8_t burst[PF_SESSION_BURST * PACKET_BYTES_MAX];

  /* The receiving thread's own: */
  pf_seal *opener;
  pf_replay replay;
  pf_plane_handler handler;
  uint64_t next_hello_ns;
  bool seen_video;
  pf_session_counters counters;
};

PF_EXPORT pf_result pf_session_open(const pf_session_config *config, pf_port *port,
                                    pf_session **out) {
  pf_session *session = calloc(1, sizeof *session);
  if (session == NULL) return pf_fail(PF_E_MEMORY, "no memory for a session");
  session->port = port;
  session->events = config->events;
  session->stage = config->stage;
  session->tag = config->session;
  session->is_host = config->is_host != 0;
  pthread_mutex_init(&session->send_lock, NULL);
  pf_result result = PF_OK;
  if (!session->is_host) {
    char address[sizeof config->peer_address + 1] = "";
    memcpy(address, config->peer_address, sizeof config->peer_address);
    result = pf_address_parse(address, config->peer_port, &session->path);
    session->has_path = true;
  }
  if (result == PF_OK)
    result = pf_seal_open(PF_SEAL_BEST, (const uint8_t *)config->send_key,
                          (const uint8_t *)config->send_salt, &session->sealer);
  if (result == PF_OK)
    result = pf_seal_open(PF_SEAL_BEST, (const uint8_t *)config->receive_key,
                          (const uint8_t *)config->receive_salt, &session->opener);
  if (result == PF_OK) result = pf_port_add(port, session);
  if (result != PF_OK) {
    pf_seal_close(session->sealer);
    pf_seal_close(session->opener);
    free(session);
    return result;
  }
  *out = session;
  return PF_OK;
}

PF_EXPORT void pf_session_close(pf_session *session) {
  if (session == NULL) return;
  pf_port_remove(session->port, session);
  pf_seal_close(session->sealer);
  pf_seal_close(session->opener);
  pthread_mutex_destroy(&session->send_lock);
  free(session);
}

PF_EXPORT const void *pf_session_counters_block(pf_session *session) { return &session->counters; }
PF_EXPORT const char *pf_session_cipher(pf_session *session) {
  return pf_seal_name(session->sealer);
}

uint32_t pf_session_tag(const pf_session *session) { return session->tag; }

uint64_t pf_session_lost(const pf_session *session) {
  if (!session->replay.any) return 0;
  return session->replay.newest + 1 - session->counters.packets;
}

void pf_session_set_handler(pf_session *session, const pf_plane_handler *handler) {
  pf_port_lock(session->port);
  session->handler = handler != NULL ? *handler : (pf_plane_handler){0};
  pf_port_unlock(session->port);
}

bool pf_session_has_path(pf_session *session) {
  pthread_mutex_lock(&session->send_lock);
  bool has_path = session->has_path;
  pthread_mutex_unlock(&session->send_lock);
  return has_path;
}

pf_result pf_session_send(pf_session *session, uint8_t plane, const uint8_t *bodies,
                          size_t body_stride, uint32_t body_bytes, uint32_t count,
                          pf_udp_sent *sent) {
  *sent = (pf_udp_sent){0};
  if (count > PF_SESSION_BURST || body_bytes > PF_SESSION_BODY_BYTES)
    return pf_fail(PF_E_ARGUMENT, "a burst of %u packets of %u bytes", count, body_bytes);
  uint32_t packet_bytes = PF_PACKET_HEADER_BYTES + body_bytes + PF_SEAL_TAG_BYTES;
  pf_result result = PF_OK;
  pthread_mutex_lock(&session->send_lock);
  for (uint32_t i = 0; i < count && result == PF_OK; i++) {
    uint8_t *packet = session->burst + (size_t)i * packet_bytes;
    pf_packet_header header = {
        .plane = plane, .session = session->tag, .sequence = session->sequence++};
    memcpy(packet, &header, sizeof header);
    result = pf_seal_seal(session->sealer, header.sequence, packet, sizeof header,
                          packet + sizeof header, bodies + i * body_stride, body_bytes);
  }
  if (result == PF_OK && session->has_path)
    pf_udp_send(pf_port_udp(session->port), &session->path, session->burst, packet_bytes, count,
                sent);
  pthread_mutex_unlock(&session->send_lock);
  return result;
}

/* The host sends to where the newest authenticated hello came from. */
static void take_hello(pf_session *session, const pf_udp_packet *packet) {
  pf_count(session->counters.hellos, 1);
  if (session->has_path && pf_address_equal(&session->path, packet->from)) return;
  pthread_mutex_lock(&session->send_lock);
  session->path = *packet->from;
  session->has_path = true;
  pthread_mutex_unlock(&session->send_lock);
  pf_count(session->counters.path_changes, 1);
  char text[PF_EVENT_TEXT_BYTES];
  pf_address_format(packet->from, text, sizeof text);
  pf_events_post(session->events, PF_EVENT_PATH, session->stage, 0, 0, text);
}

void pf_session_take(pf_session *session, const pf_udp_packet *packet,
                     const pf_packet_header *header, uint64_t now_ns) {
  if (header->flags != 0 || header->reserved != 0) {
    pf_count(session->counters.dropped_header, 1);
    return;
  }
  if (!pf_replay_is_fresh(&session->replay, header->sequence)) {
    pf_count(session->counters.dropped_replay, 1);
    return;
  }
  uint8_t *body = packet->data + PF_PACKET_HEADER_BYTES;
  uint32_t bytes = packet->bytes - PF_PACKET_HEADER_BYTES - PF_SEAL_TAG_BYTES;
  if (pf_seal_open_packet(session->opener, header->sequence, packet->data, PF_PACKET_HEADER_BYTES,
                          body, bytes) != PF_OK) {
    pf_count(session->counters.dropped_authentication, 1);
    return;
  }
  bool newest = !session->replay.any || header->sequence > session->replay.newest;
  pf_replay_remember(&session->replay, header->sequence);
  pf_count(session->counters.packets, 1);
  if (header->plane == PF_PLANE_HELLO) {
    if (!session->is_host || bytes < PF_HELLO_BODY_BYTES)
      pf_count(session->counters.dropped_body, 1);
    else if (newest) /* an old hello that was held back must not turn the path back */
      take_hello(session, packet);
    return;
  }
  if (header->plane == PF_PLANE_VIDEO) session->seen_video = true;
  if (session->handler.take == NULL) {
    pf_count(session->counters.dropped_body, 1);
    return;
  }
  session->handler.take(session->handler.context, header->plane, body, bytes, now_ns);
}

uint64_t pf_session_tick(pf_session *session, uint64_t now_ns) {
  uint64_t due_ns = UINT64_MAX;
  if (!session->is_host) {
    if (now_ns >= session->next_hello_ns) {
      pf_hello_body body = {.client_ns = now_ns};
      pf_udp_sent sent;
      pf_session_send(session, PF_PLANE_HELLO, (const uint8_t *)&body, 0, sizeof body, 1, &sent);
      uint64_t wait_ms = session->seen_video ? PF_HELLO_INTERVAL_MS : HELLO_QUICK_MS;
      session->next_hello_ns = now_ns + wait_ms * 1000000u;
    }
    due_ns = session->next_hello_ns;
  }
  if (session->handler.tick == NULL) return due_ns;
  uint64_t next_ns = session->handler.tick(session->handler.context, now_ns);
  return next_ns < due_ns ? next_ns : due_ns;
}

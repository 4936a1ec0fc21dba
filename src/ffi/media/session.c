#include "session.h"

#include <stdlib.h>
#include <string.h>

#include "lock.h"

/* Until the first packet of a frame a client repeats its hello quickly: it may have been lost. */
#define HELLO_QUICK_MS 50

struct pf_session {
  pf_port *port;
  pf_events *events;
  uint32_t stage, tag;
  bool is_host;
  atomic_bool has_path, is_timed;

  pthread_mutex_t send_lock; /* guards what follows, up to the blank line */
  pf_seal *sealer;
  uint64_t sequence;
  pf_udp_path path;
  uint8_t burst[PF_UDP_BURST_BYTES];

  /* The receiving thread's own: */
  pf_seal *opener;
  pf_replay replay;
  pf_loss loss;
  pf_loss_counts probe_begin; /* of `loss`, when the probe's handler came */
  pf_loss_counts probe_loss;  /* while there was one, up to the last that has left */
  pf_address peer;    /* where the newest hello came from */
  struct in6_addr own; /* and went to; unspecified = not known */
  pf_plane_handler handlers[4]; /* of probe, audio, microphone, and all the rest */
  uint64_t next_hello_ns;
  bool seen_frames;
  pf_session_counters counters;
};

/* Called with the send lock held. */
static void set_path(pf_session *session, const pf_address *to, const struct in6_addr *source) {
  session->path = pf_udp_path_to(pf_port_udp(session->port), to, source);
  pf_gauge(session->counters.gso, session->path.gso);
  pf_gauge(session->counters.timed, session->path.timed);
  atomic_store_explicit(&session->is_timed, session->path.timed, memory_order_relaxed);
  atomic_store_explicit(&session->has_path, true, memory_order_release);
}

static pf_result open_path(pf_session *session, const pf_session_config *config) {
  if (session->is_host) return PF_OK;
  if (memchr(config->peer_address, 0, sizeof config->peer_address) == NULL)
    return pf_fail(PF_E_ARGUMENT, "the peer's address is too long");
  pf_address address;
  pf_result result = pf_address_parse(config->peer_address, config->peer_port, &address);
  if (result != PF_OK) return result;
  set_path(session, &address, NULL);
  return PF_OK;
}

static void tell_cipher(const pf_session *session) {
  if (!pf_seal_is_fallback(session->sealer)) return;
  pf_events_post(session->events, PF_EVENT_NOTE, session->stage, 0, 0,
                 "Packets are sealed by OpenSSL at a quarter of the speed: install Intel's "
                 "libipsec-mb (Debian: libipsec-mb1).");
}

PF_EXPORT pf_result pf_session_open(const pf_session_config *config, pf_port *port,
                                    pf_session **out) {
  pf_session *session = calloc(1, sizeof *session);
  if (session == NULL) return pf_fail(PF_E_MEMORY, "no memory for a session");
  session->port = port;
  session->events = config->events;
  session->stage = config->stage;
  session->tag = config->session;
  session->is_host = config->is_host != 0;
  pf_lock_open(&session->send_lock);
  pf_result result = open_path(session, config);
  if (result == PF_OK)
    result = pf_seal_open(PF_SEAL_BEST, (const uint8_t *)config->send_key,
                          (const uint8_t *)config->send_salt, &session->sealer);
  if (result == PF_OK)
    result = pf_seal_open(PF_SEAL_BEST, (const uint8_t *)config->receive_key,
                          (const uint8_t *)config->receive_salt, &session->opener);
  if (result == PF_OK) result = pf_port_add(port, session);
  if (result == PF_OK) tell_cipher(session);
  if (result != PF_OK) {
    pf_seal_close(session->sealer);
    pf_seal_close(session->opener);
    pthread_mutex_destroy(&session->send_lock);
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
PF_EXPORT const char *pf_session_cipher(const pf_session *session) {
  return pf_seal_name(session->sealer);
}

uint32_t pf_session_tag(const pf_session *session) { return session->tag; }

static pf_plane_handler *handler_of(pf_session *session, uint8_t plane) {
  switch (plane) {
    case PF_PLANE_PROBE:
      return &session->handlers[0];
    case PF_PLANE_AUDIO:
      return &session->handlers[1];
    case PF_PLANE_MICROPHONE:
      return &session->handlers[2];
    default:
      return &session->handlers[3];
  }
}

static pf_loss_counts loss_of_probe(const pf_session *session) {
  pf_loss_counts counts = session->probe_loss;
  if (session->handlers[0].take == NULL) return counts;
  counts.lost += session->loss.counts.lost - session->probe_begin.lost;
  counts.late += session->loss.counts.late - session->probe_begin.late;
  return counts;
}

pf_loss_counts pf_session_loss(const pf_session *session, uint8_t plane) {
  const pf_loss_counts *all = &session->loss.counts;
  pf_loss_counts probe = loss_of_probe(session);
  if (plane == PF_PLANE_PROBE) return probe;
  return (pf_loss_counts){.lost = all->lost - probe.lost, .late = all->late - probe.late};
}

void pf_session_set_handler(pf_session *session, uint8_t plane, const pf_plane_handler *handler) {
  pf_port_lock(session->port);
  if (plane == PF_PLANE_PROBE) {
    session->probe_loss = loss_of_probe(session);
    session->probe_begin = session->loss.counts;
  }
  *handler_of(session, plane) = handler != NULL ? *handler : (pf_plane_handler){0};
  pf_port_unlock(session->port);
}

bool pf_session_has_path(const pf_session *session) {
  return atomic_load_explicit(&session->has_path, memory_order_acquire);
}

static uint32_t packet_bytes_of(uint32_t body_bytes) {
  return PF_PACKET_HEADER_BYTES + body_bytes + PF_SEAL_TAG_BYTES;
}

uint32_t pf_session_burst_max(uint32_t body_bytes) {
  uint32_t count = PF_UDP_BURST_BYTES / packet_bytes_of(body_bytes);
  return count < PF_UDP_BURST_PACKETS ? count : PF_UDP_BURST_PACKETS;
}

bool pf_session_is_timed(const pf_session *session) {
  return atomic_load_explicit(&session->is_timed, memory_order_relaxed);
}

/* Sends what lies sealed in `burst`. Called with the send lock held. */
static void send_burst(pf_session *session, const pf_session_burst *burst, pf_udp_sent *sent) {
  pf_udp_path *path = &session->path;
  bool gso = path->gso;
  path->launch_ns = burst->launch_ns;
  pf_udp_send(pf_port_udp(session->port), path, session->burst, packet_bytes_of(burst->body_bytes),
              burst->count, sent);
  if (path->gso == gso) return;
  pf_gauge(session->counters.gso, path->gso);
  pf_gauge(session->counters.timed, path->timed);
  pf_count(session->counters.gso_refused, 1);
  atomic_store_explicit(&session->is_timed, path->timed, memory_order_relaxed);
  pf_events_post(session->events, PF_EVENT_NOTE, session->stage, 0, 0,
                 "The kernel refuses to segment packets (GSO) on the way to the peer: they are "
                 "sent one by one, at more CPU time.");
}

pf_result pf_session_send(pf_session *session, const pf_session_burst *burst, pf_udp_sent *sent) {
  *sent = (pf_udp_sent){0};
  uint32_t body_bytes = burst->body_bytes, count = burst->count;
  if (body_bytes > PF_SESSION_BODY_BYTES || count > pf_session_burst_max(body_bytes))
    return pf_fail(PF_E_ARGUMENT, "a burst of %u packets of %u bytes", count, body_bytes);
  if (!pf_session_has_path(session)) return PF_OK;
  pthread_mutex_lock(&session->send_lock);
  for (uint32_t i = 0; i < count; i++) {
    pf_packet_header header = {
        .plane = burst->plane, .session = session->tag, .sequence = session->sequence + i};
    memcpy(session->burst + (size_t)i * packet_bytes_of(body_bytes), &header, sizeof header);
  }
  const pf_seal_batch batch = {.packets = session->burst,
                               .bodies = burst->bodies,
                               .body_stride = burst->body_stride,
                               .header_bytes = PF_PACKET_HEADER_BYTES,
                               .body_bytes = body_bytes,
                               .count = count};
  pf_result result = pf_seal_packets(session->sealer, session->sequence, &batch);
  session->sequence += count; /* also after a failure: a sequence never seals twice */
  if (result == PF_OK) send_burst(session, burst, sent);
  pthread_mutex_unlock(&session->send_lock);
  return result;
}

/* The host sends to where the newest authenticated hello came from, from the address that it went
 * to: a client behind a firewall takes packets from no other one. */
static void take_hello(pf_session *session, const pf_udp_packet *packet) {
  pf_count(session->counters.hellos, 1);
  const pf_address *from = packet->from;
  struct in6_addr own = packet->to != NULL ? *packet->to : in6addr_any;
  if (session->peer.bytes != 0 && pf_address_equal(&session->peer, from) &&
      IN6_ARE_ADDR_EQUAL(&session->own, &own))
    return;
  session->peer = *from;
  session->own = own;
  pthread_mutex_lock(&session->send_lock);
  set_path(session, from, packet->to);
  pthread_mutex_unlock(&session->send_lock);
  pf_count(session->counters.path_changes, 1);
  char text[PF_EVENT_TEXT_BYTES];
  pf_address_format(from, text, sizeof text);
  pf_events_post(session->events, PF_EVENT_PATH, session->stage, 0, 0, text);
}

static void take_body(pf_session *session, uint8_t plane, const uint8_t *body, uint32_t bytes,
                      uint64_t now_ns) {
  if (plane == PF_PLANE_VIDEO || plane == PF_PLANE_PROBE) session->seen_frames = true;
  const pf_plane_handler *handler = handler_of(session, plane);
  if (handler->take == NULL)
    pf_count(session->counters.dropped_body, 1);
  else
    handler->take(handler->context, plane, body, bytes, now_ns);
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
  if (pf_seal_open_packet(session->opener, header->sequence, packet->data, PF_PACKET_HEADER_BYTES,
                          packet->bytes) != PF_OK) {
    pf_count(session->counters.dropped_authentication, 1);
    return;
  }
  bool newest = !session->replay.any || header->sequence > session->replay.newest;
  if (!newest) pf_count(session->counters.packets_disordered, 1);
  pf_loss_take(&session->loss, &session->replay, header->sequence, now_ns);
  pf_replay_remember(&session->replay, header->sequence);
  pf_count(session->counters.packets, 1);
  const uint8_t *body = packet->data + PF_PACKET_HEADER_BYTES;
  uint32_t bytes = packet->bytes - PF_PACKET_HEADER_BYTES - PF_SEAL_TAG_BYTES;
  if (header->plane != PF_PLANE_HELLO)
    take_body(session, header->plane, body, bytes, now_ns);
  else if (!session->is_host || bytes < PF_HELLO_BODY_BYTES)
    pf_count(session->counters.dropped_body, 1);
  else if (newest) /* an old hello that was held back must not turn the path back */
    take_hello(session, packet);
}

static void send_hello(pf_session *session, uint64_t now_ns) {
  pf_hello_body body = {.client_ns = now_ns};
  pf_udp_sent sent;
  const pf_session_burst burst = {.bodies = (const uint8_t *)&body,
                                  .body_bytes = sizeof body,
                                  .count = 1,
                                  .plane = PF_PLANE_HELLO};
  if (pf_session_send(session, &burst, &sent) == PF_OK) pf_count(session->counters.hellos, 1);
  uint64_t wait_ms = session->seen_frames ? PF_HELLO_INTERVAL_MS : HELLO_QUICK_MS;
  session->next_hello_ns = now_ns + wait_ms * 1000000u;
}

uint64_t pf_session_tick(pf_session *session, uint64_t now_ns) {
  uint64_t due_ns = pf_loss_tick(&session->loss, &session->replay, now_ns);
  if (!session->is_host) {
    if (now_ns >= session->next_hello_ns) send_hello(session, now_ns);
    if (session->next_hello_ns < due_ns) due_ns = session->next_hello_ns;
  }
  for (uint32_t i = 0; i < PF_ARRAY_COUNT(session->handlers); i++) {
    const pf_plane_handler *handler = &session->handlers[i];
    if (handler->tick == NULL) continue;
    uint64_t next_ns = handler->tick(handler->context, now_ns);
    if (next_ns < due_ns) due_ns = next_ns;
  }
  return due_ns;
}

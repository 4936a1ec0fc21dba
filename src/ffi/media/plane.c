#include "plane.h"

#include <stdlib.h>
#include <string.h>

struct pf_plane_send {
  pf_session *session;
  uint8_t plane;
  pf_plane_counters counters;
};

struct pf_plane_receive {
  pf_session *session;
  uint8_t plane;
  pf_sink sink;
};

static pf_result check(const pf_plane_config *config) {
  bool known = config->plane == PF_PLANE_AUDIO || config->plane == PF_PLANE_MICROPHONE;
  if (config->session == NULL || !known)
    return pf_fail(PF_E_ARGUMENT, "no session, or plane %#x is none of sound", config->plane);
  return PF_OK;
}

PF_EXPORT pf_result pf_plane_send_open(const pf_plane_config *config, pf_plane_send **out) {
  pf_result result = check(config);
  if (result != PF_OK) return result;
  pf_plane_send *send = calloc(1, sizeof *send);
  if (send == NULL) return pf_fail(PF_E_MEMORY, "no memory for a plane");
  send->session = config->session;
  send->plane = (uint8_t)config->plane;
  *out = send;
  return PF_OK;
}

PF_EXPORT void pf_plane_send_close(pf_plane_send *send) { free(send); }

static void push(void *context, void *item) {
  pf_plane_send *send = context;
  const pf_packet *packet = item;
  if (!pf_session_has_path(send->session)) {
    pf_count(send->counters.no_path, 1);
    return;
  }
  const pf_session_burst burst = {
      .bodies = packet->data, .body_bytes = packet->bytes, .count = 1, .plane = send->plane};
  pf_udp_sent sent;
  if (pf_session_send(send->session, &burst, &sent) != PF_OK || sent.packets == 0) {
    pf_count(send->counters.packets_dropped, 1);
    return;
  }
  pf_count(send->counters.packets, 1);
  pf_count(send->counters.packet_bytes, packet->bytes);
}

PF_EXPORT void pf_plane_send_sink(pf_plane_send *send, pf_sink *out) {
  *out = (pf_sink){.push = push, .context = send};
}

PF_EXPORT const void *pf_plane_send_counters_block(pf_plane_send *send) { return &send->counters; }

static void take(void *context, uint8_t plane, const uint8_t *body, uint32_t bytes,
                 uint64_t now_ns) {
  pf_plane_receive *receive = context;
  pf_packet packet = {.data = body, .bytes = bytes, .time_ns = now_ns};
  pf_sink_push(&receive->sink, &packet);
}

PF_EXPORT pf_result pf_plane_receive_open(const pf_plane_config *config, pf_plane_receive **out) {
  pf_result result = check(config);
  if (result != PF_OK) return result;
  pf_plane_receive *receive = calloc(1, sizeof *receive);
  if (receive == NULL) return pf_fail(PF_E_MEMORY, "no memory for a plane");
  receive->session = config->session;
  receive->plane = (uint8_t)config->plane;
  memcpy(&receive->sink.push, &config->sink_push, sizeof config->sink_push);
  receive->sink.context = config->sink_context;
  const pf_plane_handler handler = {.take = take, .context = receive};
  pf_session_set_handler(receive->session, receive->plane, &handler);
  *out = receive;
  return PF_OK;
}

PF_EXPORT void pf_plane_receive_close(pf_plane_receive *receive) {
  if (receive == NULL) return;
  pf_session_set_handler(receive->session, receive->plane, NULL);
  free(receive);
}

#include "receive.h"

#include <stdlib.h>
#include <string.h>

#include "order.h"
#include "receive_state.h"

static bool config_is_sane(const pf_receive_config *config) {
  return config->session != NULL && config->frames_in_flight_max >= 2 &&
         config->frames_in_flight_max <= PF_FRAMES_IN_FLIGHT_MAX &&
         config->frame_bytes_max >= PF_FRAME_HEADER_BYTES &&
         config->frame_bytes_max <= PF_FRAME_BYTES_MAX && config->shard_bytes_max > 0 &&
         config->shard_bytes_max <= PF_SHARD_BYTES_MAX &&
         config->shard_bytes_max % PF_SHARD_ALIGN_BYTES == 0 &&
         (config->plane == 0 || config->plane == PF_PLANE_VIDEO ||
          config->plane == PF_PLANE_PROBE);
}

static pf_result open_memory(pf_receive *receive) {
  const pf_assembly_limits *limits = &receive->limits;
  uint32_t shards = limits->data_count_max + limits->parity_count_max;
  receive->pointers = calloc(shards, sizeof *receive->pointers);
  if (receive->pointers == NULL) return pf_fail(PF_E_MEMORY, "no memory for a receiver");
  pf_result result = pf_pool_open(&receive->pool, limits, receive->config.frames_in_flight_max);
  if (result != PF_OK) return result;
  return pf_fec_open(limits->data_count_max, limits->parity_count_max, limits->shard_bytes_max,
                     &receive->fec);
}

static void free_memory(pf_receive *receive) {
  pf_loss_report_close(&receive->losses);
  pf_fec_close(receive->fec);
  pf_pool_close(&receive->pool);
  free(receive->pointers);
  free(receive);
}

static void take(void *context, uint8_t plane, const uint8_t *body, uint32_t bytes,
                 uint64_t now_ns);
static uint64_t tick(void *context, uint64_t now_ns);

PF_EXPORT pf_result pf_receive_open(const pf_receive_config *config, pf_receive **out) {
  if (!config_is_sane(config)) return pf_fail(PF_E_ARGUMENT, "a size is outside the limits");
  pf_receive *receive = calloc(1, sizeof *receive);
  if (receive == NULL) return pf_fail(PF_E_MEMORY, "no memory for a receiver");
  receive->config = *config;
  receive->session = config->session;
  receive->plane = config->plane != 0 ? (uint8_t)config->plane : PF_PLANE_VIDEO;
  void *push = config->sink_push;
  memcpy(&receive->sink.push, &push, sizeof push);
  receive->sink.context = config->sink_context;
  receive->wait_key = true;
  receive->end_ns = pf_now_ns();
  atomic_store(&receive->clock_offset_ns, PF_CLOCK_UNKNOWN);
  pf_loss_report_open(&receive->losses, &receive->counters);
  receive->limits = pf_assembly_limits_of(config->frame_bytes_max, config->shard_bytes_max);
  pf_result result = open_memory(receive);
  if (result != PF_OK) {
    free_memory(receive);
    return result;
  }
  const pf_plane_handler handler = {.take = take, .tick = tick, .context = receive};
  pf_session_set_handler(receive->session, receive->plane, &handler);
  *out = receive;
  return PF_OK;
}

PF_EXPORT void pf_receive_close(pf_receive *receive) {
  if (receive == NULL) return;
  pf_session_set_handler(receive->session, receive->plane, NULL);
  free_memory(receive);
}

PF_EXPORT pf_result pf_receive_set(pf_receive *receive, uint32_t knob, int64_t value) {
  switch (knob) {
    case PF_KNOB_CLOCK_OFFSET_NS:
      atomic_store(&receive->clock_offset_ns, value);
      return PF_OK;
    case PF_KNOB_CLOCK_ERROR_NS:
      if (value < 0) return pf_fail(PF_E_ARGUMENT, "a clock's error is not below 0");
      atomic_store(&receive->clock_error_ns, value);
      return PF_OK;
    default:
      return pf_fail(PF_E_ARGUMENT, "the receiver has no knob %u", knob);
  }
}

PF_EXPORT int32_t pf_receive_take_losses(pf_receive *receive, pf_frame_loss *out, uint32_t max) {
  return pf_loss_report_take(&receive->losses, out, max);
}

PF_EXPORT void pf_receive_take_timings(pf_receive *receive, const uint8_t *entries,
                                       uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    pf_host_timing timing;
    memcpy(&timing, entries + i * sizeof timing, sizeof timing);
    atomic_ullong *place = &receive->arrivals[timing.frame % PF_ARRIVALS_COUNT];
    unsigned long long word = atomic_load_explicit(place, memory_order_relaxed);
    uint32_t us = (uint32_t)word;
    if (us == 0 || word >> 32 != timing.frame) continue;
    /* Each frame counts once, whatever is told twice. */
    atomic_compare_exchange_strong(place, &word, 0);
    uint32_t network_us = us - 1 > timing.seal_us ? us - 1 - timing.seal_us : 0;
    pf_histogram_record_ns(&receive->counters.network_us, 1000ull * network_us);
  }
}

PF_EXPORT const void *pf_receive_counters_block(pf_receive *receive) { return &receive->counters; }

/* A frame has as many shards as it has data. */
static void complete(pf_receive *receive, pf_assembly *assembly, uint64_t now_ns) {
  pf_frame_header header;
  pf_loss_report_settle(&receive->losses, assembly, now_ns);
  uint64_t begin_ns = pf_now_ns();
  pf_result recovered = pf_assembly_recover(assembly, receive->fec, receive->pointers);
  assembly->complete_ns = now_ns + (pf_now_ns() - begin_ns);
  if (recovered != PF_OK || !pf_order_read_header(assembly, &header)) {
    pf_count(receive->counters.dropped_frame_header, 1);
    assembly->bad = true;
    return;
  }
  assembly->key = (header.flags & PF_FRAME_FLAG_KEY) != 0;
  pf_count(receive->counters.frames_complete, 1);
  if (assembly->recovered) pf_count(receive->counters.frames_recovered, 1);
}

/* A shard of a frame that was settled: not needed when the frame was delivered without it. */
static void count_settled(pf_receive *receive, const pf_shard_header *header, uint64_t now_ns) {
  pf_loss_report_late(&receive->losses, header->frame, header->shard_index, now_ns);
  uint32_t ago = receive->next - 1 - header->frame;
  if (ago < 64 && (receive->delivered >> ago & 1) != 0)
    pf_count(receive->counters.packets_unneeded, 1);
  else
    pf_count(receive->counters.dropped_old, 1);
}

/* The frame of a shard's header, begun if it is new; NULL when the shard is dropped. */
static pf_assembly *find_frame(pf_receive *receive, const pf_shard_header *header,
                               uint32_t shard_bytes, uint64_t now_ns) {
  pf_receive_counters *counters = &receive->counters;
  pf_assembly **place = &receive->window[header->frame % receive->config.frames_in_flight_max];
  bool inside = header->frame - receive->next < receive->end - receive->next;
  if (inside && *place != NULL) {
    if (pf_assembly_fits(*place, header, shard_bytes)) return *place;
    pf_count(counters->dropped_geometry_changed, 1);
    return NULL;
  }
  pf_order_begin(receive, header->frame, now_ns);
  uint32_t shards = (uint32_t)header->data_count + header->parity_count;
  pf_assembly *assembly = pf_pool_take(&receive->pool, (size_t)shards * shard_bytes);
  pf_gauge(counters->memory_bytes, receive->pool.resident_bytes);
  if (assembly == NULL) {
    pf_count(counters->dropped_bounds, 1);
    return NULL;
  }
  pf_assembly_begin(assembly, header, shard_bytes, now_ns);
  pf_count(counters->frames_seen, 1);
  return *place = assembly;
}

static void take_shard(pf_receive *receive, const uint8_t *body, uint32_t bytes, uint64_t now_ns) {
  pf_receive_counters *counters = &receive->counters;
  pf_shard_header header;
  if (bytes < sizeof header) {
    pf_count(counters->dropped_geometry, 1);
    return;
  }
  memcpy(&header, body, sizeof header);
  uint32_t shard_bytes = bytes - (uint32_t)sizeof header;
  pf_result checked = pf_assembly_check(&receive->limits, &header, shard_bytes);
  if (checked != PF_OK) {
    if (checked == PF_E_BOUNDS) pf_count(counters->dropped_bounds, 1);
    else pf_count(counters->dropped_geometry, 1);
    return;
  }
  checked = pf_order_check(receive, header.frame, now_ns);
  if (checked != PF_OK) {
    if (checked == PF_E_BOUNDS) pf_count(counters->dropped_ahead, 1);
    else count_settled(receive, &header, now_ns);
    return;
  }
  uint32_t end = receive->end;
  pf_assembly *assembly = find_frame(receive, &header, shard_bytes, now_ns);
  if (assembly != NULL && assembly->complete) {
    pf_loss_report_late(&receive->losses, header.frame, header.shard_index, now_ns);
    pf_count(counters->packets_unneeded, 1);
    assembly = NULL;
  }
  if (assembly != NULL) {
    if (!pf_assembly_add(assembly, header.shard_index, body + sizeof header))
      pf_count(counters->packets_duplicate, 1);
    else if (assembly->complete)
      complete(receive, assembly, now_ns);
  }
  bool changed = (assembly != NULL && assembly->complete) || receive->end != end;
  if (changed) pf_order_settle(receive, now_ns);
}

static void take_tip(pf_receive *receive, const uint8_t *body, uint32_t bytes, uint64_t now_ns) {
  pf_tip_body tip;
  if (bytes < sizeof tip) {
    pf_count(receive->counters.dropped_geometry, 1);
    return;
  }
  memcpy(&tip, body, sizeof tip);
  pf_count(receive->counters.tips, 1);
  if (tip.sent == 0 || pf_order_check(receive, tip.frame, now_ns) != PF_OK) return;
  pf_order_begin(receive, tip.frame, now_ns);
  pf_order_sent(receive, tip.frame, now_ns);
  pf_order_settle(receive, now_ns);
}

static void take(void *context, uint8_t plane, const uint8_t *body, uint32_t bytes,
                 uint64_t now_ns) {
  pf_receive *receive = context;
  if (plane == PF_PLANE_TIP) {
    take_tip(receive, body, bytes, now_ns);
  } else if (plane == receive->plane) {
    pf_count(receive->counters.packets, 1);
    pf_count(receive->counters.packet_bytes, bytes);
    take_shard(receive, body, bytes, now_ns);
  }
}

static uint64_t tick(void *context, uint64_t now_ns) {
  pf_receive *receive = context;
  pf_loss_counts loss = pf_session_loss(receive->session, receive->plane);
  pf_gauge(receive->counters.packets_lost, loss.lost);
  pf_gauge(receive->counters.packets_late, loss.late);
  uint64_t due_ns = pf_order_tick(receive, now_ns);
  pf_loss_report_tick(&receive->losses, now_ns);
  return due_ns;
}

#include "receive.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "assembly.h"

/* A hole that stays asks for a keyframe this often: the request or the keyframe may be lost too. */
#define STALL_REPEAT_NS (50 * 1000000ull)

struct pf_receive {
  pf_receive_config config;
  pf_session *session;
  pf_sink sink;
  pf_fec *fec;
  uint8_t **pointers;
  size_t assembly_bytes;
  uint32_t shards_max;
  atomic_llong clock_offset_ns;

  pf_assembly assemblies[PF_FRAMES_IN_FLIGHT_MAX];
  uint32_t next;      /* the frame that is to be delivered next */
  uint32_t seen_end;  /* newest frame that is known of + 1 */
  bool wait_key;      /* what comes can't be decoded before a keyframe */
  uint64_t hole_ns;   /* since when `next` is overdue; 0 = it is not */
  uint64_t stall_ns;  /* when the next keyframe request is due */
  uint64_t picture_ns; /* when the last unit was delivered */
  bool stalled;
  pf_receive_counters counters;
};

static pf_assembly *assembly_of(pf_receive *receive, uint32_t frame) {
  return &receive->assemblies[frame % receive->config.frames_in_flight_max];
}

static bool config_is_sane(const pf_receive_config *config) {
  return config->frames_in_flight_max >= 2 &&
         config->frames_in_flight_max <= PF_FRAMES_IN_FLIGHT_MAX &&
         config->frame_bytes_max >= PF_FRAME_HEADER_BYTES &&
         config->frame_bytes_max <= PF_FRAME_BYTES_MAX && config->shard_bytes_max > 0 &&
         config->shard_bytes_max <= PF_SHARD_BYTES_MAX &&
         config->shard_bytes_max % PF_SHARD_ALIGN_BYTES == 0;
}

pf_result pf_receive_open_detached(const pf_receive_config *config, pf_receive **out) {
  if (!config_is_sane(config)) return pf_fail(PF_E_ARGUMENT, "a size is outside the limits");
  pf_receive *receive = calloc(1, sizeof *receive);
  if (receive == NULL) return pf_fail(PF_E_MEMORY, "no memory for a receiver");
  receive->config = *config;
  void *push = config->sink_push;
  memcpy(&receive->sink.push, &push, sizeof push);
  receive->sink.context = config->sink_context;
  receive->wait_key = true;
  atomic_store(&receive->clock_offset_ns, PF_CLOCK_UNKNOWN);
  receive->shards_max = pf_assembly_shards_max(config);
  receive->assembly_bytes = pf_assembly_bytes_max(config);
  receive->pointers = calloc(receive->shards_max, sizeof *receive->pointers);
  pf_result result = pf_fec_open(receive->shards_max, receive->shards_max,
                                 config->shard_bytes_max, &receive->fec);
  if (receive->pointers == NULL) result = pf_fail(PF_E_MEMORY, "no memory for a receiver");
  for (uint32_t i = 0; i < config->frames_in_flight_max && result == PF_OK; i++) {
    size_t bytes = receive->assembly_bytes + receive->shards_max;
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
      result = pf_fail(PF_E_MEMORY, "no memory for a receiver");
    } else {
      receive->assemblies[i].shards = memory;
      receive->assemblies[i].present = (uint8_t *)memory + receive->assembly_bytes;
    }
  }
  if (result != PF_OK) {
    pf_receive_close(receive);
    return result;
  }
  *out = receive;
  return PF_OK;
}

static void handle_packet(void *context, uint8_t plane, uint8_t *body, uint32_t bytes,
                          uint64_t now_ns) {
  pf_receive_take(context, plane, body, bytes, now_ns);
}

static uint64_t handle_tick(void *context, uint64_t now_ns) {
  pf_receive *receive = context;
  pf_gauge(receive->counters.packets_lost, pf_session_lost(receive->session));
  return pf_receive_tick(receive, now_ns);
}

PF_EXPORT pf_result pf_receive_open(const pf_receive_config *config, pf_receive **out) {
  if (config->session == NULL) return pf_fail(PF_E_ARGUMENT, "no session");
  pf_result result = pf_receive_open_detached(config, out);
  if (result != PF_OK) return result;
  (*out)->session = config->session;
  pf_plane_handler handler = {.take = handle_packet, .tick = handle_tick, .context = *out};
  pf_session_set_handler(config->session, &handler);
  return PF_OK;
}

PF_EXPORT void pf_receive_close(pf_receive *receive) {
  if (receive == NULL) return;
  if (receive->session != NULL) pf_session_set_handler(receive->session, NULL);
  for (uint32_t i = 0; i < receive->config.frames_in_flight_max; i++)
    if (receive->assemblies[i].shards != NULL)
      munmap(receive->assemblies[i].shards, receive->assembly_bytes + receive->shards_max);
  pf_fec_close(receive->fec);
  free(receive->pointers);
  free(receive);
}

PF_EXPORT pf_result pf_receive_set(pf_receive *receive, uint32_t knob, int64_t value) {
  if (knob != PF_KNOB_CLOCK_OFFSET_NS) return pf_fail(PF_E_ARGUMENT, "no such knob");
  atomic_store(&receive->clock_offset_ns, value);
  return PF_OK;
}

PF_EXPORT const void *pf_receive_counters_block(pf_receive *receive) { return &receive->counters; }

static void post(pf_receive *receive, uint32_t kind, int64_t a, int64_t b) {
  pf_events_post(receive->config.events, kind, receive->config.stage, a, b, NULL);
}

/* Reads the frame header; false when the frame contradicts itself. */
static bool read_frame_header(const pf_assembly *assembly, pf_frame_header *header) {
  memcpy(header, assembly->shards, sizeof *header);
  return header->header_bytes >= PF_FRAME_HEADER_BYTES &&
         header->header_bytes <= assembly->frame_bytes && header->codec <= PF_CODEC_AV1;
}

static void deliver(pf_receive *receive, pf_assembly *assembly, uint64_t now_ns) {
  pf_frame_header header;
  read_frame_header(assembly, &header);
  pf_access_unit unit = {
      .data = assembly->shards + header.header_bytes,
      .bytes = assembly->frame_bytes - header.header_bytes,
      .frame = assembly->frame,
      .flags = header.flags,
      .codec = header.codec,
      .times = {.capture_ns = header.capture_ns,
                .first_packet_ns = assembly->first_ns,
                .complete_ns = assembly->complete_ns,
                .host_queue_us = header.queue_us,
                .host_encode_us = header.encode_us},
  };
  pf_receive_counters *counters = &receive->counters;
  int64_t offset_ns = atomic_load(&receive->clock_offset_ns);
  uint64_t captured_ns = pf_local_ns(header.capture_ns, offset_ns);
  pf_histogram_span(&counters->reassemble_us, assembly->first_ns, assembly->complete_ns);
  pf_histogram_span(&counters->capture_to_reassembled_us, captured_ns, now_ns);
  if (captured_ns != 0) {
    uint64_t encode_ns = 1000ull * header.encode_us;
    uint64_t encoded_ns = captured_ns + 1000ull * header.queue_us + encode_ns;
    pf_histogram_span(&counters->network_us, encoded_ns, assembly->complete_ns);
    pf_histogram_span(&counters->overhead_us, captured_ns + encode_ns, now_ns);
  }
  if (receive->stalled) {
    receive->stalled = false;
    uint64_t without_ns = receive->picture_ns != 0 ? now_ns - receive->picture_ns : 0;
    post(receive, PF_EVENT_RECOVERED, assembly->frame, (int64_t)(without_ns / 1000000));
  }
  receive->picture_ns = now_ns;
  pf_count(counters->frames_delivered, 1);
  pf_count(counters->bytes_delivered, unit.bytes);
  pf_sink_push(&receive->sink, &unit);
}

/* Settles frame `next` as it is and goes on to the one behind it. */
static void pass(pf_receive *receive, uint64_t now_ns) {
  pf_assembly *assembly = assembly_of(receive, receive->next);
  bool there = assembly->used && assembly->frame == receive->next;
  if (there && assembly->complete && !assembly->bad && (assembly->key || !receive->wait_key)) {
    receive->wait_key = false;
    deliver(receive, assembly, now_ns);
  } else if (there && assembly->complete && !assembly->bad) {
    pf_count(receive->counters.frames_skipped, 1);
  } else {
    pf_count(receive->counters.frames_lost, 1);
    receive->wait_key = true;
  }
  if (there) pf_assembly_end(assembly);
  receive->next++;
  receive->hole_ns = 0;
}

static bool is_complete(pf_receive *receive, uint32_t frame) {
  pf_assembly *assembly = assembly_of(receive, frame);
  return assembly->used && assembly->frame == frame && assembly->complete;
}

/* Delivers what can be, and keeps book of the hole that is left. */
static void settle(pf_receive *receive, uint64_t now_ns) {
  for (;;) {
    while (receive->next != receive->seen_end && is_complete(receive, receive->next))
      pass(receive, now_ns);
    /* A complete keyframe makes what lies before it unimportant. */
    uint32_t key = receive->next;
    while (key != receive->seen_end && !(is_complete(receive, key) && assembly_of(receive, key)->key))
      key++;
    if (key == receive->seen_end) break;
    while (receive->next != key) pass(receive, now_ns);
  }
  bool waits = receive->wait_key && receive->seen_end != 0;
  if (receive->next == receive->seen_end) receive->hole_ns = 0;
  if (receive->next != receive->seen_end && receive->hole_ns == 0) {
    pf_assembly *head = assembly_of(receive, receive->next);
    bool begun = head->used && head->frame == receive->next;
    /* While it is the newest frame and has begun, it is on its way, not overdue. */
    if (!begun || receive->next + 1 != receive->seen_end) receive->hole_ns = now_ns;
  }
  uint64_t stall_ns = receive->config.stall_ms * 1000000ull;
  if (receive->hole_ns == 0 && !waits) receive->stall_ns = 0;
  else if (receive->stall_ns == 0) receive->stall_ns = now_ns + stall_ns;
}

uint64_t pf_receive_tick(pf_receive *receive, uint64_t now_ns) {
  uint64_t window_ns = receive->config.loss_window_ms * 1000000ull;
  while (receive->hole_ns != 0 && now_ns - receive->hole_ns >= window_ns) {
    pass(receive, now_ns);
    settle(receive, now_ns);
  }
  if (receive->stall_ns != 0 && now_ns >= receive->stall_ns) {
    pf_count(receive->counters.stalls, 1);
    receive->stalled = true;
    post(receive, PF_EVENT_STALL, receive->next, 0);
    receive->stall_ns = now_ns + STALL_REPEAT_NS;
  }
  uint64_t due_ns = receive->stall_ns != 0 ? receive->stall_ns : UINT64_MAX;
  if (receive->hole_ns != 0 && receive->hole_ns + window_ns < due_ns)
    due_ns = receive->hole_ns + window_ns;
  return due_ns;
}

/* Moves the window so that `frame` lies in it; what falls out is settled as it is. */
static void advance(pf_receive *receive, uint32_t frame, uint64_t now_ns) {
  uint32_t room = receive->config.frames_in_flight_max;
  if (frame - receive->next >= 2 * room) { /* far ahead: what lies between never came */
    uint32_t target = frame - room + 1;
    while (receive->next != receive->seen_end) pass(receive, now_ns);
    pf_count(receive->counters.frames_lost, target - receive->next);
    receive->next = target;
    receive->wait_key = true;
    receive->hole_ns = 0;
  }
  while (frame - receive->next >= room) pass(receive, now_ns);
  if (frame - receive->next >= receive->seen_end - receive->next) receive->seen_end = frame + 1;
}

static void complete(pf_receive *receive, pf_assembly *assembly) {
  pf_frame_header header;
  if (pf_assembly_recover(assembly, receive->fec, receive->pointers) != PF_OK ||
      !read_frame_header(assembly, &header)) {
    pf_count(receive->counters.dropped_frame_header, 1);
    assembly->bad = true;
    return;
  }
  assembly->key = (header.flags & PF_FRAME_FLAG_KEY) != 0;
  /* Rebuilding takes time too. */
  if (assembly->recovered) assembly->complete_ns = pf_now_ns();
  pf_count(receive->counters.frames_complete, 1);
  if (assembly->recovered) pf_count(receive->counters.frames_recovered, 1);
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
  pf_result checked = pf_assembly_check(&header, shard_bytes, &receive->config);
  if (checked != PF_OK) {
    if (checked == PF_E_BOUNDS) pf_count(counters->dropped_bounds, 1);
    else pf_count(counters->dropped_geometry, 1);
    return;
  }
  if ((int32_t)(header.frame - receive->next) < 0) {
    pf_count(counters->packets_late, 1);
    return;
  }
  advance(receive, header.frame, now_ns);
  pf_assembly *assembly = assembly_of(receive, header.frame);
  if (!assembly->used || assembly->frame != header.frame) {
    if (assembly->used) pf_assembly_end(assembly);
    pf_assembly_begin(assembly, &header, shard_bytes, now_ns);
    pf_count(counters->frames_seen, 1);
  } else if (!pf_assembly_fits(assembly, &header, shard_bytes)) {
    pf_count(counters->dropped_geometry_changed, 1);
    return;
  }
  bool was_complete = assembly->complete;
  if (pf_assembly_add(assembly, header.shard_index, body + sizeof header, now_ns) != PF_OK) {
    pf_count(counters->packets_duplicate, 1);
    return;
  }
  if (assembly->complete && !was_complete) complete(receive, assembly);
  settle(receive, now_ns);
}

void pf_receive_take(pf_receive *receive, uint8_t plane, uint8_t *body, uint32_t bytes,
                     uint64_t now_ns) {
  if (plane == PF_PLANE_TIP) {
    pf_tip_body tip;
    if (bytes < sizeof tip) {
      pf_count(receive->counters.dropped_geometry, 1);
      return;
    }
    memcpy(&tip, body, sizeof tip);
    pf_count(receive->counters.tips, 1);
    if (tip.sent == 0 || (int32_t)(tip.frame - receive->next) < 0) return;
    advance(receive, tip.frame, now_ns);
    settle(receive, now_ns);
    if (receive->next != receive->seen_end && receive->hole_ns == 0) {
      receive->hole_ns = now_ns;
      if (receive->stall_ns == 0)
        receive->stall_ns = now_ns + receive->config.stall_ms * 1000000ull;
    }
    return;
  }
  if (plane != PF_PLANE_VIDEO) return;
  pf_count(receive->counters.packets, 1);
  pf_count(receive->counters.packet_bytes, bytes);
  take_shard(receive, body, bytes, now_ns);
}

#include "order.h"

#include <string.h>

#include "receive_state.h"

#define MS_NS 1000000ull
/* While nothing can be delivered a keyframe is asked for this often: the request or the keyframe
 * may be lost too. */
#define STALL_REPEAT_NS (50 * MS_NS)

static uint32_t place_of(const pf_receive *receive, uint32_t frame) {
  return frame % receive->config.frames_in_flight_max;
}

/* The complete frame of that index, or NULL. */
static pf_assembly *complete_of(const pf_receive *receive, uint32_t frame) {
  pf_assembly *assembly = receive->window[place_of(receive, frame)];
  return assembly != NULL && assembly->complete ? assembly : NULL;
}

bool pf_order_read_header(const pf_assembly *assembly, pf_frame_header *header) {
  memcpy(header, assembly->shards, sizeof *header);
  return header->header_bytes >= PF_FRAME_HEADER_BYTES &&
         header->header_bytes <= assembly->frame_bytes && header->codec <= PF_CODEC_AV1;
}

static void post(const pf_receive *receive, uint32_t kind, int64_t a, int64_t b) {
  pf_events_post(receive->config.events, kind, receive->config.stage, a, b, NULL);
}

/* For when the host tells how long the frame waited there before its first packet left. */
static void keep_arrival(pf_receive *receive, const pf_assembly *assembly, uint64_t encoded_ns) {
  uint64_t ns = assembly->first_ns > encoded_ns ? assembly->first_ns - encoded_ns : 0;
  uint64_t us = ns / 1000 < UINT32_MAX ? ns / 1000 + 1 : UINT32_MAX;
  atomic_store_explicit(&receive->arrivals[assembly->frame % PF_ARRIVALS_COUNT],
                        (uint64_t)assembly->frame << 32 | us, memory_order_relaxed);
}

static void measure(pf_receive *receive, const pf_assembly *assembly,
                    const pf_frame_header *header) {
  pf_receive_counters *counters = &receive->counters;
  int64_t offset_ns = atomic_load_explicit(&receive->clock_offset_ns, memory_order_relaxed);
  uint64_t captured_ns = pf_local_ns(header->capture_ns, offset_ns);
  pf_histogram_span(&counters->reassemble_us, assembly->first_ns, assembly->complete_ns);
  pf_histogram_span(&counters->capture_to_reassembled_us, captured_ns, assembly->complete_ns);
  if (captured_ns == 0) return;
  uint64_t encode_ns = 1000ull * header->encode_us;
  uint64_t encoded_ns = captured_ns + 1000ull * header->queue_us + encode_ns;
  int64_t error_ns = atomic_load_explicit(&receive->clock_error_ns, memory_order_relaxed);
  bool before_sent = assembly->complete_ns + (uint64_t)error_ns < encoded_ns;
  if (before_sent) pf_count(counters->frames_before_sent, 1);
  keep_arrival(receive, assembly, encoded_ns);
  pf_histogram_span(&counters->overhead_us, captured_ns + encode_ns, assembly->complete_ns);
}

static void deliver(pf_receive *receive, const pf_assembly *assembly, uint64_t now_ns) {
  pf_frame_header header;
  pf_order_read_header(assembly, &header);
  measure(receive, assembly, &header);
  if (receive->stalled) {
    receive->stalled = false;
    uint64_t since_ns = receive->delivered_ns != 0 ? receive->delivered_ns : now_ns;
    post(receive, PF_EVENT_RECOVERED, assembly->frame, (int64_t)((now_ns - since_ns) / MS_NS));
  }
  receive->delivered_ns = now_ns;
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
  pf_count(receive->counters.frames_delivered, 1);
  pf_count(receive->counters.bytes_delivered, unit.bytes);
  pf_sink_push(&receive->sink, &unit);
}

/* Settles frame `next` as it is and goes on to the one behind it. */
static void pass(pf_receive *receive, uint64_t now_ns) {
  uint32_t place = place_of(receive, receive->next);
  pf_assembly *assembly = receive->window[place];
  bool whole = assembly != NULL && assembly->complete && !assembly->bad;
  bool decodable = whole && (assembly->key || !receive->wait_key);
  if (decodable) {
    deliver(receive, assembly, now_ns);
  } else if (whole) {
    pf_count(receive->counters.frames_skipped, 1);
  } else {
    pf_count(receive->counters.frames_lost, 1);
  }
  receive->wait_key = receive->ask_key = !decodable;
  if (assembly != NULL && !assembly->complete)
    pf_loss_report_settle(&receive->losses, assembly, now_ns);
  if (assembly != NULL) pf_pool_give(&receive->pool, assembly);
  receive->window[place] = NULL;
  receive->overdue_ns[place] = 0;
  receive->delivered = receive->delivered << 1 | (decodable ? 1 : 0);
  receive->next++;
}

/* The keyframe that can be delivered before what lies in front of it, or `end`. */
static uint32_t find_key(const pf_receive *receive) {
  uint32_t frame = receive->next;
  for (; frame != receive->end; frame++) {
    const pf_assembly *assembly = complete_of(receive, frame);
    if (assembly != NULL && assembly->key && !assembly->bad) break;
  }
  return frame;
}

static uint64_t hole_since(const pf_receive *receive) {
  if (receive->next == receive->end) return 0;
  return receive->overdue_ns[place_of(receive, receive->next)];
}

/* Keeps book of when a keyframe has to be asked for. */
static void watch_stall(pf_receive *receive, uint64_t now_ns) {
  uint64_t since_ns = hole_since(receive);
  if (since_ns == 0 && !receive->ask_key) {
    receive->stall_ns = 0;
    return;
  }
  bool another = !receive->ask_key && receive->stall_frame != receive->next;
  if (receive->stall_ns != 0 && !another) return;
  receive->stall_frame = receive->next;
  receive->stall_ns = (since_ns != 0 ? since_ns : now_ns) + receive->config.stall_ms * MS_NS;
}

void pf_order_settle(pf_receive *receive, uint64_t now_ns) {
  uint32_t before = receive->next;
  for (;;) {
    while (receive->next != receive->end && complete_of(receive, receive->next) != NULL)
      pass(receive, now_ns);
    uint32_t key = find_key(receive);
    if (key == receive->end) break;
    while (receive->next != key) pass(receive, now_ns);
  }
  if (receive->next != before)
    pf_gauge(receive->counters.memory_bytes, receive->pool.resident_bytes);
  watch_stall(receive, now_ns);
}

/* Whether the keyframe that is waited for may be the newest frame, of which shards are coming. */
static bool is_on_its_way(const pf_receive *receive, uint64_t now_ns) {
  if (!receive->ask_key || receive->next == receive->end) return false;
  uint32_t place = place_of(receive, receive->end - 1);
  const pf_assembly *newest = receive->window[place];
  return newest != NULL && !newest->complete && receive->overdue_ns[place] == 0 &&
         now_ns - newest->first_ns < receive->config.loss_window_ms * MS_NS;
}

uint64_t pf_order_tick(pf_receive *receive, uint64_t now_ns) {
  uint64_t window_ns = receive->config.loss_window_ms * MS_NS;
  uint64_t since_ns = hole_since(receive);
  while (since_ns != 0 && now_ns - since_ns >= window_ns) {
    pass(receive, now_ns);
    pf_order_settle(receive, now_ns);
    since_ns = hole_since(receive);
  }
  if (receive->stall_ns != 0 && now_ns >= receive->stall_ns && is_on_its_way(receive, now_ns)) {
    receive->stall_ns = now_ns + receive->config.stall_ms * MS_NS + 1;
  } else if (receive->stall_ns != 0 && now_ns >= receive->stall_ns) {
    pf_count(receive->counters.stalls, 1);
    receive->stalled = true;
    post(receive, PF_EVENT_STALL, receive->stall_frame, 0);
    receive->stall_ns = now_ns + STALL_REPEAT_NS;
  }
  uint64_t due_ns = since_ns != 0 ? since_ns + window_ns : UINT64_MAX;
  if (receive->stall_ns != 0 && receive->stall_ns < due_ns) due_ns = receive->stall_ns;
  return due_ns;
}

pf_result pf_order_check(const pf_receive *receive, uint32_t frame, uint64_t now_ns) {
  uint32_t ahead = frame - receive->next;
  if (ahead > UINT32_MAX / 2) return PF_E_REPLAY;
  uint32_t room = receive->config.frames_in_flight_max;
  if (ahead < room) return PF_OK;
  uint64_t elapsed_ns = now_ns > receive->end_ns ? now_ns - receive->end_ns : 0;
  uint64_t sent_most = elapsed_ns / (1000000000u / PF_REFRESH_HZ_MAX);
  return ahead - (receive->end - receive->next) < room + sent_most ? PF_OK : PF_E_BOUNDS;
}

/* Loses everything before `frame`, of which most never came. */
static void jump(pf_receive *receive, uint32_t frame, uint64_t now_ns) {
  while (receive->next != receive->end) pass(receive, now_ns);
  pf_count(receive->counters.frames_lost, frame - receive->next);
  receive->next = receive->end = frame;
  receive->delivered = 0;
  receive->wait_key = receive->ask_key = true;
}

void pf_order_begin(pf_receive *receive, uint32_t frame, uint64_t now_ns) {
  uint32_t room = receive->config.frames_in_flight_max;
  if (frame - receive->next < receive->end - receive->next) return;
  if (frame - receive->end >= room) jump(receive, frame - room + 1, now_ns);
  while (frame - receive->next >= room) pass(receive, now_ns);
  for (; receive->end != frame + 1; receive->end++) {
    receive->overdue_ns[place_of(receive, receive->end)] = 0;
    if (receive->end == receive->next) continue;
    uint64_t *before_ns = &receive->overdue_ns[place_of(receive, receive->end - 1)];
    if (*before_ns == 0) *before_ns = now_ns;
  }
  receive->end_ns = now_ns;
}

void pf_order_sent(pf_receive *receive, uint32_t frame, uint64_t now_ns) {
  uint32_t place = place_of(receive, frame);
  if (frame - receive->next >= receive->end - receive->next) return;
  if (complete_of(receive, frame) == NULL && receive->overdue_ns[place] == 0)
    receive->overdue_ns[place] = now_ns;
}

#include "testing.h"

#include <string.h>

uint64_t pf_random_next(pf_random *random) {
  random->state ^= random->state >> 12;
  random->state ^= random->state << 25;
  random->state ^= random->state >> 27;
  return random->state * 0x2545f4914f6cdd1dull;
}

uint32_t pf_random_below(pf_random *random, uint32_t count) {
  return (uint32_t)((pf_random_next(random) >> 32) % count);
}

void pf_test_fill(uint8_t *bytes, uint32_t count, uint32_t seed) {
  pf_random random = {seed * 2654435761u + 1};
  uint32_t at = 0;
  for (; at + 8 <= count; at += 8) {
    uint64_t word = pf_random_next(&random);
    memcpy(bytes + at, &word, 8);
  }
  uint64_t word = pf_random_next(&random);
  memcpy(bytes + at, &word, count - at);
}

void pf_test_sink_open(pf_test_sink *sink) {
  *sink = (pf_test_sink){.intact = true, .check = true};
  pthread_mutex_init(&sink->lock, NULL);
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&sink->changed, &monotonic);
  pthread_condattr_destroy(&monotonic);
}

static bool is_intact(const pf_access_unit *unit) {
  uint8_t *wanted = malloc(unit->bytes + 1);
  pf_test_fill(wanted, unit->bytes, unit->frame);
  bool same = memcmp(wanted, unit->data, unit->bytes) == 0;
  free(wanted);
  return same;
}

void pf_test_sink_push(void *context, void *item) {
  pf_test_sink *sink = context;
  const pf_access_unit *unit = item;
  uint64_t now_ns = pf_now_ns();
  bool same = !sink->check || is_intact(unit);
  pthread_mutex_lock(&sink->lock);
  if (!same || (sink->count > 0 && unit->frame <= sink->last_frame)) sink->intact = false;
  sink->last_frame = unit->frame;
  sink->count++;
  sink->bytes += unit->bytes;
  if (unit->flags & PF_FRAME_FLAG_KEY) sink->keys++;
  pf_histogram_span(&sink->latency_us, unit->times.capture_ns, now_ns);
  pthread_cond_broadcast(&sink->changed);
  pthread_mutex_unlock(&sink->lock);
}

pf_test_seen pf_test_sink_look(pf_test_sink *sink) {
  pthread_mutex_lock(&sink->lock);
  pf_test_seen seen = {
      .count = sink->count, .last_frame = sink->last_frame, .intact = sink->intact};
  pthread_mutex_unlock(&sink->lock);
  return seen;
}

bool pf_test_sink_wait(pf_test_sink *sink, uint32_t count, uint32_t wait_ms) {
  uint64_t until_ns = pf_now_ns() + wait_ms * 1000000ull;
  struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000u),
                           .tv_nsec = (long)(until_ns % 1000000000u)};
  pthread_mutex_lock(&sink->lock);
  int result = 0;
  while (sink->count < count && result == 0)
    result = pthread_cond_timedwait(&sink->changed, &sink->lock, &until);
  bool there = sink->count >= count;
  pthread_mutex_unlock(&sink->lock);
  return there;
}

pf_test_options pf_test_defaults(void) {
  return (pf_test_options){.address = "127.0.0.1",
                           .frame_bytes_max = 6 << 20,
                           .shard_bytes_max = PF_SHARD_BYTES_MAX,
                           .frames_in_flight_max = PF_FRAMES_IN_FLIGHT_MAX,
                           .loss_window_ms = PF_LOSS_WINDOW_MS,
                           .stall_ms = PF_STALL_MS};
}

static void check(pf_result result) {
  if (result == PF_OK) return;
  fprintf(stderr, "%s\n", pf_last_error());
  exit(1);
}

static pf_port *open_port(const pf_test_options *options, pf_events *events) {
  pf_port_config config = {
      .events = events, .flags = options->flags, .socket_bytes = PF_SOCKET_BYTES};
  snprintf(config.address, sizeof config.address, "%s", options->address);
  pf_port *port = NULL;
  check(pf_port_open(&config, &port));
  return port;
}

static void open_sessions(pf_test_ends *ends, const pf_test_options *options) {
  pf_session_config config = {.events = ends->events, .session = PF_TEST_TAG, .is_host = 1};
  memset(config.send_key, 1, sizeof config.send_key);
  memset(config.receive_key, 2, sizeof config.receive_key);
  memset(config.send_salt, 3, sizeof config.send_salt);
  memset(config.receive_salt, 4, sizeof config.receive_salt);
  check(pf_session_open(&config, ends->host_port, &ends->host_session));
  config.is_host = 0;
  memset(config.send_key, 2, sizeof config.send_key);
  memset(config.receive_key, 1, sizeof config.receive_key);
  memset(config.send_salt, 4, sizeof config.send_salt);
  memset(config.receive_salt, 3, sizeof config.receive_salt);
  snprintf(config.peer_address, sizeof config.peer_address, "%s", options->address);
  config.peer_port = options->relay_port != 0 ? options->relay_port
                                              : (uint16_t)pf_port_number(ends->host_port);
  check(pf_session_open(&config, ends->client_port, &ends->client_session));
}

void pf_test_open(pf_test_ends *ends, const pf_test_options *options) {
  *ends = (pf_test_ends){0};
  check(pf_events_open(&ends->events));
  ends->host_port = open_port(options, ends->events);
  ends->client_port = open_port(options, ends->events);
  open_sessions(ends, options);
  pf_send_config send = {.session = ends->host_session,
                         .frame_bytes_max = options->frame_bytes_max,
                         .shard_bytes_max = options->shard_bytes_max,
                         .shard_bytes_small = options->shard_bytes_max < PF_SHARD_BYTES_SMALL
                                                  ? options->shard_bytes_max
                                                  : PF_SHARD_BYTES_SMALL,
                         .shard_count_target = PF_SHARD_COUNT_TARGET,
                         .bitrate_kbps = options->bitrate_kbps,
                         .pace_multiple = PF_PACE_MULTIPLE,
                         .burst_bytes = options->burst_bytes,
                         .parity_permille = PF_PARITY_PERMILLE_DEFAULT};
  for (uint32_t k = 0; k < PF_PARITY_TABLE_COUNT; k++)
    send.parity_table[k] = (uint16_t)(k / 5 + 4);
  check(pf_send_open(&send, &ends->send));
  pf_send_sink(ends->send, &ends->input);
  pf_test_sink_open(&ends->sink);
  pf_receive_config receive = {.events = ends->events,
                               .sink_push = (void *)(uintptr_t)pf_test_sink_push,
                               .sink_context = &ends->sink,
                               .session = ends->client_session,
                               .frame_bytes_max = options->frame_bytes_max,
                               .frames_in_flight_max = options->frames_in_flight_max,
                               .shard_bytes_max = options->shard_bytes_max,
                               .loss_window_ms = options->loss_window_ms,
                               .stall_ms = options->stall_ms};
  check(pf_receive_open(&receive, &ends->receive));
}

void pf_test_start(pf_test_ends *ends) {
  check(pf_send_start(ends->send));
  check(pf_port_start(ends->host_port));
  check(pf_port_start(ends->client_port));
  const struct timespec moment = {.tv_nsec = 200000};
  for (int i = 0; i < 25000 && !pf_session_has_path(ends->host_session); i++)
    nanosleep(&moment, NULL);
  CHECK(pf_session_has_path(ends->host_session));
}

void pf_test_close(pf_test_ends *ends) {
  pf_send_stop(ends->send);
  pf_port_stop(ends->client_port);
  pf_port_stop(ends->host_port);
  pf_receive_close(ends->receive);
  pf_send_close(ends->send);
  pf_session_close(ends->client_session);
  pf_session_close(ends->host_session);
  pf_port_close(ends->client_port);
  pf_port_close(ends->host_port);
  pf_events_close(ends->events);
}

void pf_test_push(pf_test_ends *ends, uint32_t frame, uint32_t bytes, bool key) {
  uint8_t *data = malloc(bytes + 1);
  pf_test_fill(data, bytes, frame);
  pf_access_unit unit = {.data = data,
                         .bytes = bytes,
                         .flags = key ? PF_FRAME_FLAG_KEY : 0,
                         .times = {.capture_ns = pf_now_ns()}};
  pf_sink_push(&ends->input, &unit);
  free(data);
}

const pf_receive_counters *pf_test_received(const pf_test_ends *ends) {
  return pf_receive_counters_block(ends->receive);
}
const pf_send_counters *pf_test_sent(const pf_test_ends *ends) {
  return pf_send_counters_block(ends->send);
}
const pf_session_counters *pf_test_session(const pf_test_ends *ends) {
  return pf_session_counters_block(ends->client_session);
}
const pf_port_counters *pf_test_port(const pf_test_ends *ends) {
  return pf_port_counters_block(ends->client_port);
}

void pf_test_deliver(pf_test_ends *ends, uint8_t plane, uint64_t sequence, const void *body,
                     uint32_t bytes, uint64_t now_ns) {
  static pf_seal *sealer = NULL;
  const uint8_t key[PF_SEAL_KEY_BYTES] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
  const uint8_t salt[PF_SEAL_SALT_BYTES] = {3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3};
  if (sealer == NULL) check(pf_seal_open(PF_SEAL_BEST, key, salt, &sealer));
  uint8_t packet[65536];
  CHECK(bytes < sizeof packet - PF_PACKET_HEADER_BYTES - PF_SEAL_TAG_BYTES);
  pf_packet_header header = {.plane = plane, .session = PF_TEST_TAG, .sequence = sequence};
  memcpy(packet, &header, sizeof header);
  const pf_seal_batch batch = {.packets = packet,
                               .bodies = body,
                               .header_bytes = sizeof header,
                               .body_bytes = bytes,
                               .count = 1};
  check(pf_seal_packets(sealer, sequence, &batch));
  pf_address from = {0};
  check(pf_address_parse("127.0.0.1", 9, &from));
  const pf_udp_packet taken = {.data = packet,
                               .bytes = (uint32_t)sizeof header + bytes + PF_SEAL_TAG_BYTES,
                               .from = &from};
  pf_port_take(ends->client_port, &taken, now_ns);
}

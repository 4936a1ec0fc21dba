/* Both ends in one process: real sockets, real threads, and a bad network between them. */
#include "relay.h"

#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>

/* Under a sanitizer on a busy machine things take their time. */
#define PATIENCE_MS 20000

typedef struct link {
  pf_test_ends ends;
  pf_relay relay;
} link_t;

static void open_link(link_t *l, uint64_t seed) {
  pf_relay_open(&l->relay, seed);
  pf_test_options options = pf_test_defaults();
  options.relay_port = l->relay.port;
  pf_test_open(&l->ends, &options);
  pf_relay_start(&l->relay, pf_port_number(l->ends.host_port));
  pf_test_start(&l->ends);
}

static void close_link(link_t *l) {
  pf_test_close(&l->ends);
  pf_relay_close(&l->relay);
}

static void wait_for(const uint64_t *counter, uint64_t value) {
  const struct timespec moment = {.tv_nsec = 1000000};
  for (int i = 0; i < PATIENCE_MS; i++) {
    if (__atomic_load_n(counter, __ATOMIC_RELAXED) >= value) return;
    nanosleep(&moment, NULL);
  }
  fprintf(stderr, "a counter stays at %llu of %llu\n", (unsigned long long)*counter,
          (unsigned long long)value);
  CHECK(false);
}

/* Pushes frame after frame, at most `ahead` before the receiver. */
static void push_all(pf_test_ends *ends, const uint32_t *sizes, uint32_t count, uint32_t ahead,
                     bool keys) {
  for (uint32_t i = 0; i < count; i++) {
    pf_test_push(ends, i, sizes[i], keys || i == 0);
    if (i >= ahead) pf_test_sink_wait(&ends->sink, i - ahead, 100);
  }
}

static void every_size_arrives_as_it_was(const char *address, uint32_t flags) {
  static const uint32_t sizes[] = {1, 0, 39, 40, 41, 63, 64, 500, 1383, 1384, 1385, 3000, 32743,
                                   32744, 32745, 90088, 131072, 400000, 5000000, 17, 262144};
  pf_test_options options = pf_test_defaults();
  options.address = address;
  options.flags = flags;
  pf_test_ends ends;
  pf_test_open(&ends, &options);
  pf_test_start(&ends);
  push_all(&ends, sizes, PF_ARRAY_COUNT(sizes), 1, false);
  CHECK(pf_test_sink_wait(&ends.sink, PF_ARRAY_COUNT(sizes), PATIENCE_MS));
  CHECK(pf_test_sink_look(&ends.sink).intact);
  CHECK(COUNTED(pf_test_received(&ends)->frames_lost) == 0);
  CHECK(COUNTED(pf_test_session(&ends)->dropped_authentication) == 0);
  wait_for(&pf_test_sent(&ends)->frames, PF_ARRAY_COUNT(sizes));
  pf_host_timing timings[64];
  CHECK(pf_send_take_timings(ends.send, timings, 64) == (int32_t)PF_ARRAY_COUNT(sizes));
  CHECK(timings[20].frame == 20 && pf_send_take_timings(ends.send, timings, 64) == 0);
  pf_test_close(&ends);
}

static void parity_makes_losses_good(void) {
  link_t l;
  open_link(&l, 7);
  atomic_store(&l.relay.lost, 50);
  uint32_t sizes[200];
  pf_random random = {3};
  for (uint32_t i = 0; i < PF_ARRAY_COUNT(sizes); i++)
    sizes[i] = pf_random_below(&random, i % 10 == 0 ? 200000 : 30000);
  push_all(&l.ends, sizes, PF_ARRAY_COUNT(sizes), 8, true);
  CHECK(pf_test_sink_wait(&l.ends.sink, 190, PATIENCE_MS));
  CHECK(pf_test_sink_look(&l.ends.sink).intact);
  CHECK(COUNTED(pf_test_received(&l.ends)->frames_recovered) > 50);
  CHECK(COUNTED(pf_test_received(&l.ends)->packets_lost) > 100);
  close_link(&l);
}

static void disorder_costs_nothing(void) {
  link_t l;
  open_link(&l, 11);
  atomic_store(&l.relay.doubled, 200);
  atomic_store(&l.relay.delayed, 300);
  uint32_t sizes[100];
  for (uint32_t i = 0; i < PF_ARRAY_COUNT(sizes); i++) sizes[i] = 1000 * i;
  push_all(&l.ends, sizes, PF_ARRAY_COUNT(sizes), 4, false);
  CHECK(pf_test_sink_wait(&l.ends.sink, PF_ARRAY_COUNT(sizes), PATIENCE_MS));
  CHECK(pf_test_sink_look(&l.ends.sink).intact);
  CHECK(COUNTED(pf_test_session(&l.ends)->dropped_replay) > 100);
  CHECK(COUNTED(pf_test_received(&l.ends)->packets_duplicate) == 0);
  close_link(&l);
}

static bool take_event(pf_test_ends *ends, uint32_t kind) {
  pf_event event;
  const struct timespec moment = {.tv_nsec = 1000000};
  for (int i = 0; i < PATIENCE_MS; i++) {
    while (pf_events_take(ends->events, &event, 1) == 1)
      if (event.kind == kind) return true;
    nanosleep(&moment, NULL);
  }
  return false;
}

static void a_lost_end_is_told_by_tips(void) {
  link_t l;
  open_link(&l, 13);
  pf_test_push(&l.ends, 0, 1000, true);
  CHECK(pf_test_sink_wait(&l.ends.sink, 1, PATIENCE_MS));
  atomic_store(&l.relay.lost, 1000);
  pf_test_push(&l.ends, 1, 1000, false);
  wait_for(&pf_test_sent(&l.ends)->frames, 2);
  usleep(5000); /* the relay drops what is under way */
  atomic_store(&l.relay.lost, 0);
  CHECK(take_event(&l.ends, PF_EVENT_STALL));
  pf_test_push(&l.ends, 2, 1000, true);
  CHECK(take_event(&l.ends, PF_EVENT_RECOVERED));
  CHECK(pf_test_sink_look(&l.ends.sink).last_frame == 2);
  CHECK(COUNTED(pf_test_received(&l.ends)->frames_lost) == 1);
  close_link(&l);
}

static void the_host_follows_the_client(void) {
  link_t l;
  open_link(&l, 17);
  const pf_session_counters *host = pf_session_counters_block(l.ends.host_session);
  pf_test_push(&l.ends, 0, 1000, true);
  CHECK(pf_test_sink_wait(&l.ends.sink, 1, PATIENCE_MS));
  atomic_fetch_add(&l.relay.moves, 1);
  wait_for(&host->path_changes, 2);
  pf_test_push(&l.ends, 1, 1000, true);
  CHECK(pf_test_sink_wait(&l.ends.sink, 2, PATIENCE_MS));
  close_link(&l);
}

static void units_before_the_path_are_dropped(void) {
  pf_test_options options = pf_test_defaults();
  options.frame_bytes_max = 2000;
  pf_test_ends ends;
  pf_test_open(&ends, &options);
  pf_test_push(&ends, 0, 10, true);
  CHECK(COUNTED(pf_test_sent(&ends)->no_path) == 1);
  pf_test_start(&ends);
  pf_test_push(&ends, 0, 1976, true);
  pf_test_push(&ends, 1, 1977, false); /* too large: a hole, which tips tell of */
  CHECK(take_event(&ends, PF_EVENT_STALL));
  CHECK(COUNTED(pf_test_sent(&ends)->frames_dropped) == 1);
  CHECK(pf_test_sink_look(&ends.sink).count == 1);
  pf_test_close(&ends);
}

/* Pushes one large unit after the other until one is dropped. */
static void *push_without_end(void *context) {
  pf_test_ends *ends = context;
  uint8_t *data = calloc(1, 1 << 20);
  pf_access_unit unit = {.data = data, .bytes = 1 << 20, .flags = PF_FRAME_FLAG_KEY};
  while (COUNTED(pf_test_sent(ends)->frames_dropped) == 0) pf_sink_push(&ends->input, &unit);
  free(data);
  return NULL;
}

static void a_full_queue_blocks_until_it_is_stopped(void) {
  pf_test_options options = pf_test_defaults();
  pf_test_ends ends;
  pf_test_open(&ends, &options);
  pf_test_start(&ends);
  pf_port_stop(ends.client_port);
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, push_without_end, &ends) == 0);
  wait_for(&pf_test_sent(&ends)->blocked, 3);
  CHECK(COUNTED(pf_test_sent(&ends)->queued) <= PF_SEND_QUEUE_COUNT);
  pf_send_stop(ends.send);
  pthread_join(thread, NULL);
  pf_test_close(&ends);
}

static void a_large_frame_is_paced_and_holds_up_none(void) {
  pf_test_options options = pf_test_defaults();
  options.bitrate_kbps = 40000; /* 20 MB/s */
  options.burst_bytes = PF_BURST_BYTES;
  pf_test_ends ends;
  pf_test_open(&ends, &options);
  pf_test_start(&ends);
  pf_test_push(&ends, 0, 500000, true);
  wait_for(&pf_test_sent(&ends)->frames, 1);
  pf_host_timing timing;
  CHECK(pf_send_take_timings(ends.send, &timing, 1) == 1);
  CHECK(timing.pace_us > 18000); /* 500 kB less the burst, and as much parity as comes on top */
  pf_test_push(&ends, 1, 500000, false);
  pf_test_push(&ends, 2, 1000, false); /* hurries the one before it */
  wait_for(&pf_test_sent(&ends)->frames, 3);
  CHECK(pf_send_take_timings(ends.send, &timing, 1) == 1);
  CHECK(timing.frame == 1 && timing.pace_us < 18000);
  CHECK(pf_test_sink_wait(&ends.sink, 3, PATIENCE_MS));
  pf_test_close(&ends);
}

static void other_sessions_come_and_go_under_traffic(void) {
  pf_test_options options = pf_test_defaults();
  pf_test_ends ends;
  pf_test_open(&ends, &options);
  pf_test_start(&ends);
  uint16_t table[PF_PARITY_TABLE_COUNT];
  for (uint32_t i = 0; i < 150; i++) {
    pf_session_config config = {.session = 1 + i % 3, .is_host = i % 2};
    strcpy(config.peer_address, "127.0.0.1");
    config.peer_port = (uint16_t)pf_port_number(ends.host_port);
    pf_session *session = NULL;
    CHECK(pf_session_open(&config, ends.client_port, &session) == PF_OK);
    pf_session *twin = NULL;
    CHECK(pf_session_open(&config, ends.client_port, &twin) == PF_E_ARGUMENT);
    pf_receive_config receive = {.session = session,
                                 .frame_bytes_max = 100000,
                                 .shard_bytes_max = PF_SHARD_BYTES_MAX,
                                 .frames_in_flight_max = 4};
    pf_receive *stage = NULL;
    CHECK(pf_receive_open(&receive, &stage) == PF_OK);
    for (uint32_t k = 0; k < PF_PARITY_TABLE_COUNT; k++) table[k] = (uint16_t)(i % 7);
    CHECK(pf_send_set_parity(ends.send, i, table) == PF_OK);
    CHECK(pf_send_set(ends.send, PF_KNOB_BITRATE_KBPS, 1000000 + i) == PF_OK);
    CHECK(pf_receive_set(ends.receive, PF_KNOB_CLOCK_OFFSET_NS, i) == PF_OK);
    pf_test_push(&ends, i, 20000, i == 0);
    pf_receive_close(stage);
    pf_session_close(session);
  }
  CHECK(pf_test_sink_wait(&ends.sink, 150, PATIENCE_MS));
  CHECK(pf_test_sink_look(&ends.sink).intact);
  pf_test_close(&ends);
}

static void garbage_is_counted_and_dropped(void) {
  pf_test_options options = pf_test_defaults();
  pf_test_ends ends;
  pf_test_open(&ends, &options);
  pf_test_start(&ends);
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  pf_address to;
  CHECK(pf_address_parse("127.0.0.1", (uint16_t)pf_port_number(ends.client_port), &to) == PF_OK);
  pf_random random = {19};
  for (uint32_t i = 0; i < 2000; i++) {
    uint8_t packet[1500];
    pf_test_fill(packet, sizeof packet, i);
    uint32_t bytes = pf_random_below(&random, sizeof packet);
    pf_packet_header header = {.plane = (uint8_t)(PF_PLANE_VIDEO + i % 16),
                               .session = i % 3 == 0 ? PF_TEST_TAG + 1 : PF_TEST_TAG,
                               .flags = i % 5 == 0,
                               .sequence = pf_random_next(&random)};
    if (i % 7 != 0) memcpy(packet, &header, sizeof header);
    CHECK(sendto(fd, packet, bytes, 0, (struct sockaddr *)&to.storage, to.bytes) >= 0);
    if (i % 20 == 0) pf_test_push(&ends, i / 20, 5000, i == 0);
  }
  close(fd);
  wait_for(&pf_test_port(&ends)->packets, 2000);
  CHECK(pf_test_sink_wait(&ends.sink, 100, PATIENCE_MS));
  CHECK(pf_test_sink_look(&ends.sink).intact);
  const pf_port_counters *port = pf_test_port(&ends);
  const pf_session_counters *session = pf_test_session(&ends);
  CHECK(COUNTED(port->dropped_short) > 10 && COUNTED(port->dropped_plane) > 100);
  CHECK(COUNTED(port->dropped_session) > 100);
  CHECK(COUNTED(session->dropped_header) > 10);
  CHECK(COUNTED(session->dropped_authentication) > 100);
  pf_test_close(&ends);
}

static bool has_v6(void) {
  pf_address address;
  CHECK(pf_address_parse("::1", 0, &address) == PF_OK);
  int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  bool bound = bind(fd, (struct sockaddr *)&address.storage, address.bytes) == 0;
  close(fd);
  return bound;
}

void pf_test_stream(void) {
  every_size_arrives_as_it_was("127.0.0.1", 0);
  if (has_v6()) every_size_arrives_as_it_was("::1", 0);
  every_size_arrives_as_it_was("127.0.0.1", PF_UDP_NO_GSO);
  every_size_arrives_as_it_was("127.0.0.1", PF_UDP_NO_GRO);
  every_size_arrives_as_it_was("127.0.0.1", PF_UDP_NO_GSO | PF_UDP_NO_GRO);
  parity_makes_losses_good();
  disorder_costs_nothing();
  a_lost_end_is_told_by_tips();
  the_host_follows_the_client();
  units_before_the_path_are_dropped();
  a_full_queue_blocks_until_it_is_stopped();
  a_large_frame_is_paced_and_holds_up_none();
  other_sessions_come_and_go_under_traffic();
  garbage_is_counted_and_dropped();
}

/* The receiver's rules, with packets made by hand and a clock that the test turns. */
#include "testing.h"

#include <string.h>

#include "../fec/fec.h"

#define MS 1000000ull
#define SHARD 128u
#define SHARDS_MAX 64u

/* A frame of k data and m parity shards of SHARD bytes, as bodies of packets. */
typedef struct frame {
  uint32_t k, m;
  uint8_t bodies[SHARDS_MAX][PF_SHARD_HEADER_BYTES + SHARD];
} frame;

typedef struct rig {
  pf_test_ends ends;
  uint64_t now_ns, sequence;
  const pf_receive_counters *counters;
} rig;

static void open_rig(rig *r) {
  pf_test_options options = pf_test_defaults();
  options.frame_bytes_max = 64 * 1024;
  options.frames_in_flight_max = 8;
  pf_test_open(&r->ends, &options);
  r->sequence = 0;
  r->now_ns = pf_now_ns();
  r->counters = pf_test_received(&r->ends);
}

static void close_rig(rig *r) { pf_test_close(&r->ends); }

static void make_header(frame *f, uint32_t index, uint32_t bytes, uint16_t shard) {
  pf_shard_header header = {.frame = index,
                            .frame_bytes = bytes,
                            .shard_index = shard,
                            .data_count = (uint16_t)f->k,
                            .parity_count = (uint16_t)f->m};
  memcpy(f->bodies[shard], &header, sizeof header);
}

static frame make_frame(uint32_t index, uint32_t unit_bytes, bool key, uint32_t m) {
  uint32_t bytes = PF_FRAME_HEADER_BYTES + unit_bytes;
  frame f = {.k = (bytes - 1) / SHARD + 1, .m = m};
  CHECK(f.k + f.m <= SHARDS_MAX);
  uint8_t whole[SHARDS_MAX * SHARD] = {0};
  pf_frame_header header = {.capture_ns = 1,
                            .flags = key ? PF_FRAME_FLAG_KEY : 0,
                            .header_bytes = PF_FRAME_HEADER_BYTES};
  memcpy(whole, &header, sizeof header);
  pf_test_fill(whole + sizeof header, unit_bytes, index);
  const uint8_t *data[SHARDS_MAX];
  uint8_t *parity[SHARDS_MAX];
  for (uint32_t i = 0; i < f.k + f.m; i++) {
    uint8_t *shard = f.bodies[i] + PF_SHARD_HEADER_BYTES;
    make_header(&f, index, bytes, (uint16_t)i);
    if (i < f.k) memcpy(shard, whole + i * SHARD, SHARD);
    if (i < f.k) data[i] = shard;
    else parity[i - f.k] = shard;
  }
  pf_fec *fec = NULL;
  CHECK(pf_fec_open(f.k, m, SHARD, &fec) == PF_OK);
  CHECK(pf_fec_encode(fec, data, f.k, parity, m, SHARD) == PF_OK);
  pf_fec_close(fec);
  return f;
}

static void give_body(rig *r, const void *body, uint32_t bytes) {
  pf_test_deliver(&r->ends, PF_PLANE_VIDEO, r->sequence++, body, bytes, r->now_ns);
}

/* Gives the shards [from, to) of a frame. */
static void give(rig *r, const frame *f, uint32_t from, uint32_t to) {
  for (uint32_t i = from; i < to; i++) give_body(r, f->bodies[i], sizeof f->bodies[i]);
}

static void give_frame(rig *r, uint32_t index, bool key) {
  frame f = make_frame(index, 300, key, 2);
  give(r, &f, 0, f.k);
}

/* The first shard of a frame of several, which does not complete it. */
static void give_part(rig *r, uint32_t index) {
  frame f = make_frame(index, 300, false, 2);
  give(r, &f, 0, 1);
}

static void give_tip(rig *r, uint32_t index) {
  const pf_tip_body tip = {.frame = index, .sent = 1};
  pf_test_deliver(&r->ends, PF_PLANE_TIP, r->sequence++, &tip, sizeof tip, r->now_ns);
}

static uint64_t pass_time(rig *r, uint64_t ns) {
  r->now_ns += ns;
  return pf_port_tick(r->ends.client_port, r->now_ns);
}

/* Events of a kind since the last call; `a` gets the newest one's. */
static uint32_t take_events(rig *r, uint32_t kind, int64_t *a) {
  pf_event events[64];
  uint32_t found = 0;
  int32_t count = pf_events_take(r->ends.events, events, 64);
  for (int32_t i = 0; i < count; i++) {
    if (events[i].kind != kind) continue;
    found++;
    if (a != NULL) *a = events[i].a;
  }
  return found;
}

static void expect(const rig *r, uint32_t count, uint32_t last) {
  const pf_test_sink *sink = &r->ends.sink;
  if (sink->count != count || (count > 0 && sink->last_frame != last))
    fprintf(stderr, "%u units, last %u\n", sink->count, sink->last_frame);
  CHECK(sink->count == count && (count == 0 || sink->last_frame == last));
  CHECK(sink->intact);
}

static void delivers_when_enough_shards_are_there(void) {
  rig r;
  open_rig(&r);
  frame f = make_frame(0, 1000, true, 4);
  give(&r, &f, 0, f.k - 1);
  expect(&r, 0, 0);
  give(&r, &f, f.k - 1, f.k + f.m);
  expect(&r, 1, 0);
  CHECK(r.counters->packets_unneeded == f.m && r.counters->dropped_old == 0);
  CHECK(r.counters->frames_recovered == 0);
  f = make_frame(1, 1000, false, 4);
  give(&r, &f, 4, f.k + f.m);
  expect(&r, 2, 1);
  CHECK(r.counters->frames_recovered == 1 && r.counters->frames_complete == 2);
  f = make_frame(2, 0, false, 2); /* an empty unit is one too */
  give(&r, &f, 2, 3);
  expect(&r, 3, 2);
  close_rig(&r);
}

static void late_is_not_lost(void) {
  rig r;
  open_rig(&r);
  give_frame(&r, 0, true);
  frame late = make_frame(1, 300, false, 2);
  give(&r, &late, 0, 1);
  pass_time(&r, 20 * MS);
  CHECK(take_events(&r, PF_EVENT_STALL, NULL) == 0); /* nothing newer: it is on its way */
  give_frame(&r, 2, false);
  CHECK(pass_time(&r, 7 * MS) <= r.now_ns + 1 * MS);
  CHECK(take_events(&r, PF_EVENT_STALL, NULL) == 0);
  pass_time(&r, 1 * MS);
  int64_t missing = 0;
  CHECK(take_events(&r, PF_EVENT_STALL, &missing) == 1 && missing == 1);
  for (int i = 0; i < 49; i++) pass_time(&r, 1 * MS);
  CHECK(take_events(&r, PF_EVENT_STALL, NULL) == 0);
  pass_time(&r, 1 * MS);
  CHECK(take_events(&r, PF_EVENT_STALL, NULL) == 1);
  give_frame(&r, 3, false);
  expect(&r, 1, 0);
  pass_time(&r, 50 * MS); /* overdue for 108 of 120 ms */
  give(&r, &late, 2, late.k);
  give(&r, &late, late.k, late.k + 1);
  expect(&r, 4, 3);
  CHECK(r.counters->frames_lost == 0 && r.counters->frames_skipped == 0);
  CHECK(take_events(&r, PF_EVENT_RECOVERED, NULL) == 1);
  pass_time(&r, 500 * MS);
  CHECK(take_events(&r, PF_EVENT_STALL, NULL) == 0);
  close_rig(&r);
}

static void a_keyframe_ends_the_waiting(void) {
  rig r;
  open_rig(&r);
  give_frame(&r, 0, true);
  give_part(&r, 1);
  give_frame(&r, 2, false);
  give_frame(&r, 4, true);
  expect(&r, 2, 4);
  CHECK(r.counters->frames_lost == 2 && r.counters->frames_skipped == 1);
  give_part(&r, 1);
  CHECK(r.counters->dropped_old == 1);
  give_frame(&r, 5, false);
  expect(&r, 3, 5);
  close_rig(&r);
}

static void a_loss_is_shown_nothing_of_until_a_keyframe(void) {
  rig r;
  open_rig(&r);
  give_frame(&r, 0, true);
  give_frame(&r, 2, false);
  pass_time(&r, 119 * MS);
  CHECK(r.counters->frames_lost == 0);
  pass_time(&r, 1 * MS);
  CHECK(r.counters->frames_lost == 1 && r.counters->frames_skipped == 1);
  take_events(&r, PF_EVENT_STALL, NULL);
  give_frame(&r, 3, false);
  expect(&r, 1, 0);
  uint32_t stalls = 0;
  for (int i = 0; i < 100; i++) {
    pass_time(&r, 1 * MS);
    stalls += take_events(&r, PF_EVENT_STALL, NULL);
  }
  CHECK(stalls == 2); /* asked for again each 50 ms */
  give_frame(&r, 4, true);
  expect(&r, 2, 4);
  CHECK(take_events(&r, PF_EVENT_RECOVERED, NULL) == 1);
  close_rig(&r);
}

static void the_first_frame_must_be_a_keyframe(void) {
  rig r;
  open_rig(&r);
  give_frame(&r, 0, false);
  give_frame(&r, 1, false);
  expect(&r, 0, 0);
  CHECK(r.counters->frames_skipped == 2);
  pass_time(&r, 9 * MS);
  CHECK(take_events(&r, PF_EVENT_STALL, NULL) == 1);
  frame key = make_frame(2, 1000, true, 2);
  for (uint32_t i = 0; i < key.k; i++) {
    give(&r, &key, i, i + 1);
    pass_time(&r, 12 * MS); /* slow, but on its way: nothing is asked for */
  }
  CHECK(take_events(&r, PF_EVENT_STALL, NULL) == 0);
  expect(&r, 1, 2);
  close_rig(&r);
}

static void a_tip_tells_of_a_frame_that_never_came(void) {
  rig r;
  open_rig(&r);
  give_frame(&r, 0, true);
  give_tip(&r, 0);
  pass_time(&r, 20 * MS);
  CHECK(take_events(&r, PF_EVENT_STALL, NULL) == 0);
  give_part(&r, 1);
  give_tip(&r, 2);
  pass_time(&r, 8 * MS);
  int64_t missing = 0;
  CHECK(take_events(&r, PF_EVENT_STALL, &missing) == 1 && missing == 1);
  pass_time(&r, 112 * MS);
  CHECK(r.counters->frames_lost == 2);
  give_frame(&r, 3, true);
  expect(&r, 2, 3);
  CHECK(r.counters->tips == 2);
  close_rig(&r);
}

static void a_full_window_drops_the_oldest(void) {
  rig r;
  open_rig(&r);
  give_frame(&r, 0, true);
  for (uint32_t i = 2; i < 9; i++) give_frame(&r, i, false);
  expect(&r, 1, 0);
  CHECK(r.counters->frames_lost == 0);
  give_frame(&r, 9, false); /* 1 … 8 are in the window of 8 */
  CHECK(r.counters->frames_lost == 1 && r.counters->frames_skipped == 8);
  give_part(&r, 11);
  give_frame(&r, 17, true); /* far ahead, and what is asked for */
  expect(&r, 2, 17);
  close_rig(&r);
}

static void packets_that_lie_are_dropped(void) {
  rig r;
  open_rig(&r);
  frame f = make_frame(0, 300, true, 2);
  pf_shard_header header;
  memcpy(&header, f.bodies[0], sizeof header);
  uint8_t body[4096] = {0};
  const struct {
    pf_shard_header header;
    uint32_t shard_bytes;
    uint64_t geometry, bounds; /* counted so far */
  } lies[] = {
      {{0, 300, 0, 3, 2, 0}, 0, 1, 0},
      {{0, 300, 0, 3, 2, 0}, 127, 2, 0},
      {{0, 300, 0, 3, 2, 1}, 128, 3, 0},
      {{0, 300, 5, 3, 2, 0}, 128, 4, 0},
      {{0, 300, 0, 0, 2, 0}, 128, 5, 0},
      {{0, 300, 0, 3, 0, 0}, 128, 6, 0},
      {{0, 23, 0, 1, 2, 0}, 128, 7, 0},
      {{0, 300, 0, 4, 2, 0}, 128, 8, 0},
      {{0, 300, 0, 65535, 2, 0}, 128, 9, 0},
      {{0, UINT32_MAX, 0, 65535, 65535, 0}, 64, 10, 0},
      {{0, 65537, 0, 513, 2, 0}, 128, 10, 1},
      {{0, 1473, 0, 2, 2, 0}, 1472, 10, 2},
      {{0, 65500, 0, 1024, 2, 0}, 64, 10, 2}, /* as many shards as may be */
      {{1, 64, 0, 1, 65534, 0}, 64, 10, 3},
  };
  for (size_t i = 0; i < PF_ARRAY_COUNT(lies); i++) {
    memcpy(body, &lies[i].header, sizeof header);
    give_body(&r, body, PF_SHARD_HEADER_BYTES + lies[i].shard_bytes);
    CHECK(r.counters->dropped_geometry == lies[i].geometry);
    CHECK(r.counters->dropped_bounds == lies[i].bounds);
  }
  give_body(&r, body, 15);
  CHECK(r.counters->dropped_geometry == 11);
  give(&r, &f, 0, f.k); /* not the geometry that the first packet of frame 0 pinned */
  CHECK(r.counters->dropped_geometry_changed == f.k);
  give_frame(&r, 1, true);
  expect(&r, 1, 1);
  close_rig(&r);
}

static void a_frame_that_is_none_is_lost(void) {
  rig r;
  open_rig(&r);
  give_frame(&r, 0, true);
  frame f = make_frame(1, 300, false, 2);
  f.bodies[0][PF_SHARD_HEADER_BYTES + 18] = 0xff; /* header_bytes beyond the frame */
  f.bodies[0][PF_SHARD_HEADER_BYTES + 19] = 0xff;
  give(&r, &f, 0, f.k);
  CHECK(r.counters->dropped_frame_header == 1 && r.counters->frames_lost == 1);
  give_frame(&r, 2, false);
  expect(&r, 1, 0);
  give_frame(&r, 3, true);
  expect(&r, 2, 3);
  close_rig(&r);
}

static void a_frame_header_may_grow(void) {
  rig r;
  open_rig(&r);
  frame f = make_frame(0, 300, true, 2);
  f.bodies[0][PF_SHARD_HEADER_BYTES + 18] = 32;
  give(&r, &f, 0, f.k);
  CHECK(r.ends.sink.count == 1 && r.ends.sink.bytes == 292);
  close_rig(&r);
}

static void a_shard_counts_once(void) {
  rig r;
  open_rig(&r);
  frame f = make_frame(0, 300, true, 2);
  for (int i = 0; i < 5; i++) give(&r, &f, 0, 1);
  CHECK(r.counters->packets_duplicate == 4);
  expect(&r, 0, 0);
  uint64_t replayed = r.sequence - 1;
  pf_test_deliver(&r.ends, PF_PLANE_VIDEO, replayed, f.bodies[1], sizeof f.bodies[1], r.now_ns);
  CHECK(pf_test_session(&r.ends)->dropped_replay == 1);
  give(&r, &f, 1, f.k);
  expect(&r, 1, 0);
  close_rig(&r);
}

static void a_flood_of_frames_stays_within_bounds(void) {
  rig r;
  open_rig(&r);
  give_frame(&r, 0, true);
  pf_random random = {1};
  uint8_t body[PF_SHARD_HEADER_BYTES + PF_SHARD_BYTES_MAX] = {0};
  for (uint32_t i = 0; i < 100000; i++) {
    /* Some as large as can be, with 22 times as much parity. */
    uint32_t shard_bytes = i % 64 == 0 ? 64 : PF_SHARD_BYTES_MAX;
    pf_shard_header header = {.frame = 1 + (i < 50000 ? i : (uint32_t)pf_random_next(&random)),
                              .frame_bytes = 65500,
                              .shard_index = (uint16_t)pf_random_below(&random, 1000),
                              .data_count = (uint16_t)(65499 / shard_bytes + 1),
                              .parity_count = 1024};
    memcpy(body, &header, sizeof header);
    give_body(&r, body, PF_SHARD_HEADER_BYTES + shard_bytes);
    if (i % 100 == 0) pass_time(&r, 1 * MS);
    CHECK(r.counters->memory_bytes <= 12u << 20);
  }
  CHECK(r.counters->dropped_ahead > 10000 && r.counters->dropped_bounds > 0);
  uint32_t next = 0;
  for (uint32_t i = 0; r.ends.sink.count < 2 && i < 5000; i++) { /* the sender's own numbers */
    next = 50000 + i;
    pass_time(&r, 1 * MS);
    give_frame(&r, next, true);
  }
  CHECK(r.ends.sink.count == 2);
  give_frame(&r, next + 1, false);
  expect(&r, 3, next + 1);
  close_rig(&r);
}

static void what_the_network_lost_is_told_from_gaps(void) {
  rig r;
  open_rig(&r);
  const pf_tip_body tip = {0};
  const struct {
    uint64_t sequence, wait_ms, lost, late;
  } steps[] = {
      {0, 0, 0, 0},   {1, 0, 0, 0},     {4, 0, 0, 0},    {3, 0, 0, 0},   {68, 0, 1, 0},
      {2, 0, 1, 1},   {5, 30, 63, 1}, {6, 0, 63, 2}, {69, 0, 63, 2}, {10000, 0, 63 + 9866, 2},
      {9999, 30, 63 + 9866 + 63, 2},
  };
  for (size_t i = 0; i < PF_ARRAY_COUNT(steps); i++) {
    pf_test_deliver(&r.ends, PF_PLANE_TIP, steps[i].sequence, &tip, sizeof tip, r.now_ns);
    pass_time(&r, steps[i].wait_ms * MS);
    if (r.counters->packets_lost != steps[i].lost || r.counters->packets_late != steps[i].late)
      fprintf(stderr, "step %zu: %llu lost, %llu late\n", i,
              (unsigned long long)r.counters->packets_lost,
              (unsigned long long)r.counters->packets_late);
    CHECK(r.counters->packets_lost == steps[i].lost && r.counters->packets_late == steps[i].late);
  }
  close_rig(&r);
}

/* The frames say that they were captured at 1 ns of the host's clock. */
static void only_what_the_clocks_error_does_not_explain_came_before_it_was_sent(void) {
  rig r;
  open_rig(&r);
  pf_receive *receive = r.ends.receive;
  CHECK(pf_receive_set(receive, PF_KNOB_CLOCK_ERROR_NS, -1) == PF_E_ARGUMENT);
  /* By this offset every frame is sent 10 s after it came. */
  int64_t offset_ns = (int64_t)(r.now_ns + 10000 * MS);
  CHECK(pf_receive_set(receive, PF_KNOB_CLOCK_OFFSET_NS, offset_ns) == PF_OK);
  CHECK(pf_receive_set(receive, PF_KNOB_CLOCK_ERROR_NS, 11000 * MS) == PF_OK);
  give_frame(&r, 0, true);
  CHECK(r.counters->frames_before_sent == 0);
  CHECK(pf_receive_set(receive, PF_KNOB_CLOCK_ERROR_NS, 9000 * MS) == PF_OK);
  give_frame(&r, 1, false);
  CHECK(r.counters->frames_before_sent == 1);
  close_rig(&r);
}

/* The frames say that they were captured at 1 ns of the host's clock. */
static void the_time_on_the_network_is_what_the_host_did_not_take(void) {
  rig r;
  open_rig(&r);
  pf_receive *receive = r.ends.receive;
  pf_host_timing told[] = {{.frame = 0, .seal_us = 300}, {.frame = 1, .seal_us = 300},
                           {.frame = 2, .seal_us = UINT32_MAX}, {.frame = 1024, .seal_us = 0},
                           {.frame = UINT32_MAX, .seal_us = 0}};
  uint32_t count = PF_ARRAY_COUNT(told);
  const pf_histogram *network = &r.counters->network_us;
  give_frame(&r, 0, true); /* as the clocks were not known yet, no time across them is */
  int64_t offset_ns = (int64_t)(r.now_ns - 1 * MS);
  CHECK(pf_receive_set(receive, PF_KNOB_CLOCK_OFFSET_NS, offset_ns) == PF_OK);
  give_frame(&r, 1, false);
  give_frame(&r, 2, false);
  CHECK(network->count == 0);
  pf_receive_take_timings(receive, (const uint8_t *)told, count);
  CHECK(network->count == 2 && network->max_us >= 600 && network->max_us <= 700);
  CHECK(network->sum_us == network->max_us); /* the second one's is 0, and not below */
  pf_receive_take_timings(receive, (const uint8_t *)told, count);
  CHECK(network->count == 2);
  close_rig(&r);
}

void pf_test_receive(void) {
  the_time_on_the_network_is_what_the_host_did_not_take();
  delivers_when_enough_shards_are_there();
  late_is_not_lost();
  a_keyframe_ends_the_waiting();
  a_loss_is_shown_nothing_of_until_a_keyframe();
  the_first_frame_must_be_a_keyframe();
  a_tip_tells_of_a_frame_that_never_came();
  a_full_window_drops_the_oldest();
  packets_that_lie_are_dropped();
  a_frame_that_is_none_is_lost();
  a_frame_header_may_grow();
  a_shard_counts_once();
  a_flood_of_frames_stays_within_bounds();
  what_the_network_lost_is_told_from_gaps();
  only_what_the_clocks_error_does_not_explain_came_before_it_was_sent();
}

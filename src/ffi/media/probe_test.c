/* Both ends of a speed test: the meter's arithmetic, whose loss is whose, bursts beside video. */
#include <string.h>

#include "probe_filler.h"
#include "probe_meter.h"
#include "testing.h"

#define MS_NS 1000000ull
#define FILLER_STAGE 9

static pf_receive *open_receive(pf_test_ends *ends, const pf_sink *sink) {
  pf_test_options options = pf_test_defaults();
  pf_receive_config config = {.session = ends->client_session,
                              .frame_bytes_max = options.frame_bytes_max,
                              .frames_in_flight_max = options.frames_in_flight_max,
                              .shard_bytes_max = options.shard_bytes_max,
                              .loss_window_ms = options.loss_window_ms,
                              .stall_ms = options.stall_ms,
                              .plane = PF_PLANE_PROBE};
  if (sink != NULL) {
    config.sink_context = sink->context;
    memcpy(&config.sink_push, &sink->push, sizeof config.sink_push);
  }
  pf_receive *receive = NULL;
  CHECK(pf_receive_open(&config, &receive) == PF_OK);
  return receive;
}

/* Frames that leave each 10 ms and take 5, 7, 4 and 4 ms: J += (|D| - J) / 16. */
static void meter_measures(void) {
  pf_meter *meter = NULL;
  CHECK(pf_meter_open(&meter) == PF_OK);
  const pf_meter_counters *counters = pf_meter_counters_block(meter);
  pf_sink sink;
  pf_meter_sink(meter, &sink);
  const uint64_t transits_ms[] = {5, 7, 4, 4};
  double jitter_ns = 0;
  for (uint64_t i = 0; i < PF_ARRAY_COUNT(transits_ms); i++) {
    uint64_t sent_ns = 1000 * MS_NS + i * 10 * MS_NS, came_ns = sent_ns + transits_ms[i] * MS_NS;
    pf_access_unit unit = {.bytes = 100 + (uint32_t)i,
                           .times = {.capture_ns = sent_ns,
                                     .first_packet_ns = came_ns,
                                     .complete_ns = came_ns + MS_NS}};
    pf_sink_push(&sink, &unit);
    if (i == 0) continue;
    double apart_ns = (double)transits_ms[i] - (double)transits_ms[i - 1];
    jitter_ns += ((apart_ns < 0 ? -apart_ns : apart_ns) * (double)MS_NS - jitter_ns) / 16;
  }
  CHECK(counters->frames == 4 && counters->frame_bytes == 406 && counters->first_bytes == 100);
  CHECK(counters->first_ns == 1006 * MS_NS && counters->last_ns == 1035 * MS_NS);
  double seen_ns = (double)counters->jitter_ns;
  CHECK(seen_ns > jitter_ns - 10 && seen_ns < jitter_ns + 10);
  /* A new burst begins with no jitter, and a gap before it is none. */
  pf_meter_begin(meter);
  pf_access_unit unit = {.bytes = 50, .times = {.first_packet_ns = 1, .complete_ns = 2}};
  pf_sink_push(&sink, &unit);
  CHECK(counters->jitter_ns == 0 && counters->first_ns == 2 && counters->first_bytes == 50);
  pf_meter_close(meter);
}

static void tip(pf_test_ends *ends, uint64_t sequence, uint64_t now_ns) {
  pf_tip_body body = {0};
  pf_test_deliver(ends, PF_PLANE_TIP, sequence, &body, sizeof body, now_ns);
}

/* A gap belongs to who was there when it was found. */
static void loss_has_its_plane(void) {
  pf_test_options options = pf_test_defaults();
  pf_test_ends ends;
  pf_test_open(&ends, &options);
  const uint64_t begin_ns = pf_now_ns();
  tip(&ends, 0, begin_ns);
  tip(&ends, 4, begin_ns);
  pf_port_tick(ends.client_port, begin_ns + 100 * MS_NS);
  CHECK(pf_test_received(&ends)->packets_lost == 3);
  pf_receive *probe = open_receive(&ends, NULL);
  const pf_receive_counters *probed = pf_receive_counters_block(probe);
  tip(&ends, 15, begin_ns + 200 * MS_NS);
  pf_port_tick(ends.client_port, begin_ns + 300 * MS_NS);
  CHECK(probed->packets_lost == 10 && pf_test_received(&ends)->packets_lost == 3);
  pf_receive_close(probe);
  tip(&ends, 17, begin_ns + 400 * MS_NS);
  pf_port_tick(ends.client_port, begin_ns + 500 * MS_NS);
  CHECK(pf_test_received(&ends)->packets_lost == 4);
  /* What comes behind a newer one is out of order. */
  tip(&ends, 16, begin_ns + 600 * MS_NS);
  CHECK(pf_test_session(&ends)->packets_disordered == 1);
  pf_test_close(&ends);
}

static pf_send *open_sender(pf_test_ends *ends, uint32_t plane) {
  pf_test_options options = pf_test_defaults();
  const pf_send_config config = {.session = ends->host_session,
                                 .frame_bytes_max = options.frame_bytes_max,
                                 .shard_bytes_max = options.shard_bytes_max,
                                 .shard_bytes_small = PF_SHARD_BYTES_SMALL,
                                 .shard_count_target = PF_SHARD_COUNT_TARGET,
                                 .bitrate_kbps = 10000,
                                 .pace_multiple = PF_PACE_MULTIPLE,
                                 .burst_bytes = PF_BURST_BYTES,
                                 .plane = (uint16_t)plane};
  pf_send *send = NULL;
  pf_result result = pf_send_open(&config, &send);
  if (plane == PF_PLANE_PROBE) CHECK(result == PF_OK);
  else CHECK(result == PF_E_ARGUMENT);
  return send;
}

static void wait_until_ended(pf_events *events, uint32_t number, int64_t ending) {
  for (int i = 0; i < 10000; i++) {
    pf_event event;
    while (pf_events_take(events, &event, 1) == 1)
      if (event.kind == PF_EVENT_ENDED && event.stage == FILLER_STAGE && event.a == number) {
        CHECK(event.b == ending);
        return;
      }
    const struct timespec moment = {.tv_nsec = 1000000};
    nanosleep(&moment, NULL);
  }
  CHECK(!"the burst ended");
}

/* Bursts, one of them halted, while video passes the same session. */
static void bursts_pass_beside_video(void) {
  pf_test_options options = pf_test_defaults();
  pf_test_ends ends;
  pf_test_open(&ends, &options);
  pf_meter *meter = NULL;
  pf_filler *filler = NULL;
  pf_sink sink;
  CHECK(pf_meter_open(&meter) == PF_OK);
  pf_meter_sink(meter, &sink);
  pf_receive *receive = open_receive(&ends, &sink);
  open_sender(&ends, PF_PLANE_AUDIO);
  pf_send *send = open_sender(&ends, PF_PLANE_PROBE);
  pf_send_sink(send, &sink);
  pf_filler_config config = {.events = ends.events,
                             .sink_context = sink.context,
                             .session = ends.host_session,
                             .frame_bytes_max = options.frame_bytes_max,
                             .frames_per_second = 200,
                             .stage = FILLER_STAGE};
  memcpy(&config.sink_push, &sink.push, sizeof config.sink_push);
  CHECK(pf_filler_open(&config, &filler) == PF_OK);
  pf_test_start(&ends);
  CHECK(pf_send_start(send) == PF_OK && pf_filler_start(filler) == PF_OK);
  CHECK(pf_filler_begin(filler, 8000, 100) == 1);
  for (uint32_t i = 0; i < 10; i++) pf_test_push(&ends, i, 5000, i == 0);
  wait_until_ended(ends.events, 1, PF_FILLER_DONE);
  CHECK(pf_filler_begin(filler, 8000, 5000) == 2);
  pf_filler_halt(filler);
  wait_until_ended(ends.events, 2, PF_FILLER_HALTED);
  CHECK(pf_filler_begin(filler, UINT32_MAX, 100) == PF_E_ARGUMENT);
  CHECK(pf_test_sink_wait(&ends.sink, 10, 5000) && pf_test_sink_look(&ends.sink).intact);
  pf_filler_stop(filler);
  pf_send_stop(send);
  const pf_filler_counters *made = pf_filler_counters_block(filler);
  const pf_meter_counters *seen = pf_meter_counters_block(meter);
  CHECK(made->offered >= 20 && made->frames + made->skipped == made->offered);
  for (int i = 0; i < 5000 && COUNTED(seen->frames) < made->frames; i++) {
    const struct timespec moment = {.tv_nsec = 1000000};
    nanosleep(&moment, NULL);
  }
  /* What was pushed last may have been thrown away with the sender's queue. */
  CHECK(COUNTED(seen->frames) + PF_SEND_QUEUE_COUNT >= made->frames);
  pf_filler_close(filler);
  pf_receive_close(receive);
  pf_meter_close(meter);
  pf_send_close(send);
  pf_test_close(&ends);
}

static void configurations_are_checked(void) {
  pf_filler *filler = NULL;
  pf_filler_config config = {.frame_bytes_max = PF_FRAME_HEADER_BYTES, .frames_per_second = 120};
  CHECK(pf_filler_open(&config, &filler) == PF_E_ARGUMENT);
  config.frame_bytes_max = PF_FRAME_BYTES_MAX + 1;
  CHECK(pf_filler_open(&config, &filler) == PF_E_ARGUMENT);
  config.frame_bytes_max = 1000;
  config.frames_per_second = 0;
  CHECK(pf_filler_open(&config, &filler) == PF_E_ARGUMENT);
  pf_filler_close(NULL);
  pf_meter_close(NULL);
}

void pf_test_probe(void) {
  meter_measures();
  loss_has_its_plane();
  bursts_pass_beside_video();
  configurations_are_checked();
}

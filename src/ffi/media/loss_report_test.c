/* What is told of lost shards, with frames made by hand and a clock that the test turns. */
#include "testing.h"

#include <string.h>

#include "loss_report.h"

#define MS 1000000ull
#define SHARDS 64u

typedef struct rig {
  pf_loss_report report;
  pf_receive_counters counters;
  uint8_t present[SHARDS];
  uint32_t frame;
  uint64_t now_ns;
} rig;

static void open_rig(rig *r) {
  memset(r, 0, sizeof *r);
  r->now_ns = 1000 * MS;
  pf_loss_report_open(&r->report, &r->counters);
}

/* A frame of which the shards came that `came` marks with +, first data, then parity: those up to
 * the one that completes it before it is settled, the others behind. */
static void run_frame(rig *r, uint32_t k, const char *came) {
  uint32_t total = (uint32_t)strlen(came), i = 0;
  CHECK(total <= SHARDS);
  memset(r->present, 0, sizeof r->present);
  pf_assembly assembly = {.present = r->present,
                          .frame = r->frame++,
                          .data_count = k,
                          .parity_count = total - k};
  for (; i < total && !assembly.complete; i++) {
    if (came[i] != '+') continue;
    r->present[i] = 1;
    assembly.seen++;
    if (i < k) assembly.data_seen++;
    assembly.complete = assembly.seen == k;
  }
  pf_loss_report_settle(&r->report, &assembly, r->now_ns);
  for (; i < total; i++)
    if (came[i] == '+') pf_loss_report_late(&r->report, assembly.frame, i, r->now_ns);
}

static void late(rig *r, uint32_t index) {
  pf_loss_report_late(&r->report, r->frame - 1, index, r->now_ns);
}

static void pass_time(rig *r, uint64_t ns) {
  r->now_ns += ns;
  pf_loss_report_tick(&r->report, r->now_ns);
}

/* The one frame that lost something. */
static pf_frame_loss take_one(rig *r) {
  pf_frame_loss taken[2];
  int32_t count = pf_loss_report_take(&r->report, taken, 2);
  if (count != 1) fprintf(stderr, "%d frames lost something\n", count);
  CHECK(count == 1);
  return taken[0];
}

static void expect(rig *r, uint32_t lost, uint32_t runs, uint32_t longest, uint32_t tail) {
  pass_time(r, 20 * MS);
  pf_frame_loss loss = take_one(r);
  if (loss.lost != lost || loss.runs != runs || loss.longest_run != longest ||
      loss.tail_lost != tail)
    fprintf(stderr, "%u lost, %u runs, longest %u, %u in the tail\n", loss.lost, loss.runs,
            loss.longest_run, loss.tail_lost);
  CHECK(loss.lost == lost && loss.runs == runs && loss.longest_run == longest &&
        loss.tail_lost == tail);
}

static void a_whole_frame_is_told_of_by_its_count_alone(void) {
  rig r;
  open_rig(&r);
  run_frame(&r, 6, "++++++++");
  pf_frame_loss none;
  pass_time(&r, 20 * MS);
  CHECK(pf_loss_report_take(&r.report, &none, 1) == 0);
  CHECK(r.counters.shards_settled == 8 && r.counters.shards_lost == 0);
  CHECK(r.counters.shards_late == 0);
  pf_loss_report_close(&r.report);
}

static void the_shape_of_a_loss_is_told(void) {
  static const struct {
    uint32_t k;
    const char *came;
    uint32_t lost, runs, longest, tail;
  } cases[] = {
      {6, "-+++++++++", 1, 1, 1, 0}, /* its first shard */
      {6, "+-+-+++++-", 3, 3, 1, 1}, /* here and there */
      {6, "+---++++++", 3, 1, 3, 0}, /* in a row */
      {6, "++++++---+", 3, 1, 3, 3}, /* parity alone */
      {6, "++++++----", 4, 1, 4, 4}, /* the end of it */
      {6, "+++++-++--", 3, 2, 2, 3}, /* complete between two losses */
      {6, "+-------+-", 8, 2, 7, 5}, /* given up */
      {1, "--+", 2, 1, 2, 0},
      {1, "+--", 2, 1, 2, 2},
  };
  for (size_t i = 0; i < PF_ARRAY_COUNT(cases); i++) {
    rig r;
    open_rig(&r);
    run_frame(&r, cases[i].k, cases[i].came);
    expect(&r, cases[i].lost, cases[i].runs, cases[i].longest, cases[i].tail);
    CHECK(r.counters.shards_lost == cases[i].lost);
    CHECK(r.counters.shards_settled == strlen(cases[i].came));
    pf_loss_report_close(&r.report);
  }
}

static void late_is_told_apart_from_lost(void) {
  rig r;
  open_rig(&r);
  run_frame(&r, 6, "+--+++++++");
  pass_time(&r, 19 * MS);
  late(&r, 2);
  pass_time(&r, 19 * MS); /* since the last shard of it */
  CHECK(r.counters.shards_settled == 0);
  pass_time(&r, 1 * MS);
  CHECK(r.counters.shards_lost == 1 && r.counters.shards_late == 1);
  pf_frame_loss loss = take_one(&r);
  CHECK(loss.lost == 1 && loss.late == 1 && loss.longest_run == 1);
  late(&r, 1); /* too late even for that */
  run_frame(&r, 6, "-+++++++++");
  late(&r, 0);
  pass_time(&r, 20 * MS);
  CHECK(r.counters.shards_lost == 1 && r.counters.shards_late == 2);
  CHECK(pf_loss_report_take(&r.report, &loss, 1) == 0);
  pf_loss_report_close(&r.report);
}

static void what_nobody_takes_is_forgotten_oldest_first(void) {
  rig r;
  open_rig(&r);
  for (uint32_t i = 0; i < 1000; i++) run_frame(&r, 6, "-+++++++"); /* nobody turns the clock */
  pass_time(&r, 20 * MS);
  CHECK(r.counters.shards_settled == 8000 && r.counters.shards_lost == 1000);
  pf_frame_loss taken[PF_LOSS_REPORT_ENTRIES + 1];
  CHECK(pf_loss_report_take(&r.report, taken, 10) == 10 && taken[0].frame == 744);
  CHECK(pf_loss_report_take(&r.report, taken, PF_LOSS_REPORT_ENTRIES + 1) == 246);
  pf_loss_report_close(&r.report);
}

static void shards_that_lie_change_nothing(void) {
  rig r;
  open_rig(&r);
  run_frame(&r, 6, "+-++++++");
  late(&r, 8);
  late(&r, UINT32_MAX);
  pf_loss_report_late(&r.report, r.frame + PF_LOSS_REPORT_OPEN - 1, 1, r.now_ns);
  for (int i = 0; i < 100; i++) late(&r, 1); /* the same again, which the replay window drops */
  pass_time(&r, 20 * MS);
  CHECK(r.counters.shards_lost == 0 && r.counters.shards_settled == 8);
  pf_loss_report_close(&r.report);
}

void pf_test_loss_report(void) {
  a_whole_frame_is_told_of_by_its_count_alone();
  the_shape_of_a_loss_is_told();
  late_is_told_apart_from_lost();
  what_nobody_takes_is_forgotten_oldest_first();
  shards_that_lie_change_nothing();
}

#include "loss_report.h"

#include "lock.h"

/* As long as a packet may be out of order before loss.c calls it lost. */
#define WAIT_NS (20 * 1000000ull)

void pf_loss_report_open(pf_loss_report *report, pf_receive_counters *counters) {
  *report = (pf_loss_report){.counters = counters, .due_ns = UINT64_MAX};
  pf_lock_open(&report->lock);
}

void pf_loss_report_close(pf_loss_report *report) { pthread_mutex_destroy(&report->lock); }

static uint16_t larger(uint32_t one, uint32_t other) {
  return (uint16_t)(one > other ? one : other);
}

static void keep(pf_loss_report *report, const pf_frame_loss *loss) {
  pthread_mutex_lock(&report->lock);
  uint32_t at = (report->head + report->count) % PF_LOSS_REPORT_ENTRIES;
  if (report->count == PF_LOSS_REPORT_ENTRIES)
    report->head = (report->head + 1) % PF_LOSS_REPORT_ENTRIES;
  else
    report->count++;
  report->closed[at] = *loss;
  pthread_mutex_unlock(&report->lock);
}

/* Shards [begin, end) are missing. */
static void add_run(pf__loss_entry *entry, uint32_t begin, uint32_t end) {
  if (begin == end) return;
  uint64_t run = end - begin;
  entry->loss.runs++;
  entry->loss.longest_run = larger(entry->loss.longest_run, (uint32_t)run);
  entry->places += run * (begin + end - 1ull) / 2;
}

/* `lost` if they are the last ones of the frame, 0 if they are the first, half of it by chance. */
static uint16_t tail_of(const pf__loss_entry *entry) {
  uint64_t lost = entry->loss.lost;
  uint64_t first = lost * (lost - 1) / 2, spread = lost * (entry->total - lost);
  uint64_t behind = entry->places > first ? entry->places - first : 0;
  if (spread == 0 || behind > spread) return (uint16_t)lost;
  return (uint16_t)((behind * lost + spread / 2) / spread);
}

static void close_entry(pf_loss_report *report, pf__loss_entry *entry) {
  pf_frame_loss *loss = &entry->loss;
  entry->open = false;
  pf_count(report->counters->shards_settled, entry->total);
  pf_count(report->counters->shards_late, loss->late);
  if (loss->lost == 0) return;
  pf_count(report->counters->shards_lost, loss->lost);
  add_run(entry, entry->last_end, entry->total);
  /* Latecomers cut runs short in a way that was not looked at. */
  if (loss->longest_run > loss->lost) loss->longest_run = loss->lost;
  if (loss->runs > loss->lost) loss->runs = loss->lost;
  loss->tail_lost = tail_of(entry);
  keep(report, loss);
}

/* How the shards that are missing so far lie, below the newest one that came. */
static void look_at(pf__loss_entry *entry, const pf_assembly *assembly) {
  uint32_t begin = 0;
  for (uint32_t i = 0; i < entry->end; i++) {
    if (!assembly->present[i]) continue;
    add_run(entry, begin, i);
    begin = i + 1;
  }
  add_run(entry, begin, entry->end);
}

void pf_loss_report_settle(pf_loss_report *report, const pf_assembly *assembly, uint64_t now_ns) {
  pf__loss_entry *entry = &report->open[assembly->frame % PF_LOSS_REPORT_OPEN];
  if (entry->open) close_entry(report, entry);
  uint32_t total = assembly->data_count + assembly->parity_count;
  *entry = (pf__loss_entry){.open = true,
                            .total = total,
                            .end = assembly->data_count,
                            .newest_ns = now_ns,
                            .loss = {.frame = assembly->frame,
                                     .data_count = (uint16_t)assembly->data_count,
                                     .parity_count = (uint16_t)assembly->parity_count,
                                     .lost = (uint16_t)(total - assembly->seen)}};
  if (assembly->data_seen != assembly->data_count) {
    entry->end = total;
    if (assembly->complete)
      while (!assembly->present[entry->end - 1]) entry->end--;
    look_at(entry, assembly);
  }
  entry->last_end = entry->end;
  if (now_ns + WAIT_NS < report->due_ns) report->due_ns = now_ns + WAIT_NS;
}

void pf_loss_report_late(pf_loss_report *report, uint32_t frame, uint32_t index, uint64_t now_ns) {
  pf__loss_entry *entry = &report->open[frame % PF_LOSS_REPORT_OPEN];
  if (!entry->open || entry->loss.frame != frame || entry->loss.lost == 0) return;
  if (index >= entry->total) return;
  pf_frame_loss *loss = &entry->loss;
  loss->lost--;
  if (index < entry->end) loss->late++;
  if (index >= entry->last_end) {
    add_run(entry, entry->last_end, index);
    entry->last_end = index + 1;
  } else if (entry->places >= index) {
    entry->places -= index;
  }
  entry->newest_ns = now_ns;
}

void pf_loss_report_tick(pf_loss_report *report, uint64_t now_ns) {
  if (now_ns < report->due_ns) return;
  report->due_ns = UINT64_MAX;
  for (uint32_t i = 0; i < PF_LOSS_REPORT_OPEN; i++) {
    pf__loss_entry *entry = &report->open[i];
    if (!entry->open) continue;
    uint64_t due_ns = entry->newest_ns + WAIT_NS;
    if (now_ns >= due_ns) close_entry(report, entry);
    else if (due_ns < report->due_ns) report->due_ns = due_ns;
  }
}

int32_t pf_loss_report_take(pf_loss_report *report, pf_frame_loss *out, uint32_t max) {
  pthread_mutex_lock(&report->lock);
  uint32_t taken = report->count < max ? report->count : max;
  for (uint32_t i = 0; i < taken; i++) {
    out[i] = report->closed[report->head];
    report->head = (report->head + 1) % PF_LOSS_REPORT_ENTRIES;
  }
  report->count -= taken;
  pthread_mutex_unlock(&report->lock);
  return (int32_t)taken;
}

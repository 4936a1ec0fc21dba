#include "send.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../fec/fec.h"
#include "pacer.h"

/* A frame that waits for the sender: data and parity as [shard header | shard] behind one another. */
typedef struct frame_slot {
  uint8_t *bodies;
  uint32_t frame, frame_bytes;
  uint32_t data_count, parity_count, shard_bytes;
  uint64_t queued_ns;
  uint32_t queue_us, encode_us;
} frame_slot;

struct pf_send {
  pf_session *session;
  uint32_t frame_bytes_max, shard_bytes_max, shard_bytes_small, shard_count_target;
  uint32_t pace_multiple, burst_bytes;
  size_t slot_bytes;
  uint32_t data_count_max, parity_count_max;
  pf_fec *fec;
  const uint8_t **data;
  uint8_t **parity;

  pthread_mutex_t lock; /* guards what follows, up to the blank line */
  pthread_cond_t changed;
  bool stopping;
  uint32_t head, count, next_frame;
  uint32_t bitrate_kbps, parity_permille;
  uint16_t parity_table[PF_PARITY_TABLE_COUNT];
  pf_host_timing timings[PF_SEND_TIMINGS];
  uint32_t timings_head, timings_count;

  frame_slot slots[PF_SEND_QUEUE_COUNT];
  pthread_t thread;
  bool running;
  pf_send_counters counters;
};

static uint32_t align_shard(uint32_t bytes) {
  return (bytes + PF_SHARD_ALIGN_BYTES - 1) / PF_SHARD_ALIGN_BYTES * PF_SHARD_ALIGN_BYTES;
}

/* A small frame is one shard; a medium one is cut into the target count, since the chance of losing
 * more than the parity falls with the length of the block; a large one into the largest shards. */
static uint32_t choose_shard_bytes(const pf_send *send, uint32_t frame_bytes) {
  if (frame_bytes <= send->shard_bytes_small) return align_shard(frame_bytes);
  uint32_t bytes = align_shard((frame_bytes - 1) / send->shard_count_target + 1);
  if (bytes < send->shard_bytes_small) bytes = send->shard_bytes_small;
  return bytes < send->shard_bytes_max ? bytes : send->shard_bytes_max;
}

static uint32_t choose_parity(const pf_send *send, uint32_t data_count) {
  uint32_t count = data_count < PF_PARITY_TABLE_COUNT
                       ? send->parity_table[data_count]
                       : (data_count * send->parity_permille + 999) / 1000;
  if (count < PF_PARITY_COUNT_MIN) count = PF_PARITY_COUNT_MIN;
  uint32_t room = PF_SHARD_COUNT_MAX - data_count;
  if (count > send->parity_count_max) count = send->parity_count_max;
  return count < room ? count : room;
}

static bool config_is_sane(const pf_send_config *config) {
  return config->session != NULL && config->frame_bytes_max >= PF_FRAME_HEADER_BYTES &&
         config->frame_bytes_max <= PF_FRAME_BYTES_MAX &&
         config->shard_bytes_max % PF_SHARD_ALIGN_BYTES == 0 &&
         config->shard_bytes_small % PF_SHARD_ALIGN_BYTES == 0 && config->shard_bytes_small > 0 &&
         config->shard_bytes_small <= config->shard_bytes_max &&
         config->shard_bytes_max <= PF_SHARD_BYTES_MAX && config->shard_count_target > 0 &&
         config->shard_count_target <= 1024 && config->pace_multiple > 0;
}

PF_EXPORT pf_result pf_send_open(const pf_send_config *config, pf_send **out) {
  if (!config_is_sane(config)) return pf_fail(PF_E_ARGUMENT, "a size is outside the limits");
  pf_send *send = calloc(1, sizeof *send);
  if (send == NULL) return pf_fail(PF_E_MEMORY, "no memory for a sender");
  send->session = config->session;
  send->frame_bytes_max = config->frame_bytes_max;
  send->shard_bytes_max = config->shard_bytes_max;
  send->shard_bytes_small = config->shard_bytes_small;
  send->shard_count_target = config->shard_count_target;
  send->pace_multiple = config->pace_multiple;
  send->burst_bytes = config->burst_bytes;
  send->bitrate_kbps = config->bitrate_kbps;
  send->data_count_max = config->frame_bytes_max / config->shard_bytes_max + 1;
  if (send->data_count_max < config->shard_count_target)
    send->data_count_max = config->shard_count_target;
  send->parity_count_max = send->data_count_max < 1024 ? 1024 : send->data_count_max;
  size_t body_bytes = PF_SHARD_HEADER_BYTES + config->shard_bytes_max;
  send->slot_bytes = body_bytes * (send->data_count_max + send->parity_count_max);
  pthread_mutex_init(&send->lock, NULL);
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&send->changed, &monotonic);
  pthread_condattr_destroy(&monotonic);
  send->data = calloc(send->data_count_max, sizeof *send->data);
  send->parity = calloc(send->parity_count_max, sizeof *send->parity);
  pf_result result = send->data != NULL && send->parity != NULL
                         ? pf_fec_open(send->data_count_max, send->parity_count_max,
                                       config->shard_bytes_max, &send->fec)
                         : pf_fail(PF_E_MEMORY, "no memory for a sender");
  for (int i = 0; i < PF_SEND_QUEUE_COUNT && result == PF_OK; i++) {
    void *memory = mmap(NULL, send->slot_bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) result = pf_fail(PF_E_MEMORY, "no memory for a sender");
    else send->slots[i].bodies = memory;
  }
  if (result != PF_OK) {
    pf_send_close(send);
    return result;
  }
  pf_send_set_parity(send, config->parity_permille, config->parity_table);
  *out = send;
  return PF_OK;
}

PF_EXPORT void pf_send_close(pf_send *send) {
  if (send == NULL) return;
  pf_send_stop(send);
  for (int i = 0; i < PF_SEND_QUEUE_COUNT; i++)
    if (send->slots[i].bodies != NULL) munmap(send->slots[i].bodies, send->slot_bytes);
  pf_fec_close(send->fec);
  free(send->data);
  free(send->parity);
  pthread_cond_destroy(&send->changed);
  pthread_mutex_destroy(&send->lock);
  free(send);
}

PF_EXPORT pf_result pf_send_set_parity(pf_send *send, uint32_t permille, const uint16_t *table) {
  if (permille > PF_PARITY_PERMILLE_MAX) return pf_fail(PF_E_ARGUMENT, "parity above 50%%");
  pthread_mutex_lock(&send->lock);
  send->parity_permille = permille;
  memcpy(send->parity_table, table, sizeof send->parity_table);
  pthread_mutex_unlock(&send->lock);
  return PF_OK;
}

PF_EXPORT pf_result pf_send_set(pf_send *send, uint32_t knob, int64_t value) {
  if (knob != PF_KNOB_BITRATE_KBPS || value <= 0 || value > UINT32_MAX)
    return pf_fail(PF_E_ARGUMENT, "the sender has no such knob or not that value");
  pthread_mutex_lock(&send->lock);
  send->bitrate_kbps = (uint32_t)value;
  pthread_mutex_unlock(&send->lock);
  return PF_OK;
}

PF_EXPORT int32_t pf_send_take_timings(pf_send *send, pf_host_timing *out, uint32_t max) {
  uint32_t taken = 0;
  pthread_mutex_lock(&send->lock);
  while (taken < max && send->timings_count > 0) {
    out[taken++] = send->timings[send->timings_head];
    send->timings_head = (send->timings_head + 1) % PF_SEND_TIMINGS;
    send->timings_count--;
  }
  pthread_mutex_unlock(&send->lock);
  return (int32_t)taken;
}

PF_EXPORT const void *pf_send_counters_block(pf_send *send) { return &send->counters; }

static uint32_t span_us(uint64_t begin_ns, uint64_t end_ns) {
  if (begin_ns == 0 || end_ns < begin_ns) return 0;
  uint64_t us = (end_ns - begin_ns) / 1000;
  return us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

/* Cuts frame header + access unit into the slot's data shards. */
static void fill_slot(frame_slot *slot, const pf_access_unit *unit) {
  pf_frame_header header = {
      .capture_ns = unit->times.capture_ns,
      .queue_us = slot->queue_us,
      .encode_us = slot->encode_us,
      .flags = (uint8_t)unit->flags,
      .codec = (uint8_t)unit->codec,
      .header_bytes = PF_FRAME_HEADER_BYTES,
  };
  size_t stride = PF_SHARD_HEADER_BYTES + slot->shard_bytes;
  uint32_t written = 0; /* of header + unit */
  for (uint32_t i = 0; i < slot->data_count; i++) {
    uint8_t *shard = slot->bodies + i * stride + PF_SHARD_HEADER_BYTES;
    uint32_t at = 0;
    if (written < PF_FRAME_HEADER_BYTES) { /* a shard is longer than the header */
      memcpy(shard, &header, PF_FRAME_HEADER_BYTES);
      at = PF_FRAME_HEADER_BYTES;
    }
    uint32_t offset = written + at - PF_FRAME_HEADER_BYTES; /* in the unit */
    uint32_t left = unit->bytes - offset;
    uint32_t now = left < slot->shard_bytes - at ? left : slot->shard_bytes - at;
    memcpy(shard + at, unit->data + offset, now);
    memset(shard + at + now, 0, slot->shard_bytes - at - now);
    written += at + now;
  }
}

/* The encoder's thread: blocks while the queue is full. */
static void push(void *context, void *item) {
  pf_send *send = context;
  const pf_access_unit *unit = item;
  if (unit->bytes > send->frame_bytes_max - PF_FRAME_HEADER_BYTES) {
    pf_count(send->counters.packets_dropped, 1);
    return;
  }
  if (!pf_session_has_path(send->session)) {
    pf_count(send->counters.no_path, 1);
    return;
  }
  pthread_mutex_lock(&send->lock);
  if (send->count == PF_SEND_QUEUE_COUNT) pf_count(send->counters.blocked, 1);
  while (send->count == PF_SEND_QUEUE_COUNT && !send->stopping)
    pthread_cond_wait(&send->changed, &send->lock);
  if (send->stopping) {
    pthread_mutex_unlock(&send->lock);
    return;
  }
  /* The slot behind the queue is free, and this is the only thread that fills one. */
  frame_slot *slot = &send->slots[(send->head + send->count) % PF_SEND_QUEUE_COUNT];
  slot->frame = send->next_frame++;
  slot->frame_bytes = PF_FRAME_HEADER_BYTES + unit->bytes;
  slot->shard_bytes = choose_shard_bytes(send, slot->frame_bytes);
  slot->data_count = (slot->frame_bytes - 1) / slot->shard_bytes + 1;
  slot->parity_count = choose_parity(send, slot->data_count);
  pthread_mutex_unlock(&send->lock);
  slot->queue_us = span_us(unit->times.capture_ns, unit->times.encode_begin_ns);
  slot->encode_us = span_us(unit->times.encode_begin_ns, unit->times.encode_end_ns);
  slot->queued_ns = unit->times.encode_end_ns != 0 ? unit->times.encode_end_ns : pf_now_ns();
  fill_slot(slot, unit);
  pthread_mutex_lock(&send->lock);
  send->count++;
  pf_gauge(send->counters.queued, send->count);
  pthread_cond_broadcast(&send->changed);
  pthread_mutex_unlock(&send->lock);
}

PF_EXPORT void pf_send_sink(pf_send *send, pf_sink *out) {
  *out = (pf_sink){.push = push, .context = send};
}

static void sleep_until(uint64_t when_ns) {
  struct timespec when = {.tv_sec = (time_t)(when_ns / 1000000000u),
                          .tv_nsec = (long)(when_ns % 1000000000u)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) == EINTR) {
  }
}

/* Writes the shard headers of [from, to) and sends those shards, paced. Returns when the first of
 * them left, or 0 when there was none. */
static uint64_t send_shards(pf_send *send, const frame_slot *slot, pf_pacer *pacer, uint32_t from,
                            uint32_t to) {
  size_t stride = PF_SHARD_HEADER_BYTES + slot->shard_bytes;
  uint64_t first_ns = 0;
  for (uint32_t at = from; at < to;) {
    uint32_t count = to - at < PF_SESSION_BURST ? to - at : PF_SESSION_BURST;
    for (uint32_t i = at; i < at + count; i++) {
      pf_shard_header header = {.frame = slot->frame,
                                .frame_bytes = slot->frame_bytes,
                                .shard_index = (uint16_t)i,
                                .data_count = (uint16_t)slot->data_count,
                                .parity_count = (uint16_t)slot->parity_count};
      memcpy(slot->bodies + i * stride, &header, sizeof header);
    }
    uint64_t when_ns = pf_pacer_next(pacer, count * stride);
    if (when_ns > pf_now_ns()) sleep_until(when_ns);
    pf_udp_sent sent;
    pf_session_send(send->session, PF_PLANE_VIDEO, slot->bodies + at * stride, stride,
                    (uint32_t)stride, count, &sent);
    if (first_ns == 0) first_ns = pf_now_ns();
    pf_count(send->counters.packets, sent.packets);
    pf_count(send->counters.packet_bytes, sent.packets * stride);
    pf_count(send->counters.packets_dropped, sent.dropped);
    pf_count(send->counters.send_calls, sent.calls);
    at += count;
  }
  return first_ns;
}

static void make_parity(pf_send *send, const frame_slot *slot) {
  size_t stride = PF_SHARD_HEADER_BYTES + slot->shard_bytes;
  uint8_t *shard = slot->bodies + PF_SHARD_HEADER_BYTES;
  for (uint32_t i = 0; i < slot->data_count; i++) send->data[i] = shard + i * stride;
  for (uint32_t i = 0; i < slot->parity_count; i++)
    send->parity[i] = shard + (slot->data_count + i) * stride;
  pf_fec_encode(send->fec, send->data, slot->data_count, send->parity, slot->parity_count,
                slot->shard_bytes);
}

static void send_frame(pf_send *send, const frame_slot *slot, uint32_t bitrate_kbps) {
  pf_pacer pacer = {.burst_bytes = send->burst_bytes,
                    .bytes_per_second = (uint64_t)bitrate_kbps * 125 * send->pace_multiple};
  pf_pacer_begin(&pacer, pf_now_ns());
  uint64_t first_ns = send_shards(send, slot, &pacer, 0, slot->data_count);
  make_parity(send, slot);
  send_shards(send, slot, &pacer, slot->data_count, slot->data_count + slot->parity_count);
  uint64_t last_ns = pf_now_ns();
  pf_count(send->counters.frames, 1);
  pf_count(send->counters.frame_bytes, slot->frame_bytes);
  pf_count(send->counters.parity_packets, slot->parity_count);
  pf_histogram_span(&send->counters.seal_us, slot->queued_ns, first_ns);
  pf_histogram_span(&send->counters.pace_us, first_ns, last_ns);
  pf_host_timing timing = {.frame = slot->frame,
                           .queue_us = slot->queue_us,
                           .encode_us = slot->encode_us,
                           .seal_us = span_us(slot->queued_ns, first_ns),
                           .pace_us = span_us(first_ns, last_ns)};
  pthread_mutex_lock(&send->lock);
  uint32_t at = (send->timings_head + send->timings_count) % PF_SEND_TIMINGS;
  if (send->timings_count == PF_SEND_TIMINGS)
    send->timings_head = (send->timings_head + 1) % PF_SEND_TIMINGS;
  else
    send->timings_count++;
  send->timings[at] = timing;
  pthread_mutex_unlock(&send->lock);
}

static void send_tip(pf_send *send, uint32_t frame) {
  pf_tip_body body = {.frame = frame, .sent = 1};
  pf_udp_sent sent;
  pf_session_send(send->session, PF_PLANE_TIP, (const uint8_t *)&body, 0, sizeof body, 1, &sent);
  pf_count(send->counters.tips, 1);
}

/* Waits for a frame until `until_ns` (UINT64_MAX = for ever). Called with the lock held. */
static bool wait_for_frame(pf_send *send, uint64_t until_ns) {
  while (send->count == 0 && !send->stopping) {
    if (until_ns == UINT64_MAX) {
      pthread_cond_wait(&send->changed, &send->lock);
      continue;
    }
    struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000u),
                             .tv_nsec = (long)(until_ns % 1000000000u)};
    if (pthread_cond_timedwait(&send->changed, &send->lock, &until) == ETIMEDOUT) break;
  }
  return send->count > 0;
}

static void *run(void *context) {
  pf_send *send = context;
  pf_thread_name("pf-send");
  uint64_t tip_ns = UINT64_MAX;
  uint64_t tip_wait_ms = 0;
  uint32_t newest = 0;
  pthread_mutex_lock(&send->lock);
  while (!send->stopping) {
    bool has_frame = wait_for_frame(send, tip_ns);
    if (send->stopping) break;
    uint32_t bitrate_kbps = send->bitrate_kbps;
    const frame_slot *slot = &send->slots[send->head];
    pthread_mutex_unlock(&send->lock);
    if (has_frame) {
      send_frame(send, slot, bitrate_kbps);
      newest = slot->frame;
      tip_wait_ms = PF_TIP_FIRST_MS;
    } else {
      send_tip(send, newest);
      tip_wait_ms = tip_wait_ms * 2 < PF_TIP_MAX_MS ? tip_wait_ms * 2 : PF_TIP_MAX_MS;
    }
    tip_ns = pf_now_ns() + tip_wait_ms * 1000000u;
    pthread_mutex_lock(&send->lock);
    if (has_frame) {
      send->head = (send->head + 1) % PF_SEND_QUEUE_COUNT;
      send->count--;
      pf_gauge(send->counters.queued, send->count);
      pthread_cond_broadcast(&send->changed);
    }
  }
  pthread_mutex_unlock(&send->lock);
  return NULL;
}

PF_EXPORT pf_result pf_send_start(pf_send *send) {
  if (send->running) return PF_OK;
  send->stopping = false;
  int result = pthread_create(&send->thread, NULL, run, send);
  if (result != 0) return pf_fail(PF_E_SYSTEM, "pthread_create: %s", strerror(result));
  send->running = true;
  return PF_OK;
}

PF_EXPORT void pf_send_stop(pf_send *send) {
  if (send == NULL) return;
  pthread_mutex_lock(&send->lock);
  send->stopping = true;
  pthread_cond_broadcast(&send->changed);
  pthread_mutex_unlock(&send->lock);
  if (!send->running) return;
  pthread_join(send->thread, NULL);
  send->running = false;
}

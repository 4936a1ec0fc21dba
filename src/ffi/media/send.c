#include "send.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "send_state.h"

static bool config_is_sane(const pf_send_config *config) {
  if (config->session == NULL || config->frame_bytes_max < PF_FRAME_HEADER_BYTES ||
      config->frame_bytes_max > PF_FRAME_BYTES_MAX ||
      config->shard_bytes_max % PF_SHARD_ALIGN_BYTES != 0 ||
      config->shard_bytes_small % PF_SHARD_ALIGN_BYTES != 0 || config->shard_bytes_small == 0 ||
      config->shard_bytes_small > config->shard_bytes_max ||
      config->shard_bytes_max > PF_SHARD_BYTES_MAX || config->shard_count_target == 0 ||
      config->shard_count_target > PF_BLOCK_SHARDS_MIN || config->pace_multiple == 0 ||
      config->parity_permille > PF_PARITY_PERMILLE_MAX ||
      (config->plane != 0 && config->plane != PF_PLANE_VIDEO && config->plane != PF_PLANE_PROBE))
    return false;
  return config->frame_bytes_max / config->shard_bytes_max <
         PF_SHARD_COUNT_MAX - PF_PARITY_COUNT_MIN;
}

static pf_result open_memory(pf_send *send) {
  uint32_t data_max = pf_block_data_max(&send->rules);
  uint32_t parity_max = pf_block_parity_max(data_max);
  size_t body_bytes = PF_SHARD_HEADER_BYTES + send->rules.shard_bytes_max;
  send->frame_memory_bytes = body_bytes * (data_max + parity_max);
  send->data = calloc(data_max, sizeof *send->data);
  send->parity = calloc(parity_max, sizeof *send->parity);
  if (send->data == NULL || send->parity == NULL)
    return pf_fail(PF_E_MEMORY, "no memory for a sender");
  for (int i = 0; i < PF_SEND_QUEUE_COUNT; i++) {
    void *memory = mmap(NULL, send->frame_memory_bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return pf_fail(PF_E_MEMORY, "no memory for a sender");
    send->frames[i].bodies = memory;
  }
  return pf_fec_open(data_max, parity_max, send->rules.shard_bytes_max, &send->fec);
}

PF_EXPORT pf_result pf_send_open(const pf_send_config *config, pf_send **out) {
  if (!config_is_sane(config)) return pf_fail(PF_E_ARGUMENT, "a size is outside the limits");
  pf_send *send = calloc(1, sizeof *send);
  if (send == NULL) return pf_fail(PF_E_MEMORY, "no memory for a sender");
  send->session = config->session;
  send->plane = config->plane != 0 ? (uint8_t)config->plane : PF_PLANE_VIDEO;
  send->pace_multiple = config->pace_multiple;
  send->burst_bytes = config->burst_bytes;
  send->bitrate_kbps = config->bitrate_kbps;
  send->rules = (pf_block_rules){.frame_bytes_max = config->frame_bytes_max,
                                 .shard_bytes_max = config->shard_bytes_max,
                                 .shard_bytes_small = config->shard_bytes_small,
                                 .shard_count_target = config->shard_count_target,
                                 .parity_permille = config->parity_permille};
  memcpy(send->rules.parity_table, config->parity_table, sizeof send->rules.parity_table);
  pf_lock_open(&send->lock);
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&send->changed, &monotonic);
  pthread_condattr_destroy(&monotonic);
  pf_result result = open_memory(send);
  if (result != PF_OK) {
    pf_send_close(send);
    return result;
  }
  *out = send;
  return PF_OK;
}

PF_EXPORT void pf_send_close(pf_send *send) {
  if (send == NULL) return;
  pf_send_stop(send);
  for (int i = 0; i < PF_SEND_QUEUE_COUNT; i++)
    if (send->frames[i].bodies != NULL) munmap(send->frames[i].bodies, send->frame_memory_bytes);
  pf_fec_close(send->fec);
  free(send->data);
  free(send->parity);
  pthread_cond_destroy(&send->changed);
  pthread_mutex_destroy(&send->lock);
  free(send);
}

PF_EXPORT pf_result pf_send_set_parity(pf_send *send, uint32_t permille, const uint16_t *table) {
  if (permille > PF_PARITY_PERMILLE_MAX)
    return pf_fail(PF_E_ARGUMENT, "a parity share is at most %d per mille", PF_PARITY_PERMILLE_MAX);
  pthread_mutex_lock(&send->lock);
  send->rules.parity_permille = permille;
  memcpy(send->rules.parity_table, table, sizeof send->rules.parity_table);
  pthread_mutex_unlock(&send->lock);
  return PF_OK;
}

PF_EXPORT pf_result pf_send_set(pf_send *send, uint32_t knob, int64_t value) {
  bool bitrate = knob == PF_KNOB_BITRATE_KBPS && value > 0 && value <= UINT32_MAX;
  bool parity = knob == PF_KNOB_PARITY_PERMILLE && value >= 0 && value <= PF_PARITY_PERMILLE_MAX;
  if (!bitrate && !parity)
    return pf_fail(PF_E_ARGUMENT, "the sender has no knob %u, or not that value", knob);
  pthread_mutex_lock(&send->lock);
  if (bitrate) send->bitrate_kbps = (uint32_t)value;
  if (parity) send->rules.parity_permille = (uint32_t)value;
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

/* Cuts frame header + access unit into the frame's data shards. */
static void fill(const pf__frame *frame, const pf_access_unit *unit) {
  pf_frame_header header = {
      .capture_ns = unit->times.capture_ns,
      .queue_us = frame->queue_us,
      .encode_us = frame->encode_us,
      .flags = (uint8_t)unit->flags,
      .codec = (uint8_t)unit->codec,
      .header_bytes = PF_FRAME_HEADER_BYTES,
  };
  const uint8_t *from = unit->data;
  uint32_t left = unit->bytes;
  uint8_t *shard = frame->bodies + PF_SHARD_HEADER_BYTES;
  for (uint32_t i = 0; i < frame->block.data_count; i++, shard += pf__stride(frame)) {
    uint8_t *to = shard;
    uint32_t room = frame->block.shard_bytes;
    if (i == 0) { /* a shard is longer than the header */
      memcpy(to, &header, sizeof header);
      to += sizeof header;
      room -= (uint32_t)sizeof header;
    }
    uint32_t bytes = left < room ? left : room;
    if (bytes > 0) memcpy(to, from, bytes);
    memset(to + bytes, 0, room - bytes);
    from += bytes;
    left -= bytes;
  }
}

/* Waits for a free frame; NULL when the unit is dropped. Called with the lock held. */
static pf__frame *take_free(pf_send *send, const pf_access_unit *unit) {
  if (send->accepting && send->count == PF_SEND_QUEUE_COUNT) {
    pf_count(send->counters.blocked, 1);
    while (send->accepting && send->count == PF_SEND_QUEUE_COUNT)
      pthread_cond_wait(&send->changed, &send->lock);
  }
  uint32_t index = send->next_index++;
  if (!send->accepting || unit->bytes > send->rules.frame_bytes_max - PF_FRAME_HEADER_BYTES) {
    pf_count(send->counters.frames_dropped, 1);
    send->newest_index = index;
    return NULL;
  }
  /* The place behind the queue is free, and this is the only thread that fills one. */
  pf__frame *frame = &send->frames[(send->head + send->count) % PF_SEND_QUEUE_COUNT];
  frame->index = index;
  frame->bytes = PF_FRAME_HEADER_BYTES + unit->bytes;
  frame->block = pf_block_of(&send->rules, frame->bytes);
  return frame;
}

/* The encoder's thread: blocks while the queue is full. */
static void push(void *context, void *item) {
  pf_send *send = context;
  const pf_access_unit *unit = item;
  if (!pf_session_has_path(send->session)) {
    pf_count(send->counters.no_path, 1);
    return;
  }
  uint64_t now_ns = pf_now_ns();
  pthread_mutex_lock(&send->lock);
  pf__frame *frame = take_free(send, unit);
  bool idle = send->count == 0;
  uint32_t bitrate_kbps = send->bitrate_kbps;
  pthread_mutex_unlock(&send->lock);
  if (frame == NULL) return;
  const pf_times *times = &unit->times;
  frame->queue_us = pf__span_us(times->capture_ns, times->encode_begin_ns);
  frame->encode_us = pf__span_us(times->encode_begin_ns, times->encode_end_ns);
  frame->queued_ns = times->encode_end_ns != 0 ? times->encode_end_ns : now_ns;
  frame->first_ns = 0;
  fill(frame, unit);
  if (idle) pf__send_begin(send, frame, bitrate_kbps);
  pthread_mutex_lock(&send->lock);
  if (send->accepting)
    send->count++;
  else
    pf_count(send->counters.frames_dropped, 1);
  pf_gauge(send->counters.queued, send->count);
  pthread_mutex_unlock(&send->lock);
  /* Behind the lock: the thread, more urgent than this one, would run at once and wait for it. */
  pthread_cond_broadcast(&send->changed);
}

PF_EXPORT void pf_send_sink(pf_send *send, pf_sink *out) {
  *out = (pf_sink){.push = push, .context = send};
}

PF_EXPORT pf_result pf_send_start(pf_send *send) {
  if (send->running) return PF_OK;
  send->head = send->count = 0; /* what waited when it was stopped is stale */
  send->accepting = true;
  int result = pthread_create(&send->thread, NULL, pf__send_run, send);
  if (result != 0) {
    send->accepting = false;
    return pf_fail(PF_E_SYSTEM, "pthread_create: %s", strerror(result));
  }
  send->running = true;
  return PF_OK;
}

PF_EXPORT void pf_send_stop(pf_send *send) {
  if (send == NULL || !send->running) return;
  pthread_mutex_lock(&send->lock);
  send->accepting = false;
  pthread_cond_broadcast(&send->changed);
  pthread_mutex_unlock(&send->lock);
  pthread_join(send->thread, NULL);
  send->running = false;
}

/* The sender's thread: seals, makes parity, paces, and names the newest frame while it is idle. */
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>

#include "send_state.h"

/* Waits for what `changed` tells until `until_ns` (UINT64_MAX = for ever); false when the time is
 * over. Called with the lock held. */
static bool wait_until(pf_send *send, uint64_t until_ns) {
  if (until_ns == UINT64_MAX) {
    pthread_cond_wait(&send->changed, &send->lock);
    return true;
  }
  struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000u),
                           .tv_nsec = (long)(until_ns % 1000000000u)};
  return pthread_cond_timedwait(&send->changed, &send->lock, &until) != ETIMEDOUT;
}

/* Waits for a packet's turn; the rest leaves at once when another frame waits behind this one. */
static void pace(pf_send *send, pf_pacer *pacer, uint64_t when_ns) {
  if (when_ns <= pf_now_ns()) return;
  pthread_mutex_lock(&send->lock);
  while (send->accepting && send->count < 2 && wait_until(send, when_ns)) {
  }
  if (!send->accepting || send->count >= 2) pacer->bytes_per_second = 0;
  pthread_mutex_unlock(&send->lock);
}

static void write_headers(const pf__frame *frame) {
  uint32_t count = frame->block.data_count + frame->block.parity_count;
  for (uint32_t i = 0; i < count; i++) {
    pf_shard_header header = {.frame = frame->index,
                              .frame_bytes = frame->bytes,
                              .shard_index = (uint16_t)i,
                              .data_count = (uint16_t)frame->block.data_count,
                              .parity_count = (uint16_t)frame->block.parity_count};
    memcpy(frame->bodies + i * pf__stride(frame), &header, sizeof header);
  }
}

static void make_parity(pf_send *send, const pf__frame *frame) {
  const pf_block *block = &frame->block;
  uint8_t *shard = frame->bodies + PF_SHARD_HEADER_BYTES;
  size_t stride = pf__stride(frame);
  for (uint32_t i = 0; i < block->data_count; i++) send->data[i] = shard + i * stride;
  for (uint32_t i = 0; i < block->parity_count; i++)
    send->parity[i] = shard + (block->data_count + i) * stride;
  pf_fec_encode(send->fec, send->data, block->data_count, send->parity, block->parity_count,
                block->shard_bytes);
}

static void send_burst(pf_send *send, const pf__frame *frame, uint32_t from, uint32_t count) {
  uint32_t body_bytes = (uint32_t)pf__stride(frame);
  pf_udp_sent sent;
  pf_session_send(send->session, PF_PLANE_VIDEO, frame->bodies + from * (size_t)body_bytes,
                  body_bytes, body_bytes, count, &sent);
  pf_count(send->counters.packets, sent.packets);
  pf_count(send->counters.packet_bytes, (uint64_t)sent.packets * body_bytes);
  pf_count(send->counters.packets_dropped, count - sent.packets);
  pf_count(send->counters.send_calls, sent.calls);
}

/* Sends all shards; returns when the first of them had left. */
static uint64_t send_shards(pf_send *send, const pf__frame *frame, pf_pacer *pacer) {
  const pf_block *block = &frame->block;
  uint32_t body_bytes = (uint32_t)pf__stride(frame);
  uint32_t burst_max = pf_session_burst_max(body_bytes);
  uint32_t shards = block->data_count + block->parity_count;
  uint64_t first_ns = 0;
  bool has_parity = false;
  for (uint32_t at = 0; at < shards;) {
    uint32_t end = at < block->data_count ? block->data_count : shards;
    uint32_t count = end - at < burst_max ? end - at : burst_max;
    count = pf_pacer_chunk(pacer, count, body_bytes);
    uint64_t when_ns = pf_pacer_next(pacer, (uint64_t)count * body_bytes);
    if (!has_parity && (at >= block->data_count || when_ns > pf_now_ns())) {
      make_parity(send, frame);
      has_parity = true;
    }
    pace(send, pacer, when_ns);
    send_burst(send, frame, at, count);
    if (first_ns == 0) first_ns = pf_now_ns();
    at += count;
  }
  return first_ns;
}

static void keep_timing(pf_send *send, const pf_host_timing *timing) {
  pthread_mutex_lock(&send->lock);
  uint32_t at = (send->timings_head + send->timings_count) % PF_SEND_TIMINGS;
  if (send->timings_count == PF_SEND_TIMINGS)
    send->timings_head = (send->timings_head + 1) % PF_SEND_TIMINGS;
  else
    send->timings_count++;
  send->timings[at] = *timing;
  pthread_mutex_unlock(&send->lock);
}

static void send_frame(pf_send *send, const pf__frame *frame, uint32_t bitrate_kbps) {
  pf_pacer pacer = {.burst_bytes = send->burst_bytes,
                    .bytes_per_second = (uint64_t)bitrate_kbps * 125 * send->pace_multiple};
  write_headers(frame);
  pf_pacer_begin(&pacer, pf_now_ns());
  uint64_t first_ns = send_shards(send, frame, &pacer);
  uint64_t last_ns = pf_now_ns();
  pf_count(send->counters.frames, 1);
  pf_count(send->counters.frame_bytes, frame->bytes);
  pf_count(send->counters.parity_packets, frame->block.parity_count);
  pf_histogram_span(&send->counters.seal_us, frame->queued_ns, first_ns);
  pf_histogram_span(&send->counters.pace_us, first_ns, last_ns);
  const pf_host_timing timing = {.frame = frame->index,
                                 .queue_us = frame->queue_us,
                                 .encode_us = frame->encode_us,
                                 .seal_us = pf__span_us(frame->queued_ns, first_ns),
                                 .pace_us = pf__span_us(first_ns, last_ns)};
  keep_timing(send, &timing);
}

static void send_tip(pf_send *send, uint32_t frame) {
  pf_tip_body body = {.frame = frame, .sent = 1};
  pf_udp_sent sent;
  pf_session_send(send->session, PF_PLANE_TIP, (const uint8_t *)&body, 0, sizeof body, 1, &sent);
  pf_count(send->counters.tips, 1);
}

/* Waits for a frame until `until_ns`. Called with the lock held. */
static bool wait_for_frame(pf_send *send, uint64_t until_ns) {
  while (send->count == 0 && send->accepting && wait_until(send, until_ns)) {
  }
  return send->count > 0;
}

void *pf__send_run(void *context) {
  pf_send *send = context;
  pf_thread_name("pf-send");
  pf_gauge(send->counters.urgent, pf_thread_urgent());
  prctl(PR_SET_TIMERSLACK, 1UL); /* paced to the microsecond; the default is 50 µs late */
  uint64_t tip_ns = UINT64_MAX, tip_wait_ms = 0;
  pthread_mutex_lock(&send->lock);
  while (send->accepting) {
    bool has_frame = wait_for_frame(send, tip_ns);
    if (!send->accepting) break;
    uint32_t bitrate_kbps = send->bitrate_kbps;
    uint32_t newest = send->newest_index;
    const pf__frame *frame = &send->frames[send->head];
    pthread_mutex_unlock(&send->lock);
    if (has_frame) {
      send_frame(send, frame, bitrate_kbps);
      tip_wait_ms = PF_TIP_FIRST_MS;
    } else {
      send_tip(send, newest);
      tip_wait_ms = tip_wait_ms * 2 < PF_TIP_MAX_MS ? tip_wait_ms * 2 : PF_TIP_MAX_MS;
    }
    tip_ns = pf_now_ns() + tip_wait_ms * 1000000u;
    pthread_mutex_lock(&send->lock);
    if (!has_frame) continue;
    send->newest_index = frame->index;
    send->head = (send->head + 1) % PF_SEND_QUEUE_COUNT;
    send->count--;
    pf_gauge(send->counters.queued, send->count);
    pthread_cond_broadcast(&send->changed);
  }
  pthread_mutex_unlock(&send->lock);
  return NULL;
}

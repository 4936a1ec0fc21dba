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

static void make_parity(pf_send *send, pf__frame *frame) {
  if (frame->has_parity) return;
  frame->has_parity = true;
  const pf_block *block = &frame->block;
  uint8_t *shard = frame->bodies + PF_SHARD_HEADER_BYTES;
  size_t stride = pf__stride(frame);
  for (uint32_t i = 0; i < block->data_count; i++) send->data[i] = shard + i * stride;
  for (uint32_t i = 0; i < block->parity_count; i++)
    send->parity[i] = shard + (block->data_count + i) * stride;
  pf_fec_encode(send->fec, send->data, block->data_count, send->parity, block->parity_count,
                block->shard_bytes);
}

/* Waits for a packet's turn and makes the parity meanwhile. When another frame waits behind this
 * one the rest leaves at once. */
static void pace(pf_send *send, pf__frame *frame, uint64_t when_ns) {
  if (when_ns > pf_now_ns()) make_parity(send, frame);
  if (when_ns <= pf_now_ns()) return;
  pthread_mutex_lock(&send->lock);
  while (send->accepting && send->count < 2 && wait_until(send, when_ns)) {
  }
  if (!send->accepting || send->count >= 2) frame->pacer.bytes_per_second = 0;
  pthread_mutex_unlock(&send->lock);
}

/* Sends the next shards of a frame, those that are made, when the pacer lets them. */
static void send_next(pf_send *send, pf__frame *frame) {
  uint32_t end = frame->block.data_count + (frame->has_parity ? frame->block.parity_count : 0);
  uint32_t body_bytes = (uint32_t)pf__stride(frame);
  uint32_t count = end - frame->sent, burst_max = pf_session_burst_max(body_bytes);
  count = pf_pacer_chunk(&frame->pacer, count < burst_max ? count : burst_max, body_bytes);
  uint64_t when_ns = pf_pacer_next(&frame->pacer, (uint64_t)count * body_bytes);
  bool is_timed = pf_session_is_timed(send->session);
  if (when_ns > frame->pacer.begin_ns) pace(send, frame, pf_pacer_wake(when_ns, is_timed));
  if (!is_timed || frame->pacer.bytes_per_second == 0) when_ns = 0; /* now, or in a hurry */
  const pf_session_burst burst = {.bodies = frame->bodies + frame->sent * (size_t)body_bytes,
                                  .body_stride = body_bytes,
                                  .body_bytes = body_bytes,
                                  .count = count,
                                  .plane = send->plane,
                                  .launch_ns = when_ns};
  pf_udp_sent sent;
  pf_session_send(send->session, &burst, &sent);
  frame->launch_ns = when_ns;
  frame->sent += count;
  pf_count(send->counters.packets, sent.packets);
  pf_count(send->counters.packet_bytes, (uint64_t)sent.packets * body_bytes);
  pf_count(send->counters.packets_dropped, count - sent.packets);
  pf_count(send->counters.send_calls, sent.calls);
}

void pf__send_begin(pf_send *send, pf__frame *frame, uint32_t bitrate_kbps) {
  write_headers(frame);
  frame->sent = 0;
  frame->has_parity = false;
  frame->pacer = (pf_pacer){.burst_bytes = send->burst_bytes,
                            .bytes_per_second = (uint64_t)bitrate_kbps * 125 * send->pace_multiple};
  pf_pacer_begin(&frame->pacer, pf_now_ns());
  send_next(send, frame);
  frame->first_ns = pf_now_ns();
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

static void send_frame(pf_send *send, pf__frame *frame, uint32_t bitrate_kbps) {
  const pf_block *block = &frame->block;
  if (frame->first_ns == 0) pf__send_begin(send, frame, bitrate_kbps);
  while (frame->sent < block->data_count) send_next(send, frame);
  make_parity(send, frame);
  while (frame->sent < block->data_count + block->parity_count) send_next(send, frame);
  uint64_t now_ns = pf_now_ns(), last_ns = frame->launch_ns > now_ns ? frame->launch_ns : now_ns;
  pf_count(send->counters.frames, 1);
  pf_count(send->counters.frame_bytes, frame->bytes);
  pf_gauge(send->counters.last_ns, last_ns);
  pf_count(send->counters.parity_packets, block->parity_count);
  pf_histogram_span(&send->counters.seal_us, frame->queued_ns, frame->first_ns);
  pf_histogram_span(&send->counters.pace_us, frame->first_ns, last_ns);
  const pf_host_timing timing = {.frame = frame->index,
                                 .queue_us = frame->queue_us,
                                 .encode_us = frame->encode_us,
                                 .seal_us = pf__span_us(frame->queued_ns, frame->first_ns),
                                 .pace_us = pf__span_us(frame->first_ns, last_ns)};
  keep_timing(send, &timing);
}

static void send_tip(pf_send *send, uint32_t frame) {
  pf_tip_body body = {.frame = frame, .sent = 1};
  const pf_session_burst burst = {.bodies = (const uint8_t *)&body,
                                  .body_bytes = sizeof body,
                                  .count = 1,
                                  .plane = PF_PLANE_TIP};
  pf_udp_sent sent;
  pf_session_send(send->session, &burst, &sent);
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
    pf__frame *frame = &send->frames[send->head];
    pthread_mutex_unlock(&send->lock);
    if (has_frame) {
      send_frame(send, frame, bitrate_kbps);
      tip_wait_ms = PF_TIP_FIRST_MS;
    } else {
      send_tip(send, newest);
      tip_wait_ms = tip_wait_ms * 2 < PF_TIP_MAX_MS ? tip_wait_ms * 2 : PF_TIP_MAX_MS;
    }
    if (send->plane == PF_PLANE_VIDEO) tip_ns = pf_now_ns() + tip_wait_ms * 1000000u;
    pthread_mutex_lock(&send->lock);
    if (!has_frame) continue;
    if ((int32_t)(frame->index - send->newest_index) > 0) send->newest_index = frame->index;
    send->head = (send->head + 1) % PF_SEND_QUEUE_COUNT;
    send->count--;
    pf_gauge(send->counters.queued, send->count);
    pthread_cond_broadcast(&send->changed);
  }
  pthread_mutex_unlock(&send->lock);
  return NULL;
}

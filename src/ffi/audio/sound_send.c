#include "sound_send.h"

#include <errno.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "coding.h"
#include "node.h"

enum {
  RING_FRAMES = 64,    /* 320 ms: the thread was held up longer than anybody would listen to */
  SILENT_FRAMES = 200, /* 1 s, so that what fades is not cut */
  FRAME_NS = 5000000,
};
_Static_assert(FRAME_NS / 1000 * PF_SOUND_RATE_HZ / 1000000 == PF_SOUND_FRAME_SAMPLES, "5 ms");

struct pf_sound_send {
  pf_sound_node node;
  pf_sink sink;
  OpusMSEncoder *encoder;
  uint32_t channel_count;
  size_t frame_floats;

  /* From the node's thread to the coding one. */
  float *ring; /* of RING_FRAMES */
  uint32_t indexes[RING_FRAMES];
  uint64_t complete_ns[RING_FRAMES]; /* when a frame's last sample was there */
  atomic_uint head, tail;
  sem_t filled;
  uint32_t index, samples; /* the node's: of the frame that is filled, and how far it is */

  /* The coding thread's. */
  uint32_t silent_run;
  uint8_t coded[2][PF_SOUND_FRAME_BYTES_MAX];
  pf_sound_frame previous;

  pthread_t thread;
  bool running;
  atomic_bool stopping;
  pf_sound_send_counters counters;
};

/* Ends a frame; a full ring drops it. */
static bool publish(pf_sound_send *send, uint64_t complete_ns) {
  uint32_t head = atomic_load_explicit(&send->head, memory_order_relaxed);
  uint32_t slot = head % RING_FRAMES;
  send->indexes[slot] = send->index++;
  send->complete_ns[slot] = complete_ns;
  send->samples = 0;
  /* The slot behind it is written to next, and must be free. */
  if (head + 1 - atomic_load_explicit(&send->tail, memory_order_acquire) >= RING_FRAMES) {
    pf_count(send->counters.overruns, 1);
    return false;
  }
  atomic_store_explicit(&send->head, head + 1, memory_order_release);
  return true;
}

static void process(void *context, float *samples, uint32_t frames) {
  pf_sound_send *send = context;
  uint64_t now_ns = pf_now_ns();
  bool any = false;
  while (frames > 0) {
    uint32_t count = PF_SOUND_FRAME_SAMPLES - send->samples;
    if (count > frames) count = frames;
    uint32_t slot = atomic_load_explicit(&send->head, memory_order_relaxed) % RING_FRAMES;
    size_t channels = send->channel_count;
    memcpy(send->ring + slot * send->frame_floats + send->samples * channels, samples,
           sizeof *samples * count * channels);
    samples += count * channels;
    frames -= count;
    send->samples += count;
    if (send->samples == PF_SOUND_FRAME_SAMPLES)
      any |= publish(send, now_ns - frames * 1000000000ull / PF_SOUND_RATE_HZ);
  }
  if (any) sem_post(&send->filled);
}

static bool is_silent(const float *samples, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (samples[i] != 0) return false;
  return true;
}

static void send_frame(pf_sound_send *send, uint32_t slot) {
  const float *samples = send->ring + slot * send->frame_floats;
  send->silent_run = is_silent(samples, send->frame_floats) ? send->silent_run + 1 : 0;
  if (send->silent_run > SILENT_FRAMES) {
    send->silent_run = SILENT_FRAMES + 1;
    send->previous.bytes = 0;
    pf_count(send->counters.silent, 1);
    return;
  }
  uint8_t *coded = send->coded[send->indexes[slot] % 2];
  pf_sound_packet packet = {.capture_ns = send->complete_ns[slot] - FRAME_NS,
                            .index = send->indexes[slot],
                            .frame = {.data = coded},
                            .previous = send->previous};
  packet.frame.bytes = pf_sound_encode(send->encoder, samples, coded);
  send->previous = packet.frame;
  if (packet.frame.bytes == 0) return;
  uint8_t body[PF_SOUND_PACKET_BYTES_MAX];
  uint32_t bytes = pf_sound_packet_write(&packet, send->channel_count, body);
  pf_sink_push(&send->sink, &(pf_packet){.data = body, .bytes = bytes});
  pf_count(send->counters.frames, 1);
  pf_count(send->counters.packet_bytes, bytes);
  pf_histogram_span(&send->counters.capture_to_sent_us, packet.capture_ns, pf_now_ns());
}

static void *run(void *context) {
  pf_sound_send *send = context;
  pf_thread_name("pf-sound-send");
  pf_gauge(send->counters.urgent, pf_thread_urgent());
  for (;;) {
    while (sem_wait(&send->filled) != 0 && errno == EINTR) {
    }
    if (atomic_load(&send->stopping)) return NULL;
    uint32_t tail = atomic_load_explicit(&send->tail, memory_order_relaxed);
    while (tail != atomic_load_explicit(&send->head, memory_order_acquire)) {
      send_frame(send, tail % RING_FRAMES);
      atomic_store_explicit(&send->tail, ++tail, memory_order_release);
    }
  }
}

pf_result pf_sound_send_open(const pf_sound_config *config, pf_sound_send **out) {
  if (config->role > PF_SOUND_CAPTURE)
    return pf_fail(PF_E_ARGUMENT, "role %u hears nothing", config->role);
  pf_sound_send *send = calloc(1, sizeof *send);
  if (send == NULL) return pf_fail(PF_E_MEMORY, "no memory for sound");
  sem_init(&send->filled, 0, 0);
  memcpy(&send->sink.push, &config->sink_push, sizeof config->sink_push);
  send->sink.context = config->sink_context;
  send->channel_count = config->channel_count;
  send->frame_floats = (size_t)config->channel_count * PF_SOUND_FRAME_SAMPLES;
  pf_result result =
      pf_sound_encoder_open(config->channel_count, config->bitrate_kbps, &send->encoder);
  if (result == PF_OK) {
    send->ring = calloc(RING_FRAMES, sizeof *send->ring * send->frame_floats);
    if (send->ring == NULL) result = pf_fail(PF_E_MEMORY, "no memory for sound");
  }
  if (result == PF_OK) {
    send->node.process = process;
    send->node.context = send;
    send->node.connected = &send->counters.connected;
    send->node.restarts = &send->counters.restarts;
    result = pf_sound_node_open(&send->node, config);
  }
  if (result != PF_OK) {
    pf_sound_send_close(send);
    return result;
  }
  *out = send;
  return PF_OK;
}

pf_result pf_sound_send_start(pf_sound_send *send) {
  if (send->running || atomic_load(&send->stopping))
    return pf_fail(PF_E_STATE, "sound was started before");
  int error = pthread_create(&send->thread, NULL, run, send);
  if (error != 0) return pf_fail(PF_E_SYSTEM, "pthread_create: %s", strerror(error));
  send->running = true;
  pf_result result = pf_sound_node_start(&send->node);
  if (result != PF_OK) pf_sound_send_stop(send);
  return result;
}

void pf_sound_send_stop(pf_sound_send *send) {
  if (send == NULL) return;
  pf_sound_node_stop(&send->node);
  atomic_store(&send->stopping, true);
  if (!send->running) return;
  sem_post(&send->filled);
  pthread_join(send->thread, NULL);
  send->running = false;
}

void pf_sound_send_close(pf_sound_send *send) {
  if (send == NULL) return;
  pf_sound_send_stop(send);
  pf_sound_node_close(&send->node);
  if (send->encoder != NULL) opus_multistream_encoder_destroy(send->encoder);
  sem_destroy(&send->filled);
  free(send->ring);
  free(send);
}

const void *pf_sound_send_counters_block(pf_sound_send *send) { return &send->counters; }

#include "sound_receive.h"

#include <stdlib.h>
#include <string.h>

#include "coding.h"
#include "jitter.h"
#include "node.h"
#include "stretch.h"

enum { INBOX = 64, STALE_MS = 200 };

typedef struct letter {
  uint64_t arrival_ns;
  uint32_t bytes;
  uint8_t body[PF_SOUND_PACKET_BYTES_MAX];
} letter;

struct pf_sound_receive {
  pf_sound_node node;
  uint32_t channel_count;
  letter inbox[INBOX]; /* from the network's thread to the playing one */
  atomic_uint head, tail;
  /* The playing thread's: */
  pf_jitter jitter;
  pf_stretch stretch;
  OpusMSDecoder *decoder;
  double rate;
  uint64_t now_ns;
  pf_sound_receive_counters counters;
};

/* The network's thread. */
static void push(void *context, void *item) {
  pf_sound_receive *receive = context;
  const pf_packet *packet = item;
  pf_sound_packet read;
  pf_count(receive->counters.packets, 1);
  if (pf_sound_packet_read(packet->data, packet->bytes, receive->channel_count, &read) != PF_OK) {
    pf_count(receive->counters.dropped_geometry, 1);
    return;
  }
  uint32_t head = atomic_load_explicit(&receive->head, memory_order_relaxed);
  if (head - atomic_load_explicit(&receive->tail, memory_order_acquire) == INBOX) {
    pf_count(receive->counters.dropped_full, 1);
    return;
  }
  letter *to = &receive->inbox[head % INBOX];
  to->arrival_ns = packet->time_ns;
  to->bytes = packet->bytes;
  memcpy(to->body, packet->data, packet->bytes);
  atomic_store_explicit(&receive->head, head + 1, memory_order_release);
}

static void read_letters(pf_sound_receive *receive) {
  uint32_t tail = atomic_load_explicit(&receive->tail, memory_order_relaxed);
  uint32_t head = atomic_load_explicit(&receive->head, memory_order_acquire);
  for (; tail != head; tail++) {
    const letter *from = &receive->inbox[tail % INBOX];
    pf_sound_packet packet;
    if (receive->now_ns > from->arrival_ns + STALE_MS * 1000000ull)
      pf_count(receive->counters.dropped_stale, 1);
    else if (pf_sound_packet_read(from->body, from->bytes, receive->channel_count, &packet) ==
             PF_OK)
      pf_jitter_put(&receive->jitter, &packet, from->arrival_ns);
  }
  atomic_store_explicit(&receive->tail, tail, memory_order_release);
}

static void more(void *context, float *samples, double *rate) {
  pf_sound_receive *receive = context;
  pf_sound_frame frame;
  pf_jitter_kind kind = pf_jitter_take(&receive->jitter, receive->now_ns, &frame);
  if (kind == PF_JITTER_SILENCE)
    memset(samples, 0, sizeof *samples * PF_SOUND_FRAME_SAMPLES * receive->channel_count);
  else if (!pf_sound_decode(receive->decoder, receive->channel_count, frame, samples) &&
           kind == PF_JITTER_FRAME)
    pf_count(receive->counters.concealed, 1);
  *rate = pf_jitter_rate(&receive->jitter);
}

static void process(void *context, float *samples, uint32_t frames) {
  pf_sound_receive *receive = context;
  receive->now_ns = pf_now_ns();
  pf_count(receive->counters.pulls, 1);
  read_letters(receive);
  pf_stretch_pull(&receive->stretch, samples, frames, &receive->rate, more, receive);
}

static void pull(void *context, void *item) {
  const pf_sound_block *block = item;
  process(context, block->samples, block->frames);
}

pf_result pf_sound_receive_open(const pf_sound_config *config, pf_sound_receive **out) {
  if (config->role < PF_SOUND_PLAYBACK || config->role > PF_SOUND_PULLED)
    return pf_fail(PF_E_ARGUMENT, "role %u plays nothing", config->role);
  pf_sound_receive *receive = calloc(1, sizeof *receive);
  if (receive == NULL) return pf_fail(PF_E_MEMORY, "no memory for sound");
  receive->channel_count = config->channel_count;
  receive->rate = 1;
  pf_jitter_init(&receive->jitter, &receive->counters);
  pf_result result = pf_sound_decoder_open(config->channel_count, &receive->decoder);
  if (result == PF_OK) pf_stretch_init(&receive->stretch, config->channel_count);
  if (result == PF_OK && config->role != PF_SOUND_PULLED) {
    receive->node.process = process;
    receive->node.context = receive;
    receive->node.connected = &receive->counters.connected;
    receive->node.restarts = &receive->counters.restarts;
    result = pf_sound_node_open(&receive->node, config);
  }
  if (result != PF_OK) {
    pf_sound_receive_close(receive);
    return result;
  }
  *out = receive;
  return PF_OK;
}

pf_result pf_sound_receive_start(pf_sound_receive *receive) {
  return receive->node.context != NULL ? pf_sound_node_start(&receive->node) : PF_OK;
}

void pf_sound_receive_stop(pf_sound_receive *receive) {
  if (receive != NULL) pf_sound_node_stop(&receive->node);
}

void pf_sound_receive_close(pf_sound_receive *receive) {
  if (receive == NULL) return;
  pf_sound_node_close(&receive->node);
  if (receive->decoder != NULL) opus_multistream_decoder_destroy(receive->decoder);
  free(receive);
}

void pf_sound_receive_sink(pf_sound_receive *receive, pf_sink *out) {
  *out = (pf_sink){.push = push, .context = receive};
}

void pf_sound_receive_source(pf_sound_receive *receive, pf_sink *out) {
  *out = (pf_sink){.push = pull, .context = receive};
}

const void *pf_sound_receive_counters_block(pf_sound_receive *receive) {
  return &receive->counters;
}

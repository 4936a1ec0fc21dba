#include "moonlight.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../fec/gf8.h"

#define PAYLOAD_BYTES (PF_LAB_SHARD_BYTES - PF_LAB_SHARD_HEADER_BYTES)
#define FRAME_HEADER_BYTES 8u
/* Moonlight asks for at least two parity shards in a block. */
#define PARITY_COUNT_MIN 2u
#define FRAME_SHARDS_MAX (PF_LAB_BLOCKS_MAX * PF_LAB_BLOCK_DATA_MAX)

/* What the receiver has of a frame, by the slot that its packets lie in. */
typedef struct pf__reception {
  uint8_t *shards; /* where the sender has them, too */
  uint32_t frame;
  uint32_t seen[PF_LAB_BLOCKS_MAX];
  uint32_t whole_count; /* blocks that can be rebuilt */
  uint8_t present[FRAME_SHARDS_MAX];
} pf__reception;

typedef struct moonlight {
  pf_lab_blocks blocks;
  uint32_t first[PF_LAB_BLOCKS_MAX]; /* shard of each block */
  uint32_t shard_count;
  pf_gf8 *code;
  uint8_t *picture; /* frame header + content, on both ends */
  size_t picture_bytes;
  pf__reception receptions[PF_LAB_SLOTS_MAX];
  uint32_t next; /* frames before are delivered or lost */
} moonlight;

static uint32_t divide_up(uint32_t value, uint32_t by) { return (value + by - 1) / by; }

pf_lab_blocks pf__lab_blocks_of(uint32_t frame_bytes, uint32_t parity_percent) {
  pf_lab_blocks blocks = {.data_count = divide_up(frame_bytes + FRAME_HEADER_BYTES, PAYLOAD_BYTES)};
  uint32_t count = divide_up(blocks.data_count, PF_GF8_SHARDS_MAX * 100 / (100 + parity_percent));
  bool protects = count <= PF_LAB_BLOCKS_MAX;
  if (!protects) count = PF_LAB_BLOCKS_MAX;
  uint32_t each = divide_up(blocks.data_count, count), left = blocks.data_count;
  if (each > PF_LAB_BLOCK_DATA_MAX) return blocks;
  for (uint32_t i = 0; i < count; i++) {
    blocks.data[i] = left < each ? left : each;
    left -= blocks.data[i];
    uint32_t parity = divide_up(blocks.data[i] * parity_percent, 100);
    if (parity < PARITY_COUNT_MIN) parity = PARITY_COUNT_MIN;
    blocks.parity[i] = protects ? parity : 0;
  }
  blocks.count = count;
  return blocks;
}

static pf_result open_scheme(pf_lab *lab) {
  moonlight *m = calloc(1, sizeof *m);
  if (m == NULL) return pf_fail(PF_E_MEMORY, "no memory for a lab");
  lab->state = m;
  m->blocks = pf__lab_blocks_of(lab->frame_bytes, lab->config.parity_permille / 10);
  for (uint32_t i = 0; i < m->blocks.count; i++) {
    m->first[i] = m->shard_count;
    m->shard_count += m->blocks.data[i] + m->blocks.parity[i];
  }
  /* A page for a frame that can't be sent, too. */
  lab->slot_bytes = (size_t)m->shard_count * PF_LAB_SHARD_BYTES + 1;
  m->picture_bytes = (size_t)m->blocks.data_count * PAYLOAD_BYTES;
  m->picture = malloc(m->picture_bytes);
  if (m->picture == NULL) return pf_fail(PF_E_MEMORY, "no memory for a lab");
  for (uint32_t i = 0; i < lab->slot_count; i++) {
    m->receptions[i].shards = malloc(lab->slot_bytes);
    if (m->receptions[i].shards == NULL) return pf_fail(PF_E_MEMORY, "no memory for a lab");
  }
  return pf_gf8_open(PF_LAB_SHARD_BYTES, &m->code);
}

static void close_scheme(pf_lab *lab) {
  moonlight *m = lab->state;
  for (uint32_t i = 0; i < lab->slot_count; i++) free(m->receptions[i].shards);
  pf_gf8_close(m->code);
  free(m->picture);
  free(m);
}

/* The data shards of a frame, block after block, and room for the parity behind each. */
static void cut(const moonlight *m, uint8_t *shards) {
  const uint8_t *from = m->picture;
  for (uint32_t block = 0; block < m->blocks.count; block++) {
    uint8_t *shard = shards + (size_t)m->first[block] * PF_LAB_SHARD_BYTES;
    for (uint32_t i = 0; i < m->blocks.data[block]; i++, shard += PF_LAB_SHARD_BYTES) {
      memset(shard, 0, PF_LAB_SHARD_HEADER_BYTES);
      memcpy(shard + PF_LAB_SHARD_HEADER_BYTES, from, PAYLOAD_BYTES);
      from += PAYLOAD_BYTES;
    }
  }
}

static int32_t send_frame(pf_lab *lab, pf__slot *slot) {
  moonlight *m = lab->state;
  pf_gauge(lab->counters.data_count, m->blocks.data_count);
  if (m->blocks.count == 0) return 0;
  size_t used = FRAME_HEADER_BYTES + (size_t)lab->frame_bytes;
  memset(m->picture, 0, FRAME_HEADER_BYTES);
  memcpy(m->picture + FRAME_HEADER_BYTES, pf__lab_content(lab, slot->frame), lab->frame_bytes);
  memset(m->picture + used, 0, m->picture_bytes - used);
  cut(m, slot->packets);
  for (uint32_t block = 0; block < m->blocks.count; block++) {
    const uint8_t *data[PF_GF8_SHARDS_MAX];
    uint8_t *parity[PF_GF8_SHARDS_MAX];
    uint8_t *shard = slot->packets + (size_t)m->first[block] * PF_LAB_SHARD_BYTES;
    if (m->blocks.parity[block] == 0) continue;
    for (uint32_t i = 0; i < m->blocks.data[block]; i++, shard += PF_LAB_SHARD_BYTES)
      data[i] = shard;
    for (uint32_t i = 0; i < m->blocks.parity[block]; i++, shard += PF_LAB_SHARD_BYTES)
      parity[i] = shard;
    pf_result result = pf_gf8_encode(m->code, data, m->blocks.data[block], parity,
                                     m->blocks.parity[block], PF_LAB_SHARD_BYTES);
    if (result != PF_OK) return result;
  }
  slot->count = m->shard_count;
  slot->packet_bytes = PF_LAB_SHARD_BYTES;
  pf__reception *reception = &m->receptions[slot - lab->slots];
  reception->frame = slot->frame;
  reception->whole_count = 0;
  memset(reception->seen, 0, sizeof reception->seen);
  memset(reception->present, 0, m->shard_count);
  return (int32_t)m->shard_count;
}

/* Rebuilds what a block misses; whether it had to. */
static bool rebuild(const moonlight *m, pf__reception *reception, uint32_t block) {
  uint32_t data_count = m->blocks.data[block], parity_count = m->blocks.parity[block];
  const uint8_t *present = reception->present + m->first[block];
  if (memchr(present, 0, data_count) == NULL) return false;
  uint8_t *shards[PF_GF8_SHARDS_MAX];
  for (uint32_t i = 0; i < data_count + parity_count; i++)
    shards[i] = reception->shards + (size_t)(m->first[block] + i) * PF_LAB_SHARD_BYTES;
  return pf_gf8_decode(m->code, shards, present, data_count, parity_count, PF_LAB_SHARD_BYTES) ==
         PF_OK;
}

/* A frame is whole: it is delivered, and those before it that are not are lost. */
static void deliver(pf_lab *lab, pf__reception *reception) {
  moonlight *m = lab->state;
  bool recovered = false;
  uint8_t *to = m->picture;
  for (uint32_t block = 0; block < m->blocks.count; block++) {
    if (rebuild(m, reception, block)) recovered = true;
    const uint8_t *shard = reception->shards + (size_t)m->first[block] * PF_LAB_SHARD_BYTES;
    for (uint32_t i = 0; i < m->blocks.data[block]; i++, shard += PF_LAB_SHARD_BYTES) {
      memcpy(to, shard + PF_LAB_SHARD_HEADER_BYTES, PAYLOAD_BYTES);
      to += PAYLOAD_BYTES;
    }
  }
  m->next = reception->frame + 1;
  if (recovered) pf_count(lab->counters.frames_recovered, 1);
  pf__lab_delivered(lab, reception->frame, m->picture + FRAME_HEADER_BYTES, lab->frame_bytes);
}

static void take_packet(pf_lab *lab, const pf__slot *slot, uint32_t index, uint32_t bytes,
                        double at_ns) {
  moonlight *m = lab->state;
  pf__reception *reception = &m->receptions[slot - lab->slots];
  if (bytes < PF_LAB_SHARD_BYTES || reception->frame < m->next || reception->present[index]) return;
  uint32_t block = m->blocks.count - 1;
  while (index < m->first[block]) block--;
  size_t at = (size_t)index * PF_LAB_SHARD_BYTES;
  memcpy(reception->shards + at, slot->packets + at, PF_LAB_SHARD_BYTES);
  reception->present[index] = 1;
  if (++reception->seen[block] != m->blocks.data[block]) return;
  if (++reception->whole_count == m->blocks.count) deliver(lab, reception);
}

const pf__scheme pf__lab_gf8 = {
    .open = open_scheme, .close = close_scheme, .send = send_frame, .take = take_packet};

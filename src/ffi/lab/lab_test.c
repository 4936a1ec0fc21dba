/* Frames through the lab, some packets lost, doubled and cut; for the sanitizers. */
#include "lab_state.h"
#include "moonlight.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                          \
  do {                                                                            \
    if (condition) break;                                                         \
    fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #condition,            \
            pf_last_error());                                                     \
    exit(1);                                                                      \
  } while (0)

#define FRAMES 12u
static uint32_t packets[131072];
static double at_ns[131072];
static uint16_t bytes[131072];

/* Every fifteenth packet is lost, every fortieth comes twice, every fiftieth is cut. */
static void run(uint32_t scheme, uint32_t frame_bytes) {
  pf_lab_config config = {
      .scheme = scheme, .frame_bytes = frame_bytes, .slot_count = 3, .parity_permille = 200};
  for (uint32_t k = 0; k < PF_PARITY_TABLE_COUNT; k++)
    config.parity_table[k] = (uint16_t)(k / 5 + 4);
  pf_lab *lab = NULL;
  CHECK(pf_lab_open(&config, &lab) == PF_OK);
  for (uint32_t frame = 0; frame < FRAMES; frame++) {
    uint32_t slot = frame % 3, count = 0;
    int32_t sent = pf_lab_send(lab, slot);
    CHECK(sent > 0);
    for (uint32_t i = 0; i < (uint32_t)sent; i++) {
      if (i % 15 == 0) continue;
      for (uint32_t copy = 0; copy < (i % 40 == 3 ? 2u : 1u); copy++, count++) {
        packets[count] = slot << 16 | i;
        at_ns[count] = frame * 16e6 + i * 1e3;
        bytes[count] = i % 50 == 20 ? 40 : UINT16_MAX;
      }
    }
    CHECK(pf_lab_deliver(lab, packets, at_ns, bytes, count) == PF_OK);
  }
  const pf_lab_counters *counters = pf_lab_counters_block(lab);
  CHECK(counters->frames_delivered == FRAMES);
  CHECK(counters->frames_recovered > 0);
  CHECK(counters->frames_wrong == 0);
  const uint32_t nothing = 2u << 16 | 0xffff;
  CHECK(pf_lab_deliver(lab, &nothing, at_ns, bytes, 1) == PF_E_ARGUMENT);
  CHECK(pf_lab_send(lab, 3) == PF_E_ARGUMENT);
  pf_lab_close(lab);
}

static void refuse(pf_lab_config config) {
  pf_lab *lab = NULL;
  CHECK(pf_lab_open(&config, &lab) == PF_E_ARGUMENT);
  CHECK(lab == NULL);
}

/* Content that is not what was sent is found: of another frame, of another length, one bit off. */
static void find_wrong(void) {
  const pf_lab_config config = {.frame_bytes = 5000, .slot_count = 1};
  pf_lab *lab = NULL;
  CHECK(pf_lab_open(&config, &lab) == PF_OK);
  CHECK(pf_lab_send(lab, 0) > 0 && pf_lab_send(lab, 0) > 0);
  const pf_lab_counters *counters = pf_lab_counters_block(lab);
  uint8_t content[5000];
  memcpy(content, pf__lab_content(lab, 1), sizeof content);
  pf__lab_delivered(lab, 1, content, sizeof content);
  CHECK(counters->frames_delivered == 1 && counters->frames_wrong == 0);
  pf__lab_delivered(lab, 0, content, sizeof content);
  pf__lab_delivered(lab, 1, content, sizeof content - 1);
  pf__lab_delivered(lab, 2, pf__lab_content(lab, 2), sizeof content);
  content[4999] ^= 1;
  pf__lab_delivered(lab, 1, content, sizeof content);
  CHECK(counters->frames_wrong == 4 && counters->first_wrong == 1);
  pf_lab_close(lab);
}

/* Data shards of Moonlight's packets that still get parity, by share. */
static void find_wall(void) {
  static const struct {
    uint32_t percent, shards;
  } walls[] = {{20, 848}, {10, 924}, {1, 1008}};
  const uint32_t payload = PF_LAB_SHARD_BYTES - PF_LAB_SHARD_HEADER_BYTES;
  for (uint32_t i = 0; i < PF_ARRAY_COUNT(walls); i++) {
    uint32_t most = walls[i].shards * payload - 8;
    pf_lab_blocks below = pf__lab_blocks_of(most, walls[i].percent);
    CHECK(below.count == 4 && below.data_count == walls[i].shards);
    for (uint32_t block = 0; block < 4; block++) {
      CHECK(below.parity[block] > 0);
      CHECK(below.data[block] + below.parity[block] <= 255);
    }
    pf_lab_blocks beyond = pf__lab_blocks_of(most + 1, walls[i].percent);
    CHECK(beyond.count == 4 && beyond.data_count == walls[i].shards + 1);
    CHECK(beyond.parity[0] == 0 && beyond.parity[3] == 0);
  }
  CHECK(pf__lab_blocks_of(4 * 1023 * payload - 8, 20).count == 4);
  CHECK(pf__lab_blocks_of(4 * 1023 * payload - 7, 20).count == 0);
  pf_lab_blocks one = pf__lab_blocks_of(1, 20);
  CHECK(one.count == 1 && one.data[0] == 1 && one.parity[0] == 2);
}

int main(void) {
  find_wall();
  find_wrong();
  run(PF_LAB_GF16, 1);
  run(PF_LAB_GF16, 50000);
  run(PF_LAB_GF16, 700000);
  run(PF_LAB_GF8, 1);
  run(PF_LAB_GF8, 50000);
  run(PF_LAB_GF8, 1100000);
  refuse((pf_lab_config){.scheme = 9, .frame_bytes = 1, .slot_count = 1});
  refuse((pf_lab_config){.slot_count = 1});
  refuse((pf_lab_config){.frame_bytes = PF_FRAME_BYTES_MAX, .slot_count = 1});
  refuse((pf_lab_config){.frame_bytes = 1});
  refuse((pf_lab_config){.frame_bytes = 1, .slot_count = PF_LAB_SLOTS_MAX + 1});
  return 0;
}

/* The pure parts of the data plane: pacer, blocks, replay window, and sealing by each library. */
#include "testing.h"

#include <string.h>

#include "blocks.h"
#include "pacer.h"

static void the_burst_leaves_at_once_and_the_rest_is_spread(void) {
  pf_pacer pacer = {.burst_bytes = 10000, .bytes_per_second = 1000000};
  pf_pacer_begin(&pacer, 5000);
  CHECK(pf_pacer_chunk(&pacer, 44, 1000) == 10);
  CHECK(pf_pacer_next(&pacer, 10000) == 5000);
  CHECK(pf_pacer_chunk(&pacer, 44, 1000) == 2); /* 2,000 bytes in 2 ms */
  CHECK(pf_pacer_chunk(&pacer, 44, 100) == 20);
  CHECK(pf_pacer_chunk(&pacer, 44, 3000) == 1);
  CHECK(pf_pacer_next(&pacer, 1000) == 5000 + 1000000);
  CHECK(pf_pacer_next(&pacer, 4000) == 5000 + 5000000);
  pf_pacer_begin(&pacer, 7000); /* nothing of a frame is held against the next */
  CHECK(pf_pacer_next(&pacer, 10000) == 7000);
  pacer.bytes_per_second = 0;
  CHECK(pf_pacer_chunk(&pacer, 44, 1000) == 44);
  CHECK(pf_pacer_next(&pacer, UINT32_MAX) == 7000);
}

static void a_paced_frame_takes_its_share_of_time(void) {
  for (uint64_t rate = 50000; rate <= 5000000000u; rate *= 10) {
    pf_pacer pacer = {.burst_bytes = 131072, .bytes_per_second = rate};
    pf_pacer_begin(&pacer, 0);
    uint64_t when_ns = 0, bytes = 1424 * 3000;
    for (uint32_t sent = 0; sent < 3000;) {
      uint32_t count = pf_pacer_chunk(&pacer, 3000 - sent < 44 ? 3000 - sent : 44, 1424);
      CHECK(count >= 1 && count <= 44 && sent + count <= 3000);
      uint64_t next_ns = pf_pacer_next(&pacer, count * 1424u);
      CHECK(next_ns >= when_ns);
      when_ns = next_ns;
      sent += count;
    }
    uint64_t wanted_ns = (uint64_t)((double)(bytes - 131072) * 1e9 / (double)rate);
    CHECK(when_ns >= wanted_ns - 1 && when_ns <= wanted_ns + 1);
  }
}

static pf_block_rules make_rules(uint32_t frame_bytes_max) {
  pf_block_rules rules = {.frame_bytes_max = frame_bytes_max,
                          .shard_bytes_max = 1408,
                          .shard_bytes_small = 512,
                          .shard_count_target = 64,
                          .parity_permille = 200};
  for (uint32_t k = 0; k < PF_PARITY_TABLE_COUNT; k++) rules.parity_table[k] = (uint16_t)(k / 4);
  return rules;
}

static void expect_block(const pf_block_rules *rules, uint32_t frame_bytes, pf_block wanted) {
  pf_block block = pf_block_of(rules, frame_bytes);
  if (memcmp(&block, &wanted, sizeof block) != 0)
    fprintf(stderr, "%u bytes: %u x %u + %u\n", frame_bytes, block.data_count, block.shard_bytes,
            block.parity_count);
  CHECK(memcmp(&block, &wanted, sizeof block) == 0);
}

static void a_frame_is_cut_by_its_size(void) {
  pf_block_rules rules = make_rules(PF_FRAME_BYTES_MAX);
  expect_block(&rules, 1, (pf_block){64, 1, 2});
  expect_block(&rules, 65, (pf_block){128, 1, 2});
  expect_block(&rules, 1408, (pf_block){1408, 1, 2});
  expect_block(&rules, 1409, (pf_block){512, 3, 2});
  expect_block(&rules, 40000, (pf_block){640, 63, 15});
  expect_block(&rules, 90112, (pf_block){1408, 64, 16});
  expect_block(&rules, 90113, (pf_block){1408, 65, 16});
  expect_block(&rules, 256 * 1408, (pf_block){1408, 256, 64});
  expect_block(&rules, 256 * 1408 + 1, (pf_block){1408, 257, 52});
  rules.parity_table[1] = 65535;
  expect_block(&rules, 100, (pf_block){128, 1, 11916});
}

static void a_receiver_takes_what_a_sender_of_its_sizes_cuts(void) {
  for (uint32_t max = 24; max <= PF_FRAME_BYTES_MAX; max = max * 3 + 1) {
    pf_block_rules rules = make_rules(max);
    rules.parity_permille = PF_PARITY_PERMILLE_MAX;
    for (uint32_t k = 0; k < PF_PARITY_TABLE_COUNT; k++) rules.parity_table[k] = 65535;
    uint32_t data_max = pf_block_receive_data_max(max, 1408);
    for (uint32_t bytes = 24; bytes <= max; bytes += bytes / 7 + 1) {
      pf_block block = pf_block_of(&rules, bytes);
      CHECK(block.data_count <= pf_block_data_max(&rules) && block.data_count <= data_max);
      CHECK((uint64_t)block.data_count * block.shard_bytes >= bytes);
      CHECK(block.parity_count >= PF_PARITY_COUNT_MIN);
      CHECK(block.parity_count <= pf_block_parity_max(data_max));
      CHECK(block.data_count + block.parity_count <= PF_SHARD_COUNT_MAX);
    }
  }
}

/* Against a list of all that was seen. */
static void the_replay_window_tells_new_from_old(void) {
  enum { COUNT = 40000 };
  static bool seen[COUNT];
  pf_replay replay = {0};
  pf_random random = {23};
  uint64_t newest = 0;
  bool any = false;
  for (uint32_t i = 0; i < 200000; i++) {
    uint64_t step = pf_random_below(&random, i % 1000 == 0 ? 9000 : 6000);
    uint64_t sequence = newest + step / 1000;
    if (step % 2 == 0) sequence = sequence > step ? sequence - step : 0;
    if (sequence >= COUNT) break;
    bool fresh = !seen[sequence] && (!any || sequence + PF_REPLAY_WINDOW_PACKETS > newest);
    CHECK(pf_replay_is_fresh(&replay, sequence) == fresh);
    if (!fresh || i % 5 == 0) continue; /* a fifth does not authenticate */
    pf_replay_remember(&replay, sequence);
    seen[sequence] = any = true;
    if (sequence > newest) newest = sequence;
  }
  CHECK(newest > 30000);
  CHECK(pf_replay_is_fresh(&replay, UINT64_MAX));
  pf_replay_remember(&replay, UINT64_MAX);
  CHECK(!pf_replay_is_fresh(&replay, UINT64_MAX) && !pf_replay_is_fresh(&replay, newest + 1));
  CHECK(pf_replay_is_fresh(&replay, UINT64_MAX - PF_REPLAY_WINDOW_PACKETS + 1));
  CHECK(!pf_replay_is_fresh(&replay, UINT64_MAX - PF_REPLAY_WINDOW_PACKETS));
}

/* What one library seals the other opens, and nothing that was changed. */
static void libraries_agree(uint32_t sealing, uint32_t opening) {
  uint8_t key[PF_SEAL_KEY_BYTES], salt[PF_SEAL_SALT_BYTES];
  pf_test_fill(key, sizeof key, 1);
  pf_test_fill(salt, sizeof salt, 2);
  pf_seal *sealer = NULL, *opener = NULL;
  if (pf_seal_open(sealing, key, salt, &sealer) != PF_OK) return;
  if (pf_seal_open(opening, key, salt, &opener) != PF_OK) {
    pf_seal_close(sealer);
    return;
  }
  for (uint32_t bytes = 0; bytes < 1500; bytes += 1 + bytes / 9) {
    /* Exactly as large as they are, so that a sanitizer sees a byte too much. */
    uint32_t packet_bytes = 16 + bytes + PF_SEAL_TAG_BYTES;
    uint8_t *packets = malloc(packet_bytes * 3), *bodies = malloc(bytes * 3 + 1);
    pf_test_fill(bodies, bytes * 3, bytes);
    for (int i = 0; i < 3; i++) pf_test_fill(packets + i * packet_bytes, 16, 9);
    const pf_seal_batch batch = {packets, bodies, bytes, 16, bytes, 3};
    CHECK(pf_seal_packets(sealer, bytes * 1000ull, &batch) == PF_OK);
    for (uint32_t i = 0; i < 3; i++) {
      uint8_t *packet = packets + i * packet_bytes, *copy = malloc(packet_bytes);
      uint64_t sequence = bytes * 1000ull + i;
      memcpy(copy, packet, packet_bytes);
      CHECK(pf_seal_open_packet(opener, sequence, packet, 16, packet_bytes) == PF_OK);
      CHECK(memcmp(packet + 16, bodies + i * bytes, bytes) == 0);
      memcpy(packet, copy, packet_bytes);
      CHECK(pf_seal_open_packet(opener, sequence + 1, packet, 16, packet_bytes) ==
            PF_E_AUTHENTICATION);
      for (uint32_t at = 0; at < packet_bytes; at += 1 + at / 3) {
        memcpy(packet, copy, packet_bytes);
        packet[at] ^= (uint8_t)(1 << at % 8);
        CHECK(pf_seal_open_packet(opener, sequence, packet, 16, packet_bytes) ==
              PF_E_AUTHENTICATION);
      }
      free(copy);
    }
    free(packets);
    free(bodies);
  }
  uint8_t shorty[31] = {0};
  CHECK(pf_seal_open_packet(opener, 0, shorty, 16, sizeof shorty) == PF_E_TRUNCATED);
  pf_seal_close(sealer);
  pf_seal_close(opener);
}

void pf_test_units(void) {
  the_burst_leaves_at_once_and_the_rest_is_spread();
  a_paced_frame_takes_its_share_of_time();
  a_frame_is_cut_by_its_size();
  a_receiver_takes_what_a_sender_of_its_sizes_cuts();
  the_replay_window_tells_new_from_old();
  for (uint32_t one = PF_SEAL_IPSEC_MB; one <= PF_SEAL_OPENSSL; one++)
    for (uint32_t other = PF_SEAL_IPSEC_MB; other <= PF_SEAL_OPENSSL; other++)
      libraries_agree(one, other);
}

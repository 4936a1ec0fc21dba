#include "blocks.h"

static uint32_t align_shard(uint32_t bytes) {
  return (bytes + PF_SHARD_ALIGN_BYTES - 1) / PF_SHARD_ALIGN_BYTES * PF_SHARD_ALIGN_BYTES;
}

static uint32_t divide_up(uint32_t bytes, uint32_t by) { return (bytes - 1) / by + 1; }

static uint32_t shard_bytes_of(const pf_block_rules *rules, uint32_t frame_bytes) {
  if (frame_bytes <= rules->shard_bytes_max) return align_shard(frame_bytes);
  uint32_t bytes = align_shard(divide_up(frame_bytes, rules->shard_count_target));
  if (bytes < rules->shard_bytes_small) return rules->shard_bytes_small;
  return bytes < rules->shard_bytes_max ? bytes : rules->shard_bytes_max;
}

static uint32_t parity_of(const pf_block_rules *rules, uint32_t data_count) {
  uint32_t count = data_count < PF_PARITY_TABLE_COUNT
                       ? rules->parity_table[data_count]
                       : (data_count * rules->parity_permille + 999) / 1000;
  uint32_t most = pf_block_parity_max(pf_block_data_max(rules));
  if (most > PF_SHARD_COUNT_MAX - data_count) most = PF_SHARD_COUNT_MAX - data_count;
  if (count < PF_PARITY_COUNT_MIN) count = PF_PARITY_COUNT_MIN;
  return count < most ? count : most;
}

pf_block pf_block_of(const pf_block_rules *rules, uint32_t frame_bytes) {
  pf_block block = {.shard_bytes = shard_bytes_of(rules, frame_bytes)};
  block.data_count = divide_up(frame_bytes, block.shard_bytes);
  block.parity_count = parity_of(rules, block.data_count);
  return block;
}

uint32_t pf_block_data_max(const pf_block_rules *rules) {
  uint32_t count = divide_up(rules->frame_bytes_max, rules->shard_bytes_max);
  return count > rules->shard_count_target ? count : rules->shard_count_target;
}

uint32_t pf_block_parity_max(uint32_t data_max) {
  return data_max / 2 > PF_BLOCK_SHARDS_MIN ? data_max / 2 : PF_BLOCK_SHARDS_MIN;
}

uint32_t pf_block_receive_data_max(uint32_t frame_bytes_max, uint32_t shard_bytes_max) {
  uint32_t count = divide_up(frame_bytes_max, shard_bytes_max);
  count += count / 4;
  const uint32_t most = PF_SHARD_COUNT_MAX - PF_PARITY_COUNT_MIN;
  if (count < PF_BLOCK_SHARDS_MIN) return PF_BLOCK_SHARDS_MIN;
  return count < most ? count : most;
}

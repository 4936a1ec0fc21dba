/*
 * How a frame is cut into shards, and the most of them that there can be: the sender cuts within
 * what a receiver of the same negotiated sizes takes. Pure.
 */
#ifndef PF_BLOCKS_H
#define PF_BLOCKS_H
#include "../common/common.h"

typedef struct pf_block {
  uint32_t shard_bytes, data_count, parity_count;
} pf_block;

/* What the sender's choice depends on. */
typedef struct pf_block_rules {
  uint32_t frame_bytes_max, shard_bytes_max, shard_bytes_small, shard_count_target;
  uint32_t parity_permille;
  uint16_t parity_table[PF_PARITY_TABLE_COUNT];
} pf_block_rules;

/*
 * A frame that fits one shard is one shard. A larger one is cut into about `shard_count_target`
 * shards, since the chance of losing more than the parity falls with the length of the block, but
 * none shorter than `shard_bytes_small`; a large one into shards of `shard_bytes_max`.
 * `frame_bytes` is 1 … frame_bytes_max. Parity is at least PF_PARITY_COUNT_MIN.
 */
pf_block pf_block_of(const pf_block_rules *rules, uint32_t frame_bytes);

/* Most data shards that pf_block_of makes. */
uint32_t pf_block_data_max(const pf_block_rules *rules);
/* Most parity shards of a sender with at most `data_max` data shards. */
uint32_t pf_block_parity_max(uint32_t data_max);

/* Most data shards of a frame that a receiver takes: a quarter more than the negotiated sizes give,
 * because the sender may have to cut smaller on a narrow path, and never below
 * PF_BLOCK_SHARDS_MIN. Its most parity is pf_block_parity_max of it. */
uint32_t pf_block_receive_data_max(uint32_t frame_bytes_max, uint32_t shard_bytes_max);

#endif

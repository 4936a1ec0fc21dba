/* One frame that is being put together from its shards. */
#ifndef PF_ASSEMBLY_H
#define PF_ASSEMBLY_H
#include "../common/common.h"
#include "../fec/fec.h"

typedef struct pf_assembly {
  uint8_t *shards;       /* data, then parity, shard_bytes apart; memory of the pool */
  uint8_t *present;      /* a flag for each */
  size_t resident_bytes; /* of `shards` that may be backed by memory; the pool's */

  uint32_t frame, frame_bytes;
  uint32_t data_count, parity_count, shard_bytes;
  uint32_t data_seen, seen;
  bool complete, recovered;
  bool bad; /* complete, but no frame */
  bool key; /* known when complete */
  uint64_t first_ns, complete_ns;
} pf_assembly;

/* What a receiver takes, from the negotiated sizes. */
typedef struct pf_assembly_limits {
  uint32_t frame_bytes_max, shard_bytes_max;
  uint32_t data_count_max, parity_count_max;
} pf_assembly_limits;

pf_assembly_limits pf_assembly_limits_of(uint32_t frame_bytes_max, uint32_t shard_bytes_max);
/* Bytes of the shards of the largest frame within the limits. */
size_t pf_assembly_bytes_max(const pf_assembly_limits *limits);

/* Whether a shard of `shard_bytes` with this header can be: PF_OK, or PF_E_ARGUMENT = it
 * contradicts itself, or PF_E_BOUNDS = it is above the limits. */
pf_result pf_assembly_check(const pf_assembly_limits *limits, const pf_shard_header *header,
                            uint32_t shard_bytes);
/* Begins a frame with the geometry of its first shard. */
void pf_assembly_begin(pf_assembly *assembly, const pf_shard_header *header, uint32_t shard_bytes,
                       uint64_t now_ns);
/* Whether a shard has the geometry that the first one pinned. */
bool pf_assembly_fits(const pf_assembly *assembly, const pf_shard_header *header,
                      uint32_t shard_bytes);
/* Takes a shard of a frame that is not complete. False: it is there already. */
bool pf_assembly_add(pf_assembly *assembly, uint32_t index, const uint8_t *shard);
/* Rebuilds the data shards that are missing and sets `recovered`. `pointers` has room for all
 * shards of a frame. */
pf_result pf_assembly_recover(pf_assembly *assembly, pf_fec *fec, uint8_t **pointers);

#endif

/* One frame that is being put together. */
#ifndef PF_ASSEMBLY_H
#define PF_ASSEMBLY_H
#include "../common/common.h"
#include "../fec/fec.h"

typedef struct pf_assembly {
  uint8_t *shards; /* data, then parity, shard_bytes apart */
  uint8_t *present; /* a flag for each */
  bool used, complete, recovered, bad;
  bool key; /* known when complete */
  uint32_t frame, frame_bytes;
  uint32_t data_count, parity_count, shard_bytes;
  uint32_t data_seen, seen;
  uint64_t first_ns, last_ns, complete_ns;
  size_t touched_bytes;
} pf_assembly;

/* Whether a shard of `shard_bytes` with this header can be: what is wrong as a PF_E_* (ARGUMENT =
 * contradicts itself, BOUNDS = above what was negotiated). */
pf_result pf_assembly_check(const pf_shard_header *header, uint32_t shard_bytes,
                            const pf_receive_config *limits);
/* Begins a frame with the geometry of its first shard. */
void pf_assembly_begin(pf_assembly *assembly, const pf_shard_header *header, uint32_t shard_bytes,
                       uint64_t now_ns);
bool pf_assembly_fits(const pf_assembly *assembly, const pf_shard_header *header,
                      uint32_t shard_bytes);
/* Takes a shard. PF_E_REPLAY: it is there already. PF_OK: taken; `complete` tells the rest. */
pf_result pf_assembly_add(pf_assembly *assembly, uint32_t index, const uint8_t *shard,
                          uint64_t now_ns);
/* Rebuilds what is missing. `pointers` has room for all shards of a frame. */
pf_result pf_assembly_recover(pf_assembly *assembly, pf_fec *fec, uint8_t **pointers);
/* Ends a frame; memory above 1 MiB goes back to the system. */
void pf_assembly_end(pf_assembly *assembly);

/* Most shards and bytes of one frame under these limits. */
uint32_t pf_assembly_shards_max(const pf_receive_config *limits);
size_t pf_assembly_bytes_max(const pf_receive_config *limits);

#endif

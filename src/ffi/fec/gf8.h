/*
 * Erasure code over GF(2^8) that Moonlight's clients expect of a GameStream host: systematic, with
 * a Cauchy matrix. k data shards give m parity shards, k + m <= 255; any k of them rebuild the
 * data.
 *
 *   parity_j = sum over i < k of data_i / ((m + i) XOR j)     in GF(2)[x] / 0x11D, byte by byte
 *
 * All factors depend on m, so a receiver must know m exactly. Shards are `shard_bytes` long, of any
 * length and at any alignment; a shorter last one is filled up with zeros by whoever calls.
 *
 * A handle owns its work buffers: encode and decode allocate nothing and may be called by one
 * thread at a time for each handle. Handles share only constant tables, made at the first open.
 *
 * Source: Blömer et al., "An XOR-Based Erasure-Resilient Coding Scheme", ICSI TR-95-048, for the
 * matrix; gf8.c for how it is solved.
 */
#ifndef PF_GF8_H
#define PF_GF8_H
#include "../common/common.h"

#define PF_GF8_SHARDS_MAX 255u        /* data + parity of one block */
#define PF_GF8_SHARD_BYTES_MAX 65536u /* no datagram is longer */

typedef struct pf_gf8 pf_gf8;

/* Makes a handle for shards of up to `max_shard_bytes`, with the fastest implementation that this
 * processor has. PF_E_ARGUMENT: not within 1 … PF_GF8_SHARD_BYTES_MAX. PF_E_MEMORY. */
pf_result pf_gf8_open(uint32_t max_shard_bytes, pf_gf8 **out);
/* Frees the handle; NULL is allowed. */
void pf_gf8_close(pf_gf8 *gf8);

/* Writes the m parity shards of k data shards. No shard may overlap a parity shard.
 * PF_E_ARGUMENT: k, m or shard_bytes is 0, k + m is above 255, a pointer is NULL.
 * PF_E_BOUNDS: shard_bytes is above what the handle was opened for. */
pf_result pf_gf8_encode(pf_gf8 *gf8, const uint8_t *const *data, uint32_t k,
                        uint8_t *const *parity, uint32_t m, uint32_t shard_bytes);

/* Rebuilds the missing data shards of a block in place. `shards` are k data, then m parity
 * pointers, `present` as many flags (0 = missing). A missing data shard's pointer names where it is
 * written to; a missing parity shard's is not used and may be NULL; parity is not rebuilt. Present
 * shards are only read. The cost is that of encoding as many parity shards as data shards are lost.
 * As encode, and PF_E_TOO_MANY_LOST: fewer than k shards are present; nothing was written. */
pf_result pf_gf8_decode(pf_gf8 *gf8, uint8_t *const *shards, const uint8_t *present, uint32_t k,
                        uint32_t m, uint32_t shard_bytes);

/* Makes a handle use the implementation of that name (see pf_fec_kernel); for tests and benchmarks.
 * PF_E_UNSUPPORTED: there is none of that name here. */
pf_result pf_gf8_select(pf_gf8 *gf8, const char *name);

#endif

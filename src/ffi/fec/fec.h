/*
 * Erasure code over GF(2^16): the systematic Reed-Solomon code of Leopard, as wide as a field of
 * 65,536 points allows. k data shards give m parity shards; any k of the k + m rebuild the data.
 *
 * Shards are `shard_bytes` long, a multiple of 64, at any alignment. Each block of 64 bytes holds
 * the 32 low bytes, then the 32 high bytes, of 32 field elements. k >= 1, m >= 1, and k + m is at
 * the most 65,536. Parity is byte-exact with catid/leopard's 16-bit field where that has any: for
 * m <= k, and k plus the power of two that holds m within 65,536. Beyond, it is this kernel's own.
 *
 * A handle owns its work buffers: encode and decode allocate nothing and may be called by one
 * thread at a time for each handle. Handles share only constant tables, made at the first open.
 *
 * Sources: Lin, Chung, Han, "Novel Polynomial Basis and Its Application to Reed-Solomon Erasure
 * Codes", FOCS 2014; see transform.h and decode.c for how it is done here.
 */
#ifndef PF_FEC_H
#define PF_FEC_H
#include "../common/common.h"

#define PF_FEC_SHARDS_MAX 65536u      /* data + parity of one block */
#define PF_FEC_SHARD_BYTES_MAX 65536u /* no datagram is longer */

typedef struct pf_fec pf_fec;

/* Makes a handle for blocks of up to `max_data` data and `max_parity` parity shards of up to
 * `max_shard_bytes` each. Uses the fastest implementation that this processor has.
 * PF_E_ARGUMENT: a maximum is 0, or max_shard_bytes is no multiple of 64 or above 65,536, or a
 * count is above 65,535. (Their sum may exceed 65,536; a block's may not.) PF_E_MEMORY. */
pf_result pf_fec_open(uint32_t max_data, uint32_t max_parity, uint32_t max_shard_bytes,
                      pf_fec **out);
/* Frees the handle; NULL is allowed. */
void pf_fec_close(pf_fec *fec);

/* Writes the m parity shards of k data shards. No shard may overlap a parity shard.
 * PF_E_ARGUMENT: a count is 0 or the sum above 65,536, shard_bytes is 0 or no multiple of 64, a
 * pointer is NULL.
 * PF_E_BOUNDS: a count or shard_bytes is above what the handle was opened for. */
pf_result pf_fec_encode(pf_fec *fec, const uint8_t *const *data, uint32_t k,
                        uint8_t *const *parity, uint32_t m, uint32_t shard_bytes);

/* Rebuilds the missing data shards of a block in place. `shards` are k data, then m parity
 * pointers, `present` as many flags (0 = missing). A missing data shard's pointer names where it is
 * written to; a missing parity shard's is not used and may be NULL; parity is not rebuilt.
 * Present shards are only read. The cost follows what is lost: nothing for no lost data shard, one
 * pass over the block for up to four, about an encode for some more, two for many.
 * As encode, and PF_E_TOO_MANY_LOST: fewer than k shards are present; nothing was written. */
pf_result pf_fec_decode(pf_fec *fec, uint8_t *const *shards, const uint8_t *present, uint32_t k,
                        uint32_t m, uint32_t shard_bytes);

/* The implementations that this processor can run, fastest first: name of the index-th, or NULL
 * past the end. "scalar" is always there, and last. */
const char *pf_fec_kernel(uint32_t index);
/* Makes a handle use the implementation of that name; for tests and benchmarks.
 * PF_E_UNSUPPORTED: there is none of that name here. */
pf_result pf_fec_select(pf_fec *fec, const char *name);

#endif

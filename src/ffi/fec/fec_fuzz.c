/*
 * The input names a block's geometry and what is lost of it, as packets of a stranger would:
 * counts, shard bytes, capacity of the handle, one bit per shard. Whatever it is, encode and decode
 * keep within their memory, and what they rebuild is what was sent.
 */
#include <stdlib.h>
#include <string.h>

#include "handle.h"

#define SHARDS_MAX 96u

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t bytes);

static void try_block(pf_fec *fec, uint32_t k, uint32_t m, uint32_t shard_bytes,
                      const uint8_t *pattern, size_t pattern_bytes) {
  uint32_t count = k + m, lost = 0;
  uint8_t *memory = malloc((size_t)count * shard_bytes + 1), present[2 * SHARDS_MAX];
  uint8_t *sent = malloc((size_t)k * shard_bytes + 1), *shards[2 * SHARDS_MAX];
  for (uint32_t i = 0; i < count; i++) {
    shards[i] = memory + (size_t)i * shard_bytes;
    present[i] = pattern_bytes == 0 || (pattern[i / 8 % pattern_bytes] >> (i % 8) & 1) == 0;
    lost += !present[i];
  }
  for (size_t i = 0; i < (size_t)k * shard_bytes; i++) memory[i] = (uint8_t)(i * i + i / 64);
  memcpy(sent, memory, (size_t)k * shard_bytes);
  if (pf_fec_encode(fec, (const uint8_t *const *)shards, k, shards + k, m, shard_bytes) == PF_OK) {
    for (uint32_t i = 0; i < count; i++)
      if (!present[i]) memset(shards[i], 0xEE, shard_bytes);
    pf_result result = pf_fec_decode(fec, shards, present, k, m, shard_bytes);
    if (result != (lost > m ? PF_E_TOO_MANY_LOST : PF_OK)) abort();
    if (lost <= m && memcmp(memory, sent, (size_t)k * shard_bytes) != 0) abort();
  } else if (pf_fec_decode(fec, shards, present, k, m, shard_bytes) >= 0) {
    abort();
  }
  free(sent);
  free(memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t bytes) {
  if (bytes < 8) return 0;
  pf_fec *fec;
  uint32_t max_shard_bytes = (1 + input[2] % 8u) * 64;
  if (pf_fec_open(1 + input[0] % SHARDS_MAX, 1 + input[1] % SHARDS_MAX, max_shard_bytes, &fec) < 0)
    abort();
  const char *name = pf_fec_kernel(input[3] % 5u);
  if (name != NULL && pf_fec_select(fec, name) < 0) abort();
  if (input[4] & 1) fec->combine_max = 0;
  if (input[7] & 1) fec->solve_max = 0;
  uint32_t shard_bytes = (input[4] >> 1) * 16u;
  try_block(fec, input[5] % SHARDS_MAX, input[6] % SHARDS_MAX, shard_bytes, input + 7, bytes - 7);
  pf_fec_close(fec);
  return 0;
}

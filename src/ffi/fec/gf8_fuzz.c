/*
 * The input names a block's geometry and what is lost of it, as packets of a stranger would:
 * counts, shard bytes, capacity of the handle, one bit per shard. Whatever it is, encode and decode
 * keep within their memory, and what they rebuild is what was sent.
 */
#include <stdlib.h>
#include <string.h>

#include "fec.h"
#include "gf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t bytes);

static void try_block(pf_gf8 *gf8, uint32_t k, uint32_t m, uint32_t shard_bytes,
                      const uint8_t *pattern, size_t pattern_bytes) {
  uint32_t count = k + m, lost = 0;
  uint8_t *memory = malloc((size_t)count * shard_bytes + 1), present[512];
  uint8_t *sent = malloc((size_t)k * shard_bytes + 1), *shards[512];
  for (uint32_t i = 0; i < count; i++) {
    shards[i] = memory + (size_t)i * shard_bytes;
    present[i] = pattern_bytes == 0 || (pattern[i / 8 % pattern_bytes] >> (i % 8) & 1) == 0;
    lost += !present[i];
  }
  for (size_t i = 0; i < (size_t)k * shard_bytes; i++) memory[i] = (uint8_t)(i * i + i / 64);
  memcpy(sent, memory, (size_t)k * shard_bytes);
  if (pf_gf8_encode(gf8, (const uint8_t *const *)shards, k, shards + k, m, shard_bytes) == PF_OK) {
    for (uint32_t i = 0; i < count; i++)
      if (!present[i]) memset(shards[i], 0xEE, shard_bytes);
    pf_result result = pf_gf8_decode(gf8, shards, present, k, m, shard_bytes);
    if (result != (lost > m ? PF_E_TOO_MANY_LOST : PF_OK)) abort();
    if (lost <= m && memcmp(memory, sent, (size_t)k * shard_bytes) != 0) abort();
  } else if (pf_gf8_decode(gf8, shards, present, k, m, shard_bytes) >= 0) {
    abort();
  }
  free(sent);
  free(memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t bytes) {
  if (bytes < 5) return 0;
  pf_gf8 *gf8;
  if (pf_gf8_open(1 + input[0], &gf8) < 0) abort();
  const char *name = pf_fec_kernel(input[1] % 5u);
  if (name != NULL && pf_gf8_select(gf8, name) < 0) abort();
  /* Twice, since a handle remembers the last block's factors. */
  try_block(gf8, input[2], input[3], input[4], input + 5, bytes - 5);
  try_block(gf8, input[3], input[2], input[4], input + 5, bytes - 5);
  pf_gf8_close(gf8);
  return 0;
}

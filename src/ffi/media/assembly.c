#include "assembly.h"

#include <string.h>
#include <sys/mman.h>

#define KEPT_BYTES (1024 * 1024)
/* A small frame may carry more parity than data; this much is always accepted. */
#define PARITY_BYTES_FREE (256u * PF_SHARD_BYTES_MAX)

size_t pf_assembly_bytes_max(const pf_receive_config *limits) {
  return 2 * ((size_t)limits->frame_bytes_max + limits->shard_bytes_max) + PARITY_BYTES_FREE;
}

uint32_t pf_assembly_shards_max(const pf_receive_config *limits) {
  size_t count = pf_assembly_bytes_max(limits) / PF_SHARD_ALIGN_BYTES;
  return count < PF_SHARD_COUNT_MAX ? (uint32_t)count : PF_SHARD_COUNT_MAX;
}

pf_result pf_assembly_check(const pf_shard_header *header, uint32_t shard_bytes,
                            const pf_receive_config *limits) {
  uint32_t shards = (uint32_t)header->data_count + header->parity_count;
  if (shard_bytes == 0 || shard_bytes % PF_SHARD_ALIGN_BYTES != 0 || header->data_count == 0 ||
      header->shard_index >= shards || header->reserved != 0 ||
      header->frame_bytes < PF_FRAME_HEADER_BYTES ||
      header->data_count != ((uint64_t)header->frame_bytes + shard_bytes - 1) / shard_bytes)
    return PF_E_ARGUMENT;
  if (header->frame_bytes > limits->frame_bytes_max || shard_bytes > limits->shard_bytes_max ||
      shards > pf_assembly_shards_max(limits) ||
      (size_t)shards * shard_bytes > pf_assembly_bytes_max(limits))
    return PF_E_BOUNDS;
  return PF_OK;
}

void pf_assembly_begin(pf_assembly *assembly, const pf_shard_header *header, uint32_t shard_bytes,
                       uint64_t now_ns) {
  uint8_t *shards = assembly->shards;
  uint8_t *present = assembly->present;
  *assembly = (pf_assembly){.shards = shards,
                            .present = present,
                            .used = true,
                            .frame = header->frame,
                            .frame_bytes = header->frame_bytes,
                            .data_count = header->data_count,
                            .parity_count = header->parity_count,
                            .shard_bytes = shard_bytes,
                            .first_ns = now_ns,
                            .last_ns = now_ns};
  memset(present, 0, assembly->data_count + assembly->parity_count);
}

bool pf_assembly_fits(const pf_assembly *assembly, const pf_shard_header *header,
                      uint32_t shard_bytes) {
  return assembly->frame_bytes == header->frame_bytes &&
         assembly->data_count == header->data_count &&
         assembly->parity_count == header->parity_count && assembly->shard_bytes == shard_bytes;
}

pf_result pf_assembly_add(pf_assembly *assembly, uint32_t index, const uint8_t *shard,
                          uint64_t now_ns) {
  if (assembly->present[index]) return PF_E_REPLAY;
  assembly->last_ns = now_ns;
  if (assembly->complete) return PF_OK; /* parity that was not needed */
  assembly->present[index] = 1;
  size_t end = (size_t)(index + 1) * assembly->shard_bytes;
  memcpy(assembly->shards + end - assembly->shard_bytes, shard, assembly->shard_bytes);
  if (end > assembly->touched_bytes) assembly->touched_bytes = end;
  assembly->seen++;
  if (index < assembly->data_count) assembly->data_seen++;
  if (assembly->seen >= assembly->data_count) {
    assembly->complete = true;
    assembly->complete_ns = now_ns;
  }
  return PF_OK;
}

pf_result pf_assembly_recover(pf_assembly *assembly, pf_fec *fec, uint8_t **pointers) {
  if (assembly->data_seen == assembly->data_count) return PF_OK;
  uint32_t shards = assembly->data_count + assembly->parity_count;
  for (uint32_t i = 0; i < shards; i++)
    pointers[i] = assembly->shards + (size_t)i * assembly->shard_bytes;
  pf_result result = pf_fec_decode(fec, pointers, assembly->present, assembly->data_count,
                                   assembly->parity_count, assembly->shard_bytes);
  assembly->recovered = result == PF_OK;
  size_t data_bytes = (size_t)assembly->data_count * assembly->shard_bytes;
  if (data_bytes > assembly->touched_bytes) assembly->touched_bytes = data_bytes;
  return result;
}

void pf_assembly_end(pf_assembly *assembly) {
  if (assembly->touched_bytes > KEPT_BYTES)
    madvise(assembly->shards, assembly->touched_bytes, MADV_DONTNEED);
  assembly->touched_bytes = 0;
  assembly->used = false;
}

#include "assembly.h"

#include <string.h>

#include "blocks.h"

pf_assembly_limits pf_assembly_limits_of(uint32_t frame_bytes_max, uint32_t shard_bytes_max) {
  uint32_t data_max = pf_block_receive_data_max(frame_bytes_max, shard_bytes_max);
  uint32_t parity_max = pf_block_parity_max(data_max);
  if (parity_max > PF_SHARD_COUNT_MAX - data_max) parity_max = PF_SHARD_COUNT_MAX - data_max;
  return (pf_assembly_limits){.frame_bytes_max = frame_bytes_max,
                              .shard_bytes_max = shard_bytes_max,
                              .data_count_max = data_max,
                              .parity_count_max = parity_max};
}

size_t pf_assembly_bytes_max(const pf_assembly_limits *limits) {
  return limits->frame_bytes_max + (size_t)limits->shard_bytes_max * (limits->parity_count_max + 1);
}

pf_result pf_assembly_check(const pf_assembly_limits *limits, const pf_shard_header *header,
                            uint32_t shard_bytes) {
  if (shard_bytes == 0 || shard_bytes % PF_SHARD_ALIGN_BYTES != 0 || header->reserved != 0 ||
      header->data_count == 0 || header->parity_count == 0 ||
      header->shard_index >= (uint32_t)header->data_count + header->parity_count ||
      header->frame_bytes < PF_FRAME_HEADER_BYTES ||
      header->data_count != (header->frame_bytes - 1) / shard_bytes + 1)
    return PF_E_ARGUMENT;
  if (header->frame_bytes > limits->frame_bytes_max || shard_bytes > limits->shard_bytes_max ||
      header->data_count > limits->data_count_max ||
      header->parity_count > limits->parity_count_max)
    return PF_E_BOUNDS;
  return PF_OK;
}

void pf_assembly_begin(pf_assembly *assembly, const pf_shard_header *header, uint32_t shard_bytes,
                       uint64_t now_ns) {
  *assembly = (pf_assembly){.shards = assembly->shards,
                            .present = assembly->present,
                            .resident_bytes = assembly->resident_bytes,
                            .frame = header->frame,
                            .frame_bytes = header->frame_bytes,
                            .data_count = header->data_count,
                            .parity_count = header->parity_count,
                            .shard_bytes = shard_bytes,
                            .first_ns = now_ns};
  memset(assembly->present, 0, assembly->data_count + assembly->parity_count);
}

bool pf_assembly_fits(const pf_assembly *assembly, const pf_shard_header *header,
                      uint32_t shard_bytes) {
  return assembly->frame_bytes == header->frame_bytes &&
         assembly->data_count == header->data_count &&
         assembly->parity_count == header->parity_count && assembly->shard_bytes == shard_bytes;
}

bool pf_assembly_add(pf_assembly *assembly, uint32_t index, const uint8_t *shard) {
  if (assembly->present[index]) return false;
  assembly->present[index] = 1;
  memcpy(assembly->shards + (size_t)index * assembly->shard_bytes, shard, assembly->shard_bytes);
  assembly->seen++;
  if (index < assembly->data_count) assembly->data_seen++;
  assembly->complete = assembly->seen >= assembly->data_count;
  return true;
}

pf_result pf_assembly_recover(pf_assembly *assembly, pf_fec *fec, uint8_t **pointers) {
  if (assembly->data_seen == assembly->data_count) return PF_OK;
  uint32_t count = assembly->data_count + assembly->parity_count;
  for (uint32_t i = 0; i < count; i++)
    pointers[i] = assembly->shards + (size_t)i * assembly->shard_bytes;
  pf_result result = pf_fec_decode(fec, pointers, assembly->present, assembly->data_count,
                                   assembly->parity_count, assembly->shard_bytes);
  assembly->recovered = result == PF_OK;
  return result;
}

#include "pool.h"

#include <sys/mman.h>

/* A buffer keeps this much in any case. */
#define KEPT_BYTES (1024u * 1024)
#define PAGE_BYTES 4096u

pf_result pf_pool_open(pf_pool *pool, const pf_assembly_limits *limits, uint32_t count) {
  pool->buffer_bytes = (pf_assembly_bytes_max(limits) + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
  pool->mapped_bytes = pool->buffer_bytes + limits->data_count_max + limits->parity_count_max;
  pool->budget_bytes = 2 * pool->buffer_bytes + count * (size_t)KEPT_BYTES;
  for (uint32_t i = 0; i < count; i++) {
    void *memory = mmap(NULL, pool->mapped_bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return pf_fail(PF_E_MEMORY, "no memory for a receiver");
    pool->assemblies[i] = (pf_assembly){
        .shards = memory, .present = (uint8_t *)memory + pool->buffer_bytes};
    pool->free[pool->free_count++] = &pool->assemblies[i];
    pool->count++;
  }
  return PF_OK;
}

void pf_pool_close(pf_pool *pool) {
  for (uint32_t i = 0; i < pool->count; i++) {
    pf_assembly *assembly = &pool->assemblies[i];
    munmap(assembly->shards, pool->mapped_bytes);
  }
}

/* Gives back what a free buffer holds beyond `kept_bytes`. */
static void shrink(pf_pool *pool, pf_assembly *assembly, size_t kept_bytes) {
  kept_bytes = (kept_bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
  if (assembly->resident_bytes <= kept_bytes) return;
  size_t bytes = assembly->resident_bytes - kept_bytes;
  madvise(assembly->shards + kept_bytes, bytes, MADV_DONTNEED);
  assembly->resident_bytes = kept_bytes;
  pool->resident_bytes -= bytes;
}

pf_assembly *pf_pool_take(pf_pool *pool, size_t bytes) {
  if (pool->free_count == 0) return NULL;
  pf_assembly *assembly = pool->free[pool->free_count - 1];
  size_t more = bytes > assembly->resident_bytes ? bytes - assembly->resident_bytes : 0;
  for (uint32_t i = 0; i + 1 < pool->free_count && pool->resident_bytes + more > pool->budget_bytes;
       i++)
    shrink(pool, pool->free[i], 0);
  if (pool->resident_bytes + more > pool->budget_bytes) return NULL;
  assembly->resident_bytes += more;
  pool->resident_bytes += more;
  pool->free_count--;
  return assembly;
}

void pf_pool_give(pf_pool *pool, pf_assembly *assembly) {
  size_t bytes = (size_t)(assembly->data_count + assembly->parity_count) * assembly->shard_bytes;
  pool->recent_bytes -= pool->recent_bytes / 64;
  if (bytes > pool->recent_bytes) pool->recent_bytes = bytes;
  size_t kept_bytes = 2 * pool->recent_bytes;
  shrink(pool, assembly, kept_bytes > KEPT_BYTES ? kept_bytes : KEPT_BYTES);
  pool->free[pool->free_count++] = assembly;
}

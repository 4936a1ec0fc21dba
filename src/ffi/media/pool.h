/*
 * Memory for the frames in flight: as many buffers as frames, each for the largest negotiated frame
 * with its parity. Address space is reserved for all of them at open, memory is used as frames need
 * it, and never more than for two of the largest frames and 1 MiB for each. The buffer that was
 * freed last is used first, so that it is still in the cache; what a buffer holds beyond twice
 * the frames of late goes back to the system.
 */
#ifndef PF_POOL_H
#define PF_POOL_H
#include "assembly.h"

typedef struct pf_pool {
  pf_assembly assemblies[PF_FRAMES_IN_FLIGHT_MAX];
  pf_assembly *free[PF_FRAMES_IN_FLIGHT_MAX];
  uint32_t count, free_count;
  size_t buffer_bytes, mapped_bytes, budget_bytes;
  size_t resident_bytes; /* of all buffers */
  size_t recent_bytes;   /* largest frame of late, with parity */
} pf_pool;

pf_result pf_pool_open(pf_pool *pool, const pf_assembly_limits *limits, uint32_t count);
void pf_pool_close(pf_pool *pool);
/* A buffer for a frame of `bytes` with its parity; NULL: none is free, or the budget is used up. */
pf_assembly *pf_pool_take(pf_pool *pool, size_t bytes);
void pf_pool_give(pf_pool *pool, pf_assembly *assembly);

#endif

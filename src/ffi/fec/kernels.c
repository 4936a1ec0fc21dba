/* Which kernels there are, and which of them this processor can run. */
#include <string.h>

#include "fec.h"
#include "kernel.h"

/* Fastest first. */
static const pf__fec_kernel *const kernels[] = {
#if defined(__x86_64__)
    &pf__fec_avx512, &pf__fec_gfni, &pf__fec_avx2, &pf__fec_ssse3,
#elif defined(__aarch64__)
    &pf__fec_neon,
#endif
    &pf__fec_scalar,
};

const pf__fec_kernel *pf__fec_kernel_at(uint32_t index) {
  for (size_t i = 0; i < PF_ARRAY_COUNT(kernels); i++)
    if (kernels[i]->usable() && index-- == 0) return kernels[i];
  return NULL;
}

pf_result pf__fec_kernel_named(const char *name, const pf__fec_kernel **out) {
  const pf__fec_kernel *kernel;
  for (uint32_t i = 0; (kernel = pf__fec_kernel_at(i)) != NULL; i++) {
    if (strcmp(kernel->name, name) != 0) continue;
    *out = kernel;
    return PF_OK;
  }
  return pf_fail(PF_E_UNSUPPORTED, "this processor has no FEC implementation named %s", name);
}

PF_EXPORT const char *pf_fec_kernel(uint32_t index) {
  const pf__fec_kernel *kernel = pf__fec_kernel_at(index);
  return kernel != NULL ? kernel->name : NULL;
}

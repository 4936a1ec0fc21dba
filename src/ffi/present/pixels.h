/*
 * Pictures to packed pixels of any size: for windows without a GPU and for terminals.
 */
#ifndef PF_PRESENT_PIXELS_H
#define PF_PRESENT_PIXELS_H
#include "../common/common.h"

/* Memory for a scaled picture before its colours are converted; zeroed = empty. */
typedef struct pf__pixels_scratch {
  uint8_t *bytes;
  size_t size;
} pf__pixels_scratch;

/*
 * Scales a picture to width x height and writes it as BGRX (X is anything), `stride` bytes a row.
 * The scratch grows when the size does, so that a steady stream allocates nothing. PF_E_ARGUMENT:
 * an unknown format or an empty picture; PF_E_MEMORY.
 */
pf_result pf__pixels_draw(pf__pixels_scratch *scratch, const pf_picture *picture, uint8_t *out,
                          uint32_t stride, uint32_t width, uint32_t height);
void pf__pixels_free(pf__pixels_scratch *scratch);

#endif

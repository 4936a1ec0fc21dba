/*
 * BT.709 limited range to RGB. libyuv's own conversion keeps its factors in 7 bits, which turns
 * full blue into 243; this one is exact to one level and nearly as fast.
 */
#ifndef PF_PRESENT_BT709_H
#define PF_PRESENT_BT709_H
#include <stdint.h>

/*
 * Writes a row of `width` pixels as B, G, R, 255. Chroma has (width + 1) / 2 samples; `chroma_step`
 * is 1 for planes of their own (I420) and 2 for pairs (NV12, where v = u + 1).
 */
void pf__bt709_row(const uint8_t *luma, const uint8_t *u, const uint8_t *v, uint32_t chroma_step,
                   uint8_t *bgrx, uint32_t width);

#endif

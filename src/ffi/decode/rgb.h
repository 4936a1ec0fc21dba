/*
 * A picture as RGB24, for screenshots and tests: BT.709 limited to full range, each pixel with the
 * chroma sample of its 2 × 2 block. Slow and exact to rounding.
 */
#ifndef PF_RGB_H
#define PF_RGB_H
#include "../common/common.h"

/* `out` has 3 × width × height bytes. PF_E_UNSUPPORTED for an unknown format. */
pf_result pf_picture_to_rgb(const pf_picture *picture, uint8_t *out);
/* The planes without gaps, one behind the other; writes pf_picture_packed_bytes(picture) bytes. */
pf_result pf_picture_pack(const pf_picture *picture, uint8_t *out);
uint64_t pf_picture_packed_bytes(const pf_picture *picture);

#endif

/*
 * What the synthetic source draws: a pure function of the picture's number.
 *
 * The moving picture is made of four layers, each there for what it asks of an encoder:
 *   1. three bands of a 512 × 512 tile (gradients, small print, a lattice), each scrolling at a
 *      speed of its own: motion search, fine detail;
 *   2. three bars of plain colour that cross the picture: uncovered background;
 *   3. a field of slow waves that changes everywhere: residual without motion;
 *   4. a field of noise that is new in every picture: bits that can't be predicted.
 */
#ifndef PF_PATTERN_H
#define PF_PATTERN_H
#include "../common/common.h"

#define PF_PATTERN_MOVING 0u
#define PF_PATTERN_CARD 1u
#define PF_PATTERN_STILL 2u

typedef struct pf_pattern pf_pattern;

/* PF_E_ARGUMENT for a side that is odd or outside the limits, or an unknown pattern. */
pf_result pf_pattern_open(uint32_t kind, uint32_t width, uint32_t height, pf_pattern **out);
void pf_pattern_close(pf_pattern *pattern);
/* Draws everything but the marker; `stride` in bytes, a multiple of 4. */
void pf_pattern_draw(const pf_pattern *pattern, uint64_t number, uint8_t *pixels, uint32_t stride);

/* The test card: 4 × 3 patches of plain colour below the marker, grey beside the marker. */
pf_result pf_card_patch_at(uint32_t index, uint32_t width, uint32_t height, pf_card_patch *out);
void pf_card_draw(uint32_t width, uint32_t height, uint8_t *pixels, uint32_t stride);
void pf_fill(uint8_t *pixels, uint32_t stride, const pf_card_patch *area);

#endif

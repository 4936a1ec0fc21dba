/*
 * Pushes a test card into a picture sink: what the presenters' tests and measurements look at.
 * The card has eight columns of equal width, in the upper half white, yellow, cyan, green, magenta,
 * red, blue, black, in the lower half the same from right to left, so that a flipped, shifted or
 * wrongly coloured picture can't pass. Colour is BT.709 limited in I420 and NV12.
 */
#ifndef PF_PRESENT_TESTCARD_H
#define PF_PRESENT_TESTCARD_H
#include "../common/common.h"

/*
 * Makes one picture (PF_PIXEL_*; width a multiple of 16, height of 4; both at most 16384), stamps
 * it as captured and decoded now, pushes it and releases it. PF_E_ARGUMENT, PF_E_MEMORY.
 */
pf_result pf_testcard_push(const pf_sink *sink, uint32_t format, uint32_t width, uint32_t height);

/* Pushes `count` cards, `hertz` a second, from the calling thread. */
pf_result pf_testcard_stream(const pf_sink *sink, uint32_t format, uint32_t width, uint32_t height,
                             uint32_t hertz, uint32_t count);

/* Pictures that were made and not yet released by everyone. */
uint32_t pf_testcard_live(void);

#endif

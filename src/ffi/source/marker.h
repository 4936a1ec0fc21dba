/*
 * The marker: what a synthetic picture says of itself, legible after lossy coding.
 *
 * It lies in the top left corner: 16 columns × 8 rows of square cells, white for 1 and black for 0,
 * row by row from the top left, the highest bit of each field first:
 *
 *   cells     field       meaning
 *   0-15      sync        0xA5C3; also tells the reader what black and white look like
 *   16-23     mark        what the source was told to show last (PF_KNOB_MARK), 0…255
 *   24-47     number      of the picture, modulo 2^24
 *   48-111    capture_ns  CLOCK_MONOTONIC of the source when the picture was drawn
 *   112-127   crc         CRC-16 (polynomial 0x1021, start 0xFFFF) of the 12 bytes before it
 *
 * The side of a cell is the smallest of 16, width / 16 and height / 16, made even: 16 pixels from
 * 256x256 on (a cell is then a macroblock), 4 pixels at 64x64.
 */
#ifndef PF_MARKER_H
#define PF_MARKER_H
#include "../common/common.h"

#define PF_MARKER_COLUMNS 16u
#define PF_MARKER_ROWS 8u
#define PF_MARKER_SYNC 0xA5C3u

/* The mark and the number as one field, and back. */
#define PF_MARKER_NUMBER_MASK 0xFFFFFFu
static inline uint32_t pf_marker_frame(uint8_t mark, uint64_t number) {
  return (uint32_t)mark << 24 | ((uint32_t)number & PF_MARKER_NUMBER_MASK);
}
static inline uint8_t pf_marker_mark(uint32_t frame) { return (uint8_t)(frame >> 24); }

/* Side of a cell in pixels at a mode; both sides at least 64. */
uint32_t pf_marker_cell(uint32_t width, uint32_t height);

/* `frame` is mark and number. Draws it into a BGRx picture whose rows are `stride` bytes apart. */
void pf_marker_draw(uint8_t *pixels, uint32_t stride, uint32_t width, uint32_t height,
                    uint32_t frame, uint64_t capture_ns);

/* Reads it from a plane of brightness: samples `step` bytes apart (1 for luma, 4 for the green of
 * BGRx), rows `stride` bytes apart. PF_E_ARGUMENT for a picture below 64x64, PF_E_EMPTY when there
 * is no marker or it is not legible. */
pf_result pf_marker_find(const uint8_t *samples, uint32_t step, uint32_t stride, uint32_t width,
                         uint32_t height, uint32_t *frame, uint64_t *capture_ns);

/* The same on a luma plane. */
pf_result pf_marker_read(const uint8_t *luma, uint32_t stride, uint32_t width, uint32_t height,
                         uint32_t *frame, uint64_t *capture_ns);

#endif

#include "marker.h"

#define CELLS (PF_MARKER_COLUMNS * PF_MARKER_ROWS)
#define SYNC_CELLS 16u
/* Black and white are 219 apart; coding that leaves less than a quarter has destroyed the cells. */
#define CONTRAST_MIN 55

typedef struct marker_bits {
  uint8_t byte[CELLS / 8];
} marker_bits;

static uint16_t crc16(const uint8_t *bytes, uint32_t count) {
  uint16_t crc = 0xFFFF;
  for (uint32_t i = 0; i < count; i++) {
    crc ^= (uint16_t)(bytes[i] << 8);
    for (int bit = 0; bit < 8; bit++)
      crc = (uint16_t)((crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1);
  }
  return crc;
}

static void put_big_endian(uint8_t *out, uint64_t value, uint32_t bytes) {
  for (uint32_t i = 0; i < bytes; i++) out[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
}

static uint64_t get_big_endian(const uint8_t *in, uint32_t bytes) {
  uint64_t value = 0;
  for (uint32_t i = 0; i < bytes; i++) value = value << 8 | in[i];
  return value;
}

static bool bit_of(const marker_bits *bits, uint32_t cell) {
  return (bits->byte[cell / 8] >> (7 - cell % 8) & 1) != 0;
}

uint32_t pf_marker_cell(uint32_t width, uint32_t height) {
  uint32_t side = width < height ? width / 16 : height / 16;
  return (side > 16 ? 16 : side) & ~1u;
}

void pf_marker_draw(uint8_t *pixels, uint32_t stride, uint32_t width, uint32_t height,
                    uint32_t frame, uint64_t capture_ns) {
  marker_bits bits;
  put_big_endian(bits.byte, PF_MARKER_SYNC, 2);
  put_big_endian(bits.byte + 2, frame, 4);
  put_big_endian(bits.byte + 6, capture_ns, 8);
  put_big_endian(bits.byte + 14, crc16(bits.byte + 2, 12), 2);
  uint32_t side = pf_marker_cell(width, height);
  for (uint32_t y = 0; y < side * PF_MARKER_ROWS; y++) {
    uint32_t *row = (uint32_t *)(void *)(pixels + (size_t)y * stride);
    for (uint32_t column = 0; column < PF_MARKER_COLUMNS; column++) {
      uint32_t colour = bit_of(&bits, y / side * PF_MARKER_COLUMNS + column) ? 0xFFFFFF : 0;
      for (uint32_t x = 0; x < side; x++) row[column * side + x] = colour;
    }
  }
}

/* Mean of the middle of a cell, where coding errors of the neighbours don't reach. */
static uint32_t cell_mean(const uint8_t *samples, uint32_t step, uint32_t stride, uint32_t side,
                          uint32_t cell) {
  uint32_t edge = side / 4, sum = 0;
  size_t top = (size_t)(cell / PF_MARKER_COLUMNS) * side;
  size_t left = (size_t)(cell % PF_MARKER_COLUMNS) * side;
  for (uint32_t y = edge; y < side - edge; y++)
    for (uint32_t x = edge; x < side - edge; x++)
      sum += samples[(top + y) * stride + (left + x) * step];
  return sum / ((side - 2 * edge) * (side - 2 * edge));
}

pf_result pf_marker_find(const uint8_t *samples, uint32_t step, uint32_t stride, uint32_t width,
                         uint32_t height, uint32_t *frame, uint64_t *capture_ns) {
  if (width < PF_WIDTH_MIN || height < PF_HEIGHT_MIN)
    return pf_fail(PF_E_ARGUMENT, "%ux%u is too small for a marker", width, height);
  uint32_t side = pf_marker_cell(width, height);
  marker_bits bits = {0};
  uint32_t mean[CELLS], level[2] = {0, 0}, count[2] = {0, 0};
  for (uint32_t cell = 0; cell < CELLS; cell++)
    mean[cell] = cell_mean(samples, step, stride, side, cell);
  for (uint32_t cell = 0; cell < SYNC_CELLS; cell++) {
    uint32_t white = PF_MARKER_SYNC >> (SYNC_CELLS - 1 - cell) & 1;
    level[white] += mean[cell];
    count[white]++;
  }
  int black = (int)(level[0] / count[0]), white = (int)(level[1] / count[1]);
  if (white - black < CONTRAST_MIN) return pf_fail(PF_E_EMPTY, "there is no marker");
  for (uint32_t cell = 0; cell < CELLS; cell++)
    if ((int)mean[cell] > (black + white) / 2)
      bits.byte[cell / 8] |= (uint8_t)(1u << (7 - cell % 8));
  if (get_big_endian(bits.byte, 2) != PF_MARKER_SYNC ||
      get_big_endian(bits.byte + 14, 2) != crc16(bits.byte + 2, 12))
    return pf_fail(PF_E_EMPTY, "the marker is not legible");
  *frame = (uint32_t)get_big_endian(bits.byte + 2, 4);
  *capture_ns = get_big_endian(bits.byte + 6, 8);
  return PF_OK;
}

PF_EXPORT pf_result pf_marker_read(const uint8_t *luma, uint32_t stride, uint32_t width,
                                   uint32_t height, uint32_t *frame, uint64_t *capture_ns) {
  return pf_marker_find(luma, 1, stride, width, height, frame, capture_ns);
}

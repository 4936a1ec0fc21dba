#include "marker.h"
#include "pattern.h"

#define COLUMNS 4u
#define ROWS 3u

static const uint32_t colours[COLUMNS * ROWS] = {
    0xFFFFFF, 0x808080, 0x000000, 0xFF0000, /* white, grey, black, red */
    0x00FF00, 0x0000FF, 0x00FFFF, 0xFF00FF, /* green, blue, cyan, magenta */
    0xFFFF00, 0xE0AC8A, 0xC0C0C0, 0x1A3A6B, /* yellow, skin, light grey, navy */
};

/* An edge on whole chroma samples. */
static uint32_t edge(uint32_t index, uint32_t count, uint32_t size) {
  return (uint32_t)((uint64_t)size * index / count) & ~1u;
}

pf_result pf_card_patch_at(uint32_t index, uint32_t width, uint32_t height, pf_card_patch *out) {
  if (index >= COLUMNS * ROWS) return pf_fail(PF_E_ARGUMENT, "there is no patch %u", index);
  uint32_t top = pf_marker_cell(width, height) * PF_MARKER_ROWS;
  uint32_t column = index % COLUMNS, row = index / COLUMNS;
  uint32_t x = edge(column, COLUMNS, width), y = top + edge(row, ROWS, height - top);
  uint32_t right = column + 1 == COLUMNS ? width : edge(column + 1, COLUMNS, width);
  uint32_t bottom = row + 1 == ROWS ? height : top + edge(row + 1, ROWS, height - top);
  *out = (pf_card_patch){
      .x = x, .y = y, .width = right - x, .height = bottom - y, .rgb = colours[index]};
  return PF_OK;
}

void pf_fill(uint8_t *pixels, uint32_t stride, const pf_card_patch *area) {
  for (uint32_t y = area->y; y < area->y + area->height; y++) {
    uint32_t *row = (uint32_t *)(void *)(pixels + (size_t)y * stride);
    for (uint32_t x = area->x; x < area->x + area->width; x++) row[x] = area->rgb;
  }
}

void pf_card_draw(uint32_t width, uint32_t height, uint8_t *pixels, uint32_t stride) {
  uint32_t top = pf_marker_cell(width, height) * PF_MARKER_ROWS;
  pf_fill(pixels, stride, &(pf_card_patch){.width = width, .height = top, .rgb = 0x808080});
  for (uint32_t index = 0; index < COLUMNS * ROWS; index++) {
    pf_card_patch patch;
    pf_card_patch_at(index, width, height, &patch);
    pf_fill(pixels, stride, &patch);
  }
}

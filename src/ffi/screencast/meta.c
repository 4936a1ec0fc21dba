#include "meta.h"

#include <string.h>

#include <spa/buffer/meta.h>
#include <spa/param/video/raw.h>

/* Where red, green, blue and alpha are among the four bytes; false for another format. */
static bool byte_order(uint32_t format, uint8_t order[4]) {
  static const struct {
    uint32_t format;
    uint8_t order[4];
  } known[] = {
      {SPA_VIDEO_FORMAT_RGBA, {0, 1, 2, 3}},
      {SPA_VIDEO_FORMAT_BGRA, {2, 1, 0, 3}},
      {SPA_VIDEO_FORMAT_ARGB, {1, 2, 3, 0}},
      {SPA_VIDEO_FORMAT_ABGR, {3, 2, 1, 0}},
  };
  for (size_t i = 0; i < PF_ARRAY_COUNT(known); i++) {
    if (known[i].format != format) continue;
    memcpy(order, known[i].order, 4);
    return true;
  }
  return false;
}

/* `start`: a struct spa_meta_bitmap with `bytes` from it to the end. */
static pf_cursor_news read_bitmap(pf_cursor *cursor, const uint8_t *start, size_t bytes) {
  struct spa_meta_bitmap bitmap;
  if (bytes < sizeof bitmap) return PF_CURSOR_INVALID;
  memcpy(&bitmap, start, sizeof bitmap);
  if (bitmap.format == 0) return PF_CURSOR_SAME;
  const uint32_t width = bitmap.size.width, height = bitmap.size.height;
  if (bitmap.offset == 0 || width == 0 || height == 0) {
    cursor->width = cursor->height = 0;
    return PF_CURSOR_CHANGED;
  }
  uint8_t order[4];
  if (width > PF_CURSOR_EDGE_MAX || height > PF_CURSOR_EDGE_MAX || bitmap.stride < 0 ||
      (uint32_t)bitmap.stride < width * 4 || bitmap.offset < sizeof bitmap ||
      !byte_order(bitmap.format, order))
    return PF_CURSOR_INVALID;
  uint64_t end = (uint64_t)bitmap.offset + (uint64_t)bitmap.stride * (height - 1) + width * 4u;
  if (end > bytes) return PF_CURSOR_INVALID;
  uint8_t *out = cursor->rgba;
  for (uint32_t y = 0; y < height; y++) {
    const uint8_t *row = start + bitmap.offset + (size_t)bitmap.stride * y;
    for (uint32_t x = 0; x < width; x++, row += 4, out += 4) {
      for (int i = 0; i < 4; i++) out[i] = row[order[i]];
    }
  }
  cursor->width = width;
  cursor->height = height;
  return PF_CURSOR_CHANGED;
}

pf_cursor_news pf_cursor_read(pf_cursor *cursor, const void *meta, size_t bytes) {
  struct spa_meta_cursor said;
  if (bytes < sizeof said) return PF_CURSOR_INVALID;
  memcpy(&said, meta, sizeof said);
  if (!spa_meta_cursor_is_valid(&said)) { /* compositors send this when it leaves the picture */
    bool was = cursor->visible;
    cursor->visible = false;
    return was ? PF_CURSOR_MOVED : PF_CURSOR_SAME;
  }
  pf_cursor_news news = PF_CURSOR_SAME;
  if (said.bitmap_offset >= sizeof said) {
    if (said.bitmap_offset > bytes) return PF_CURSOR_INVALID;
    news = read_bitmap(cursor, (const uint8_t *)meta + said.bitmap_offset,
                       bytes - said.bitmap_offset);
    if (news == PF_CURSOR_INVALID) return news;
  }
  bool moved = !cursor->visible || cursor->x != said.position.x || cursor->y != said.position.y;
  cursor->visible = true;
  cursor->x = said.position.x;
  cursor->y = said.position.y;
  if (news == PF_CURSOR_CHANGED) {
    cursor->hot_x = said.hotspot.x;
    cursor->hot_y = said.hotspot.y;
    return news;
  }
  return moved ? PF_CURSOR_MOVED : PF_CURSOR_SAME;
}

/* Cuts a region to the picture; false when nothing of it is left. */
static bool cut(const struct spa_region *region, uint32_t width, uint32_t height, pf_crop *out) {
  int64_t left = region->position.x, top = region->position.y;
  int64_t right = left + region->size.width, bottom = top + region->size.height;
  if (left < 0) left = 0;
  if (top < 0) top = 0;
  if (right > width) right = width;
  if (bottom > height) bottom = height;
  if (right <= left || bottom <= top) return false;
  *out = (pf_crop){.x = (uint32_t)left,
                   .y = (uint32_t)top,
                   .width = (uint32_t)(right - left),
                   .height = (uint32_t)(bottom - top)};
  return true;
}

pf_damage pf_damage_read(const void *meta, size_t bytes, uint32_t width, uint32_t height) {
  pf_damage damage = {0};
  const uint8_t *at = meta;
  for (size_t left = bytes; left >= sizeof(struct spa_meta_region);) {
    struct spa_meta_region region;
    memcpy(&region, at, sizeof region);
    if (!spa_meta_region_is_valid(&region)) break;
    pf_crop part;
    if (cut(&region.region, width, height, &part)) {
      damage.rectangles++;
      damage.pixels += (uint64_t)part.width * part.height;
    }
    at += sizeof region;
    left -= sizeof region;
  }
  return damage;
}

pf_crop pf_crop_read(const void *meta, size_t bytes, uint32_t width, uint32_t height) {
  const pf_crop all = {.width = width, .height = height};
  struct spa_meta_region region;
  if (bytes < sizeof region) return all;
  memcpy(&region, meta, sizeof region);
  pf_crop part;
  if (!spa_meta_region_is_valid(&region) || !cut(&region.region, width, height, &part)) return all;
  return part.width >= 2 && part.height >= 2 ? part : all;
}

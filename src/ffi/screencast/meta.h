/*
 * What a producer says beside its pictures (spa/buffer/meta.h): the pointer, damage, and the part
 * that counts. It lies in memory that the producer can write at any time, so each structure is
 * copied first and then checked against the bytes that are there.
 */
#ifndef PF_SCREENCAST_META_H
#define PF_SCREENCAST_META_H
#include "../common/common.h"

enum {
  /* Pixels of the largest pointer's edge: four times what compositors draw on dense screens. */
  PF_CURSOR_EDGE_MAX = 512,
  PF_CURSOR_BYTES_MAX = PF_CURSOR_EDGE_MAX * PF_CURSOR_EDGE_MAX * 4,
  PF_DAMAGE_REGIONS = 16,
};

/* The pointer as it was last told. */
typedef struct pf_cursor {
  bool visible;
  int32_t x, y;         /* where its hot spot is in the picture */
  int32_t hot_x, hot_y; /* where its hot spot is in its own picture */
  uint32_t width, height;
  uint8_t *rgba; /* PF_CURSOR_BYTES_MAX; colours premultiplied, rows without gaps */
} pf_cursor;

typedef enum pf_cursor_news {
  PF_CURSOR_SAME,
  PF_CURSOR_MOVED,   /* or shown or hidden */
  PF_CURSOR_CHANGED, /* it has a new picture */
  PF_CURSOR_INVALID, /* nothing was taken over */
} pf_cursor_news;

static inline bool pf_cursor_shown(const pf_cursor *cursor) {
  return cursor->visible && cursor->width > 0;
}

/* Takes over a struct spa_meta_cursor of so many bytes. */
pf_cursor_news pf_cursor_read(pf_cursor *cursor, const void *meta, size_t bytes);

typedef struct pf_damage {
  uint32_t rectangles;
  uint64_t pixels;
} pf_damage;

/* Adds up an array of struct spa_meta_region, within a picture of width x height. */
pf_damage pf_damage_read(const void *meta, size_t bytes, uint32_t width, uint32_t height);

typedef struct pf_crop {
  uint32_t x, y, width, height;
} pf_crop;

/* The part of a width x height picture that a struct spa_meta_region names; all of it when the
 * region is not valid. */
pf_crop pf_crop_read(const void *meta, size_t bytes, uint32_t width, uint32_t height);

#endif

/* Where an output lies among all outputs, in logical pixels, by zxdg_output_v1. */
#ifndef PF_KWIN_REGION_H
#define PF_KWIN_REGION_H
#include "../wayland/wayland.h"

typedef struct pf_kwin_region {
  struct zxdg_output_v1 *proxy; /* NULL = it is not known */
  int32_t x, y, width, height;
} pf_kwin_region;

/* Follows an output by its name; the first one for "". Without it, the region is the mode's. Known
 * after a round trip. */
void pf_kwin_region_open(pf_kwin_region *self, pf_wayland *connection, const char *output);
void pf_kwin_region_close(pf_kwin_region *self);

#endif

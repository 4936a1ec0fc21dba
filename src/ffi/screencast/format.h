/* What is offered to a producer and what it agrees to, in PipeWire's parameters. */
#ifndef PF_SCREENCAST_FORMAT_H
#define PF_SCREENCAST_FORMAT_H
#include "../pipewire/connection.h"

enum { PF_FORMAT_PARAMS_MAX = 8, PF_FORMAT_BYTES = 4096 };

/* Parameters and the memory they lie in. */
typedef struct pf_params {
  const struct spa_pod *list[PF_FORMAT_PARAMS_MAX];
  uint32_t count;
  uint8_t bytes[PF_FORMAT_BYTES];
} pf_params;

typedef struct pf_format {
  bool agreed;
  uint32_t spa_format; /* enum spa_video_format */
  uint32_t pixel;      /* PF_PIXEL_* */
  uint32_t width, height;
  uint32_t refresh_mhz; /* 0 = the producer promised nothing */
  bool dmabuf;
  uint64_t modifier; /* when dmabuf */
} pf_format;

/*
 * The formats that are taken: BGRx, RGBx, BGRA, RGBA, first at the wanted size and rate, for
 * producers that leave those open, then at any; with `dmabuf` as DMA buffers with linear rows
 * before shared memory (PipeWire's dma-buf.dox: the modifier is mandatory and left for the producer
 * to fix).
 */
void pf_format_offer(const pf_screencast_config *config, bool dmabuf, pf_params *out);

/* Reads what was agreed. PF_E_UNSUPPORTED for a format or size that was not offered. */
pf_result pf_format_read(const struct spa_pod *param, pf_format *out);

/* The buffers and what shall come beside the pictures, for an agreed format. */
void pf_format_buffers(const pf_screencast_config *config, const pf_format *format, pf_params *out);

/* As BGRx; "" for one that is not taken. */
const char *pf_format_name(uint32_t spa_format);

#endif

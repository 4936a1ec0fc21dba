/*
 * The outputs of KWin as kde_output_device_v2 tells them: their names, their modes and the mode
 * that is active. Up to KWin 6.5 each is a global; from version 21 of the protocol on, one global,
 * the registry, announces them.
 */
#ifndef PF_KWIN_OUTPUTS_H
#define PF_KWIN_OUTPUTS_H
#include "../wayland/wayland.h"

enum {
  PF_KWIN_OUTPUTS_MAX = 16,
  /* Real monitors have up to 100; those beyond are not known. */
  PF_KWIN_MODES_MAX = 512,
};

struct kde_output_device_v2;
struct kde_output_device_mode_v2;
struct kde_output_device_registry_v2;
typedef struct pf_kwin_outputs pf_kwin_outputs;
typedef struct pf_kwin_output pf_kwin_output;

typedef struct pf_kwin_mode {
  pf_kwin_outputs *outputs;
  pf_kwin_output *output; /* NULL = the slot is free */
  struct kde_output_device_mode_v2 *proxy;
  int32_t width, height, refresh_mhz;
} pf_kwin_mode;

struct pf_kwin_output {
  pf_kwin_outputs *outputs;
  struct kde_output_device_v2 *proxy; /* NULL = the slot is free */
  uint32_t global; /* registry name; 0 = announced by the registry of outputs */
  char name[64];
  pf_kwin_mode *current; /* NULL = none is known */
  bool told; /* all of it at least once */
};

struct pf_kwin_outputs {
  struct wl_registry *registry;
  struct kde_output_device_registry_v2 *announcer;
  pf_kwin_output list[PF_KWIN_OUTPUTS_MAX];
  pf_kwin_mode modes[PF_KWIN_MODES_MAX];
};

/* Begins to listen; the outputs are known after two round trips. */
void pf_kwin_outputs_open(pf_kwin_outputs *self, pf_wayland *connection);
void pf_kwin_outputs_close(pf_kwin_outputs *self);
/* The output of that name, or that ends with it after a hyphen, as Virtual-NAME; else NULL. */
pf_kwin_output *pf_kwin_outputs_find(pf_kwin_outputs *self, const char *name);
/* A mode of an output, exactly; else NULL. */
pf_kwin_mode *pf_kwin_outputs_mode(pf_kwin_outputs *self, const pf_kwin_output *output,
                                   const pf_kwin_mode *wanted);

/* A rate is the same within 1%: 60 Hz and 59.94 Hz are. */
static inline bool pf_kwin_same_mode(const pf_kwin_mode *a, const pf_kwin_mode *b) {
  int64_t difference = (int64_t)a->refresh_mhz - b->refresh_mhz;
  if (difference < 0) difference = -difference;
  return a->width == b->width && a->height == b->height && difference * 100 <= b->refresh_mhz;
}

#endif

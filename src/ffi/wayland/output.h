/* The outputs of a connection; called by wayland.c alone. */
#ifndef PF_WAYLAND_OUTPUT_H
#define PF_WAYLAND_OUTPUT_H
#include "wayland.h"

void pf_wayland_add_output(pf_wayland *self, uint32_t global, uint32_t version);
void pf_wayland_remove_output(pf_wayland *self, uint32_t global);
void pf_wayland_free_output(pf_wayland_output *output);
/* Asks xdg-output for the names, where wl_output is older than version 4. */
void pf_wayland_name_outputs(pf_wayland *self);

#endif

/* Exports of libpf_pipewire: whether a PipeWire server answers. */
#ifndef PF_PIPEWIRE_PROBE_H
#define PF_PIPEWIRE_PROBE_H
#include "../common/common.h"

/* Connects (`socket` as in pf_pipewire_remote), asks, and disconnects. Fails as pf_pipewire_open
 * does; waits two answers long at most. */
pf_result pf_pipewire_probe(const char *socket, pf_pipewire_server *out);

#endif

/*
 * Hears sound in PipeWire and sends it: what its node gets is coded by a thread of its own, 5 ms at
 * a time, and pushed as packets, each with the frame before it. Frames of complete silence are not
 * sent after a second of them. Roles: sink, monitor, capture.
 */
#ifndef PF_SOUND_SEND_H
#define PF_SOUND_SEND_H
#include "../common/common.h"

typedef struct pf_sound_send pf_sound_send;

/* Makes the node, which hears nothing yet. PF_E_ARGUMENT: a role that does not hear, or no such
 * channels; PF_E_MISSING: no PipeWire; PF_E_CLOSED, PF_E_LIBRARY: it does not work. */
PF_EXPORT pf_result pf_sound_send_open(const pf_sound_config *config, pf_sound_send **out);
PF_EXPORT pf_result pf_sound_send_start(pf_sound_send *send);
PF_EXPORT void pf_sound_send_stop(pf_sound_send *send);
PF_EXPORT void pf_sound_send_close(pf_sound_send *send);
PF_EXPORT const void *pf_sound_send_counters_block(pf_sound_send *send);

#endif

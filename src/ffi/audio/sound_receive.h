/*
 * Plays the sound that comes in packets: a jitter buffer, made-up frames for lost ones, a little
 * faster or slower as the machines' clocks drift. The network's thread puts packets into an inbox;
 * whoever needs samples, PipeWire's urgent thread or another device's, does all the rest without
 * waiting for anything. Where there is nothing to play there is silence. Roles: playback, source,
 * and pulled, which is no part of PipeWire.
 */
#ifndef PF_SOUND_RECEIVE_H
#define PF_SOUND_RECEIVE_H
#include "../common/common.h"

typedef struct pf_sound_receive pf_sound_receive;

/* Makes the node, which is silent yet. PF_E_ARGUMENT: a role that does not play, or no such
 * channels; PF_E_MISSING: no PipeWire; PF_E_CLOSED, PF_E_LIBRARY: it does not work. */
PF_EXPORT pf_result pf_sound_receive_open(const pf_sound_config *config, pf_sound_receive **out);
PF_EXPORT pf_result pf_sound_receive_start(pf_sound_receive *receive);
PF_EXPORT void pf_sound_receive_stop(pf_sound_receive *receive);
/* Who pushes packets, and who pulls, must have stopped. */
PF_EXPORT void pf_sound_receive_close(pf_sound_receive *receive);
/* Takes pf_packets from one thread. */
PF_EXPORT void pf_sound_receive_sink(pf_sound_receive *receive, pf_sink *out);
/* Of the role pulled: fills the pf_sound_block that is pushed, from one thread. */
PF_EXPORT void pf_sound_receive_source(pf_sound_receive *receive, pf_sink *out);
PF_EXPORT const void *pf_sound_receive_counters_block(pf_sound_receive *receive);

#endif

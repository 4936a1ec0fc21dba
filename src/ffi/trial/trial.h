/*
 * Tries what sound needs, for a diagnosis: a sink that is made in PipeWire and taken away again,
 * and a tone that goes through Opus and comes back. Nothing of it stays.
 */
#ifndef PF_TRIAL_H
#define PF_TRIAL_H
#include "../common/common.h"

/*
 * Makes a stereo null sink in the server at `socket` (an absolute path; "" = the user's own), sees
 * it appear, takes it away and sees it go; each within a few seconds at most. `made_us`: how long
 * the sink took to appear. PF_E_MISSING: no server; PF_E_LIBRARY: it refused, in its own words;
 * PF_E_CLOSED: it does not answer.
 */
PF_EXPORT pf_result pf_trial_sink(const char *socket, uint32_t *made_us);

/*
 * Codes 20 frames of 5 ms of a tone, 48 kHz stereo, and decodes them. `frame_ns`: what one frame
 * took there and back. PF_E_LIBRARY: libopus failed, in its own words, or gave back no tone.
 */
PF_EXPORT pf_result pf_trial_opus(uint32_t *frame_ns);

#endif

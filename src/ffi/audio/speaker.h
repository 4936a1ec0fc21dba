/*
 * A sound device by SDL, for machines without PipeWire: pulls samples, 256 at a time, and plays.
 */
#ifndef PF_SPEAKER_H
#define PF_SPEAKER_H
#include "../common/common.h"

typedef struct pf_speaker pf_speaker;

/* Opens the usual device, which is silent yet. PF_E_MISSING: there is none, in SDL's words. */
PF_EXPORT pf_result pf_speaker_open(const pf_speaker_config *config, pf_speaker **out);
PF_EXPORT pf_result pf_speaker_start(pf_speaker *speaker);
PF_EXPORT void pf_speaker_stop(pf_speaker *speaker);
PF_EXPORT void pf_speaker_close(pf_speaker *speaker);

#endif

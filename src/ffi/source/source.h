/*
 * Exports of libpf_source: the synthetic source, a stage as in common.h. It draws BGRx pictures
 * (pattern.h) with a marker (marker.h) at an exact rate, on a thread of its own.
 *
 * Picture k is due at start + k / rate on CLOCK_MONOTONIC. One that is late by a whole period, or
 * finds no free picture of the pool because the consumer holds them all, is not drawn: its number
 * is skipped and counted in `frames_dropped`. `times.capture_ns` and the marker are taken when the
 * picture is drawn, just before it is pushed; the push runs on the source's thread.
 * Pattern "still" pushes one picture. Posts `started`, and `ended` after `frame_limit` pictures.
 */
#ifndef PF_SOURCE_H
#define PF_SOURCE_H
#include "marker.h"
#include "pattern.h"

typedef struct pf_source pf_source;

/* PF_E_ARGUMENT for a mode outside the limits; PF_E_MEMORY. */
pf_result pf_source_open(const pf_source_config *config, pf_source **out);
pf_result pf_source_start(pf_source *source);
/* Knob PF_KNOB_MARK, from any thread: the next picture's marker shows the value, 0…255. */
pf_result pf_source_set(pf_source *source, uint32_t knob, int64_t value);
void pf_source_stop(pf_source *source);
/* Every picture must have been released before. */
void pf_source_close(pf_source *source);
const void *pf_source_counters_block(pf_source *source);

/* Draws picture `number` with its marker, as the source does, into `out` (BGRx, rows `stride` bytes
 * apart, at least 4 * width). For tests that compare what was decoded with what was drawn. */
pf_result pf_source_render(uint64_t number, uint64_t capture_ns, uint32_t pattern, uint32_t width,
                           uint32_t height, uint8_t *out, uint32_t stride);

/* Patch `index` of the test card at a mode; PF_E_ARGUMENT behind the last one. */
pf_result pf_source_card_patch(uint32_t index, uint32_t width, uint32_t height,
                               pf_card_patch *out);

#endif

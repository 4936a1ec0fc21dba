/*
 * Exports of libpf_decode: the tap. It keeps the newest picture that went by, for a reader, and
 * passes every picture on. It has no thread; the marker is read on the pushing thread.
 *
 * With flag bit 0 the synthetic marker (source/marker.h) of every picture is read and counted:
 * `markers` legible ones, `markers_unreadable`, `markers_repeated` (the number of the picture
 * before), `markers_skipped` (numbers that never came), and marker_to_tap_us, from the time in the
 * marker to now, when PF_KNOB_CLOCK_OFFSET_NS is known.
 */
#ifndef PF_TAP_H
#define PF_TAP_H
#include "../common/common.h"

typedef struct pf_tap pf_tap;

pf_result pf_tap_open(const pf_tap_config *config, pf_tap **out);
/* Releases what it holds. Nothing may be pushed any more. */
void pf_tap_close(pf_tap *tap);
pf_result pf_tap_set(pf_tap *tap, uint32_t knob, int64_t value);
void pf_tap_sink(pf_tap *tap, pf_sink *out);
const void *pf_tap_counters_block(pf_tap *tap);

/* The reader, one thread: takes the newest picture and holds it until it releases it or takes the
 * next. PF_E_EMPTY: none came since the last take. */
pf_result pf_tap_take(pf_tap *tap, pf_tap_picture *out);
/* Copies of the held picture: its planes without gaps, or RGB24 (rgb.h). `bytes` must be exactly
 * what the picture has. PF_E_STATE: none is held. */
pf_result pf_tap_copy(pf_tap *tap, uint8_t *out, uint64_t bytes);
pf_result pf_tap_copy_rgb(pf_tap *tap, uint8_t *out, uint64_t bytes);
void pf_tap_release(pf_tap *tap);

#endif

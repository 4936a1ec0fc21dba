/*
 * Exports of libpf_record: writes access units into a file as they are, a stage as in common.h.
 *
 * Input: a queue of 256 units and 256 MiB, copied. When the disk can't keep up and it is full, the
 * newest unit is refused (`units_dropped`) and the recording goes on at the next keyframe.
 * The file begins with the first keyframe; its times are the capture times. Fragments (mp4) and
 * clusters (matroska) are closed and handed to the system after half a second, so that a program
 * that is killed leaves a file that plays. `stop` writes what is queued and finishes the file.
 *
 * When the size of the pictures changes, a container goes on in another file, NAME-2 after NAME.
 *
 * Posts `started` (text: the path) when the first keyframe is written, `note` when units were
 * dropped, and `failed` (text: why) when the file can't be written any more: then the rest is
 * ignored and what was written stays.
 */
#ifndef PF_RECORD_H
#define PF_RECORD_H
#include "../common/common.h"

typedef struct pf_record pf_record;

/* Creates the file. PF_E_SYSTEM: it can't be; PF_E_UNSUPPORTED: no such muxer; PF_E_ARGUMENT. */
pf_result pf_record_open(const pf_record_config *config, pf_record **out);
pf_result pf_record_start(pf_record *record);
void pf_record_stop(pf_record *record);
void pf_record_close(pf_record *record);
void pf_record_sink(pf_record *record, pf_sink *out);
const void *pf_record_counters_block(pf_record *record);

#endif

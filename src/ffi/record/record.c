#include "record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../decode/unit_queue.h"
#include "../encode/words.h"
#include "muxer.h"

/* Four seconds at 60 Hz: a disk that wakes up, not one that is too slow. */
#define QUEUE_COUNT 256
#define QUEUE_BYTES (256u << 20)
/* A still desktop sends nothing: what was written before is handed to the system after this. */
#define IDLE_FLUSH_NS 500000000u

struct pf_record {
  pf_record_config config;
  pf_muxer muxer;
  pf_unit_queue queue;
  pthread_t thread;
  bool running, stopping;
  atomic_bool dead;
  /* of the recorder's thread */
  bool needs_keyframe, unflushed;
  uint32_t part;           /* files before this one */
  char first_path[1024];
  pf_record_counters counters;
};

PF_EXPORT pf_result pf_record_open(const pf_record_config *config, pf_record **out) {
  pf_words_listen();
  pf_record *record = calloc(1, sizeof *record);
  if (record == NULL) return pf_fail(PF_E_MEMORY, "no memory for the recording");
  record->config = *config;
  memcpy(record->first_path, config->path, sizeof record->first_path);
  record->first_path[sizeof record->first_path - 1] = '\0';
  record->needs_keyframe = true;
  pf_result result = pf_unit_queue_open(&record->queue, QUEUE_COUNT, QUEUE_BYTES);
  if (result == PF_OK) result = pf_muxer_open(&record->muxer, &record->config);
  if (result != PF_OK) {
    pf_muxer_close(&record->muxer);
    pf_unit_queue_close(&record->queue);
    free(record);
    return result;
  }
  *out = record;
  return PF_OK;
}

static void push_unit(void *context, void *item) {
  pf_record *record = context;
  pf_count(record->counters.units_in, 1);
  if (atomic_load(&record->dead) || pf_unit_queue_push(&record->queue, item) != PF_OK)
    pf_count(record->counters.units_dropped, 1);
}

/* NAME-2.mkv after NAME.mkv. */
static void name_next(pf_record *record) {
  const char *first = record->first_path, *dot = strrchr(first, '.');
  if (dot == NULL || strchr(dot, '/') != NULL) dot = first + strlen(first);
  snprintf(record->config.path, sizeof record->config.path, "%.*s-%u%s", (int)(dot - first), first,
           ++record->part + 1, dot);
}

/* A file of a container has one size of pictures: another one goes to a file of its own. */
static pf_result follow_size(pf_record *record, const pf_access_unit *keyframe) {
  pf_record_config *config = &record->config;
  uint32_t width = config->width, height = config->height;
  if (!pf_muxer_size(&record->muxer, keyframe, &width, &height) ||
      (width == config->width && height == config->height))
    return PF_OK;
  config->width = width;
  config->height = height;
  bool container = strcmp(config->format, "matroska") == 0 || strcmp(config->format, "mp4") == 0;
  if (!container || !record->muxer.begun) return PF_OK;
  pf_result result = pf_muxer_close(&record->muxer);
  if (result != PF_OK) return result;
  name_next(record);
  return pf_muxer_open(&record->muxer, config);
}

static pf_result write_unit(pf_record *record, const pf_queued_unit *queued) {
  const pf_access_unit *unit = &queued->unit;
  const pf_record_config *config = &record->config;
  bool keyframe = (unit->flags & PF_FRAME_FLAG_KEY) != 0;
  if (queued->after_gap) {
    record->needs_keyframe = true;
    pf_events_post(config->events, PF_EVENT_NOTE, config->stage, 0, 0,
                   "The disk is too slow: the recording has a gap.");
  }
  if (record->needs_keyframe && !keyframe) return PF_OK;
  record->needs_keyframe = false;
  if (keyframe) {
    pf_result result = follow_size(record, unit);
    if (result != PF_OK) return result;
  }
  if (!record->muxer.begun) {
    pf_result result = pf_muxer_begin(&record->muxer, unit);
    if (result != PF_OK) return result;
    pf_events_post(config->events, PF_EVENT_STARTED, config->stage, 0, 0, config->path);
  }
  pf_result result = pf_muxer_write(&record->muxer, unit);
  if (result != PF_OK) return result;
  record->unflushed = true;
  pf_count(record->counters.units_written, 1);
  pf_gauge(record->counters.bytes_written, pf_muxer_bytes(&record->muxer));
  return PF_OK;
}

static void report(pf_record *record, pf_result result) {
  if (result == PF_OK) return;
  const pf_record_config *config = &record->config;
  atomic_store(&record->dead, true);
  pf_count(record->counters.failures, 1);
  pf_events_post(config->events, PF_EVENT_FAILED, config->stage, result, 0, pf_last_error());
}

static void *run(void *context) {
  pf_record *record = context;
  pf_thread_name("pf-record");
  for (;;) {
    uint64_t deadline_ns = record->unflushed ? pf_now_ns() + IDLE_FLUSH_NS : 0;
    const pf_queued_unit *queued = pf_unit_queue_take(&record->queue, deadline_ns);
    bool dead = atomic_load(&record->dead);
    if (queued != NULL) {
      if (!dead) report(record, write_unit(record, queued));
      pf_unit_queue_drop(&record->queue);
    } else if (record->unflushed) {
      record->unflushed = false;
      if (!dead) report(record, pf_muxer_flush(&record->muxer));
    } else {
      break;
    }
  }
  return NULL;
}

PF_EXPORT pf_result pf_record_start(pf_record *record) {
  if (record->running || record->stopping) return pf_fail(PF_E_STATE, "it was started before");
  int error = pthread_create(&record->thread, NULL, run, record);
  if (error != 0) return pf_fail(PF_E_SYSTEM, "no thread: %s", strerror(error));
  record->running = true;
  return PF_OK;
}

PF_EXPORT void pf_record_stop(pf_record *record) {
  if (record->stopping) return;
  record->stopping = true;
  pf_unit_queue_shut(&record->queue);
  if (record->running) pthread_join(record->thread, NULL);
  record->running = false;
  pf_result result = pf_muxer_close(&record->muxer);
  if (!atomic_load(&record->dead)) report(record, result);
}

PF_EXPORT void pf_record_close(pf_record *record) {
  if (record == NULL) return;
  pf_record_stop(record);
  pf_unit_queue_close(&record->queue);
  free(record);
}

PF_EXPORT void pf_record_sink(pf_record *record, pf_sink *out) {
  *out = (pf_sink){.push = push_unit, .context = record};
}

PF_EXPORT const void *pf_record_counters_block(pf_record *record) { return &record->counters; }

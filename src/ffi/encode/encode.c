#include "encode.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "encoder.h"

struct pf_encode {
  pf_encode_config config;
  pf_sink sink;
  pf_encoder *encoder;
  pthread_t thread;
  bool running;

  pthread_mutex_t lock;
  pthread_cond_t wake;
  /* under the lock */
  pf_picture *mailbox;
  bool stopping, dead, size_changed, keyframe_wanted, paused;
  uint32_t bitrate_kbps;
  uint64_t resumed_ns; /* when the last pause was over; 0 = there was none */

  /* of the encoder's thread */
  bool loaded;
  uint32_t settle_left;
  uint64_t begin_ns, number;
  pf_encode_counters counters;
};

typedef enum job_kind { JOB_STOP, JOB_PICTURE, JOB_REPEAT, JOB_WRONG_SIZE } job_kind;
typedef struct job {
  job_kind kind;
  pf_picture *picture; /* JOB_PICTURE: the thread's own reference */
  bool keyframe;
  uint32_t bitrate_kbps;
  uint64_t resumed_ns;
} job;

PF_EXPORT pf_result pf_encode_open(const pf_encode_config *config, pf_encode **out) {
  pf_encoder *encoder = NULL;
  pf_result result = pf_encoder_open(config, &encoder);
  if (result != PF_OK) return result;
  pf_encode *encode = calloc(1, sizeof *encode);
  if (encode == NULL) {
    pf_encoder_close(encoder);
    return pf_fail(PF_E_MEMORY, "no memory for the encoder stage");
  }
  encode->config = *config;
  memcpy(&encode->sink, &config->sink_push, sizeof encode->sink);
  encode->encoder = encoder;
  encode->bitrate_kbps = config->bitrate_kbps;
  encode->keyframe_wanted = true;
  pthread_mutex_init(&encode->lock, NULL);
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&encode->wake, &attributes);
  pthread_condattr_destroy(&attributes);
  *out = encode;
  return PF_OK;
}

static void push_picture(void *context, void *item) {
  pf_encode *encode = context;
  pf_picture *picture = item, *replaced = NULL;
  pthread_mutex_lock(&encode->lock);
  if (!encode->stopping && !encode->dead) {
    pf_count(encode->counters.frames_in, 1);
    if (picture->width != encode->config.width || picture->height != encode->config.height) {
      encode->size_changed = true;
    } else {
      pf_picture_retain(picture);
      replaced = encode->mailbox;
      encode->mailbox = picture;
    }
    if (replaced != NULL) pf_count(encode->counters.frames_replaced, 1);
    pthread_cond_signal(&encode->wake);
  }
  pthread_mutex_unlock(&encode->lock);
  if (replaced != NULL) pf_picture_release(replaced);
}

/* A picture that nothing has replaced for this many frame times is still: a source that is merely
 * late must not have its pictures coded twice. */
#define STILL_FRAMES 4

/* When the last picture is coded again unless a new one comes, which is better: for a keyframe a
 * frame time after the last unit was begun; to settle once the picture is still, then each frame
 * time. */
static uint64_t repeat_due_ns(const pf_encode *encode) {
  uint64_t frame_ns = 1000000000000u / encode->config.refresh_mhz;
  bool settles = !encode->keyframe_wanted && encode->settle_left == encode->config.settle_count;
  return encode->begin_ns + (settles ? STILL_FRAMES : 1) * frame_ns;
}

static job next_job(pf_encode *encode) {
  job next = {.kind = JOB_STOP};
  pthread_mutex_lock(&encode->lock);
  while (!encode->stopping) {
    uint64_t repeat_ns = repeat_due_ns(encode);
    if (encode->size_changed) {
      next.kind = JOB_WRONG_SIZE;
      break;
    }
    if (encode->paused) {
      pthread_cond_wait(&encode->wake, &encode->lock);
      continue;
    }
    if (encode->mailbox != NULL) {
      next.kind = JOB_PICTURE;
      break;
    }
    if (!encode->loaded || (!encode->keyframe_wanted && encode->settle_left == 0)) {
      pthread_cond_wait(&encode->wake, &encode->lock);
    } else if (pf_now_ns() >= repeat_ns) {
      next.kind = JOB_REPEAT;
      break;
    } else {
      struct timespec due = {.tv_sec = (time_t)(repeat_ns / 1000000000u),
                             .tv_nsec = (long)(repeat_ns % 1000000000u)};
      pthread_cond_timedwait(&encode->wake, &encode->lock, &due);
    }
  }
  next.picture = encode->mailbox;
  encode->mailbox = NULL;
  next.keyframe = encode->keyframe_wanted;
  encode->keyframe_wanted = false;
  next.bitrate_kbps = encode->bitrate_kbps;
  next.resumed_ns = encode->resumed_ns;
  pthread_mutex_unlock(&encode->lock);
  return next;
}

static void account(pf_encode *encode, const job *work, const pf_coded *coded,
                    const pf_times *times) {
  pf_encode_counters *counters = &encode->counters;
  pf_count(counters->frames_out, 1);
  pf_count(counters->bytes_out, coded->bytes);
  if (coded->keyframe) pf_count(counters->keyframes, 1);
  if (work->kind == JOB_REPEAT) {
    pf_count(counters->repeats, 1);
    if (encode->settle_left > 0) encode->settle_left--;
  } else {
    encode->settle_left = encode->config.settle_count;
    pf_histogram_span(&counters->queue_us, times->capture_ns, times->encode_begin_ns);
  }
  if (coded->sharp) encode->settle_left = 0;
  pf_histogram_span(&counters->encode_us, times->encode_begin_ns, times->encode_end_ns);
}

static pf_result encode_one(pf_encode *encode, const job *work) {
  encode->begin_ns = pf_now_ns();
  pf_times times = {.capture_ns = encode->begin_ns, .encode_begin_ns = encode->begin_ns};
  pf_result result = PF_OK;
  if (work->kind == JOB_PICTURE) {
    times.capture_ns = work->picture->times.capture_ns;
    if (times.capture_ns != 0 && times.capture_ns < work->resumed_ns)
      times.capture_ns = work->resumed_ns;
    result = pf_encoder_load(encode->encoder, work->picture);
    encode->loaded = result == PF_OK;
  }
  /* A device reads a DMA buffer until it has encoded it. */
  bool kept = work->picture != NULL && work->picture->dmabuf != NULL;
  if (work->picture != NULL && !kept) pf_picture_release(work->picture);
  if (result == PF_OK) result = pf_encoder_set_bitrate(encode->encoder, work->bitrate_kbps);
  pf_coded coded;
  if (result == PF_OK) result = pf_encoder_encode(encode->encoder, work->keyframe, &coded);
  if (kept) pf_picture_release(work->picture);
  if (result != PF_OK) return result;
  times.encode_end_ns = pf_now_ns();
  if (times.capture_ns != 0 && times.capture_ns <= encode->begin_ns)
    times.host_queue_us = (uint32_t)((encode->begin_ns - times.capture_ns) / 1000);
  times.host_encode_us = (uint32_t)((times.encode_end_ns - encode->begin_ns) / 1000);
  account(encode, work, &coded, &times);
  pf_access_unit unit = {.data = coded.data,
                         .bytes = coded.bytes,
                         .flags = coded.keyframe ? PF_FRAME_FLAG_KEY : 0,
                         .codec = encode->config.codec,
                         .times = times};
  pf_sink_push(&encode->sink, &unit);
  return PF_OK;
}

static void drain_mailbox(pf_encode *encode) {
  pthread_mutex_lock(&encode->lock);
  pf_picture *left = encode->mailbox;
  encode->mailbox = NULL;
  encode->dead = true;
  pthread_mutex_unlock(&encode->lock);
  if (left != NULL) pf_picture_release(left);
}

static void *run(void *context) {
  pf_encode *encode = context;
  const pf_encode_config *config = &encode->config;
  pf_thread_name("pf-encode");
  pf_thread_eager();
  pf_events_post(config->events, PF_EVENT_STARTED, config->stage, 0, 0, config->encoder);
  pf_result result = PF_OK;
  while (result == PF_OK) {
    job work = next_job(encode);
    if (work.kind == JOB_STOP || work.kind == JOB_WRONG_SIZE) {
      if (work.picture != NULL) pf_picture_release(work.picture);
      if (work.kind == JOB_STOP) break;
      result = pf_fail(PF_E_BOUNDS, "a picture is not %ux%u any more", config->width,
                       config->height);
    } else {
      result = encode_one(encode, &work);
    }
  }
  drain_mailbox(encode);
  if (result != PF_OK) {
    pf_count(encode->counters.failures, 1);
    pf_events_post(config->events, PF_EVENT_FAILED, config->stage, result, 0, pf_last_error());
  }
  return NULL;
}

PF_EXPORT pf_result pf_encode_start(pf_encode *encode) {
  if (encode->running || encode->stopping) return pf_fail(PF_E_STATE, "it was started before");
  int error = pthread_create(&encode->thread, NULL, run, encode);
  if (error != 0) return pf_fail(PF_E_SYSTEM, "no thread: %s", strerror(error));
  encode->running = true;
  return PF_OK;
}

PF_EXPORT void pf_encode_stop(pf_encode *encode) {
  pthread_mutex_lock(&encode->lock);
  encode->stopping = true;
  pthread_cond_signal(&encode->wake);
  pthread_mutex_unlock(&encode->lock);
  if (encode->running) pthread_join(encode->thread, NULL);
  encode->running = false;
  drain_mailbox(encode);
}

PF_EXPORT void pf_encode_close(pf_encode *encode) {
  if (encode == NULL) return;
  pf_encode_stop(encode);
  pf_encoder_close(encode->encoder);
  pthread_cond_destroy(&encode->wake);
  pthread_mutex_destroy(&encode->lock);
  free(encode);
}

PF_EXPORT pf_result pf_encode_set(pf_encode *encode, uint32_t knob, int64_t value) {
  pf_result result = PF_OK;
  pthread_mutex_lock(&encode->lock);
  if (knob == PF_KNOB_KEYFRAME) {
    encode->keyframe_wanted = true;
  } else if (knob == PF_KNOB_PAUSED) {
    if (encode->paused && value == 0) encode->resumed_ns = pf_now_ns();
    encode->paused = value != 0;
  } else if (knob != PF_KNOB_BITRATE_KBPS) {
    result = pf_fail(PF_E_ARGUMENT, "the encoder has no knob %u", knob);
  } else if (value < PF_BITRATE_KBPS_MIN || value > PF_BITRATE_KBPS_MAX) {
    result = pf_fail(PF_E_ARGUMENT, "%lld kbps is not a bit rate", (long long)value);
  } else {
    encode->bitrate_kbps = (uint32_t)value;
  }
  pthread_cond_signal(&encode->wake);
  pthread_mutex_unlock(&encode->lock);
  return result;
}

PF_EXPORT void pf_encode_sink(pf_encode *encode, pf_sink *out) {
  *out = (pf_sink){.push = push_picture, .context = encode};
}

PF_EXPORT const void *pf_encode_counters_block(pf_encode *encode) { return &encode->counters; }

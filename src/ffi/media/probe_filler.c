#include "probe_filler.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "lock.h"

/* A wake-up that is late by less than this many frame times is made up for. */
#define FILLER_LATE_FRAMES 4
/* The client's hellos come each 50 ms: after this long something stands between. */
#define FILLER_PATH_MS 3000
#define FILLER_PATH_POLL_NS 1000000u
#define SECOND_NS 1000000000ull

typedef struct burst {
  uint32_t number, rate_kbps, duration_ms;
} burst;

struct pf_filler {
  pf_filler_config config;
  pf_sink sink;
  uint8_t *bytes;
  pthread_t thread;
  bool running;

  pthread_mutex_t lock; /* guards what follows, up to the blank line */
  pthread_cond_t changed;
  bool stopping;
  burst wanted;    /* the newest that was begun; number 0 = none yet */
  uint32_t halted; /* bursts up to this number are to end */

  pf_filler_counters counters;
};

static uint32_t bytes_max(const pf_filler *filler) {
  return filler->config.frame_bytes_max - PF_FRAME_HEADER_BYTES;
}

PF_EXPORT pf_result pf_filler_open(const pf_filler_config *config, pf_filler **out) {
  if (config->frame_bytes_max <= PF_FRAME_HEADER_BYTES ||
      config->frame_bytes_max > PF_FRAME_BYTES_MAX || config->frames_per_second == 0 ||
      config->frames_per_second > PF_REFRESH_HZ_MAX)
    return pf_fail(PF_E_ARGUMENT, "a size is outside the limits");
  pf_filler *filler = calloc(1, sizeof *filler);
  if (filler == NULL) return pf_fail(PF_E_MEMORY, "no memory for filler");
  filler->config = *config;
  void *push = config->sink_push;
  memcpy(&filler->sink.push, &push, sizeof push);
  filler->sink.context = config->sink_context;
  filler->bytes = malloc(bytes_max(filler));
  if (filler->bytes == NULL) {
    free(filler);
    return pf_fail(PF_E_MEMORY, "no memory for filler");
  }
  memset(filler->bytes, 0xf1, bytes_max(filler));
  pf_lock_open(&filler->lock);
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&filler->changed, &monotonic);
  pthread_condattr_destroy(&monotonic);
  *out = filler;
  return PF_OK;
}

PF_EXPORT void pf_filler_close(pf_filler *filler) {
  if (filler == NULL) return;
  pf_filler_stop(filler);
  pthread_cond_destroy(&filler->changed);
  pthread_mutex_destroy(&filler->lock);
  free(filler->bytes);
  free(filler);
}

PF_EXPORT const void *pf_filler_counters_block(pf_filler *filler) { return &filler->counters; }

/* Bytes of the first `count` frames of a rate. */
static uint64_t bytes_of(const pf_filler *filler, uint32_t rate_kbps, uint64_t count) {
  return count * rate_kbps * 125 / filler->config.frames_per_second;
}

PF_EXPORT int32_t pf_filler_begin(pf_filler *filler, uint32_t rate_kbps, uint32_t duration_ms) {
  if (rate_kbps == 0 || duration_ms == 0)
    return pf_fail(PF_E_ARGUMENT, "a burst needs a rate and a duration");
  if (bytes_of(filler, rate_kbps, 1) + 1 > bytes_max(filler))
    return pf_fail(PF_E_ARGUMENT, "a frame of %u kbps is larger than agreed", rate_kbps);
  pthread_mutex_lock(&filler->lock);
  filler->halted = filler->wanted.number;
  uint32_t number = filler->wanted.number + 1;
  filler->wanted = (burst){number, rate_kbps, duration_ms};
  pthread_cond_broadcast(&filler->changed);
  pthread_mutex_unlock(&filler->lock);
  return (int32_t)number;
}

PF_EXPORT void pf_filler_halt(pf_filler *filler) {
  pthread_mutex_lock(&filler->lock);
  filler->halted = filler->wanted.number;
  pthread_cond_broadcast(&filler->changed);
  pthread_mutex_unlock(&filler->lock);
}

/* Waits until `until_ns`; false when the burst is to end before. */
static bool wait_in(pf_filler *filler, const burst *now, uint64_t until_ns) {
  struct timespec until = {.tv_sec = (time_t)(until_ns / SECOND_NS),
                           .tv_nsec = (long)(until_ns % SECOND_NS)};
  pthread_mutex_lock(&filler->lock);
  bool goes_on = true;
  for (int waited = 0; waited != ETIMEDOUT;) {
    goes_on = !filler->stopping && filler->halted < now->number;
    if (!goes_on) break;
    waited = pthread_cond_timedwait(&filler->changed, &filler->lock, &until);
  }
  pthread_mutex_unlock(&filler->lock);
  return goes_on;
}

static int wait_for_path(pf_filler *filler, const burst *now) {
  uint64_t end_ns = pf_now_ns() + FILLER_PATH_MS * 1000000ull;
  while (!pf_session_has_path(filler->config.session)) {
    if (pf_now_ns() > end_ns) return PF_FILLER_NO_PATH;
    if (!wait_in(filler, now, pf_now_ns() + FILLER_PATH_POLL_NS)) return PF_FILLER_HALTED;
  }
  return PF_FILLER_DONE;
}

static void push_frame(pf_filler *filler, const burst *now, uint64_t index) {
  uint64_t bytes = bytes_of(filler, now->rate_kbps, index + 1) -
                   bytes_of(filler, now->rate_kbps, index);
  pf_access_unit unit = {.data = filler->bytes,
                         .bytes = bytes > 0 ? (uint32_t)bytes : 1,
                         .flags = PF_FRAME_FLAG_KEY,
                         .times = {.capture_ns = pf_now_ns()}};
  pf_sink_push(&filler->sink, &unit);
  pf_count(filler->counters.frames, 1);
  pf_count(filler->counters.frame_bytes, unit.bytes);
}

static int run_burst(pf_filler *filler, const burst *now) {
  int ending = wait_for_path(filler, now);
  if (ending != PF_FILLER_DONE) return ending;
  uint32_t rate = filler->config.frames_per_second;
  uint64_t frames = (uint64_t)now->duration_ms * rate / 1000;
  uint64_t begin_ns = pf_now_ns(), late_ns = FILLER_LATE_FRAMES * SECOND_NS / rate;
  if (frames == 0) frames = 1;
  pf_gauge(filler->counters.begin_ns, begin_ns);
  for (uint64_t i = 0; i < frames; i++) {
    uint64_t due_ns = begin_ns + i * SECOND_NS / rate;
    if (!wait_in(filler, now, due_ns)) {
      ending = PF_FILLER_HALTED;
      break;
    }
    pf_count(filler->counters.offered, 1);
    if (pf_now_ns() - due_ns > late_ns)
      pf_count(filler->counters.skipped, 1);
    else
      push_frame(filler, now, i);
    pf_gauge(filler->counters.burst_ns, (i + 1) * SECOND_NS / rate);
  }
  /* The last frame has its time on the wire too. */
  if (ending == PF_FILLER_DONE && !wait_in(filler, now, begin_ns + frames * SECOND_NS / rate))
    ending = PF_FILLER_HALTED;
  return ending;
}

static void *run(void *context) {
  pf_filler *filler = context;
  pf_thread_name("pf-filler");
  prctl(PR_SET_TIMERSLACK, 1UL); /* as precise as the sender's pacer */
  uint32_t done = 0;
  pthread_mutex_lock(&filler->lock);
  for (;;) {
    while (!filler->stopping && filler->wanted.number == done)
      pthread_cond_wait(&filler->changed, &filler->lock);
    if (filler->stopping) break;
    burst now = filler->wanted;
    pthread_mutex_unlock(&filler->lock);
    pf_gauge(filler->counters.burst_ns, 0);
    pf_gauge(filler->counters.running, 1);
    pf_count(filler->counters.bursts, 1);
    int ending = run_burst(filler, &now);
    pf_gauge(filler->counters.running, 0);
    pf_events_post(filler->config.events, PF_EVENT_ENDED, filler->config.stage, now.number, ending,
                   NULL);
    done = now.number;
    pthread_mutex_lock(&filler->lock);
  }
  pthread_mutex_unlock(&filler->lock);
  return NULL;
}

PF_EXPORT pf_result pf_filler_start(pf_filler *filler) {
  if (filler->running) return PF_OK;
  int result = pthread_create(&filler->thread, NULL, run, filler);
  if (result != 0) return pf_fail(PF_E_SYSTEM, "pthread_create: %s", strerror(result));
  filler->running = true;
  return PF_OK;
}

PF_EXPORT void pf_filler_stop(pf_filler *filler) {
  if (filler == NULL || !filler->running) return;
  pthread_mutex_lock(&filler->lock);
  filler->stopping = true;
  pthread_cond_broadcast(&filler->changed);
  pthread_mutex_unlock(&filler->lock);
  pthread_join(filler->thread, NULL);
  filler->running = false;
}

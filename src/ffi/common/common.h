/*
 * What every kernel shares: pictures, access units, sinks, counters, events, the clock.
 *
 * Stages. A stage is an opaque handle `pf_<kernel>` with
 *   pf_result pf_<kernel>_open(const pf_<kernel>_config *, pf_<kernel> **out)  allocates everything
 *   pf_result pf_<kernel>_start(pf_<kernel> *)     starts its threads, if it has any
 *   void      pf_<kernel>_stop(pf_<kernel> *)      joins them; idempotent; no sink call afterwards
 *   void      pf_<kernel>_close(pf_<kernel> *)     stops, frees; NULL is allowed
 *   pf_result pf_<kernel>_set(pf_<kernel> *, uint32_t knob, int64_t value)   any thread, any time
 *   void      pf_<kernel>_sink(pf_<kernel> *, pf_sink *out)    its input, if it has one
 *   const void *pf_<kernel>_counters_block(pf_<kernel> *)      lives as long as the handle
 * TypeScript stops stages from the source to the end and closes them in the reverse order.
 *
 * Nothing allocates after open except inside a third-party library. A push never blocks for longer
 * than the queue policy named at the stage (video before the encoder: latest wins; after the
 * encoder: back-pressure).
 */
#ifndef PF_COMMON_H
#define PF_COMMON_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "wire.h"

#define PF_EXPORT __attribute__((visibility("default")))
#define PF_ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Nanoseconds of CLOCK_MONOTONIC. */
static inline uint64_t pf_now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Where a stage's output goes. `item` is borrowed: the callee copies it, or retains it where the
 * item has a reference count, before it returns. push == NULL: the output is thrown away. */
typedef struct pf_sink {
  void (*push)(void *context, void *item);
  void *context;
} pf_sink;
_Static_assert(sizeof(pf_sink) == sizeof(pf_sink_ref), "as TypeScript sees it");

static inline void pf_sink_push(const pf_sink *sink, void *item) {
  if (sink->push != NULL) sink->push(sink->context, item);
}

/* When things happened to a frame, in nanoseconds of the local CLOCK_MONOTONIC; 0 = not known.
 * `capture_ns` is in the host's clock. */
typedef struct pf_times {
  uint64_t capture_ns;
  uint64_t encode_begin_ns, encode_end_ns;
  uint64_t first_packet_ns, complete_ns;
  uint64_t decode_begin_ns, decode_end_ns;
  uint32_t host_queue_us, host_encode_us;
} pf_times;

/* A picture's memory as devices know it: one plane of rows `pitch` bytes apart, `offset` into a DMA
 * buffer. The descriptor is the picture's. */
typedef struct pf_dmabuf {
  int fd;
  uint32_t fourcc; /* as DRM names pixel formats (drm_fourcc.h) */
  uint64_t modifier;
  uint32_t offset, pitch;
  size_t bytes; /* of the buffer */
} pf_dmabuf;

/*
 * A raw picture, counted by reference. The owner (a source or a decoder) makes it from its own pool
 * with a count of 1, pushes it, and releases it. Whoever keeps it after push returns retains it.
 * `recycle` is called when the count falls to 0, on the thread that released it.
 * Rows of a plane are `stride` bytes apart; colour is BT.709 limited for I420 and NV12.
 */
typedef struct pf_picture pf_picture;
struct pf_picture {
  atomic_uint references;
  uint32_t format; /* PF_PIXEL_* */
  uint32_t width, height;
  uint8_t *plane[3];
  uint32_t stride[3];
  const pf_dmabuf *dmabuf; /* the same pixels, for devices; NULL = only memory */
  uint64_t number; /* counts the pictures of this source, from 0 */
  pf_times times;
  void (*recycle)(pf_picture *);
  void *owner;
};

static inline void pf_picture_retain(pf_picture *picture) {
  atomic_fetch_add_explicit(&picture->references, 1, memory_order_relaxed);
}

static inline void pf_picture_release(pf_picture *picture) {
  if (atomic_fetch_sub_explicit(&picture->references, 1, memory_order_acq_rel) == 1)
    picture->recycle(picture);
}

/* One coded picture (H.264 and HEVC as Annex B with parameter sets in band, AV1 as low-overhead
 * OBUs with its temporal delimiter and sequence header). `data` is borrowed during push. */
typedef struct pf_access_unit {
  const uint8_t *data;
  uint32_t bytes;
  uint32_t frame; /* index on the wire; set by the sender, 0 before */
  uint32_t flags; /* PF_FRAME_FLAG_* */
  uint32_t codec; /* PF_CODEC_* */
  pf_times times;
} pf_access_unit;

/* One packet's body, as it is sealed or was opened. `data` is borrowed during push. */
typedef struct pf_packet {
  const uint8_t *data;
  uint32_t bytes;
  uint64_t time_ns; /* when it came; 0 = it goes out */
} pf_packet;

/* Samples that are asked for: whom it is pushed to fills them, all of them, before it returns. */
typedef struct pf_sound_block {
  float *samples; /* interleaved, in the channel order of Vorbis */
  uint32_t frames; /* per channel */
} pf_sound_block;

/* Counters have one writer each and are read without a lock. */
#define pf_count(field, n)                                                                     \
  __atomic_store_n(&(field), __atomic_load_n(&(field), __ATOMIC_RELAXED) + (uint64_t)(n),      \
                   __ATOMIC_RELAXED)
#define pf_gauge(field, n) __atomic_store_n(&(field), (uint64_t)(n), __ATOMIC_RELAXED)

/* Log-linear histogram of microseconds: exact below 32, then 32 buckets for each power of two. */
static inline uint32_t pf_histogram_bucket(uint64_t us) {
  if (us < PF_HISTOGRAM_SUB_BUCKETS) return (uint32_t)us;
  uint32_t top = 63u - (uint32_t)__builtin_clzll(us); /* >= 5 */
  uint32_t index = (top - 4) * PF_HISTOGRAM_SUB_BUCKETS + (uint32_t)((us >> (top - 5)) & 31u);
  return index < PF_HISTOGRAM_BUCKETS ? index : PF_HISTOGRAM_BUCKETS - 1;
}

static inline void pf_histogram_record_ns(pf_histogram *histogram, uint64_t ns) {
  uint64_t us = ns / 1000;
  pf_count(histogram->count, 1);
  pf_count(histogram->sum_us, us);
  if (us > histogram->max_us) pf_gauge(histogram->max_us, us);
  pf_count(histogram->bucket[pf_histogram_bucket(us)], 1);
}

/* Records end - begin when both are known and in order. */
static inline void pf_histogram_span(pf_histogram *histogram, uint64_t begin_ns, uint64_t end_ns) {
  if (begin_ns != 0 && end_ns >= begin_ns) pf_histogram_record_ns(histogram, end_ns - begin_ns);
}

#define PF_CLOCK_UNKNOWN INT64_MIN

/* A host time in this machine's clock, or 0 when the offset is not known. */
static inline uint64_t pf_local_ns(uint64_t host_ns, int64_t offset_ns) {
  if (offset_ns == PF_CLOCK_UNKNOWN || host_ns == 0) return 0;
  return (uint64_t)((int64_t)host_ns + offset_ns);
}

/*
 * The event queue: many native writers, one reader in TypeScript, which an eventfd wakes. Bounded;
 * a full queue drops the newest and counts it. Compiled into every library that posts (events.c);
 * the handle is made by libpf_core.
 */
typedef struct pf_events pf_events;
pf_result pf_events_open(pf_events **out);
void pf_events_close(pf_events *events);
/* The eventfd, readable while events wait. Owned by the queue. */
int pf_events_fd(pf_events *events);
/* Takes up to `max` events into `out`; returns how many. */
int32_t pf_events_take(pf_events *events, pf_event *out, uint32_t max);
uint64_t pf_events_dropped(pf_events *events);
/* Any thread; never blocks for long; `text` may be NULL and is cut to fit. NULL queue: no-op. */
void pf_events_post(pf_events *events, uint32_t kind, uint32_t stage, int64_t a, int64_t b,
                    const char *text);

/* The sentence that belongs to the last negative result on this thread. Never NULL. Each library
 * has its own and exports it. */
const char *pf_last_error(void);
/* printf-style; returns `result`, so that `return pf_fail(PF_E_SYSTEM, "…")` reads well. */
pf_result pf_fail(pf_result result, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* PF_ABI_HASH of the header this library was compiled with; each library exports it. */
uint32_t pf_abi_hash(void);

/* Names the calling thread (at most 15 characters), for ps and perf. */
void pf_thread_name(const char *name);

/*
 * Has the calling thread run as soon as it wakes, before every ordinary thread: for threads that
 * work for microseconds at a time and hold a frame up for milliseconds when an encoder has the
 * processor (on a busy machine 0.3 instead of 40 ms, 99th percentile). False where the system does
 * not allow it, which needs CAP_SYS_NICE or an RLIMIT_RTPRIO: the thread stays an ordinary one, of
 * short turns (pf_thread_eager). The kernel keeps 5% of each second for ordinary ones (sched(7),
 * real-time throttling).
 */
bool pf_thread_urgent(void);

/*
 * Has the calling thread, and those that it starts from now on, get the larger share of a
 * processor (10 steps of nice below what this process began with), and not wait for the end of
 * another's turn when they wake (Linux 6.12; sched_setattr(2)): for threads that work for
 * milliseconds at a time and hold a frame up while a thread without a deadline, such as the main
 * one, has the processor. Returns the niceness before, for pf_thread_restore. Where the system does
 * not allow the first, which needs CAP_SYS_NICE or an RLIMIT_NICE (setpriority(2)), the second is
 * all.
 */
int pf_thread_eager(void);
void pf_thread_restore(int niceness);

#endif

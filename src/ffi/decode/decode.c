#include "decode.h"

#include <stdlib.h>
#include <string.h>

#include "decoder.h"
#include "unit_queue.h"

/* The presenter holds three, a tap two, the decoder's push one; the rest is for luck. */
#define POOL_COUNT 16
/* Units that can be inside a decoder; low delay means one. */
#define TIMES_COUNT 32
/* A keyframe that can't be decoded is asked for again, this often. */
#define KEYFRAME_FAILURES_MAX 5

typedef struct wrapper {
  pf_picture picture;
  AVFrame *frame; /* has the memory */
  struct picture_pool *pool;
  atomic_bool busy;
} wrapper;

/* Pictures in use; it lives as long as the stage or any picture that a reader still holds. */
typedef struct picture_pool {
  wrapper wrappers[POOL_COUNT];
  atomic_uint references;
} picture_pool;

struct pf_decode {
  pf_decode_config config;
  pf_sink sink;
  pf_decoder decoder;
  pf_unit_queue queue;
  AVFrame *frame;
  picture_pool *pool;
  pthread_t thread;
  bool running;
  atomic_bool stopping, dead;
  _Atomic uint64_t stall_ns; /* when a keyframe was asked for; 0 = none is awaited */
  _Atomic int64_t clock_offset_ns;
  _Atomic uint32_t picture_max; /* width << 16 | height */
  /* of the decoder's thread */
  bool needs_keyframe;
  uint32_t keyframe_failures, width, height;
  int64_t pts;
  uint64_t number;
  pf_times times[TIMES_COUNT];
  pf_decode_counters counters;
};

static void release_pool(picture_pool *pool) {
  if (pool == NULL || atomic_fetch_sub(&pool->references, 1) > 1) return;
  for (int i = 0; i < POOL_COUNT; i++) av_frame_free(&pool->wrappers[i].frame);
  free(pool);
}

static picture_pool *open_pool(void) {
  picture_pool *pool = calloc(1, sizeof *pool);
  if (pool == NULL) return NULL;
  atomic_store(&pool->references, 1);
  for (int i = 0; i < POOL_COUNT; i++) {
    pool->wrappers[i].pool = pool;
    if ((pool->wrappers[i].frame = av_frame_alloc()) == NULL) {
      release_pool(pool);
      return NULL;
    }
  }
  return pool;
}

PF_EXPORT pf_result pf_decode_open(const pf_decode_config *config, pf_decode **out) {
  if (config->queue_count < 2 || config->queue_count > PF_QUEUE_DEPTH_MAX)
    return pf_fail(PF_E_ARGUMENT, "a queue of %u is not between 2 and %u", config->queue_count,
                   PF_QUEUE_DEPTH_MAX);
  if (config->width < 1 || config->width > PF_WIDTH_MAX || config->height < 1 ||
      config->height > PF_HEIGHT_MAX)
    return pf_fail(PF_E_ARGUMENT, "%ux%u is not a mode", config->width, config->height);
  pf_decode *decode = calloc(1, sizeof *decode);
  if (decode == NULL) return pf_fail(PF_E_MEMORY, "no memory for the decoder stage");
  decode->config = *config;
  memcpy(&decode->sink, &config->sink_push, sizeof decode->sink);
  decode->needs_keyframe = true;
  atomic_store(&decode->clock_offset_ns, PF_CLOCK_UNKNOWN);
  atomic_store(&decode->picture_max, config->width << 16 | config->height);
  pf_result result = pf_decoder_open(&decode->decoder, config);
  if (result == PF_OK)
    result = pf_unit_queue_open(&decode->queue, config->queue_count,
                                (uint64_t)config->queue_count * PF_FRAME_BYTES_MAX);
  decode->frame = av_frame_alloc();
  decode->pool = open_pool();
  if (result == PF_OK && (decode->frame == NULL || decode->pool == NULL))
    result = pf_fail(PF_E_MEMORY, "no memory for pictures");
  if (result != PF_OK) {
    pf_decode_close(decode);
    return result;
  }
  *out = decode;
  return PF_OK;
}

/* Asks for a keyframe once; `again` when the one that was asked for is lost too. */
static void stall(pf_decode *decode, uint32_t frame, bool again, const char *why) {
  uint64_t none = 0;
  bool first = atomic_compare_exchange_strong(&decode->stall_ns, &none, pf_now_ns());
  if (first || again)
    pf_events_post(decode->config.events, PF_EVENT_STALL, decode->config.stage, frame, 0, why);
}

static void push_unit(void *context, void *item) {
  pf_decode *decode = context;
  const pf_access_unit *unit = item;
  bool keyframe = (unit->flags & PF_FRAME_FLAG_KEY) != 0;
  pf_count(decode->counters.units_in, 1);
  pf_count(decode->counters.bytes_in, unit->bytes);
  pf_result result = atomic_load(&decode->dead) ? PF_E_CLOSED
                                                : pf_unit_queue_push(&decode->queue, unit);
  if (result == PF_E_FULL && keyframe) { /* it makes what waits before it worthless */
    pf_count(decode->counters.units_dropped, pf_unit_queue_clear(&decode->queue));
    result = pf_unit_queue_push(&decode->queue, unit);
  }
  if (result == PF_OK) return;
  pf_count(decode->counters.units_dropped, 1);
  if (result != PF_E_CLOSED) stall(decode, unit->frame, keyframe, "the decoder is too slow");
}

static void recycle(pf_picture *picture) {
  wrapper *self = picture->owner;
  av_frame_unref(self->frame);
  picture_pool *pool = self->pool;
  atomic_store_explicit(&self->busy, false, memory_order_release);
  release_pool(pool);
}

static wrapper *free_wrapper(pf_decode *decode) {
  for (uint32_t i = 0; i < POOL_COUNT; i++)
    if (!atomic_load_explicit(&decode->pool->wrappers[i].busy, memory_order_acquire))
      return &decode->pool->wrappers[i];
  return NULL;
}

static bool is_planar(const AVFrame *frame) {
  return frame->format == AV_PIX_FMT_YUV420P || frame->format == AV_PIX_FMT_YUVJ420P;
}

static pf_result check_picture(const pf_decode *decode, const AVFrame *frame) {
  uint32_t max = atomic_load(&decode->picture_max), width = max >> 16, height = max & 0xFFFF;
  if (!is_planar(frame) && frame->format != AV_PIX_FMT_NV12)
    return pf_fail(PF_E_UNSUPPORTED, "the stream is not 8-bit 4:2:0");
  if (frame->width < 1 || frame->width > (int)width || frame->height < 1 ||
      frame->height > (int)height)
    return pf_fail(PF_E_BOUNDS, "a picture of %dx%d exceeds the negotiated %ux%u", frame->width,
                   frame->height, width, height);
  return PF_OK;
}

static void describe(pf_decode *decode, wrapper *to, uint64_t begin_ns) {
  const AVFrame *frame = to->frame;
  pf_picture *picture = &to->picture;
  picture->format = is_planar(frame) ? PF_PIXEL_I420 : PF_PIXEL_NV12;
  picture->width = (uint32_t)frame->width;
  picture->height = (uint32_t)frame->height;
  for (int i = 0; i < 3; i++) {
    picture->plane[i] = frame->data[i];
    picture->stride[i] = (uint32_t)frame->linesize[i];
  }
  picture->number = decode->number++;
  picture->times = decode->times[(uint64_t)frame->pts % TIMES_COUNT];
  picture->times.decode_begin_ns = begin_ns;
  picture->times.decode_end_ns = pf_now_ns();
  picture->recycle = recycle;
  picture->owner = to;
}

static void announce(pf_decode *decode, const pf_picture *picture) {
  const pf_decode_config *config = &decode->config;
  if (picture->width != decode->width || picture->height != decode->height)
    pf_events_post(config->events, PF_EVENT_FORMAT, config->stage, picture->width, picture->height,
                   decode->decoder.name);
  decode->width = picture->width;
  decode->height = picture->height;
  if (picture->number == 0)
    pf_events_post(config->events, PF_EVENT_FIRST_FRAME, config->stage, 0, 0, NULL);
}

/* Pushes the picture that is in decode->frame. */
static void push_picture(pf_decode *decode, uint64_t begin_ns) {
  wrapper *free = free_wrapper(decode);
  if (free == NULL) {
    pf_count(decode->counters.frames_dropped, 1);
    av_frame_unref(decode->frame);
    return;
  }
  av_frame_move_ref(free->frame, decode->frame);
  describe(decode, free, begin_ns);
  atomic_store_explicit(&free->busy, true, memory_order_relaxed);
  atomic_fetch_add(&decode->pool->references, 1);
  atomic_store_explicit(&free->picture.references, 1, memory_order_relaxed);
  const pf_times *times = &free->picture.times;
  pf_decode_counters *counters = &decode->counters;
  pf_count(counters->frames_out, 1);
  pf_histogram_span(&counters->decode_us, begin_ns, times->decode_end_ns);
  pf_histogram_span(&counters->capture_to_decoded_us,
                    pf_local_ns(times->capture_ns, atomic_load(&decode->clock_offset_ns)),
                    times->decode_end_ns);
  announce(decode, &free->picture);
  pf_sink_push(&decode->sink, &free->picture);
  pf_picture_release(&free->picture);
}

static void give_up(pf_decode *decode, pf_result result) {
  atomic_store(&decode->dead, true);
  pf_count(decode->counters.failures, 1);
  pf_events_post(decode->config.events, PF_EVENT_FAILED, decode->config.stage, result, 0,
                 pf_last_error());
}

static pf_result decode_unit(pf_decode *decode, const pf_queued_unit *queued) {
  const pf_access_unit *unit = &queued->unit;
  uint64_t begin_ns = pf_now_ns();
  uint64_t there_ns = unit->times.complete_ns != 0 ? unit->times.complete_ns : queued->queued_ns;
  pf_histogram_span(&decode->counters.queue_us, there_ns, begin_ns);
  decode->times[(uint64_t)decode->pts % TIMES_COUNT] = unit->times;
  bool keyframe = (unit->flags & PF_FRAME_FLAG_KEY) != 0;
  uint32_t max = atomic_load(&decode->picture_max);
  pf_decoder_limit(&decode->decoder, max >> 16, max & 0xFFFF);
  pf_result result = pf_decoder_send(&decode->decoder, queued->buffer, unit->bytes, decode->pts++,
                                     keyframe);
  while (result == PF_OK && !atomic_load(&decode->stopping)) {
    result = pf_decoder_receive(&decode->decoder, decode->frame);
    if (result != PF_OK) break;
    result = check_picture(decode, decode->frame);
    if (result != PF_OK) {
      av_frame_unref(decode->frame);
      give_up(decode, result);
      return result;
    }
    push_picture(decode, begin_ns);
  }
  return result == PF_E_EMPTY ? PF_OK : result;
}

/* True when the unit is to be decoded. */
static bool leads_on(pf_decode *decode, const pf_queued_unit *queued) {
  bool keyframe = (queued->unit.flags & PF_FRAME_FLAG_KEY) != 0;
  if (queued->after_gap && !keyframe) decode->needs_keyframe = true;
  if (decode->needs_keyframe && !keyframe) {
    pf_count(decode->counters.units_skipped, 1);
    stall(decode, queued->unit.frame, false, "a keyframe is needed to go on");
    return false;
  }
  return true;
}

static void after_decoding(pf_decode *decode, const pf_access_unit *unit, pf_result result) {
  bool keyframe = (unit->flags & PF_FRAME_FLAG_KEY) != 0;
  if (result != PF_OK) {
    decode->needs_keyframe = true;
    if (keyframe && ++decode->keyframe_failures > KEYFRAME_FAILURES_MAX) {
      give_up(decode, result);
    } else {
      pf_count(decode->counters.failures, 1);
      pf_decoder_flush(&decode->decoder);
      stall(decode, unit->frame, keyframe, pf_last_error());
    }
  } else if (keyframe) {
    decode->needs_keyframe = false;
    decode->keyframe_failures = 0;
    uint64_t since_ns = atomic_exchange(&decode->stall_ns, 0);
    if (since_ns != 0)
      pf_events_post(decode->config.events, PF_EVENT_RECOVERED, decode->config.stage, unit->frame,
                     (int64_t)((pf_now_ns() - since_ns) / 1000000), NULL);
  }
}

static void *run(void *context) {
  pf_decode *decode = context;
  pf_thread_name("pf-decode");
  pf_thread_eager();
  const pf_queued_unit *queued;
  while ((queued = pf_unit_queue_take(&decode->queue, 0)) != NULL &&
         !atomic_load(&decode->stopping)) {
    if (!atomic_load(&decode->dead) && leads_on(decode, queued)) {
      pf_result result = decode_unit(decode, queued);
      if (!atomic_load(&decode->dead)) after_decoding(decode, &queued->unit, result);
    }
    pf_gauge(decode->counters.queued, pf_unit_queue_drop(&decode->queue));
  }
  return NULL;
}

PF_EXPORT pf_result pf_decode_start(pf_decode *decode) {
  if (decode->running || atomic_load(&decode->stopping))
    return pf_fail(PF_E_STATE, "it was started before");
  int error = pthread_create(&decode->thread, NULL, run, decode);
  if (error != 0) return pf_fail(PF_E_SYSTEM, "no thread: %s", strerror(error));
  decode->running = true;
  return PF_OK;
}

PF_EXPORT void pf_decode_stop(pf_decode *decode) {
  if (atomic_exchange(&decode->stopping, true)) return;
  pf_unit_queue_shut(&decode->queue);
  if (decode->running) pthread_join(decode->thread, NULL);
  decode->running = false;
}

PF_EXPORT void pf_decode_close(pf_decode *decode) {
  if (decode == NULL) return;
  if (decode->queue.slot != NULL) pf_decode_stop(decode);
  pf_unit_queue_close(&decode->queue);
  release_pool(decode->pool);
  av_frame_free(&decode->frame);
  pf_decoder_close(&decode->decoder);
  free(decode);
}

PF_EXPORT pf_result pf_decode_set(pf_decode *decode, uint32_t knob, int64_t value) {
  if (knob == PF_KNOB_PICTURE_MAX) {
    uint32_t width = (uint32_t)value >> 16, height = (uint32_t)value & 0xFFFF;
    if (width < 1 || width > PF_WIDTH_MAX || height < 1 || height > PF_HEIGHT_MAX)
      return pf_fail(PF_E_ARGUMENT, "%ux%u is not a mode", width, height);
    atomic_store(&decode->picture_max, (uint32_t)value);
    return PF_OK;
  }
  if (knob != PF_KNOB_CLOCK_OFFSET_NS)
    return pf_fail(PF_E_ARGUMENT, "the decoder has no knob %u", knob);
  atomic_store(&decode->clock_offset_ns, value);
  return PF_OK;
}

PF_EXPORT void pf_decode_sink(pf_decode *decode, pf_sink *out) {
  *out = (pf_sink){.push = push_unit, .context = decode};
}

PF_EXPORT const void *pf_decode_counters_block(pf_decode *decode) { return &decode->counters; }

PF_EXPORT const char *pf_decode_name(pf_decode *decode) { return decode->decoder.name; }

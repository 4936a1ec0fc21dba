#include "node.h"

#include <stdio.h>
#include <string.h>

#include <spa/param/audio/format-utils.h>
#include <spa/utils/result.h>

enum { READY_MS = 1000, RETRY_MS_MIN = 250, RETRY_MS_MAX = 5000 };

static bool hears(const pf_sound_node *node) {
  uint32_t role = node->config.role;
  return role == PF_SOUND_SINK || role == PF_SOUND_MONITOR || role == PF_SOUND_CAPTURE;
}

static void wake(pf_sound_node *node, bool broken, const char *words) {
  pthread_mutex_lock(&node->lock);
  node->ready = true;
  if (broken && !node->broken) {
    node->broken = true;
    snprintf(node->words, sizeof node->words, "%s", words);
  }
  pthread_cond_broadcast(&node->changed);
  pthread_mutex_unlock(&node->lock);
}

static void on_failed(void *context, uint32_t id, const char *words) {
  pf_sound_node *node = context;
  if (node->connection.gone) wake(node, true, words);
}

static void on_state_changed(void *data, enum pw_stream_state old, enum pw_stream_state state,
                             const char *error) {
  pf_sound_node *node = data;
  if (state == PW_STREAM_STATE_ERROR)
    wake(node, true, error != NULL ? error : "PipeWire ended the stream");
  else if (state == PW_STREAM_STATE_UNCONNECTED && old != PW_STREAM_STATE_UNCONNECTED)
    wake(node, true, "PipeWire ended the stream");
  else if (state >= PW_STREAM_STATE_PAUSED)
    wake(node, false, NULL);
}

/* What another program writes is held to the buffer's bounds. */
static void on_process(void *data) {
  pf_sound_node *node = data;
  struct pw_buffer *buffer = pw_stream_dequeue_buffer(node->stream);
  if (buffer == NULL) return;
  /* PipeWire makes its thread urgent itself only where RTKit or a limit of the system lets it. */
  if (!node->urged) pf_thread_urgent();
  node->urged = true;
  struct spa_data *memory = &buffer->buffer->datas[0];
  uint32_t stride = node->config.channel_count * (uint32_t)sizeof(float);
  uint32_t frames = memory->maxsize / stride, first = 0;
  if (memory->data == NULL) {
    frames = 0;
  } else if (hears(node)) {
    uint32_t offset = memory->chunk->offset, bytes = memory->chunk->size;
    first = offset < memory->maxsize ? offset / stride : frames;
    if (bytes / stride < frames - first) frames = bytes / stride;
    else frames -= first;
  } else {
    if (buffer->requested != 0 && buffer->requested < frames)
      frames = (uint32_t)buffer->requested;
    memory->chunk->offset = 0;
    memory->chunk->stride = (int32_t)stride;
    memory->chunk->size = frames * stride;
  }
  float *samples = (float *)memory->data + (size_t)first * node->config.channel_count;
  if (frames != 0 && atomic_load(&node->live))
    node->process(node->context, samples, frames);
  else if (frames != 0 && !hears(node))
    memset(samples, 0, (size_t)frames * stride);
  pw_stream_queue_buffer(node->stream, buffer);
}

static const struct pw_stream_events stream_events = {
    PW_VERSION_STREAM_EVENTS,
    .state_changed = on_state_changed,
    .process = on_process,
};

static struct pw_properties *properties_of(const pf_sound_node *node) {
  const pf_sound_config *config = &node->config;
  struct pw_properties *properties = pw_properties_new(
      PW_KEY_MEDIA_TYPE, "Audio", PW_KEY_NODE_LATENCY, "256/48000", PW_KEY_NODE_NAME, config->name,
      PW_KEY_NODE_DESCRIPTION, config->description, PW_KEY_MEDIA_NAME, config->description, NULL);
  if (properties == NULL) return NULL;
  switch (config->role) {
    case PF_SOUND_SINK:
      pw_properties_set(properties, PW_KEY_MEDIA_CLASS, "Audio/Sink");
      /* Above sound cards (about 1000): what plays by default is meant for the client. */
      pw_properties_set(properties, "priority.session", "2000");
      pw_properties_set(properties, PW_KEY_NODE_VIRTUAL, "true");
      break;
    case PF_SOUND_SOURCE:
      pw_properties_set(properties, PW_KEY_MEDIA_CLASS, "Audio/Source");
      pw_properties_set(properties, "priority.session", "2000");
      pw_properties_set(properties, PW_KEY_NODE_VIRTUAL, "true");
      break;
    case PF_SOUND_MONITOR:
      pw_properties_set(properties, PW_KEY_STREAM_CAPTURE_SINK, "true");
      /* fall through */
    case PF_SOUND_CAPTURE:
      pw_properties_set(properties, PW_KEY_MEDIA_CATEGORY, "Capture");
      break;
    default:
      pw_properties_set(properties, PW_KEY_MEDIA_CATEGORY, "Playback");
      pw_properties_set(properties, PW_KEY_MEDIA_ROLE, "Game");
  }
  return properties;
}

/* Vorbis's order (RFC 7845, 5.1.1.2): PipeWire brings it into the device's. */
static const struct spa_pod *format_of(uint32_t channel_count, struct spa_pod_builder *builder) {
  static const uint32_t mono[] = {SPA_AUDIO_CHANNEL_MONO};
  static const uint32_t stereo[] = {SPA_AUDIO_CHANNEL_FL, SPA_AUDIO_CHANNEL_FR};
  static const uint32_t six[] = {SPA_AUDIO_CHANNEL_FL, SPA_AUDIO_CHANNEL_FC, SPA_AUDIO_CHANNEL_FR,
                                 SPA_AUDIO_CHANNEL_RL, SPA_AUDIO_CHANNEL_RR, SPA_AUDIO_CHANNEL_LFE};
  static const uint32_t eight[] = {SPA_AUDIO_CHANNEL_FL, SPA_AUDIO_CHANNEL_FC,
                                   SPA_AUDIO_CHANNEL_FR, SPA_AUDIO_CHANNEL_SL,
                                   SPA_AUDIO_CHANNEL_SR, SPA_AUDIO_CHANNEL_RL,
                                   SPA_AUDIO_CHANNEL_RR, SPA_AUDIO_CHANNEL_LFE};
  const uint32_t *positions = channel_count == 1   ? mono
                              : channel_count == 2 ? stereo
                              : channel_count == 6 ? six
                                                   : eight;
  struct spa_audio_info_raw info = {.format = SPA_AUDIO_FORMAT_F32,
                                    .rate = PF_SOUND_RATE_HZ,
                                    .channels = channel_count};
  memcpy(info.position, positions, channel_count * sizeof *positions);
  return spa_format_audio_raw_build(builder, SPA_PARAM_EnumFormat, &info);
}

/* Under the connection's lock. */
static pf_result make_stream(pf_sound_node *node) {
  node->connection.failed = on_failed;
  node->connection.failed_context = node;
  struct pw_properties *properties = properties_of(node);
  node->stream = pw_stream_new(node->connection.core, node->config.name, properties);
  if (node->stream == NULL) return pf_fail(PF_E_LIBRARY, "PipeWire gives no stream");
  pw_stream_add_listener(node->stream, &node->stream_hook, &stream_events, node);
  uint8_t memory[1024];
  struct spa_pod_builder builder = SPA_POD_BUILDER_INIT(memory, sizeof memory);
  const struct spa_pod *format = format_of(node->config.channel_count, &builder);
  uint32_t flags = PW_STREAM_FLAG_MAP_BUFFERS | PW_STREAM_FLAG_RT_PROCESS;
  /* The own sink and the own source are what others connect to. */
  if (node->config.role != PF_SOUND_SINK && node->config.role != PF_SOUND_SOURCE)
    flags |= PW_STREAM_FLAG_AUTOCONNECT;
  enum pw_direction direction = hears(node) ? PW_DIRECTION_INPUT : PW_DIRECTION_OUTPUT;
  int error = pw_stream_connect(node->stream, direction, PW_ID_ANY, flags, &format, 1);
  return error < 0 ? pf_fail(PF_E_LIBRARY, "no stream: %s", spa_strerror(error)) : PF_OK;
}

static void disconnect(pf_sound_node *node) {
  pf_gauge(*node->connected, 0);
  if (node->stream != NULL) {
    pf_pipewire_lock(&node->connection);
    pw_stream_destroy(node->stream);
    node->stream = NULL;
    pf_pipewire_unlock(&node->connection);
  }
  pf_pipewire_close(&node->connection);
}

/* Waits for a change up to `wait_ms`, or for ever if it is 0; under the lock. */
static void await_change(pf_sound_node *node, uint32_t wait_ms) {
  uint64_t until_ns = pf_now_ns() + wait_ms * 1000000ull;
  struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000u),
                           .tv_nsec = (long)(until_ns % 1000000000u)};
  if (wait_ms == 0) pthread_cond_wait(&node->changed, &node->lock);
  else pthread_cond_timedwait(&node->changed, &node->lock, &until);
}

static pf_result connect_node(pf_sound_node *node) {
  node->ready = node->broken = node->urged = false;
  const pf_pipewire_remote remote = {.socket = node->config.socket, .fd = -1};
  pf_result result = pf_pipewire_open(&node->connection, &remote, "pf-sound");
  if (result != PF_OK) return result;
  pf_pipewire_lock(&node->connection);
  result = make_stream(node);
  pf_pipewire_unlock(&node->connection);
  if (result != PF_OK) {
    disconnect(node);
    return result;
  }
  uint64_t deadline_ns = pf_now_ns() + READY_MS * 1000000ull;
  pthread_mutex_lock(&node->lock);
  while (!node->ready && !node->stopping && pf_now_ns() < deadline_ns) await_change(node, READY_MS);
  pf_gauge(*node->connected, !node->broken);
  pthread_mutex_unlock(&node->lock);
  return PF_OK;
}

static void tell(const pf_sound_node *node, const char *words) {
  char sentence[PF_EVENT_TEXT_BYTES];
  const char *what = hears(node) ? "heard" : "played";
  if (words != NULL)
    snprintf(sentence, sizeof sentence, "No sound is %s (%.60s); it is tried again.", what, words);
  else
    snprintf(sentence, sizeof sentence, "Sound is %s again.", what);
  pf_events_post(node->config.events, PF_EVENT_NOTE, node->config.stage, 0, 0, sentence);
}

/* Connects again, until it is told to stop or succeeds. Under the lock, which it releases. */
static void reconnect(pf_sound_node *node) {
  uint32_t wait_ms = RETRY_MS_MIN;
  tell(node, node->words);
  pf_count(*node->restarts, 1);
  while (node->broken && !node->stopping) {
    pthread_mutex_unlock(&node->lock);
    disconnect(node);
    pthread_mutex_lock(&node->lock);
    uint64_t until_ns = pf_now_ns() + wait_ms * 1000000ull;
    while (!node->stopping && pf_now_ns() < until_ns) await_change(node, wait_ms);
    if (node->stopping) return;
    wait_ms = 2 * wait_ms < RETRY_MS_MAX ? 2 * wait_ms : RETRY_MS_MAX;
    pthread_mutex_unlock(&node->lock);
    pf_result result = connect_node(node);
    pthread_mutex_lock(&node->lock);
    if (result != PF_OK) node->broken = true;
  }
  if (!node->stopping) tell(node, NULL);
}

static void *look_after(void *context) {
  pf_sound_node *node = context;
  pf_thread_name("pf-sound-node");
  pthread_mutex_lock(&node->lock);
  while (!node->stopping) {
    if (node->broken) reconnect(node);
    else await_change(node, 0);
  }
  pthread_mutex_unlock(&node->lock);
  return NULL;
}

pf_result pf_sound_node_open(pf_sound_node *node, const pf_sound_config *config) {
  node->config = *config;
  node->config.socket[sizeof config->socket - 1] = '\0';
  node->config.name[sizeof config->name - 1] = '\0';
  node->config.description[sizeof config->description - 1] = '\0';
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&node->changed, &monotonic);
  pthread_condattr_destroy(&monotonic);
  pthread_mutex_init(&node->lock, NULL);
  return connect_node(node);
}

pf_result pf_sound_node_start(pf_sound_node *node) {
  if (node->running || node->stopping) return pf_fail(PF_E_STATE, "sound was started before");
  int error = pthread_create(&node->thread, NULL, look_after, node);
  if (error != 0) return pf_fail(PF_E_SYSTEM, "pthread_create: %s", strerror(error));
  node->running = true;
  atomic_store(&node->live, true);
  return PF_OK;
}

void pf_sound_node_stop(pf_sound_node *node) {
  if (node->context == NULL) return; /* was never opened */
  pthread_mutex_lock(&node->lock);
  node->stopping = true;
  pthread_cond_broadcast(&node->changed);
  pthread_mutex_unlock(&node->lock);
  if (node->running) pthread_join(node->thread, NULL);
  node->running = false;
  disconnect(node);
}

void pf_sound_node_close(pf_sound_node *node) {
  if (node->context == NULL) return;
  pf_sound_node_stop(node);
  pthread_cond_destroy(&node->changed);
  pthread_mutex_destroy(&node->lock);
  node->context = NULL;
}

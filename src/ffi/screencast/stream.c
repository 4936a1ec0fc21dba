/* The node, the stream to it, and what happens to them. */
#include "cast.h"

#include <stdio.h>
#include <string.h>

#include <spa/param/param.h>
#include <spa/utils/result.h>

#define NO_FORMAT "no format of BGRx, RGBx, BGRA or RGBA was agreed"
enum { FIRST_FRAME_MS = 10000, OPEN_WAIT_MS = 2000 };
/* First pictures come within 0.2 s, or else late for a reason of the producer's own. */
enum { NUDGE_MS = 300, REST_MS = 30, NUDGES_MAX = 4 };
/* A stream that gives nothing in this many nudges' time is replaced, so often at most. */
enum { STALLS_MAX = 3, RECONNECTS_MAX = 3 };

const char *pf_cast_memory(const pf_screencast *self) {
  if (self->slots.buffer_count == 0) return "";
  return self->format.dmabuf ? "DMA" : "shared";
}

const char *pf_cast_state(const pf_screencast *self) {
  if (self->stream == NULL) return "unconnected";
  return pw_stream_state_as_string(pw_stream_get_state(self->stream, NULL));
}

void pf_cast_finish(pf_screencast *self, uint32_t event_kind, const char *words) {
  if (self->finished != 0 || self->stopped) return;
  self->finished = event_kind;
  snprintf(self->words, sizeof self->words, "%s", words);
  if (event_kind == PF_EVENT_FAILED) pf_count(self->counters.failures, 1);
  if (self->started)
    pf_events_post(self->config.events, event_kind, self->config.stage, 0, 0, self->words);
  self->deadline_ns = 0;
  pf_cast_set_timer(self, 0);
  pf_cast_drop(self);
  pf_pipewire_news(&self->connection);
}

static void fail(pf_screencast *self, const char *words) {
  char sentence[PF_CAST_WORDS];
  snprintf(sentence, sizeof sentence, "The screencast failed: %.100s.", words);
  pf_cast_finish(self, PF_EVENT_FAILED, sentence);
}

static uint32_t first_frame_ms(const pf_screencast *self) {
  uint32_t wait_ms = self->config.first_frame_ms;
  return wait_ms != 0 ? wait_ms : FIRST_FRAME_MS;
}

static void await_picture(pf_screencast *self) {
  self->deadline_ns = pf_now_ns() + first_frame_ms(self) * 1000000ull;
  self->nudge_ns = pf_now_ns() + NUDGE_MS * 1000000ull;
  self->nudges = self->stalls = 0;
  pf_cast_set_timer(self, 0);
}

static void on_format(pf_screencast *self, const struct spa_pod *param) {
  pf_format format = {0};
  if (param == NULL) {
    self->format = format;
    return;
  }
  if (pf_format_read(param, &format) != PF_OK) {
    fail(self, pf_last_error());
    return;
  }
  /* What was captured before has another shape, and the encoder's is to follow this one. */
  if (format.width != self->format.width || format.height != self->format.height ||
      format.pixel != self->format.pixel)
    pf_cast_drop(self);
  self->format = format;
  self->damage_told = false;
  pf_params params;
  pf_format_buffers(&self->config, &format, &params);
  pw_stream_update_params(self->stream, params.list, params.count);
  await_picture(self);
  pf_pipewire_news(&self->connection);
}

static void on_param_changed(void *data, uint32_t id, const struct spa_pod *param) {
  pf_screencast *self = data;
  if (id == SPA_PARAM_Format && self->finished == 0) on_format(self, param);
}

static void on_state_changed(void *data, enum pw_stream_state old, enum pw_stream_state state,
                             const char *error) {
  pf_screencast *self = data;
  if (self->replacing) return;
  if (state == PW_STREAM_STATE_ERROR && self->dmabuf_offered) {
    self->deadline_ns = pf_now_ns(); /* not from within this callback */
    pf_cast_set_timer(self, 0);
  } else if (state == PW_STREAM_STATE_ERROR) {
    fail(self, error != NULL ? error : "PipeWire refused it");
  }
  if (state == PW_STREAM_STATE_UNCONNECTED && old != PW_STREAM_STATE_UNCONNECTED) {
    if (self->format.agreed)
      pf_cast_finish(self, PF_EVENT_ENDED, "PipeWire ended the screencast.");
    else /* what session managers do with streams that can't be linked */
      pf_cast_finish(self, PF_EVENT_FAILED, "PipeWire ended the screencast: " NO_FORMAT ".");
  }
  pf_pipewire_news(&self->connection);
}

static void on_add_buffer(void *data, struct pw_buffer *buffer) {
  pf_screencast *self = data;
  if (pf_slots_add(&self->slots, buffer) == PF_OK) return;
  /* Another set of buffers may follow; if not, the watchdog tells. */
  snprintf(self->connection.words, sizeof self->connection.words, "%s", pf_last_error());
  if (!self->format.dmabuf || !self->dmabuf_offered) return;
  self->deadline_ns = pf_now_ns(); /* not from within this callback */
  pf_cast_set_timer(self, 0);
}

static void on_remove_buffer(void *data, struct pw_buffer *buffer) {
  pf_slots_remove(&((pf_screencast *)data)->slots, buffer);
}

static void on_process(void *data) { pf_cast_receive(data); }

static const struct pw_stream_events stream_events = {
    PW_VERSION_STREAM_EVENTS,
    .state_changed = on_state_changed,
    .param_changed = on_param_changed,
    .add_buffer = on_add_buffer,
    .remove_buffer = on_remove_buffer,
    .process = on_process,
};

static void say_what_is_known(const pf_screencast *self, char *out, size_t bytes) {
  const double seconds = first_frame_ms(self) / 1000.0;
  /* Through a portal's socket nothing but the node is seen. */
  if (!self->managed && !self->format.agreed && self->config.fd < 0) {
    snprintf(out, bytes,
             "No picture came in %.3g s: no session manager runs beside PipeWire; "
             "start wireplumber.",
             seconds);
    return;
  }
  char format[72] = NO_FORMAT;
  if (self->format.agreed)
    snprintf(format, sizeof format, "%s %ux%u was agreed, %u buffers",
             pf_format_name(self->format.spa_format), self->format.width, self->format.height,
             self->slots.buffer_count);
  const char *error = self->connection.words;
  snprintf(out, bytes, "No picture came in %.3g s: the stream is %s, %s%s%.60s.", seconds,
           pf_cast_state(self), format, error[0] != '\0' ? "; " : "", error);
}

/* Begins once more from the node: a producer that another consumer has just left may agree with
 * that one (Mutter), and a link may stay without buffers or half made (PipeWire 0.3.65). */
static void reconnect(pf_screencast *self, bool dmabuf) {
  const uint64_t deadline_ns = self->deadline_ns;
  self->reconnects++;
  pf_count(self->counters.reconnects, 1);
  self->replacing = true;
  pf_cast_drop(self);
  pw_stream_destroy(self->stream);
  self->stream = self->slots.stream = NULL;
  self->format = (pf_format){0};
  self->connection.words[0] = '\0';
  self->replacing = false;
  if (pf_cast_connect(self, dmabuf) != PF_OK) fail(self, pf_last_error());
  else if (deadline_ns > pf_now_ns()) self->deadline_ns = deadline_ns;
  pf_cast_set_timer(self, 0);
}

/* Nothing came in time. */
static void watch(pf_screencast *self) {
  if (self->dmabuf_offered) {
    pf_count(self->counters.fallbacks, 1);
    if (pw_stream_get_state(self->stream, NULL) == PW_STREAM_STATE_ERROR) {
      reconnect(self, false);
      return;
    }
    self->dmabuf_offered = false;
    pf_params params;
    pf_format_offer(&self->config, false, &params);
    pw_stream_update_params(self->stream, params.list, params.count);
    await_picture(self);
    return;
  }
  char words[PF_CAST_WORDS];
  say_what_is_known(self, words, sizeof words);
  pf_cast_finish(self, PF_EVENT_FAILED, words);
}

static void rest(pf_screencast *self, bool rests, uint64_t until_ns) {
  self->resting = rests;
  self->nudge_ns = until_ns;
  pw_stream_set_active(self->stream, !rests);
}

/* A producer that sends what changes, and whose first picture found no buffer yet, would send
 * nothing until the next change: a short rest has it begin anew, with a whole picture. Never after
 * the first picture: Mutter loses input while it rests. */
static void nudge(pf_screencast *self, uint64_t now_ns) {
  const uint64_t nudge_ns = NUDGE_MS * 1000000ull;
  const bool streams = pw_stream_get_state(self->stream, NULL) == PW_STREAM_STATE_STREAMING;
  const bool usable = streams && pf_slots_usable(&self->slots);
  if (self->resting) {
    self->nudges++;
    const bool last = self->nudges == NUDGES_MAX;
    rest(self, false, last ? 0 : now_ns + (nudge_ns << self->nudges));
  } else if (usable) {
    rest(self, true, now_ns + REST_MS * 1000000ull);
  } else if (++self->stalls >= STALLS_MAX && self->reconnects < RECONNECTS_MAX) {
    reconnect(self, self->dmabuf_offered);
  } else {
    self->nudge_ns = now_ns + nudge_ns;
  }
  pf_cast_set_timer(self, 0);
}

void pf_cast_on_timer(void *data, uint64_t expirations) {
  pf_screencast *self = data;
  uint64_t now_ns = pf_now_ns();
  if (self->finished != 0 || self->stopped) return;
  if (self->deadline_ns != 0 && now_ns >= self->deadline_ns) watch(self);
  const bool nudges = self->finished == 0 && (self->deadline_ns != 0 || self->resting);
  if (nudges && self->nudge_ns != 0 && now_ns >= self->nudge_ns) nudge(self, now_ns);
  pf_cast_deliver(self, now_ns);
}

static void on_global(void *data, uint32_t id, uint32_t permissions, const char *type,
                      uint32_t version, const struct spa_dict *properties) {
  pf_screencast *self = data;
  self->managed |= pf_pipewire_is_session_manager(type, properties);
  if (self->node != PF_SCREENCAST_ANY_NODE || strcmp(type, PW_TYPE_INTERFACE_Node) != 0 ||
      properties == NULL)
    return;
  const char *name = spa_dict_lookup(properties, PW_KEY_NODE_NAME);
  const char *serial = spa_dict_lookup(properties, PW_KEY_OBJECT_SERIAL);
  const char *target = self->config.target;
  bool wanted = target[0] == '\0' ? id == self->config.node
                                  : (name != NULL && strcmp(name, target) == 0) ||
                                        (serial != NULL && strcmp(serial, target) == 0);
  if (!wanted) return;
  self->node = id;
  snprintf(self->name, sizeof self->name, "%s", name != NULL ? name : "");
  if (serial != NULL) snprintf(self->serial, sizeof self->serial, "%s", serial);
  else snprintf(self->serial, sizeof self->serial, "%u", id);
  pf_pipewire_news(&self->connection);
}

static void on_global_remove(void *data, uint32_t id) {
  pf_screencast *self = data;
  if (id != self->node) return;
  pf_cast_finish(self, PF_EVENT_ENDED, "The program that gave the pictures took them away.");
}

static const struct pw_registry_events registry_events = {
    PW_VERSION_REGISTRY_EVENTS,
    .global = on_global,
    .global_remove = on_global_remove,
};

uint64_t pf_cast_open_wait(const pf_screencast *self) {
  uint32_t half_ms = first_frame_ms(self) / 2;
  return (half_ms < OPEN_WAIT_MS ? half_ms : OPEN_WAIT_MS) * 1000000ull;
}

pf_result pf_cast_find_node(pf_screencast *self) {
  self->registry = pw_core_get_registry(self->connection.core, PW_VERSION_REGISTRY, 0);
  if (self->registry == NULL) return pf_fail(PF_E_LIBRARY, "PipeWire has no registry");
  pw_registry_add_listener(self->registry, &self->registry_hook, &registry_events, self);
  pf_result result = pf_pipewire_roundtrip(&self->connection);
  if (result != PF_OK) return result;
  /* Who told of it may have been faster than the server. */
  uint64_t deadline_ns = pf_now_ns() + pf_cast_open_wait(self);
  while (self->node == PF_SCREENCAST_ANY_NODE && !self->connection.gone) {
    if (pf_pipewire_wait(&self->connection, deadline_ns)) continue;
    if (self->config.target[0] != '\0')
      return pf_fail(PF_E_MISSING, "PipeWire has no node %s", self->config.target);
    return pf_fail(PF_E_MISSING, "PipeWire has no node %u", self->config.node);
  }
  return self->connection.gone ? pf_fail(PF_E_CLOSED, "PipeWire hung up") : PF_OK;
}

pf_result pf_cast_connect(pf_screencast *self, bool dmabuf) {
  struct pw_properties *properties = pw_properties_new(
      PW_KEY_MEDIA_TYPE, "Video", PW_KEY_MEDIA_CATEGORY, "Capture", PW_KEY_MEDIA_ROLE, "Screen",
      PW_KEY_NODE_NAME, "punktfunk", PW_KEY_TARGET_OBJECT, self->serial, NULL);
  self->stream = pw_stream_new(self->connection.core, "screencast", properties);
  if (self->stream == NULL) return pf_fail(PF_E_LIBRARY, "PipeWire gives no stream");
  self->slots.stream = self->stream;
  pw_stream_add_listener(self->stream, &self->stream_hook, &stream_events, self);
  self->dmabuf_offered = dmabuf;
  pf_params params;
  pf_format_offer(&self->config, self->dmabuf_offered, &params);
  await_picture(self);
  int error = pw_stream_connect(self->stream, PW_DIRECTION_INPUT, PW_ID_ANY,
                                PW_STREAM_FLAG_AUTOCONNECT | PW_STREAM_FLAG_DONT_RECONNECT,
                                params.list, params.count);
  if (error < 0) return pf_fail(PF_E_LIBRARY, "no stream to %s: %s", self->name,
                                spa_strerror(error));
  return PF_OK;
}

#include "queue.h"

static void append(pf_input_queue *queue, pf_input_event event) {
  queue->ring[(queue->head + queue->count) % PF_INPUT_RING] = event;
  queue->count++;
}

static int32_t add(int32_t a, int32_t b) {
  int32_t sum;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return a > 0 ? INT32_MAX : INT32_MIN;
}

static bool is_edge(const pf_input_event *event) {
  if (event->kind == PF_INPUT_TOUCH) return event->phase != PF_INPUT_TOUCH_MOVE;
  return event->kind == PF_INPUT_KEY || event->kind == PF_INPUT_BUTTON ||
         event->kind == PF_INPUT_CHARACTER;
}

/* The event of a kind (and finger) among those behind the last edge; there is one at most. */
static pf_input_event *find_merged(pf_input_queue *queue, pf_input_kind kind, uint8_t finger) {
  for (uint32_t i = queue->count; i > 0; i--) {
    pf_input_event *event = &queue->ring[(queue->head + i - 1) % PF_INPUT_RING];
    if (is_edge(event)) return NULL;
    if (event->kind == kind && event->finger == finger) return event;
  }
  return NULL;
}

/* Whether the event became part of one behind the last edge. A place makes motion before it void,
 * so that a motion always lies behind the place. */
static bool merge(pf_input_queue *queue, const pf_input_event *event) {
  pf_input_event *same = find_merged(queue, event->kind, event->finger);
  if (event->kind == PF_INPUT_TOUCH) {
    if (same != NULL) *same = *event;
    return same != NULL;
  }
  if (event->kind != PF_INPUT_POSITION) {
    if (same == NULL) return false;
    same->a = add(same->a, event->a);
    same->b = add(same->b, event->b);
    return true;
  }
  pf_input_event *motion = find_merged(queue, PF_INPUT_MOTION, 0);
  if (same != NULL && motion != NULL) motion->a = motion->b = 0;
  if (same == NULL) same = motion;
  if (same == NULL) return false;
  *same = *event;
  return true;
}

static pf_result drop(pf_input_queue *queue) {
  pf_count(queue->counters->dropped, 1);
  return PF_E_FULL;
}

static pf_result ignore(pf_input_queue *queue) {
  pf_count(queue->counters->ignored, 1);
  return PF_OK;
}

/* `held` is the number of the key, button or finger among all that can be held. */
static pf_result push_edge(pf_input_queue *queue, pf_input_event event, uint32_t held, bool down) {
  uint8_t *pressed = &queue->pressed[held];
  if ((*pressed != 0) == down) return ignore(queue);
  if (down && queue->count >= PF_INPUT_QUEUE_EVENTS) return drop(queue);
  *pressed = down ? (uint8_t)(1 + event.kind) : 0;
  append(queue, event);
  return PF_OK;
}

pf_result pf_input_queue_push(pf_input_queue *queue, pf_input_event event) {
  if (event.kind == PF_INPUT_KEY || event.kind == PF_INPUT_BUTTON)
    return push_edge(queue, event, (uint32_t)event.a, event.b != 0);
  if (event.kind == PF_INPUT_TOUCH) {
    uint32_t held = PF_INPUT_CODES + event.finger;
    if (is_edge(&event)) return push_edge(queue, event, held, event.phase == PF_INPUT_TOUCH_DOWN);
    if (queue->pressed[held] == 0) return ignore(queue);
  }
  if (merge(queue, &event)) {
    pf_count(queue->counters->merged, 1);
    return PF_OK;
  }
  if (queue->count >= PF_INPUT_QUEUE_EVENTS) return drop(queue);
  append(queue, event);
  return PF_OK;
}

pf_result pf_input_queue_push_text(pf_input_queue *queue, const uint32_t *characters,
                                   uint32_t count) {
  if (count > PF_INPUT_QUEUE_EVENTS || queue->count > PF_INPUT_QUEUE_EVENTS - count)
    return drop(queue);
  for (uint32_t i = 0; i < count; i++)
    append(queue, (pf_input_event){.kind = PF_INPUT_CHARACTER, .a = (int32_t)characters[i]});
  return PF_OK;
}

void pf_input_queue_release_all(pf_input_queue *queue) {
  for (uint32_t held = 0; held < PF_INPUT_HOLDABLE; held++) {
    if (queue->pressed[held] == 0) continue;
    pf_input_event event = {.kind = (pf_input_kind)(queue->pressed[held] - 1)};
    if (event.kind == PF_INPUT_TOUCH) {
      event.finger = (uint8_t)(held - PF_INPUT_CODES);
      event.phase = PF_INPUT_TOUCH_CANCEL;
    } else {
      event.a = (int32_t)held;
    }
    push_edge(queue, event, held, false);
  }
}

const pf_input_event *pf_input_queue_peek(const pf_input_queue *queue, uint32_t index) {
  if (index >= queue->count) return NULL;
  return &queue->ring[(queue->head + index) % PF_INPUT_RING];
}

void pf_input_queue_pop(pf_input_queue *queue) {
  queue->head = (queue->head + 1) % PF_INPUT_RING;
  queue->count--;
}

static bool typable(uint32_t point) {
  if (point == '\n' || point == '\t') return true;
  bool control = point < 0x20 || (point >= 0x7f && point < 0xa0);
  bool noncharacter = (point & 0xfffe) == 0xfffe || (point >= 0xfdd0 && point <= 0xfdef);
  return !control && !noncharacter;
}

/* Reads one code point; returns its length in bytes, 0 when it is not UTF-8. */
static uint32_t decode(const uint8_t *text, uint32_t left, uint32_t *out) {
  uint8_t lead = text[0];
  if (lead < 0x80) {
    *out = lead;
    return 1;
  }
  uint32_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || length > left) return 0;
  uint32_t point = lead & (0x7fu >> length);
  for (uint32_t i = 1; i < length; i++) {
    if ((text[i] & 0xc0) != 0x80) return 0;
    point = point << 6 | (text[i] & 0x3fu);
  }
  static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
  bool surrogate = point >= 0xd800 && point <= 0xdfff;
  if (point < least[length] || surrogate || point > 0x10ffff) return 0;
  *out = point;
  return length;
}

int32_t pf_input_decode_text(const uint8_t *text, uint32_t bytes, uint32_t *out) {
  int32_t count = 0;
  for (uint32_t at = 0; at < bytes;) {
    uint32_t length = decode(text + at, bytes - at, &out[count]);
    if (length == 0 || !typable(out[count])) return -1;
    at += length;
    count++;
  }
  return count;
}

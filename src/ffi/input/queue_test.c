/* Floods the queue and reads it back; prints what failed and exits 1. */
#include "queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPECT(condition)                                     \
  do {                                                        \
    if (!(condition)) {                                       \
      fprintf(stderr, "line %d: %s\n", __LINE__, #condition); \
      exit(1);                                                \
    }                                                         \
  } while (0)

static pf_input_counters counters;

static pf_input_queue *make_queue(void) {
  pf_input_queue *queue = calloc(1, sizeof *queue);
  counters = (pf_input_counters){0};
  queue->counters = &counters;
  return queue;
}

static pf_input_event edge(pf_input_kind kind, int32_t code, int32_t down) {
  return (pf_input_event){.kind = kind, .a = code, .b = down};
}

static pf_input_event touch(int32_t finger, pf_input_phase phase, int32_t x, int32_t y) {
  return (pf_input_event){.kind = PF_INPUT_TOUCH,
                          .finger = (uint8_t)finger,
                          .phase = (uint8_t)phase,
                          .a = x,
                          .b = y};
}

static void never_drops_a_release(void) {
  pf_input_queue *queue = make_queue();
  uint8_t held[PF_INPUT_HOLDABLE] = {0};
  srand(1);
  for (uint32_t i = 0; i < 100000; i++) {
    int32_t code = rand() % PF_INPUT_CODES;
    pf_input_kind kind = code >= 0x110 && code < 0x120 ? PF_INPUT_BUTTON : PF_INPUT_KEY;
    bool down = rand() % 3 != 0;
    pf_input_event event = edge(kind, code, down);
    if (i % 16 == 0) event = touch(rand() % PF_TOUCH_FINGERS_MAX, down ? PF_INPUT_TOUCH_DOWN
                                                                     : PF_INPUT_TOUCH_UP, 1, 2);
    pf_result result = pf_input_queue_push(queue, event);
    if (down) EXPECT(result == PF_OK || result == PF_E_FULL);
    else EXPECT(result == PF_OK);
  }
  EXPECT(counters.dropped > 0 && counters.ignored > 0);
  pf_input_queue_release_all(queue);
  for (const pf_input_event *event; (event = pf_input_queue_peek(queue, 0)) != NULL;) {
    bool touches = event->kind == PF_INPUT_TOUCH;
    uint8_t *of = &held[touches ? PF_INPUT_CODES + event->finger : event->a];
    bool down = touches ? event->phase == PF_INPUT_TOUCH_DOWN : event->b != 0;
    EXPECT((*of == 0) == down); /* each edge changes something */
    *of = down;
    pf_input_queue_pop(queue);
  }
  for (int32_t i = 0; i < PF_INPUT_HOLDABLE; i++) EXPECT(held[i] == 0);
  free(queue);
}

static void push(pf_input_queue *queue, pf_input_kind kind, int32_t a, int32_t b) {
  EXPECT(pf_input_queue_push(queue, (pf_input_event){.kind = kind, .a = a, .b = b}) == PF_OK);
}

static void expect(pf_input_queue *queue, pf_input_kind kind, int32_t a, int32_t b) {
  const pf_input_event *event = pf_input_queue_peek(queue, 0);
  EXPECT(event != NULL && event->kind == kind && event->a == a && event->b == b);
  pf_input_queue_pop(queue);
}

static void merges_what_lies_between_edges(void) {
  pf_input_queue *queue = make_queue();
  for (int32_t i = 0; i < 100000; i++) {
    push(queue, PF_INPUT_MOTION, 3, -2);
    push(queue, PF_INPUT_SCROLL, 0, 1);
  }
  push(queue, PF_INPUT_BUTTON, 0x110, 1);
  push(queue, PF_INPUT_MOTION, INT32_MAX, 1);
  push(queue, PF_INPUT_MOTION, INT32_MAX, 1);
  push(queue, PF_INPUT_BUTTON, 0x110, 0);
  push(queue, PF_INPUT_MOTION, 7, 7); /* void: a place follows */
  push(queue, PF_INPUT_SCROLL, 1, 1);
  push(queue, PF_INPUT_POSITION, 1, 2);
  push(queue, PF_INPUT_MOTION, 8, 8); /* void too */
  push(queue, PF_INPUT_POSITION, 3, 4);
  push(queue, PF_INPUT_MOTION, 1, 0);
  expect(queue, PF_INPUT_MOTION, 300000, -200000);
  expect(queue, PF_INPUT_SCROLL, 0, 100000);
  expect(queue, PF_INPUT_BUTTON, 0x110, 1);
  expect(queue, PF_INPUT_MOTION, INT32_MAX, 2);
  expect(queue, PF_INPUT_BUTTON, 0x110, 0);
  expect(queue, PF_INPUT_POSITION, 3, 4);
  expect(queue, PF_INPUT_SCROLL, 1, 1);
  expect(queue, PF_INPUT_MOTION, 1, 0);
  EXPECT(pf_input_queue_peek(queue, 0) == NULL && counters.dropped == 0);
  free(queue);
}

static void expect_touch(pf_input_queue *queue, int32_t finger, pf_input_phase phase, int32_t x) {
  const pf_input_event *event = pf_input_queue_peek(queue, 0);
  EXPECT(event != NULL && event->kind == PF_INPUT_TOUCH && event->finger == finger);
  EXPECT(event->phase == phase && (phase == PF_INPUT_TOUCH_CANCEL || event->a == x));
  pf_input_queue_pop(queue);
}

static void merges_the_moves_of_each_finger(void) {
  pf_input_queue *queue = make_queue();
  pf_input_queue_push(queue, touch(3, PF_INPUT_TOUCH_MOVE, 1, 1)); /* is up: ignored */
  pf_input_queue_push(queue, touch(3, PF_INPUT_TOUCH_UP, 1, 1));
  EXPECT(counters.ignored == 2 && queue->count == 0);
  pf_input_queue_push(queue, touch(0, PF_INPUT_TOUCH_DOWN, 10, 0));
  pf_input_queue_push(queue, touch(1, PF_INPUT_TOUCH_DOWN, 20, 0));
  for (int32_t i = 0; i < 1000; i++) {
    pf_input_queue_push(queue, touch(0, PF_INPUT_TOUCH_MOVE, 100 + i, 0));
    pf_input_queue_push(queue, touch(1, PF_INPUT_TOUCH_MOVE, 2000 + i, 0));
  }
  pf_input_queue_push(queue, touch(1, PF_INPUT_TOUCH_UP, 3000, 0));
  pf_input_queue_push(queue, touch(0, PF_INPUT_TOUCH_MOVE, 1, 0));
  pf_input_queue_release_all(queue);
  expect_touch(queue, 0, PF_INPUT_TOUCH_DOWN, 10);
  expect_touch(queue, 1, PF_INPUT_TOUCH_DOWN, 20);
  expect_touch(queue, 0, PF_INPUT_TOUCH_MOVE, 1099);
  expect_touch(queue, 1, PF_INPUT_TOUCH_MOVE, 2999);
  expect_touch(queue, 1, PF_INPUT_TOUCH_UP, 3000);
  expect_touch(queue, 0, PF_INPUT_TOUCH_MOVE, 1);
  expect_touch(queue, 0, PF_INPUT_TOUCH_CANCEL, 0);
  EXPECT(queue->count == 0 && counters.dropped == 0);
  free(queue);
}

static void takes_a_text_whole_or_not_at_all(void) {
  pf_input_queue *queue = make_queue();
  static uint32_t characters[PF_INPUT_QUEUE_EVENTS + 1];
  EXPECT(pf_input_queue_push_text(queue, characters, PF_INPUT_QUEUE_EVENTS + 1) == PF_E_FULL);
  EXPECT(queue->count == 0);
  EXPECT(pf_input_queue_push_text(queue, characters, PF_INPUT_QUEUE_EVENTS) == PF_OK);
  EXPECT(pf_input_queue_push_text(queue, characters, 1) == PF_E_FULL);
  pf_input_queue_pop(queue);
  EXPECT(pf_input_queue_push_text(queue, characters, 1) == PF_OK);
  EXPECT(queue->count == PF_INPUT_QUEUE_EVENTS && counters.dropped == 2);
  free(queue);
}

static int32_t decode(const char *text, uint32_t *out) {
  size_t bytes = strlen(text);
  uint8_t *exact = malloc(bytes + (bytes == 0)); /* so that a read past the end is seen */
  memcpy(exact, text, bytes);
  int32_t count = pf_input_decode_text(exact, (uint32_t)bytes, out);
  free(exact);
  return count;
}

static void decodes_what_can_be_typed(void) {
  uint32_t out[64];
  EXPECT(decode("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\n\t", out) == 6);
  EXPECT(out[0] == 'a' && out[1] == 0xe9 && out[2] == 0x20ac && out[3] == 0x1f600);
  static const char *const refused[] = {
      "\x01", "\x7f", "\xc2\x80", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
      "\xf5\x80\x80\x80", "\x80", "\xc3", "\xe2\x82", "\xf0\x9f\x98", "\xc3(", "\xef\xbf\xbf",
      "\xef\xb7\x90", "\x1b[A", "\xff"};
  for (size_t i = 0; i < PF_ARRAY_COUNT(refused); i++) EXPECT(decode(refused[i], out) == -1);
  EXPECT(decode("", out) == 0);
}

int main(void) {
  never_drops_a_release();
  merges_what_lies_between_edges();
  merges_the_moves_of_each_finger();
  takes_a_text_whole_or_not_at_all();
  decodes_what_can_be_typed();
  return 0;
}

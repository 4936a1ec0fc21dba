/*
 * The bounded queue between the callers and the thread. Not locked: the caller holds a lock.
 *
 * Why a release always has room: a press is taken only while fewer than PF_INPUT_QUEUE_EVENTS wait,
 * and a release only of a code or a finger whose press was taken. Beyond that number nothing but
 * releases is taken, each of another one, and there are PF_INPUT_HOLDABLE of them at most.
 */
#ifndef PF_INPUT_QUEUE_H
#define PF_INPUT_QUEUE_H
#include "../common/common.h"

enum {
  PF_INPUT_CODES = 0x300, /* KEY_CNT of linux/input-event-codes.h; buttons lie among the keys */
  PF_INPUT_HOLDABLE = PF_INPUT_CODES + PF_TOUCH_FINGERS_MAX,
  PF_INPUT_QUEUE_EVENTS = 8192, /* two of the longest texts */
  PF_INPUT_RING = PF_INPUT_QUEUE_EVENTS + PF_INPUT_HOLDABLE,
};

typedef enum pf_input_kind {
  PF_INPUT_KEY, /* a = code, b = down */
  PF_INPUT_BUTTON, /* a = code, b = down */
  PF_INPUT_MOTION, /* a = dx, b = dy in 1/256 pixel */
  PF_INPUT_POSITION, /* a = x, b = y */
  PF_INPUT_SCROLL, /* a = horizontal, b = vertical */
  PF_INPUT_CHARACTER, /* a = code point */
  PF_INPUT_TOUCH, /* a = x, b = y, 0…65535 */
} pf_input_kind;

typedef enum pf_input_phase {
  PF_INPUT_TOUCH_DOWN,
  PF_INPUT_TOUCH_MOVE,
  PF_INPUT_TOUCH_UP,
  PF_INPUT_TOUCH_CANCEL,
} pf_input_phase;

typedef struct pf_input_event {
  pf_input_kind kind;
  int32_t a, b;
  uint8_t finger, phase; /* of touches */
} pf_input_event;

typedef struct pf_input_queue {
  pf_input_event ring[PF_INPUT_RING];
  uint32_t head, count;
  uint8_t pressed[PF_INPUT_HOLDABLE]; /* 1 + kind of what was taken as pressed, 0 = up */
  pf_input_counters *counters; /* its merged, dropped and ignored */
} pf_input_queue;

/* PF_OK also for what is merged or ignored; PF_E_FULL when dropped. */
pf_result pf_input_queue_push(pf_input_queue *queue, pf_input_event event);
/* All characters or none. */
pf_result pf_input_queue_push_text(pf_input_queue *queue, const uint32_t *characters,
                                   uint32_t count);
void pf_input_queue_release_all(pf_input_queue *queue);
/* The event that is `index` places behind the first; NULL behind the last. */
const pf_input_event *pf_input_queue_peek(const pf_input_queue *queue, uint32_t index);
/* Removes the first one, which is there. */
void pf_input_queue_pop(pf_input_queue *queue);

/*
 * UTF-8 (RFC 3629: shortest form, no surrogates) to code points; returns their count, -1 for what
 * is not UTF-8 or can't be typed: control characters other than U+0009 and U+000A, noncharacters.
 * `out` has room for `bytes` of them.
 */
int32_t pf_input_decode_text(const uint8_t *text, uint32_t bytes, uint32_t *out);

#endif

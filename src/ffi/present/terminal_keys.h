/*
 * What a terminal sends when keys are pressed, as events. Understands what every terminal sends
 * (characters, control characters, xterm's sequences of keys), reports of the mouse (SGR 1006),
 * pasted text (2004), the focus (1004), and the keyboard protocol of kitty, which tells of
 * releases, of keys by their place and of every modifier. No I/O and no memory of its own.
 *
 * A terminal without kitty's protocol tells what was typed, not which key: what prints comes as
 * text, the rest as keys that go down and up at once.
 */
#ifndef PF_PRESENT_TERMINAL_KEYS_H
#define PF_PRESENT_TERMINAL_KEYS_H
#include "../common/common.h"

enum {
  PF__KEYS_SHIFT = 1,
  PF__KEYS_ALT = 2,
  PF__KEYS_CTRL = 4,
  PF__KEYS_SUPER = 8,
};

typedef enum pf__keys_kind {
  PF__KEYS_EDGE,      /* a = usage of HID page 7, b = 1 down, 0 up */
  PF__KEYS_TAP,       /* a = usage, b = modifiers: down and up at once */
  PF__KEYS_TEXT,      /* text, zero-terminated UTF-8 */
  PF__KEYS_BUTTON,    /* a = 1 left … 5 forward, b = 1 down, 0 up; x, y */
  PF__KEYS_POINTER,   /* x, y: cells or pixels from 1, as the terminal counts */
  PF__KEYS_SCROLL,    /* a = notches to the right, b = down; x, y */
  PF__KEYS_FOCUS,     /* a = 1 gained, 0 lost */
  PF__KEYS_INTERRUPT, /* Ctrl+C, where the terminal driver can't see it */
  PF__KEYS_MODE,      /* a = number of a private mode, b = its state as DECRPM has it */
} pf__keys_kind;

typedef struct pf__keys_event {
  pf__keys_kind kind;
  int32_t a, b, x, y;
  const char *text;
} pf__keys_event;

enum { PF__KEYS_SEQUENCE_MAX = 128, PF__KEYS_TEXT_MAX = 127 };

typedef enum pf__keys_state {
  PF__KEYS_PLAIN,
  PF__KEYS_ESCAPE, /* ESC came */
  PF__KEYS_CSI,    /* ESC [ and what follows */
  PF__KEYS_SS3,    /* ESC O */
  PF__KEYS_STRING, /* an answer in a string, to its end */
  PF__KEYS_STRING_ESCAPE,
} pf__keys_state;

typedef struct pf__keys {
  void (*emit)(void *context, const pf__keys_event *event);
  void *context;
  bool by_text; /* kitty's protocol: keys that print come as text, not by their place */
  pf__keys_state state;
  bool pasting;
  bool releases; /* the terminal said that it tells of releases */
  uint32_t sequence_bytes;
  char sequence[PF__KEYS_SEQUENCE_MAX + 1];
  uint32_t text_bytes, missing_bytes; /* of the character that is not complete */
  char text[PF__KEYS_TEXT_MAX + 1];
} pf__keys;

/* Takes bytes in pieces of any size. */
void pf__keys_feed(pf__keys *keys, const uint8_t *bytes, size_t count);
/* Nothing more came for a moment: an ESC that stands alone is the key. */
void pf__keys_idle(pf__keys *keys);
/* Whether pf__keys_idle would do anything. */
bool pf__keys_waits(const pf__keys *keys);

#endif

/*
 * The X server's keyboard: how each character is typed with it, and spare keys, which no layout
 * uses, for characters that it does not have.
 *
 * The spare keys are reserved at open by giving them the meaning "nothing" (XK_VoidSymbol), so that
 * another connection takes others, and given back at close. An application learns of a key's new
 * meaning before it gets the key, for a server tells both in their order; but it may look the
 * meaning up late: a key is given another one only PF_X11_RENAME_MS after it was last typed.
 *
 * A thread with a connection of its own follows changes of the layout, so that a server that hangs
 * in the middle of telling it holds no input up. Spare keys belong to the thread of the input.
 */
#ifndef PF_X11_KEYS_H
#define PF_X11_KEYS_H
#include "connection.h"

enum {
  PF_X11_KEYCODES = 256,
  PF_X11_SPARE_KEYS = 8,
  PF_X11_RENAME_MS = 60,
  /* X counts keys from 8 above the kernel's codes, on every server that reads evdev. */
  PF_X11_KEY_OFFSET = 8,
};

typedef struct pf_x11_way {
  uint8_t key; /* 0 = there is none */
  uint8_t shift_key, level3_key; /* to be held; 0 = not */
} pf_x11_way;

typedef struct pf_x11_spare {
  uint8_t key;
  uint32_t character; /* 0 = not used yet */
  uint64_t typed_ns;
} pf_x11_spare;

typedef struct pf_x11_keys {
  pf_x11_connection *connection; /* of the input */
  pf_x11_connection follower;
  pthread_t thread;
  bool following;
  atomic_bool changed; /* the spare keys may have lost what they meant */
  pthread_mutex_t lock; /* of the layout: all up to the modifiers */
  uint32_t symbols[PF_X11_KEYCODES][4]; /* plain, Shift, level 3, level 3 with Shift */
  uint8_t shift_key, level3_key; /* 0 = the layout has none */
  bool modifiers[PF_X11_KEYCODES];
  pf_x11_spare spares[PF_X11_SPARE_KEYS];
  uint32_t spare_count;
} pf_x11_keys;

/* `display` as of the connection. After a failure it is to be closed as well. */
pf_result pf_x11_keys_open(pf_x11_keys *self, pf_x11_connection *connection, const char *display);
/* Gives the spare keys back; sent, not waited for. The connection may be lost. */
void pf_x11_keys_close(pf_x11_keys *self);
/* How the layout types a character. Any thread. */
pf_x11_way pf_x11_keys_find(pf_x11_keys *self, uint32_t character);
/* Which keys are modifiers. Any thread. */
void pf_x11_keys_modifiers(pf_x11_keys *self, bool out[PF_X11_KEYCODES]);
/* The spare key that has this character; NULL when none has. */
pf_x11_spare *pf_x11_keys_spare(pf_x11_keys *self, uint32_t character);
/* The spare key that rested longest; there is one. */
pf_x11_spare *pf_x11_keys_oldest(pf_x11_keys *self);
void pf_x11_keys_rename(pf_x11_keys *self, pf_x11_spare *spare, uint32_t character);

#endif

/*
 * Keymaps: that of the layout, with the way to type each of its characters, and one that is made
 * for characters which the layout does not have.
 */
#ifndef PF_INPUT_KEYMAP_H
#define PF_INPUT_KEYMAP_H
#include "../common/common.h"

#include <xkbcommon/xkbcommon.h>

enum {
  /* Layouts have 150 to 800 characters. */
  PF_INPUT_CHARACTERS_MAX = 2048,
  /* Keys that print on every keyboard; others may mean something to applications by their code. */
  PF_INPUT_SLOTS = 48,
  PF_INPUT_MAP_BYTES = 8192,
  /* XKB counts keys from 8, as X did. */
  PF_INPUT_XKB_OFFSET = 8,
};

typedef struct pf_input_way {
  uint32_t character, code; /* code is evdev's */
  xkb_mod_mask_t modifiers;
} pf_input_way;

/* A key that gives modifiers while it is held. */
typedef struct pf_input_modifier {
  uint32_t code;
  xkb_mod_mask_t mask;
} pf_input_modifier;

enum { PF_INPUT_MODIFIERS_MAX = 32 };

typedef struct pf_input_keymap {
  struct xkb_context *context;
  struct xkb_keymap *map;
  struct xkb_state *state;
  uint32_t count;
  pf_input_way ways[PF_INPUT_CHARACTERS_MAX]; /* sorted by character */
  uint32_t modifier_count;
  pf_input_modifier modifiers[PF_INPUT_MODIFIERS_MAX]; /* those of real keyboards first */
} pf_input_keymap;

/* The keymap of an XKB layout, as us or de(nodeadkeys). PF_E_ARGUMENT: there is none. */
pf_result pf_input_keymap_open(pf_input_keymap *self, const char *layout);
/* A keymap in XKB's text format 1. PF_E_ARGUMENT: it is none. */
pf_result pf_input_keymap_open_text(pf_input_keymap *self, const char *text, size_t bytes);
void pf_input_keymap_close(pf_input_keymap *self);
/* How to type a character; NULL when the layout does not have it. */
const pf_input_way *pf_input_keymap_find(const pf_input_keymap *self, uint32_t character);

/* The characters of a made keymap by slot. */
typedef struct pf_input_slots {
  uint32_t characters[PF_INPUT_SLOTS];
  uint32_t count;
} pf_input_slots;

/* The evdev code of a slot. */
uint32_t pf_input_slot_code(uint32_t slot);
/* The slot of a character, or -1. */
int32_t pf_input_slots_find(const pf_input_slots *slots, uint32_t character);
/* Writes the keymap, zero-terminated; returns its bytes with the zero. */
uint32_t pf_input_slots_map(const pf_input_slots *slots, char out[PF_INPUT_MAP_BYTES]);

#endif

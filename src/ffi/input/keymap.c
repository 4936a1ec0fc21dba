#include "keymap.h"

#include <linux/input-event-codes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_character(const void *a, const void *b) {
  const pf_input_way *first = a, *second = b;
  if (first->character != second->character) return first->character < second->character ? -1 : 1;
  /* The plainest way first: few modifiers, then the lower code. */
  int x = __builtin_popcount(first->modifiers), y = __builtin_popcount(second->modifiers);
  if (x != y) return x - y;
  return first->code < second->code ? -1 : first->code > second->code;
}

/* Modifiers that select a level and do nothing else: Shift and the level shifts, no locks. */
static xkb_mod_mask_t level_modifiers(struct xkb_keymap *map) {
  static const char *const names[] = {"Shift", "Mod5", "Mod3"};
  xkb_mod_mask_t mask = 0;
  for (size_t i = 0; i < PF_ARRAY_COUNT(names); i++) {
    xkb_mod_index_t index = xkb_keymap_mod_get_index(map, names[i]);
    if (index != XKB_MOD_INVALID) mask |= 1u << index;
  }
  return mask;
}

static void add_way(pf_input_keymap *self, xkb_keycode_t key, xkb_level_index_t level,
                    xkb_mod_mask_t allowed) {
  const xkb_keysym_t *symbols;
  if (xkb_keymap_key_get_syms_by_level(self->map, key, 0, level, &symbols) != 1) return;
  uint32_t character = xkb_keysym_to_utf32(symbols[0]);
  if (character < 0x20 || character == 0x7f || self->count == PF_INPUT_CHARACTERS_MAX) return;
  xkb_mod_mask_t masks[16];
  size_t count = xkb_keymap_key_get_mods_for_level(self->map, key, 0, level, masks, 16);
  for (size_t i = 0; i < count; i++) {
    if ((masks[i] & ~allowed) != 0) continue;
    self->ways[self->count++] = (pf_input_way){
        .character = character, .code = key - PF_INPUT_XKB_OFFSET, .modifiers = masks[i]};
    return;
  }
}

static void find_ways(pf_input_keymap *self) {
  xkb_mod_mask_t allowed = level_modifiers(self->map);
  xkb_keycode_t first = xkb_keymap_min_keycode(self->map), last = xkb_keymap_max_keycode(self->map);
  for (xkb_keycode_t key = first; key <= last && key < 256; key++) {
    xkb_level_index_t levels = xkb_keymap_num_levels_for_key(self->map, key, 0);
    for (xkb_level_index_t level = 0; level < levels; level++) add_way(self, key, level, allowed);
  }
  qsort(self->ways, self->count, sizeof self->ways[0], by_character);
}

/* Notes a key if it gives modifiers, and only while it is held: a lock does not type. */
static void add_modifier(pf_input_keymap *self, uint32_t code) {
  for (uint32_t i = 0; i < self->modifier_count; i++)
    if (self->modifiers[i].code == code) return;
  struct xkb_state *state = xkb_state_new(self->map);
  if (state == NULL) return;
  xkb_keycode_t key = code + PF_INPUT_XKB_OFFSET;
  xkb_state_update_key(state, key, XKB_KEY_DOWN);
  xkb_mod_mask_t mask = xkb_state_serialize_mods(state, XKB_STATE_MODS_DEPRESSED);
  xkb_state_update_key(state, key, XKB_KEY_UP);
  bool stays = xkb_state_serialize_mods(state, XKB_STATE_MODS_EFFECTIVE) != 0;
  xkb_state_unref(state);
  if (mask == 0 || stays || self->modifier_count == PF_INPUT_MODIFIERS_MAX) return;
  self->modifiers[self->modifier_count++] = (pf_input_modifier){.code = code, .mask = mask};
}

static void find_modifiers(pf_input_keymap *self) {
  static const uint32_t first[] = {KEY_LEFTSHIFT, KEY_RIGHTSHIFT, KEY_RIGHTALT, KEY_LEFTCTRL,
                                   KEY_RIGHTCTRL, KEY_LEFTALT,    KEY_LEFTMETA, KEY_RIGHTMETA};
  for (size_t i = 0; i < PF_ARRAY_COUNT(first); i++) add_modifier(self, first[i]);
  for (uint32_t code = 1; code < 256 - PF_INPUT_XKB_OFFSET; code++) add_modifier(self, code);
}

/* What both kinds of keymap need once they are compiled. */
static pf_result complete(pf_input_keymap *self) {
  self->state = xkb_state_new(self->map);
  if (self->state == NULL) return pf_fail(PF_E_MEMORY, "no memory for the keyboard");
  find_ways(self);
  find_modifiers(self);
  return PF_OK;
}

pf_result pf_input_keymap_open_text(pf_input_keymap *self, const char *text, size_t bytes) {
  self->context = xkb_context_new(XKB_CONTEXT_NO_DEFAULT_INCLUDES);
  if (self->context == NULL) return pf_fail(PF_E_MEMORY, "no memory for the keyboard");
  xkb_context_set_log_level(self->context, XKB_LOG_LEVEL_CRITICAL);
  self->map =
      xkb_keymap_new_from_buffer(self->context, text, strnlen(text, bytes),
                                 XKB_KEYMAP_FORMAT_TEXT_V1, XKB_KEYMAP_COMPILE_NO_FLAGS);
  if (self->map == NULL) return pf_fail(PF_E_ARGUMENT, "the desktop's keymap can't be read");
  return complete(self);
}

pf_result pf_input_keymap_open(pf_input_keymap *self, const char *layout) {
  self->context = xkb_context_new(XKB_CONTEXT_NO_FLAGS);
  if (self->context == NULL)
    return pf_fail(PF_E_MISSING, "the keyboard layouts are not installed (package xkb-data)");
  xkb_context_set_log_level(self->context, XKB_LOG_LEVEL_CRITICAL);
  struct xkb_rule_names names = {.rules = "evdev", .model = "pc105", .layout = layout};
  self->map = xkb_keymap_new_from_names(self->context, &names, XKB_KEYMAP_COMPILE_NO_FLAGS);
  if (self->map == NULL) return pf_fail(PF_E_ARGUMENT, "there is no keyboard layout %s", layout);
  return complete(self);
}

void pf_input_keymap_close(pf_input_keymap *self) {
  xkb_state_unref(self->state); /* all three allow NULL */
  xkb_keymap_unref(self->map);
  xkb_context_unref(self->context);
}

const pf_input_way *pf_input_keymap_find(const pf_input_keymap *self, uint32_t character) {
  uint32_t low = 0, high = self->count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (self->ways[middle].character < character) low = middle + 1;
    else high = middle;
  }
  bool found = low < self->count && self->ways[low].character == character;
  return found ? &self->ways[low] : NULL;
}

uint32_t pf_input_slot_code(uint32_t slot) {
  /* Rows of linux/input-event-codes.h: 1 to =, Q to ], A to `, \ to /, and the key beside left
   * Shift. */
  static const struct {
    uint8_t first, last;
  } rows[] = {{2, 13}, {16, 27}, {30, 41}, {43, 53}, {86, 86}};
  for (size_t i = 0; i < PF_ARRAY_COUNT(rows); i++) {
    uint32_t count = 1u + rows[i].last - rows[i].first;
    if (slot < count) return rows[i].first + slot;
    slot -= count;
  }
  return 0;
}

int32_t pf_input_slots_find(const pf_input_slots *slots, uint32_t character) {
  for (uint32_t i = 0; i < slots->count; i++) {
    if (slots->characters[i] == character) return (int32_t)i;
  }
  return -1;
}

typedef struct writer {
  char *out;
  uint32_t used;
} writer;

static void put(writer *to, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(writer *to, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int bytes = vsnprintf(to->out + to->used, PF_INPUT_MAP_BYTES - to->used, format, arguments);
  va_end(arguments);
  if (bytes > 0 && (uint32_t)bytes < PF_INPUT_MAP_BYTES - to->used) to->used += (uint32_t)bytes;
}

uint32_t pf_input_slots_map(const pf_input_slots *slots, char out[PF_INPUT_MAP_BYTES]) {
  writer to = {.out = out};
  put(&to, "xkb_keymap {\nxkb_keycodes \"punktfunk\" {\nminimum = 8;\nmaximum = 255;\n");
  for (uint32_t i = 0; i < slots->count; i++)
    put(&to, "<T%02u> = %u;\n", i, pf_input_slot_code(i) + PF_INPUT_XKB_OFFSET);
  put(&to, "};\nxkb_types \"punktfunk\" { include \"complete\" };\n"
           "xkb_compatibility \"punktfunk\" { include \"complete\" };\n"
           "xkb_symbols \"punktfunk\" {\n");
  for (uint32_t i = 0; i < slots->count; i++) {
    char name[64];
    xkb_keysym_get_name(xkb_utf32_to_keysym(slots->characters[i]), name, sizeof name);
    put(&to, "key <T%02u> { [ %s ] };\n", i, name);
  }
  put(&to, "};\n};\n");
  return to.used + 1;
}

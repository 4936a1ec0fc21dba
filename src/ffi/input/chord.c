#include "chord.h"

#include <linux/input-event-codes.h>

const pf_input_way *pf_input_chord_find(const pf_input_keymap *keymap, uint32_t character) {
  static const pf_input_way enter = {.character = '\n', .code = KEY_ENTER};
  static const pf_input_way tab = {.character = '\t', .code = KEY_TAB};
  if (character == '\n') return &enter;
  if (character == '\t') return &tab;
  return pf_input_keymap_find(keymap, character);
}

/* The key that gives this modifier and no other; NULL: there is none. */
static const pf_input_modifier *find_modifier(const pf_input_keymap *keymap, xkb_mod_mask_t bit) {
  for (uint32_t i = 0; i < keymap->modifier_count; i++)
    if (keymap->modifiers[i].mask == bit) return &keymap->modifiers[i];
  return NULL;
}

int32_t pf_input_chord(const pf_input_keymap *keymap, const pf_input_way *way,
                       const uint8_t down[PF_INPUT_CODES],
                       pf_input_step out[PF_INPUT_STEPS_MAX]) {
  uint32_t pressed[PF_INPUT_MODIFIERS_MAX], pressed_count = 0;
  int32_t count = 0;
  for (xkb_mod_mask_t left = way->modifiers; left != 0; left &= left - 1) {
    const pf_input_modifier *modifier = find_modifier(keymap, left & ~(left - 1));
    if (modifier == NULL || pressed_count == PF_INPUT_MODIFIERS_MAX) return PF_E_UNSUPPORTED;
    pressed[pressed_count++] = modifier->code;
  }
  for (uint32_t i = 0; i < keymap->modifier_count; i++) {
    uint32_t code = keymap->modifiers[i].code;
    if (down[code] != 0) out[count++] = (pf_input_step){.code = code, .down = false};
  }
  if (down[way->code] != 0) out[count++] = (pf_input_step){.code = way->code, .down = false};
  for (uint32_t i = 0; i < pressed_count; i++)
    out[count++] = (pf_input_step){.code = pressed[i], .down = true};
  out[count++] = (pf_input_step){.code = way->code, .down = true};
  out[count++] = (pf_input_step){.code = way->code, .down = false};
  for (uint32_t i = pressed_count; i > 0; i--)
    out[count++] = (pf_input_step){.code = pressed[i - 1], .down = false};
  for (uint32_t i = keymap->modifier_count; i > 0; i--) {
    uint32_t code = keymap->modifiers[i - 1].code;
    if (down[code] != 0) out[count++] = (pf_input_step){.code = code, .down = true};
  }
  return count;
}

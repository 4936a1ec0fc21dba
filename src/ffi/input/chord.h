/*
 * Typing by a keyboard that knows nothing but keys: which ones to press and release for a
 * character, whatever is held meanwhile.
 */
#ifndef PF_INPUT_CHORD_H
#define PF_INPUT_CHORD_H
#include "keymap.h"
#include "queue.h"

typedef struct pf_input_step {
  uint32_t code;
  bool down;
} pf_input_step;

/* Every modifier released and pressed again, as many pressed and released, the key three times. */
enum { PF_INPUT_STEPS_MAX = 4 * PF_INPUT_MODIFIERS_MAX + 3 };

/* The plain way to type a character: U+000A is Return, U+0009 Tab. NULL: the keymap has none. */
const pf_input_way *pf_input_chord_find(const pf_input_keymap *keymap, uint32_t character);
/*
 * The steps that type by `way`; returns their count. `down` says which codes are held (not 0): held
 * modifiers are released first and pressed again at the end; the key itself, if it is held, is
 * released for good. PF_E_UNSUPPORTED: no key gives a modifier that the way needs.
 */
int32_t pf_input_chord(const pf_input_keymap *keymap, const pf_input_way *way,
                       const uint8_t down[PF_INPUT_CODES],
                       pf_input_step out[PF_INPUT_STEPS_MAX]);

#endif

#include "terminal_keys.h"

#include <stdlib.h>
#include <string.h>

enum {
  USAGE_ENTER = 40,
  USAGE_ESCAPE = 41,
  USAGE_BACKSPACE = 42,
  USAGE_TAB = 43,
  USAGE_SPACE = 44,
  USAGE_CAPSLOCK = 57,
  USAGE_NUMLOCK = 83,
  USAGE_RIGHTALT = 230,
  KITTY_MODIFIER_BITS = PF__KEYS_SHIFT | PF__KEYS_ALT | PF__KEYS_CTRL | PF__KEYS_SUPER,
  COMMAND_BITS = PF__KEYS_ALT | PF__KEYS_CTRL | PF__KEYS_SUPER,
  PRESS = 1,
  REPEAT = 2,
  RELEASE = 3,
};

static void emit(pf__keys *keys, pf__keys_event event) { keys->emit(keys->context, &event); }

static void flush_text(pf__keys *keys) {
  if (keys->text_bytes == 0 || keys->missing_bytes > 0) return;
  keys->text[keys->text_bytes] = '\0';
  emit(keys, (pf__keys_event){.kind = PF__KEYS_TEXT, .text = keys->text});
  keys->text_bytes = 0;
}

static void tap(pf__keys *keys, uint32_t usage, uint32_t modifiers) {
  if (usage == 0) return;
  flush_text(keys);
  emit(keys, (pf__keys_event){.kind = PF__KEYS_TAP, .a = (int32_t)usage, .b = (int32_t)modifiers});
}

/* The key of a US keyboard that prints this, and whether Shift is held for it; 0 = none. */
static uint32_t usage_of(uint32_t character, bool *shifted) {
  static const char plain[] = "abcdefghijklmnopqrstuvwxyz1234567890\r\033\177\t -=[]\\\0;'`,./";
  static const char shift[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ!@#$%^&*()\0\0\0\0\0_+{}|\0:\"~<>?";
  *shifted = false;
  if (character == 0 || character > 127) return 0;
  for (uint32_t i = 0; i < sizeof plain - 1; i++) {
    *shifted = shift[i] == (char)character;
    if (plain[i] == (char)character || *shifted) return 4 + i;
  }
  return 0;
}

/* Beyond what prints: 1…26 are Ctrl with a letter, but for those that have a key of their own. */
static void handle_control(pf__keys *keys, uint8_t byte, uint32_t modifiers) {
  bool shifted;
  if (byte == '\r' || byte == '\n') tap(keys, USAGE_ENTER, modifiers);
  else if (byte == '\t') tap(keys, USAGE_TAB, modifiers);
  else if (byte == 0x7f || byte == '\b') tap(keys, USAGE_BACKSPACE, modifiers);
  else if (byte == 0x1b) tap(keys, USAGE_ESCAPE, modifiers);
  else if (byte == 0) tap(keys, USAGE_SPACE, modifiers | PF__KEYS_CTRL);
  else if (byte <= 26) tap(keys, usage_of(byte + 'a' - 1u, &shifted), modifiers | PF__KEYS_CTRL);
  else tap(keys, usage_of((uint8_t) "\\]6/"[byte - 28], &shifted), modifiers | PF__KEYS_CTRL);
}

/* One byte of text, of a paste or typed; text is kept until it is a piece that an event holds. */
static void handle_text(pf__keys *keys, uint8_t byte) {
  if (keys->missing_bytes > 0 && (byte & 0xc0) == 0x80) {
    keys->text[keys->text_bytes++] = (char)byte;
    keys->missing_bytes--;
    return;
  }
  while (keys->missing_bytes > 0) { /* a character that was cut off: drop what there is of it */
    keys->text_bytes--;
    if (((uint8_t)keys->text[keys->text_bytes] & 0xc0) != 0x80) keys->missing_bytes = 0;
  }
  if (byte >= 0x80 && (byte < 0xc2 || byte > 0xf4)) return;
  uint32_t missing = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : byte >= 0x80 ? 1 : 0;
  if (keys->text_bytes + 1 + missing > PF__KEYS_TEXT_MAX) flush_text(keys);
  keys->text[keys->text_bytes++] = (char)byte;
  keys->missing_bytes = missing;
}

static void handle_plain(pf__keys *keys, uint8_t byte) {
  if (byte == 0x1b) keys->state = PF__KEYS_ESCAPE;
  else if (keys->pasting && (byte == '\r' || byte == '\n')) handle_text(keys, '\n');
  else if (keys->pasting && byte == '\t') handle_text(keys, byte);
  else if (byte >= 0x20 && byte != 0x7f) handle_text(keys, byte);
  else if (!keys->pasting) handle_control(keys, byte, 0);
}

static void handle_escaped(pf__keys *keys, uint8_t byte) {
  bool shifted;
  keys->state = PF__KEYS_PLAIN;
  if (byte == '[') keys->state = PF__KEYS_CSI;
  else if (keys->pasting) handle_plain(keys, byte); /* what is pasted presses no keys */
  else if (byte == 'O') keys->state = PF__KEYS_SS3;
  else if (byte == 'P' || byte == ']' || byte == '_' || byte == '^' || byte == 'X')
    keys->state = PF__KEYS_STRING;
  else if (byte == 0x1b) {
    tap(keys, USAGE_ESCAPE, 0);
    keys->state = PF__KEYS_ESCAPE;
  } else if (byte < 0x20 || byte == 0x7f) {
    handle_control(keys, byte, PF__KEYS_ALT);
  } else {
    uint32_t usage = usage_of(byte, &shifted);
    tap(keys, usage, PF__KEYS_ALT | (shifted ? PF__KEYS_SHIFT : 0u));
  }
}

/* The numbers of a sequence: parameters by `;`, parts of one by `:`. What is left out is 0. */
typedef struct numbers {
  uint32_t value[4][3];
  uint32_t count;
} numbers;

static numbers read_numbers(const char *text) {
  numbers out = {.count = 1};
  uint32_t part = 0;
  for (; *text != '\0'; text++) {
    uint32_t *value = &out.value[out.count - 1][part];
    if (*text >= '0' && *text <= '9') {
      if (*value < 10000000) *value = *value * 10 + (uint32_t)(*text - '0');
    } else if (*text == ':' && part < 2) {
      part++;
    } else if (*text == ';' && out.count < PF_ARRAY_COUNT(out.value)) {
      out.count++;
      part = 0;
    }
  }
  return out;
}

static uint32_t usage_of_final(char final) {
  static const char finals[] = "ABCDHFPQRS";
  static const uint8_t usages[] = {82, 81, 79, 80, 74, 77, 58, 59, 60, 61};
  const char *found = strchr(finals, final);
  return final != '\0' && found != NULL ? usages[found - finals] : 0;
}

/* Of CSI number ~. */
static uint32_t usage_of_number(uint32_t number) {
  static const uint8_t usages[] = {[1] = 74,  [2] = 73,  [3] = 76,  [4] = 77,  [5] = 75,
                                   [6] = 78,  [7] = 74,  [8] = 77,  [11] = 58, [12] = 59,
                                   [13] = 60, [14] = 61, [15] = 62, [17] = 63, [18] = 64,
                                   [19] = 65, [20] = 66, [21] = 67, [23] = 68, [24] = 69,
                                   [25] = 104, [26] = 105, [28] = 106, [29] = 101};
  return number < PF_ARRAY_COUNT(usages) ? usages[number] : 0;
}

/* Kitty's numbers of keys that print nothing (its functional keys, from 57344). */
static uint32_t usage_of_functional(uint32_t code) {
  static const struct {
    uint16_t first, last;
    uint8_t usage;
  } runs[] = {{57358, 57358, 57},   {57359, 57359, 71}, {57360, 57360, 83},  {57361, 57361, 70},
              {57362, 57362, 72},   {57363, 57363, 101}, {57376, 57387, 104}, {57399, 57399, 98},
              {57400, 57408, 89},   {57409, 57409, 99}, {57410, 57410, 84},  {57411, 57411, 85},
              {57412, 57412, 86},   {57413, 57413, 87}, {57414, 57414, 88},  {57415, 57415, 103},
              {57416, 57416, 133},  {57417, 57417, 92}, {57418, 57418, 94},  {57419, 57419, 96},
              {57420, 57420, 90},   {57421, 57421, 97}, {57422, 57422, 91},  {57423, 57423, 95},
              {57424, 57424, 89},   {57425, 57425, 98}, {57426, 57426, 99},  {57427, 57427, 93},
              {57438, 57438, 129},  {57439, 57439, 128}, {57440, 57440, 127}, {57441, 57441, 225},
              {57442, 57442, 224},  {57443, 57443, 226}, {57444, 57444, 227}, {57447, 57447, 229},
              {57448, 57448, 228},  {57449, 57449, 230}, {57450, 57450, 231}, {57453, 57453, 230}};
  for (size_t i = 0; i < PF_ARRAY_COUNT(runs); i++)
    if (code >= runs[i].first && code <= runs[i].last) return runs[i].usage + code - runs[i].first;
  return 0;
}

/* A key of which its release will be told too, or of which nothing but the press is known. */
static void handle_key(pf__keys *keys, uint32_t usage, const uint32_t how[3]) {
  uint32_t modifiers = how[0] > 0 ? (how[0] - 1) & KITTY_MODIFIER_BITS : 0;
  if (usage == 0) return;
  flush_text(keys);
  if (how[1] == 0 && keys->releases)
    emit(keys, (pf__keys_event){.kind = PF__KEYS_EDGE, .a = (int32_t)usage, .b = 1});
  else if (how[1] == 0) tap(keys, usage, modifiers);
  else if (how[1] != REPEAT)
    emit(keys, (pf__keys_event){
                   .kind = PF__KEYS_EDGE, .a = (int32_t)usage, .b = how[1] == PRESS});
}

static uint32_t put_utf8(char *out, uint32_t point) {
  if (point < 0x80) {
    out[0] = (char)point;
    return 1;
  }
  uint32_t more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
  static const uint8_t leads[] = {0, 0xc0, 0xe0, 0xf0};
  out[0] = (char)(leads[more] | point >> (6 * more));
  for (uint32_t i = 1; i <= more; i++) out[i] = (char)(0x80 | (point >> (6 * (more - i)) & 0x3f));
  return more + 1;
}

static bool printable(uint32_t point) {
  return point >= 0x20 && (point < 0x7f || point >= 0xa0) && point < 0x110000 &&
         (point < 0xd800 || point >= 0xe000);
}

static void emit_points(pf__keys *keys, const uint32_t points[3]) {
  char text[13];
  uint32_t bytes = 0;
  for (int i = 0; i < 3; i++)
    if (printable(points[i])) bytes += put_utf8(text + bytes, points[i]);
  text[bytes] = '\0';
  flush_text(keys);
  if (bytes > 0) emit(keys, (pf__keys_event){.kind = PF__KEYS_TEXT, .text = text});
}

/* CSI key[:shifted:base] ; modifiers[:event] ; text u, of kitty's protocol. */
static void handle_kitty(pf__keys *keys, const numbers *in) {
  const uint32_t *key = in->value[0], *how = in->value[1], *text = in->value[2];
  uint32_t modifiers = how[0] > 0 ? how[0] - 1 : 0;
  uint32_t event = how[1] == 0 ? PRESS : how[1];
  bool shifted;
  if (key[0] == 'c' && (modifiers & KITTY_MODIFIER_BITS) == PF__KEYS_CTRL) {
    if (event == PRESS) emit(keys, (pf__keys_event){.kind = PF__KEYS_INTERRUPT});
    return;
  }
  uint32_t functional = usage_of_functional(key[0]);
  uint32_t usage = functional;
  if (usage == 0) usage = usage_of(key[2] != 0 ? key[2] : key[0], &shifted);
  bool writes = printable(text[0]) && (modifiers & COMMAND_BITS) == 0;
  bool only_writes = usage == USAGE_RIGHTALT || usage == USAGE_CAPSLOCK || usage == USAGE_NUMLOCK;
  if (event != RELEASE && writes && (keys->by_text || usage == 0)) {
    emit_points(keys, text);
    return;
  }
  if (keys->by_text && only_writes && event != RELEASE) return;
  handle_key(keys, usage, (const uint32_t[3]){how[0], how[1], 0});
}

/* CSI < bits ; x ; y M or m. */
static void handle_mouse(pf__keys *keys, const numbers *in, bool down) {
  uint32_t bits = in->value[0][0];
  uint32_t which = (bits & 3) | (bits & 0xc0) >> 4; /* 0…2, wheel 4…7, more buttons 8… */
  pf__keys_event event = {.x = (int32_t)in->value[1][0], .y = (int32_t)in->value[2][0]};
  flush_text(keys);
  if ((bits & 32) != 0) {
    event.kind = PF__KEYS_POINTER;
  } else if (which >= 4 && which <= 7) {
    if (!down) return;
    event.kind = PF__KEYS_SCROLL;
    if (which < 6) event.b = which == 4 ? -1 : 1;
    else event.a = which == 6 ? -1 : 1;
  } else {
    static const uint8_t buttons[] = {1, 2, 3, 0, 0, 0, 0, 0, 4, 5};
    event.kind = PF__KEYS_BUTTON;
    event.a = which < PF_ARRAY_COUNT(buttons) ? buttons[which] : 0;
    event.b = down;
    if (event.a == 0) return;
  }
  emit(keys, event);
}

static void handle_sequence(pf__keys *keys, char final) {
  char *text = keys->sequence;
  text[keys->sequence_bytes] = '\0';
  char first = text[0];
  bool is_private = first == '<' || first == '?' || first == '>' || first == '=';
  numbers in = read_numbers(is_private ? text + 1 : text);
  uint32_t number = in.value[0][0];
  if (first == '<' && (final == 'M' || final == 'm')) {
    handle_mouse(keys, &in, final == 'M');
  } else if (first == '?' && final == 'y') {
    emit(keys, (pf__keys_event){
                   .kind = PF__KEYS_MODE, .a = (int32_t)number, .b = (int32_t)in.value[1][0]});
  } else if (first == '?' && final == 'u') {
    keys->releases = (number & 2) != 0;
  } else if (is_private) {
    return; /* an answer to somebody's question */
  } else if (final == '~' && (number == 200 || number == 201)) {
    flush_text(keys);
    keys->pasting = number == 200;
  } else if (keys->pasting) {
    return;
  } else if (final == '~') {
    handle_key(keys, usage_of_number(number), in.value[1]);
  } else if (final == 'u') {
    handle_kitty(keys, &in);
  } else if (final == 'Z') {
    tap(keys, USAGE_TAB, PF__KEYS_SHIFT);
  } else if (keys->sequence_bytes == 0 && (final == 'I' || final == 'O')) {
    flush_text(keys);
    emit(keys, (pf__keys_event){.kind = PF__KEYS_FOCUS, .a = final == 'I'});
  } else {
    handle_key(keys, usage_of_final(final), in.value[1]);
  }
}

static void handle_csi(pf__keys *keys, uint8_t byte) {
  if (byte >= 0x40 && byte <= 0x7e) {
    keys->state = PF__KEYS_PLAIN;
    if (keys->sequence_bytes <= PF__KEYS_SEQUENCE_MAX) handle_sequence(keys, (char)byte);
    keys->sequence_bytes = 0;
  } else if (byte < 0x20 || byte > 0x7e) { /* no part of a sequence: it was cut off */
    keys->state = PF__KEYS_PLAIN;
    keys->sequence_bytes = 0;
    handle_plain(keys, byte);
  } else if (keys->sequence_bytes < PF__KEYS_SEQUENCE_MAX) {
    keys->sequence[keys->sequence_bytes++] = (char)byte;
  } else {
    keys->sequence_bytes = PF__KEYS_SEQUENCE_MAX + 1; /* longer than any that is known */
  }
}

static void handle_byte(pf__keys *keys, uint8_t byte) {
  switch (keys->state) {
    case PF__KEYS_PLAIN:
      handle_plain(keys, byte);
      return;
    case PF__KEYS_ESCAPE:
      handle_escaped(keys, byte);
      return;
    case PF__KEYS_CSI:
      handle_csi(keys, byte);
      return;
    case PF__KEYS_SS3:
      keys->state = PF__KEYS_PLAIN;
      tap(keys, usage_of_final((char)byte), 0);
      return;
    case PF__KEYS_STRING:
      if (byte == 0x07) keys->state = PF__KEYS_PLAIN;
      else if (byte == 0x1b) keys->state = PF__KEYS_STRING_ESCAPE;
      return;
    case PF__KEYS_STRING_ESCAPE:
      keys->state = byte == '\\' ? PF__KEYS_PLAIN : PF__KEYS_STRING;
      return;
  }
}

void pf__keys_feed(pf__keys *keys, const uint8_t *bytes, size_t count) {
  for (size_t i = 0; i < count; i++) handle_byte(keys, bytes[i]);
  flush_text(keys);
}

bool pf__keys_waits(const pf__keys *keys) { return keys->state != PF__KEYS_PLAIN; }

void pf__keys_idle(pf__keys *keys) {
  pf__keys_state state = keys->state;
  keys->state = PF__KEYS_PLAIN;
  keys->sequence_bytes = 0;
  if (state == PF__KEYS_ESCAPE) tap(keys, USAGE_ESCAPE, 0);
  else if (state == PF__KEYS_CSI) tap(keys, 47, PF__KEYS_ALT); /* Alt and the key of [ */
  else if (state == PF__KEYS_SS3) tap(keys, 18, PF__KEYS_ALT | PF__KEYS_SHIFT); /* Alt and O */
}

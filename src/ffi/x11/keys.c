#include "keys.h"

#include <stdlib.h>
#include <string.h>

enum {
  NO_SYMBOL = 0,
  VOID_SYMBOL = 0xffffff,
  SYMBOL_RETURN = 0xff0d,
  SYMBOL_TAB = 0xff09,
  SYMBOL_SHIFT_LEFT = 0xffe1,
  SYMBOL_LEVEL3 = 0xfe03, /* ISO_Level3_Shift */
  UNICODE_SYMBOLS = 0x1000000, /* keysym = this + code point, X11 protocol, appendix A */
  KEY_FIRST = 8, /* X11 protocol: keycodes are 8 to 255 */
};

static const pf_x11_waiting patient = {.wake_fd = -1, .ms_max = PF_X11_ANSWER_MS};

static uint32_t symbol_of(uint32_t character) {
  if (character == '\n') return SYMBOL_RETURN;
  if (character == '\t') return SYMBOL_TAB;
  bool latin1 = (character >= 0x20 && character < 0x7f) || (character >= 0xa0 && character <= 0xff);
  return latin1 ? character : UNICODE_SYMBOLS + character;
}

/* Columns of the core map: groups 1 and 2 with two levels each, then group 1's levels 3 and 4 (XKB
 * protocol, section 17.4: "Generating the core mapping"). */
static void take_symbols(pf_x11_keys *self, const xcb_get_keyboard_mapping_reply_t *map) {
  static const uint8_t columns[4] = {0, 1, 4, 5};
  const xcb_keysym_t *symbols = xcb_get_keyboard_mapping_keysyms(map);
  uint32_t width = map->keysyms_per_keycode;
  uint32_t rows = (uint32_t)xcb_get_keyboard_mapping_keysyms_length(map) / (width > 0 ? width : 1);
  memset(self->symbols, 0, sizeof self->symbols);
  self->shift_key = self->level3_key = 0;
  for (uint32_t row = 0; row < rows && KEY_FIRST + row < PF_X11_KEYCODES; row++) {
    uint32_t *levels = self->symbols[KEY_FIRST + row];
    for (uint32_t level = 0; level < 4; level++) {
      if (columns[level] < width) levels[level] = symbols[row * width + columns[level]];
    }
    /* So are the spare keys of other connections; what they mean may change. */
    if (levels[0] == levels[1]) levels[0] = levels[1] = VOID_SYMBOL * (levels[0] != NO_SYMBOL);
    uint8_t key = (uint8_t)(KEY_FIRST + row);
    if (levels[0] == SYMBOL_SHIFT_LEFT && self->shift_key == 0) self->shift_key = key;
    if (levels[0] == SYMBOL_LEVEL3 && self->level3_key == 0) self->level3_key = key;
  }
}

static pf_result learn(pf_x11_keys *self, pf_x11_connection *from) {
  unsigned keys =
      xcb_get_keyboard_mapping(from->xcb, KEY_FIRST, PF_X11_KEYCODES - KEY_FIRST).sequence;
  unsigned modifiers = xcb_get_modifier_mapping(from->xcb).sequence;
  xcb_get_keyboard_mapping_reply_t *map = pf_x11_reply(from, keys, &patient, NULL);
  xcb_get_modifier_mapping_reply_t *held = pf_x11_reply(from, modifiers, &patient, NULL);
  bool good = map != NULL && held != NULL;
  if (good) {
    pthread_mutex_lock(&self->lock);
    take_symbols(self, map);
    memset(self->modifiers, 0, sizeof self->modifiers);
    const xcb_keycode_t *codes = xcb_get_modifier_mapping_keycodes(held);
    for (int i = 0; i < xcb_get_modifier_mapping_keycodes_length(held); i++)
      self->modifiers[codes[i]] = codes[i] != 0;
    /* Spare keys are not of the layout. */
    for (uint32_t i = 0; i < self->spare_count; i++)
      memset(self->symbols[self->spares[i].key], 0, sizeof self->symbols[0]);
    pthread_mutex_unlock(&self->lock);
  }
  free(map);
  free(held);
  return good ? PF_OK : pf_fail(PF_E_CLOSED, "the X server does not tell its keyboard layout");
}

/* Plain and with Shift the same: no modifier changes it. */
static void give(pf_x11_keys *self, uint8_t key, uint32_t symbol) {
  const xcb_keysym_t symbols[2] = {symbol, symbol};
  xcb_change_keyboard_mapping(self->connection->xcb, 1, key, 2, symbols);
}

static void reserve(pf_x11_keys *self) {
  for (uint32_t key = PF_X11_KEYCODES - 1; key >= KEY_FIRST; key--) {
    const uint32_t *levels = self->symbols[key];
    bool used = (levels[0] | levels[1] | levels[2] | levels[3]) != NO_SYMBOL;
    if (used || self->modifiers[key]) continue;
    if (self->spare_count == PF_X11_SPARE_KEYS) return;
    self->spares[self->spare_count++].key = (uint8_t)key;
    give(self, (uint8_t)key, VOID_SYMBOL);
  }
}

static bool is_spare(const pf_x11_keys *self, uint8_t key) {
  for (uint32_t i = 0; i < self->spare_count; i++) {
    if (self->spares[i].key == key) return true;
  }
  return false;
}

static bool changes_layout(const pf_x11_keys *self, const xcb_generic_event_t *event) {
  const xcb_mapping_notify_event_t *mapping = (const xcb_mapping_notify_event_t *)event;
  if ((event->response_type & 0x7f) != XCB_MAPPING_NOTIFY) return false;
  if (mapping->request == XCB_MAPPING_POINTER) return false;
  bool one = mapping->request == XCB_MAPPING_KEYBOARD && mapping->count == 1;
  return !one || !is_spare(self, mapping->first_keycode);
}

static void *follow(void *argument) {
  pf_x11_keys *self = argument;
  xcb_generic_event_t *event;
  pf_thread_name("pf-x11-keys");
  while ((event = xcb_wait_for_event(self->follower.xcb)) != NULL) {
    bool changes = changes_layout(self, event);
    free(event);
    if (!changes || learn(self, &self->follower) != PF_OK) continue;
    atomic_store(&self->changed, true);
  }
  return NULL;
}

pf_result pf_x11_keys_open(pf_x11_keys *self, pf_x11_connection *connection, const char *display) {
  self->connection = connection;
  pthread_mutex_init(&self->lock, NULL);
  pf_result result = pf_x11_connect(&self->follower, display);
  if (result != PF_OK) return result;
  /* Nobody else may take the same keys meanwhile. */
  xcb_grab_server(connection->xcb);
  result = learn(self, connection);
  if (result == PF_OK) reserve(self);
  xcb_ungrab_server(connection->xcb);
  xcb_flush(connection->xcb);
  if (result != PF_OK) return result;
  int error = pthread_create(&self->thread, NULL, follow, self);
  self->following = error == 0;
  return error == 0 ? PF_OK : pf_fail(PF_E_SYSTEM, "pthread_create: %s", strerror(error));
}

void pf_x11_keys_close(pf_x11_keys *self) {
  if (self->connection == NULL) return;
  if (self->following) {
    pf_x11_break(&self->follower);
    pthread_join(self->thread, NULL);
  }
  pf_x11_disconnect(&self->follower);
  for (uint32_t i = 0; i < self->spare_count; i++) give(self, self->spares[i].key, NO_SYMBOL);
  pthread_mutex_destroy(&self->lock);
  self->connection = NULL;
}

static pf_x11_way find(const pf_x11_keys *self, uint32_t symbol) {
  for (uint32_t level = 0; level < 4; level++) {
    bool shift = (level & 1) != 0, level3 = level >= 2;
    if ((shift && self->shift_key == 0) || (level3 && self->level3_key == 0)) continue;
    for (uint32_t key = KEY_FIRST; key < PF_X11_KEYCODES; key++) {
      if (self->symbols[key][level] != symbol) continue;
      return (pf_x11_way){.key = (uint8_t)key,
                          .shift_key = shift ? self->shift_key : 0,
                          .level3_key = level3 ? self->level3_key : 0};
    }
  }
  return (pf_x11_way){.key = 0};
}

pf_x11_way pf_x11_keys_find(pf_x11_keys *self, uint32_t character) {
  pthread_mutex_lock(&self->lock);
  pf_x11_way way = find(self, symbol_of(character));
  pthread_mutex_unlock(&self->lock);
  return way;
}

void pf_x11_keys_modifiers(pf_x11_keys *self, bool out[PF_X11_KEYCODES]) {
  pthread_mutex_lock(&self->lock);
  memcpy(out, self->modifiers, sizeof self->modifiers);
  pthread_mutex_unlock(&self->lock);
}

pf_x11_spare *pf_x11_keys_spare(pf_x11_keys *self, uint32_t character) {
  bool lost = atomic_exchange(&self->changed, false);
  for (uint32_t i = 0; lost && i < self->spare_count; i++) self->spares[i].character = 0;
  for (uint32_t i = 0; i < self->spare_count; i++) {
    if (self->spares[i].character == character) return &self->spares[i];
  }
  return NULL;
}

pf_x11_spare *pf_x11_keys_oldest(pf_x11_keys *self) {
  pf_x11_spare *oldest = &self->spares[0];
  for (uint32_t i = 1; i < self->spare_count; i++) {
    if (self->spares[i].typed_ns < oldest->typed_ns) oldest = &self->spares[i];
  }
  return oldest;
}

void pf_x11_keys_rename(pf_x11_keys *self, pf_x11_spare *spare, uint32_t character) {
  spare->character = character;
  give(self, spare->key, symbol_of(character));
}

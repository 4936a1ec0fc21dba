/* Whatever a terminal sends, in pieces: events stay within what they promise. */
#include <stdlib.h>
#include <string.h>

#include "terminal_keys.h"

static void check(void *context, const pf__keys_event *event) {
  bool is_key = event->kind == PF__KEYS_EDGE || event->kind == PF__KEYS_TAP;
  if (is_key && (event->a < 4 || event->a > 231)) abort();
  if (event->kind == PF__KEYS_BUTTON && (event->a < 1 || event->a > 5)) abort();
  if (event->kind != PF__KEYS_TEXT) return;
  size_t bytes = strlen(event->text);
  if (bytes == 0 || bytes > PF__KEYS_TEXT_MAX) abort();
  for (size_t i = 0; i < bytes; i++) {
    uint8_t byte = (uint8_t)event->text[i];
    if ((byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7f) abort();
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2) return 0;
  pf__keys keys = {.emit = check, .by_text = data[0] & 1};
  size_t step = 1 + data[1] % 16;
  for (size_t at = 2; at < size; at += step) {
    pf__keys_feed(&keys, data + at, size - at < step ? size - at : step);
    if (data[at] == 0xfe && pf__keys_waits(&keys)) pf__keys_idle(&keys);
  }
  pf__keys_idle(&keys);
  return 0;
}

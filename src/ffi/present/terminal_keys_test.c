/*
 * What terminals send for keys, mouse and pasted text, whole and in single bytes; prints what
 * failed and exits 1.
 */
#include "terminal_keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char seen[1024];

/* One word an event. */
static void note(void *context, const pf__keys_event *event) {
  static const char *const names[] = {"edge",   "tap",   "text",      "button", "at",
                                      "scroll", "focus", "interrupt", "mode"};
  size_t used = strlen(seen);
  const char *gap = used > 0 ? " " : "";
  const char *name = names[event->kind];
  char *out = seen + used;
  size_t left = sizeof seen - used;
  bool placed = event->kind == PF__KEYS_BUTTON || event->kind == PF__KEYS_SCROLL;
  if (event->kind == PF__KEYS_TEXT)
    snprintf(out, left, "%s%s'%s'", gap, name, event->text);
  else if (event->kind == PF__KEYS_POINTER)
    snprintf(out, left, "%s%s:%d,%d", gap, name, event->x, event->y);
  else if (placed)
    snprintf(out, left, "%s%s:%d,%d@%d,%d", gap, name, event->a, event->b, event->x, event->y);
  else
    snprintf(out, left, "%s%s:%d,%d", gap, name, event->a, event->b);
}

typedef struct example {
  const char *sent, *means;
} example;

static void check(const example *each, bool by_text, size_t step) {
  pf__keys keys = {.emit = note, .by_text = by_text};
  size_t count = strlen(each->sent);
  seen[0] = '\0';
  for (size_t at = 0; at < count; at += step) {
    size_t bytes = count - at < step ? count - at : step;
    uint8_t *exact = malloc(bytes); /* so that a read past the end is seen */
    memcpy(exact, each->sent + at, bytes);
    pf__keys_feed(&keys, exact, bytes);
    free(exact);
  }
  if (pf__keys_waits(&keys)) pf__keys_idle(&keys);
  if (strcmp(seen, each->means) == 0) return;
  fprintf(stderr, "%s in pieces of %zu: wanted %s, got %s\n", each->sent + 1, step, each->means,
          seen);
  exit(1);
}

static const example every_terminal[] = {
    {"\r", "tap:40,0"},
    {"\x1b", "tap:41,0"},
    {"\x1b\x1b[A", "tap:41,0 tap:82,0"},
    {"\x7f", "tap:42,0"},
    {"\t\x1b[Z", "tap:43,0 tap:43,1"},
    {"\x01\x1a", "tap:4,4 tap:29,4"},
    {"\x1c\x1d\x1e\x1f", "tap:49,4 tap:48,4 tap:35,4 tap:56,4"},
    {"\x1b" "f\x1bX", "tap:9,2"}, /* ESC X begins a string, whose end never comes */
    {"\x1b\r", "tap:40,2"},
    {"\x1b[A\x1bOA\x1b[1;5D\x1b[1;6C", "tap:82,0 tap:82,0 tap:80,4 tap:79,5"},
    {"\x1bOP\x1b[15~\x1b[24;2~\x1b[3~", "tap:58,0 tap:62,0 tap:69,1 tap:76,0"},
    {"\x1b[97;5u\x1b[120;6u", "tap:4,4 tap:27,5"},
    {"\x1b[I\x1b[O", "focus:1,0 focus:0,0"},
    {"\x1b[?1016;2$y", "mode:1016,2"},
    {"\x1b[?62;4c\x1bP1$r0m\x1b\\\x1b]11;rgb:0/0/0\x07\x1b_Gi=1;OK\x1b\\\r", "tap:40,0"},
    {"\x1b[<35;10;5M\x1b[<0;10;5M\x1b[<32;11;6M\x1b[<0;11;6m",
     "at:10,5 button:1,1@10,5 at:11,6 button:1,0@11,6"},
    {"\x1b[<2;1;1M\x1b[<1;1;1M\x1b[<128;1;1M\x1b[<129;1;1M",
     "button:3,1@1,1 button:2,1@1,1 button:4,1@1,1 button:5,1@1,1"},
    {"\x1b[<64;3;4M\x1b[<65;3;4M\x1b[<66;3;4M\x1b[<67;3;4M",
     "scroll:0,-1@3,4 scroll:0,1@3,4 scroll:-1,0@3,4 scroll:1,0@3,4"},
    {"\x1b[99999999999;2;3;4;5;6~", ""},
    {"\x1b[\x01", "tap:4,4"},
};

/* Of a terminal that tells of releases; the answer comes first. */
static const example kitty[] = {
    {"\x1b[?31u\x1b[A\x1b[1;1:2A\x1b[1;1:3A", "edge:82,1 edge:82,0"},
    {"\x1b[?31u\x1b[97;1;97u\x1b[97;1:3u", "edge:4,1 edge:4,0"},
    {"\x1b[?31u\x1b[57441;2u\x1b[97:65;2;65u\x1b[57441;1:3u",
     "edge:225,1 edge:4,1 edge:225,0"},
    /* Q with AltGr on a German keyboard: by its place, which the terminal names last. */
    {"\x1b[?31u\x1b[57453u\x1b[64::113;1;64u\x1b[64::113;1:3;u\x1b[57453;1:3u",
     "edge:230,1 edge:20,1 edge:20,0 edge:230,0"},
    {"\x1b[?31u\x1b[233;1;233u", "text'\xc3\xa9'"}, /* no place is told: it can only be text */
    {"\x1b[?31u\x1b[99;5u\x1b[99;5:3u", "interrupt:0,0"},
    {"\x1b[?31u\x1b[57399u\x1b[57414;1:3u", "edge:98,1 edge:88,0"},
};

static const example kitty_by_text[] = {
    {"\x1b[?31u\x1b[57453u\x1b[64::113;1;64u\x1b[57453;1:3u", "text'@' edge:230,0"},
    {"\x1b[?31u\x1b[97;1;97u\x1b[97;1:2;97u\x1b[97;1:3u", "text'a' text'a' edge:4,0"},
    {"\x1b[?31u\x1b[120;5u", "edge:27,1"},
    {"\x1b[?31u\x1b[57358u", ""},
};

/* Typed and pasted text, which comes in pieces as it came. */
static const example texts[] = {
    {"gr\xc3\xbc\xc3\x9f", "text'gr\xc3\xbc\xc3\x9f'"},
    {"a\x03", "text'a' tap:6,4"},
    {"\x1b[200~one\rtwo\t\x01\x1b[A\x1b[31mx\x1b[201~\r", "text'one\ntwo\tx' tap:40,0"},
    {"a\xc3(\xff\x80" "b", "text'a(b'"},
    {"\xf0\x9f\x98\x80", "text'\xf0\x9f\x98\x80'"},
};

static void splits_long_text_between_characters(void) {
  pf__keys keys = {.emit = note};
  char sent[200];
  for (int i = 0; i < 198; i += 3) memcpy(sent + i, "\xe2\x82\xac", 3);
  seen[0] = '\0';
  pf__keys_feed(&keys, (const uint8_t *)sent, 198);
  char *second = strstr(seen + 1, "text'");
  if (second != NULL && second - seen == 6 + 126 + 1 && strlen(second) == 6 + 72) return;
  fprintf(stderr, "a long text came as %s\n", seen);
  exit(1);
}

#define CHECK_ALL(list, by_text)                                  \
  for (size_t i = 0; i < PF_ARRAY_COUNT(list); i++) {             \
    check(&(list)[i], by_text, strlen((list)[i].sent));           \
    check(&(list)[i], by_text, 1);                                \
  }

int main(void) {
  CHECK_ALL(every_terminal, false);
  CHECK_ALL(kitty, false);
  CHECK_ALL(kitty_by_text, true);
  for (size_t i = 0; i < PF_ARRAY_COUNT(texts); i++)
    check(&texts[i], false, strlen(texts[i].sent));
  splits_long_text_between_characters();
  return 0;
}

/*
 * kwin_test SOCKET: asks for an output at 120 Hz again and again, waits for its mode and removes
 * it, or removes it at once. What matters is that the sanitizers find nothing. Prints what failed
 * and exits 1.
 */
#include "kwin.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 6, WAIT_MS = 5000 };

static _Noreturn void fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, pf_last_error());
  exit(1);
}

static pf_event wait_for_event(pf_events *events) {
  struct pollfd wait = {.fd = pf_events_fd(events), .events = POLLIN};
  pf_event event;
  /* The eventfd also wakes for what was taken before. */
  while (poll(&wait, 1, WAIT_MS) == 1) {
    if (pf_events_take(events, &event, 1) == 1) return event;
  }
  fail("no event");
}

int main(int count, char **arguments) {
  if (count != 2) return 2;
  pf_events *events;
  if (pf_events_open(&events) != PF_OK) fail("events");
  for (uint32_t round = 0; round < ROUNDS; round++) {
    pf_kwin_config config = {
        .events = events, .width = 1280, .height = 720, .refresh_mhz = 120000};
    snprintf(config.socket, sizeof config.socket, "%s", arguments[1]);
    snprintf(config.name, sizeof config.name, "round-%u", round);
    pf_kwin *kwin;
    if (pf_kwin_open(&config, &kwin) != PF_OK) fail("open");
    if (round % 2 == 0) {
      pf_event event = wait_for_event(events);
      pf_capture_output output = {0};
      if (event.kind != PF_EVENT_STARTED) fail(event.text);
      if (pf_kwin_describe(kwin, &output) != PF_OK || output.refresh_mhz != 120000) fail("mode");
    }
    pf_kwin_close(kwin);
    pf_event left;
    while (pf_events_take(events, &left, 1) == 1) continue;
  }
  pf_events_close(events);
  return 0;
}

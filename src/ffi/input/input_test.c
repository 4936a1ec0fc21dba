/*
 * input_test SOCKET: several threads give input at once while the devices settle and after, then it
 * is closed with much still queued; twice. What matters is that the sanitizers find nothing. Prints
 * what failed and exits 1.
 */
#include "input.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 3, EVENTS = 3000 };

static void *press(void *context) {
  pf_input *input = context;
  static const char text[] = "text \xc3\xa9 \xe4\xbd\xa0\xe5\xa5\xbd \xf0\x9f\x98\x80\n";
  for (uint32_t i = 0; i < EVENTS; i++) {
    pf_input_key(input, 30 + i % 5, i % 2);
    pf_input_button(input, 0x110 + i % 5, i % 2);
    pf_input_motion(input, (int32_t)(i % 512) - 256, 256);
    pf_input_position(input, i % 65536, i * 7 % 65536);
    pf_input_scroll(input, 1, -1);
    pf_input_touch(input, i % 3, i / 3 % 4, i % 65536, i * 7 % 65536);
    if (i % 100 == 0) pf_input_text(input, (const uint8_t *)text, sizeof text - 1);
    if (i % 500 == 0) usleep(100000);
  }
  pf_input_release_all(input);
  return NULL;
}

static void run(const char *socket) {
  pf_input_config config = {.layout = "us"};
  snprintf(config.path, sizeof config.path, "%s", socket);
  pf_input *input;
  if (pf_input_open(&config, &input) != PF_OK) {
    fprintf(stderr, "open: %s\n", pf_last_error());
    exit(1);
  }
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, press, input);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  const pf_input_counters *counters = pf_input_counters_block(input);
  uint64_t keys = __atomic_load_n(&counters->keys, __ATOMIC_RELAXED);
  uint64_t merged = __atomic_load_n(&counters->merged, __ATOMIC_RELAXED);
  uint64_t failures = __atomic_load_n(&counters->failures, __ATOMIC_RELAXED);
  if (keys == 0 || merged == 0 || failures != 0) {
    fprintf(stderr, "keys %llu, merged %llu, failures %llu\n", (unsigned long long)keys,
            (unsigned long long)merged, (unsigned long long)failures);
    exit(1);
  }
  pf_input_close(input);
}

int main(int count, char **arguments) {
  if (count != 2) return 2;
  for (int i = 0; i < 2; i++) run(arguments[1]);
  return 0;
}

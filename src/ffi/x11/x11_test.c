/*
 * x11_test DISPLAY: captures a screen on which something moves and keeps pictures for too long,
 * while several threads give input; twice. What matters is that the sanitizers find nothing. Prints
 * what failed and exits 1.
 */
#include "capture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../input/input.h"
#include "pool.h"

enum { THREADS = 2, EVENTS = 1000, KEPT = PF_X11_BUFFERS - 1, PICTURES = 20 };

static struct {
  pthread_mutex_t lock;
  pf_picture *kept[KEPT];
  uint32_t count, sum;
} pictures = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void keep(void *context, void *item) {
  pf_picture *picture = item;
  pthread_mutex_lock(&pictures.lock);
  pf_picture **place = &pictures.kept[pictures.count++ % KEPT];
  pf_picture *old = *place;
  pf_picture_retain(picture);
  *place = picture;
  const uint8_t *last = picture->plane[0] + (size_t)(picture->height - 1) * picture->stride[0];
  pictures.sum += last[(picture->width - 1) * 4];
  pthread_mutex_unlock(&pictures.lock);
  if (old != NULL) pf_picture_release(old);
}

static uint32_t pictures_so_far(void) {
  pthread_mutex_lock(&pictures.lock);
  uint32_t count = pictures.count;
  pthread_mutex_unlock(&pictures.lock);
  return count;
}

static void *press(void *context) {
  pf_input *input = context;
  static const char text[] = "text \xc3\xa9 \xe4\xbd\xa0\xe5\xa5\xbd \xf0\x9f\x98\x80\n";
  for (uint32_t i = 0; i < EVENTS; i++) {
    pf_input_key(input, 30 + i % 5, i % 2);
    pf_input_button(input, 0x110 + i % 5, i % 2);
    pf_input_motion(input, (int32_t)(i % 512) - 256, 256);
    pf_input_position(input, i % 65536, i * 7 % 65536);
    pf_input_scroll(input, 40, -40);
    pf_input_touch(input, i % 3, i / 3 % 4, i % 65536, i * 7 % 65536);
    if (i % 200 == 0) pf_input_text(input, (const uint8_t *)text, sizeof text - 1);
  }
  return NULL;
}

static void check(pf_result result, const char *what) {
  if (result == PF_OK) return;
  fprintf(stderr, "%s: %s\n", what, pf_last_error());
  exit(1);
}

static void run(const char *display) {
  pf_x11_config config = {
      .sink_push = (void *)keep, .refresh_mhz = 60000, .cursor = 1};
  snprintf(config.display, sizeof config.display, "%s", display);
  pf_input_config input_config = {.layout = "us"};
  snprintf(input_config.path, sizeof input_config.path, "%s", display);
  pf_x11 *capture;
  pf_input *input;
  check(pf_x11_open(&config, &capture), "open the capture");
  check(pf_input_open(&input_config, &input), "open the input");
  check(pf_x11_start(capture), "start");
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, press, input);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  uint32_t wanted = pictures_so_far() + PICTURES;
  for (int i = 0; i < 500 && pictures_so_far() < wanted; i++) usleep(10000);
  if (pictures_so_far() < wanted) {
    fprintf(stderr, "%u pictures came\n", pictures.count);
    exit(1);
  }
  pf_input_close(input);
  pf_x11_stop(capture);
  for (int i = 0; i < KEPT; i++) {
    if (pictures.kept[i] != NULL) pf_picture_release(pictures.kept[i]);
    pictures.kept[i] = NULL;
  }
  pf_x11_close(capture);
}

int main(int count, char **arguments) {
  if (count != 2) return 2;
  for (int i = 0; i < 2; i++) run(arguments[1]);
  return 0;
}

/* Colours against the standard's own formula, pictures of odd sizes into memory that fits exactly,
 * the mailbox between two threads, and a terminal that changes its size all the time: what matters
 * beside the results is that the sanitizers find nothing. Prints what failed and exits 1. */
#include "frontend.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bt709.h"
#include "pixels.h"
#include "presenter.h"
#include "testcard.h"

#define EXPECT(condition)                                     \
  do {                                                        \
    if (!(condition)) {                                       \
      fprintf(stderr, "line %d: %s\n", __LINE__, #condition); \
      exit(1);                                                \
    }                                                         \
  } while (0)

static double clamp_level(double value) { return value < 0 ? 0 : value > 255 ? 255 : value; }

/* A row with every V, at one Y and U, against ITU-R BT.709-6. */
static void check_row(uint8_t y, uint8_t u, uint32_t step) {
  uint8_t luma[512], chroma_u[512], chroma_v[512], out[4 * 512];
  for (uint32_t i = 0; i < 256; i++) {
    luma[2 * i] = luma[2 * i + 1] = y;
    chroma_u[i * step] = u;
    (step == 2 ? chroma_u + 1 : chroma_v)[i * step] = (uint8_t)i;
  }
  pf__bt709_row(luma, chroma_u, step == 2 ? chroma_u + 1 : chroma_v, step, out, 511);
  for (uint32_t x = 0; x < 511; x++) {
    double light = (y - 16) * 255.0 / 219, pb = (u - 128) * 255.0 / 224,
           pr = ((int)(x / 2) - 128) * 255.0 / 224;
    EXPECT(fabs(out[4 * x] - clamp_level(light + 1.8556 * pb)) < 1);
    EXPECT(fabs(out[4 * x + 1] - clamp_level(light - 0.187324 * pb - 0.468124 * pr)) < 1);
    EXPECT(fabs(out[4 * x + 2] - clamp_level(light + 1.5748 * pr)) < 1);
    EXPECT(out[4 * x + 3] == 255);
  }
}

static void colours_are_exact_to_one_level(void) {
  for (uint32_t y = 0; y < 256; y += 5)
    for (uint32_t u = 0; u < 256; u++) check_row((uint8_t)y, (uint8_t)u, 1 + u % 2);
}

static void draw_into(void *context, void *item) {
  static const struct {
    uint32_t width, height;
  } sizes[] = {{1, 1}, {2, 3}, {17, 31}, {64, 48}, {333, 7}, {1023, 5}};
  pf__pixels_scratch *scratch = context;
  for (size_t i = 0; i < PF_ARRAY_COUNT(sizes); i++) {
    uint32_t width = sizes[i].width, height = sizes[i].height;
    uint8_t *out = malloc((size_t)width * height * 4);
    EXPECT(pf__pixels_draw(scratch, item, out, width * 4, width, height) == PF_OK);
    EXPECT(out[0] >= 230 || width < 17); /* the card's first column is white */
    free(out);
  }
  EXPECT(pf__pixels_draw(scratch, item, NULL, 0, 0, 5) == PF_E_ARGUMENT);
}

static void draws_inside(void) {
  pf__pixels_scratch scratch = {0};
  pf_sink sink = {.push = draw_into, .context = &scratch};
  for (uint32_t format = PF_PIXEL_BGRX; format <= PF_PIXEL_RGBX; format++) {
    EXPECT(pf_testcard_push(&sink, format, 64, 48) == PF_OK);
    EXPECT(pf_testcard_push(&sink, format, 1920, 1080) == PF_OK);
  }
  pf__pixels_free(&scratch);
}

static void *push_cards(void *context) {
  EXPECT(pf_testcard_stream(context, PF_PIXEL_NV12, 64, 48, 100000, 3000) == PF_OK);
  return NULL;
}

static void every_picture_is_shown_or_replaced(void) {
  pf__frontend front = {0};
  pf__frontend_init(&front, &(pf_present_config){0});
  pf__frontend_accept(&front, true);
  pf_sink sink;
  pf__frontend_sink(&front, &sink);
  pthread_t pusher;
  EXPECT(pthread_create(&pusher, NULL, push_cards, &sink) == 0);
  uint64_t taken = 0;
  while (__atomic_load_n(&front.counters.frames_replaced, __ATOMIC_RELAXED) + taken < 3000) {
    pf_picture *picture = pf__frontend_wait(&front, pf_now_ns() + 100000000);
    if (picture == NULL) continue;
    pf__frontend_shown(&front, &picture->times);
    pf_picture_release(picture);
    taken++;
  }
  pthread_join(pusher, NULL);
  EXPECT(front.counters.frames_in == 3000 && front.counters.frames_presented == taken);
  EXPECT(front.counters.present_us.count == taken);
  EXPECT(front.counters.capture_to_presented_us.count == 0);
  EXPECT(pf_testcard_push(&sink, PF_PIXEL_I420, 64, 48) == PF_OK);
  EXPECT(pf_testcard_live() == 1);
  pf__frontend_accept(&front, false);
  EXPECT(pf_testcard_live() == 0 && !pf__frontend_pause(&front, UINT64_MAX / 2));
  pf__frontend_destroy(&front);
}

static void the_overlay_is_cut_between_characters(void) {
  pf__frontend front = {0};
  char text[2000], out[PF_OVERLAY_BYTES];
  for (size_t i = 0; i + 3 < sizeof text; i += 3) memcpy(text + i, "\xe2\x82\xac", 4);
  pf__frontend_init(&front, &(pf_present_config){0});
  pf__frontend_set_overlay(&front, text);
  pf__frontend_overlay(&front, out);
  EXPECT(out[0] == '\0'); /* hidden */
  EXPECT(pf__frontend_set(&front, PF_KNOB_OVERLAY_VISIBLE, 1) == PF_OK);
  pf__frontend_overlay(&front, out);
  EXPECT(strlen(out) == 1023 && (uint8_t)out[1022] == 0xac);
  pf__frontend_set_overlay(&front, "a\x1b[2J\x7f\n");
  pf__frontend_overlay(&front, out);
  EXPECT(strcmp(out, "a [2J \n") == 0);
  EXPECT(pf__frontend_set(&front, PF_KNOB_KEYFRAME, 1) == PF_E_ARGUMENT);
  pf__frontend_destroy(&front);
}

static void *swallow(void *context) {
  static char bytes[65536];
  while (read(*(int *)context, bytes, sizeof bytes) > 0) continue;
  return NULL;
}

static void resize_and_show(int terminal, pf_presenter *presenter, uint32_t round) {
  static const struct winsize sizes[] = {{.ws_col = 80, .ws_row = 24},
                                         {.ws_col = 1, .ws_row = 1},
                                         {.ws_col = 0, .ws_row = 0},
                                         {.ws_col = 211, .ws_row = 3, .ws_xpixel = 2110},
                                         {.ws_col = 3, .ws_row = 90}};
  pf_sink sink;
  pf_presenter_sink(presenter, &sink);
  const pf_present_counters *counters = pf_presenter_counters(presenter);
  uint64_t before = __atomic_load_n(&counters->frames_presented, __ATOMIC_RELAXED);
  EXPECT(ioctl(terminal, TIOCSWINSZ, &sizes[round % PF_ARRAY_COUNT(sizes)]) == 0);
  EXPECT(pf_presenter_set(presenter, PF_KNOB_OVERLAY_VISIBLE, round % 2) == PF_OK);
  pf_presenter_set_overlay(presenter, "60 fps \xe2\x82\xac");
  EXPECT(pf_testcard_push(&sink, round % 4, round % 3 == 0 ? 1280 : 16, 720) == PF_OK);
  for (int waits = 0; waits < 5000; waits++) {
    if (__atomic_load_n(&counters->frames_presented, __ATOMIC_RELAXED) > before) return;
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  }
  EXPECT(!"the picture is shown");
}

static void a_terminal_of_any_size_shows(const char *type) {
  setenv("TERM", type, 1);
  int terminal = posix_openpt(O_RDWR | O_NOCTTY);
  EXPECT(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0);
  pf_present_config config = {0};
  EXPECT(ptsname_r(terminal, config.terminal, sizeof config.terminal) == 0);
  pf_presenter *presenter = NULL;
  EXPECT(pf_presenter_open(&config, &presenter) == PF_OK);
  pthread_t reader;
  EXPECT(pthread_create(&reader, NULL, swallow, &terminal) == 0);
  EXPECT(pf_presenter_start(presenter) == PF_OK);
  EXPECT(pf_presenter_start(presenter) == PF_E_STATE);
  for (uint32_t round = 0; round < 10; round++) resize_and_show(terminal, presenter, round);
  pf_presenter_stop(presenter);
  EXPECT(pf_testcard_live() == 0);
  pf_presenter_close(presenter);
  pthread_join(reader, NULL);
  close(terminal);
}

int main(void) {
  unsetenv("TMUX");
  unsetenv("STY");
  colours_are_exact_to_one_level();
  draws_inside();
  every_picture_is_shown_or_replaced();
  the_overlay_is_cut_between_characters();
  a_terminal_of_any_size_shows("xterm-256color");
  a_terminal_of_any_size_shows("xterm-kitty");
  a_terminal_of_any_size_shows("foot");
  puts("ok");
  return 0;
}

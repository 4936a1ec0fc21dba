/*
 * What is written to the kernel's devices, read back from a pipe in their place, the keys that type
 * a character, and what is said when there is no uinput. Prints what failed and exits 1.
 */
#include "device.h"

#include <fcntl.h>
#include <linux/input.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../input/chord.h"

#define EXPECT(condition)                                     \
  do {                                                        \
    if (!(condition)) {                                       \
      fprintf(stderr, "line %d: %s\n", __LINE__, #condition); \
      exit(1);                                                \
    }                                                         \
  } while (0)

static pf_uinput kernel;
static int pipes[PF_UINPUT_DEVICES];

/* The next frame of a device as "type:code=value …", without the report at its end. */
static const char *frame(int device) {
  static char text[512];
  size_t used = 0;
  struct input_event event;
  text[0] = '\0';
  while (read(pipes[device], &event, sizeof event) == (ssize_t)sizeof event) {
    if (event.type == EV_SYN && event.code == SYN_REPORT) return text;
    used += (size_t)snprintf(text + used, sizeof text - used, "%s%u:%u=%d", used > 0 ? " " : "",
                             event.type, event.code, event.value);
  }
  return "nothing";
}

static void expect(int device, const char *wanted) {
  const char *got = frame(device);
  if (strcmp(got, wanted) == 0) return;
  fprintf(stderr, "wanted %s, got %s\n", wanted, got);
  exit(1);
}

static void open_pipes(void) {
  for (int i = 0; i < PF_UINPUT_DEVICES; i++) {
    int ends[2];
    EXPECT(pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0);
    pipes[i] = ends[0];
    kernel.fds[i] = ends[1];
  }
}

static void writes_keys_and_buttons(void) {
  EXPECT(pf_uinput_key(&kernel, KEY_A, true) == PF_OK);
  EXPECT(pf_uinput_button(&kernel, BTN_RIGHT, false) == PF_OK);
  expect(PF_UINPUT_KEYBOARD, "1:30=1");
  expect(PF_UINPUT_MOUSE, "1:273=0");
}

static void keeps_parts_of_pixels_and_notches(void) {
  for (int i = 0; i < 3; i++) EXPECT(pf_uinput_motion(&kernel, 100, -300) == PF_OK);
  expect(PF_UINPUT_MOUSE, "2:1=-1");
  expect(PF_UINPUT_MOUSE, "2:1=-1");
  expect(PF_UINPUT_MOUSE, "2:0=1 2:1=-1");
  for (int i = 0; i < 2; i++) EXPECT(pf_uinput_scroll(&kernel, 0, 60) == PF_OK);
  EXPECT(pf_uinput_scroll(&kernel, -120, 0) == PF_OK);
  expect(PF_UINPUT_MOUSE, "2:11=-60");
  expect(PF_UINPUT_MOUSE, "2:11=-60 2:8=-1");
  expect(PF_UINPUT_MOUSE, "2:12=-120 2:6=-1");
  EXPECT(pf_uinput_motion(&kernel, 1, 1) == PF_OK);
  expect(PF_UINPUT_MOUSE, "nothing");
  EXPECT(pf_uinput_position(&kernel, 0, 65535) == PF_OK);
  expect(PF_UINPUT_POINTER, "3:0=0 3:1=65535");
}

static void touch(uint8_t finger, pf_input_phase phase, int32_t x, int32_t y) {
  pf_input_event event = {
      .kind = PF_INPUT_TOUCH, .finger = finger, .phase = (uint8_t)phase, .a = x, .b = y};
  EXPECT(pf_uinput_touch(&kernel, &event) == PF_OK);
}

static void follows_fingers_in_slots(void) {
  touch(2, PF_INPUT_TOUCH_DOWN, 10, 20);
  touch(0, PF_INPUT_TOUCH_DOWN, 30, 40);
  touch(2, PF_INPUT_TOUCH_MOVE, 11, 21);
  touch(0, PF_INPUT_TOUCH_UP, 0, 0);
  touch(2, PF_INPUT_TOUCH_CANCEL, 0, 0);
  expect(PF_UINPUT_TOUCH, "3:47=2 3:57=0 3:53=10 3:54=20 1:330=1 3:0=10 3:1=20");
  expect(PF_UINPUT_TOUCH, "3:47=0 3:57=1 3:53=30 3:54=40 3:0=30 3:1=40");
  expect(PF_UINPUT_TOUCH, "3:47=2 3:53=11 3:54=21");
  expect(PF_UINPUT_TOUCH, "3:47=0 3:57=-1");
  expect(PF_UINPUT_TOUCH, "3:47=2 3:57=-1 1:330=0");
  EXPECT(kernel.touching == 0);
}

static void says_what_the_kernel_refused(void) {
  close(pipes[PF_UINPUT_KEYBOARD]);
  EXPECT(pf_uinput_key(&kernel, KEY_A, true) == PF_E_SYSTEM);
  EXPECT(strstr(pf_last_error(), "Broken pipe") != NULL);
}

/* The steps that type a character of a layout, as "+code -code …". */
static const char *steps(const char *layout, uint32_t character, const uint8_t *down) {
  static pf_input_keymap keymap;
  static char text[256];
  static const uint8_t none[PF_INPUT_CODES];
  memset(&keymap, 0, sizeof keymap);
  EXPECT(pf_input_keymap_open(&keymap, layout) == PF_OK);
  const pf_input_way *way = pf_input_chord_find(&keymap, character);
  pf_input_step list[PF_INPUT_STEPS_MAX];
  int32_t count = way == NULL ? 0 : pf_input_chord(&keymap, way, down == NULL ? none : down, list);
  size_t used = 0;
  text[0] = '\0';
  for (int32_t i = 0; i < count; i++)
    used += (size_t)snprintf(text + used, sizeof text - used, "%s%c%u", i > 0 ? " " : "",
                             list[i].down ? '+' : '-', list[i].code);
  pf_input_keymap_close(&keymap);
  return text;
}

static void finds_the_keys_of_a_character(void) {
  EXPECT(strcmp(steps("us", 'a', NULL), "+30 -30") == 0);
  EXPECT(strcmp(steps("us", 'A', NULL), "+42 +30 -30 -42") == 0);
  EXPECT(strcmp(steps("de", '@', NULL), "+100 +16 -16 -100") == 0);
  EXPECT(strcmp(steps("de", '\n', NULL), "+28 -28") == 0);
  EXPECT(strcmp(steps("us", 0x20ac, NULL), "") == 0);
  uint8_t down[PF_INPUT_CODES] = {[KEY_LEFTSHIFT] = 1, [KEY_A] = 1, [KEY_B] = 1};
  EXPECT(strcmp(steps("us", 'a', down), "-42 -30 +30 -30 +42") == 0);
}

static void says_what_to_do_without_uinput(void) {
  pf_uinput none;
  EXPECT(pf_uinput_open(&none, "/nonexistent/uinput") == PF_E_MISSING);
  EXPECT(strstr(pf_last_error(), "load the kernel's module uinput") != NULL);
  EXPECT(pf_uinput_open(&none, "/dev/null") == PF_E_UNSUPPORTED);
  EXPECT(strstr(pf_last_error(), "/dev/null is no uinput") != NULL);
  pf_uinput_close(&none);
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  open_pipes();
  writes_keys_and_buttons();
  keeps_parts_of_pixels_and_notches();
  follows_fingers_in_slots();
  says_what_the_kernel_refused();
  finds_the_keys_of_a_character();
  says_what_to_do_without_uinput();
  return 0;
}

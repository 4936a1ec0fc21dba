/*
 * An X application for tests: a window that fills the screen, with a known picture, which prints
 * the input that reaches it. The picture has four quarters, red, green (above), blue and white
 * (below), and in the middle, where it moves, a grey square whose shade is the number of the frame.
 *
 *   x11_client still       draws once
 *   x11_client moving      draws 200 times a second
 *
 * Prints a line for each: "ready" (drawn and with the keyboard's focus), "key CODE DOWN" (X codes),
 * "character TEXT", "button BUTTON DOWN", "at X Y".
 */
#include <X11/Xlib.h>
#include <X11/Xutil.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static Display *display;
static Window window;
static GC context;
static int width, height;

static void fill(unsigned long colour, int left, int top, int right, int bottom) {
  XSetForeground(display, context, colour);
  XFillRectangle(display, window, context, left, top, (unsigned)(right - left),
                 (unsigned)(bottom - top));
}

static void draw_quarters(void) {
  fill(0xff0000, 0, 0, width / 2, height / 2);
  fill(0x00ff00, width / 2, 0, width, height / 2);
  fill(0x0000ff, 0, height / 2, width / 2, height);
  fill(0xffffff, width / 2, height / 2, width, height);
}

static void draw_square(unsigned frame) {
  unsigned long shade = frame & 255;
  int side = height / 8, left = (width - side) / 2, top = (height - side) / 2;
  fill(shade << 16 | shade << 8 | shade, left, top, left + side, top + side);
}

static void on_key(XKeyEvent *event) {
  char text[32];
  printf("key %u %d\n", event->keycode, event->type == KeyPress);
  if (event->type != KeyPress) return;
  KeySym symbol;
  int bytes = XLookupString(event, text, sizeof text, &symbol, NULL);
  unsigned long code = symbol >= 0x1000000 ? symbol - 0x1000000 : symbol;
  if (bytes > 0 || symbol >= 0x1000000) printf("character U+%04lX\n", code);
}

static void on_event(XEvent *event) {
  switch (event->type) {
    case Expose:
      draw_quarters();
      XSetInputFocus(display, window, RevertToParent, CurrentTime);
      XSync(display, False);
      printf("ready\n");
      return;
    case MappingNotify:
      XRefreshKeyboardMapping(&event->xmapping);
      return;
    case KeyPress:
    case KeyRelease:
      on_key(&event->xkey);
      return;
    case ButtonPress:
    case ButtonRelease:
      printf("button %u %d\n", event->xbutton.button, event->type == ButtonPress);
      return;
    case MotionNotify:
      printf("at %d %d\n", event->xmotion.x, event->xmotion.y);
      return;
  }
}

int main(int count, char **arguments) {
  int moving = count == 2 && strcmp(arguments[1], "moving") == 0;
  setvbuf(stdout, NULL, _IOLBF, 0);
  display = XOpenDisplay(NULL);
  if (display == NULL) return 1;
  width = DisplayWidth(display, DefaultScreen(display));
  height = DisplayHeight(display, DefaultScreen(display));
  window = XCreateSimpleWindow(display, DefaultRootWindow(display), 0, 0, (unsigned)width,
                               (unsigned)height, 0, 0, 0);
  context = XCreateGC(display, window, 0, NULL);
  XSelectInput(display, window,
               ExposureMask | KeyPressMask | KeyReleaseMask | ButtonPressMask | ButtonReleaseMask |
                   PointerMotionMask);
  XMapWindow(display, window);
  struct pollfd wait = {.fd = ConnectionNumber(display), .events = POLLIN};
  for (unsigned frame = 0;; frame++) {
    while (XPending(display) > 0) {
      XEvent event;
      XNextEvent(display, &event);
      on_event(&event);
    }
    if (moving) draw_square(frame);
    XFlush(display);
    poll(&wait, 1, moving ? 5 : -1);
  }
}

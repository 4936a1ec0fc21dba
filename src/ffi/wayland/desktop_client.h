/*
 * An application for tests: a window that fills the output, with a known picture, which prints the
 * input that reaches it. The picture has four quarters, red, green (above), blue and white (below),
 * and in the middle, where it moves, a grey square whose shade is the number of the frame.
 *
 *   desktop_client still           draws once
 *   desktop_client moving          draws at every frame callback
 *   desktop_client burst COUNT     draws COUNT frames, then is still
 *   desktop_client answer          is white, and at each key that goes down black or white in turn
 *
 * A last argument "fullscreen" asks for the whole output, where a desktop does not give it anyway.
 *
 * Prints a line for each: "size W H", "focus", "drawn COUNT" (after the last frame of a burst),
 * "key CODE DOWN", "character U+XXXX", "modifiers MASK", "button CODE DOWN", "at X Y",
 * "axis AXIS VALUE", "discrete AXIS NOTCHES", "touch ID down X Y", "touch ID move X Y",
 * "touch ID up".
 */
#ifndef PF_DESKTOP_CLIENT_H
#define PF_DESKTOP_CLIENT_H
#include "../common/common.h"

#include <wayland-client.h>

void pf_desktop_client_listen(struct wl_seat *seat);
/* A key went down. */
void pf_desktop_client_pressed(void);

#endif

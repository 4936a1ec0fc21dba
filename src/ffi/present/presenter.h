/*
 * Presenters: the last stage of the client, which shows pictures. Two libraries implement this
 * one contract, and the client opens one of them, or none:
 *
 *   libpf_window    an SDL window, with keyboard and mouse
 *   libpf_terminal  the terminal, by chafa: kitty or sixel graphics, else half blocks; with its
 *                   keyboard and mouse (see terminal_keys.h for what terminals tell of them).
 *                   Ctrl+C stays an interrupt of this process
 *
 * Pictures come by the sink, from any one thread, in any format and size; both may change between
 * two pictures. Only the newest is kept while the presenter is busy (latest wins; what it replaces
 * is counted in frames_replaced). A presenter holds at most two pictures at a time and none after
 * stop. `shown` means: the window system took the frame (SDL_RenderPresent returned), or the whole
 * picture is written to the terminal; `present_us` runs from decode_end to shown.
 *
 * Events (see PF_EVENT_*), with the config's stage number: started (text = what it draws with),
 * failed (text = why; the presenter is dead and drops pictures), and from window and
 * terminal
 * window_resized (a, b = pixels), window_closed (a person closed it: it stays until stop),
 * focus_lost and focus_gained, key, button, motion (only while grabbed), position, scroll, touch,
 * and text where text_input is 1: then keys that only write, or change what others write, do not
 * come as keys but as the text that they make, unless Ctrl, Alt or Super makes them a command.
 * Everything that was held down is released by events of its own before focus_lost and at stop.
 */
#ifndef PF_PRESENT_PRESENTER_H
#define PF_PRESENT_PRESENTER_H
#include "../common/common.h"

typedef struct pf_presenter pf_presenter;

/*
 * Opens the display, so that what is missing is known now; shows nothing before start.
 * PF_E_MISSING: no display or terminal; PF_E_UNSUPPORTED: the terminal can't show pictures;
 * PF_E_STATE: this process has an open window already; PF_E_LIBRARY, PF_E_SYSTEM, PF_E_MEMORY.
 */
pf_result pf_presenter_open(const pf_present_config *config, pf_presenter **out);
/* Once; PF_E_STATE afterwards, also after stop. */
pf_result pf_presenter_start(pf_presenter *presenter);
/* Closes the window or restores the terminal, and releases every picture. Idempotent. */
void pf_presenter_stop(pf_presenter *presenter);
void pf_presenter_close(pf_presenter *presenter);
/*
 * Knobs: clock_offset_ns (host to local; INT64_MIN = unknown), overlay_visible, input_enabled,
 * text_input, and for windows grab (1 = pointer and keyboard belong to the stream) and fullscreen,
 * which others ignore.
 * PF_E_ARGUMENT for other knobs.
 */
pf_result pf_presenter_set(pf_presenter *presenter, uint32_t knob, int64_t value);
/*
 * The overlay's lines: zero-terminated UTF-8, copied, at most 1023 bytes (cut between characters);
 * other control characters become spaces, and a terminal shows the first line. Shown while
 * overlay_visible is 1, which it is at open in the terminal (its bottom line) and is not in the
 * window (its upper left corner).
 */
void pf_presenter_set_overlay(pf_presenter *presenter, const char *utf8);
void pf_presenter_sink(pf_presenter *presenter, pf_sink *out);
/* pf_present_counters; lives as long as the handle. */
const void *pf_presenter_counters(pf_presenter *presenter);

/*
 * libpf_terminal only: what to write to the terminal so that it is usable again after a crash.
 * Constant, zero-terminated; harmless when nothing was wrong.
 */
const char *pf_presenter_restore_text(void);

#endif

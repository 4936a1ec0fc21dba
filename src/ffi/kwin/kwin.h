/*
 * An output of KWin that is cast into a PipeWire node: a virtual one of its own
 * (zkde_screencast_unstable_v1, stream_virtual_output), which lives as long as the handle, or the
 * first one there is (stream_output).
 *
 * KWin gives a virtual output the size that is asked for and 60 Hz. Another rate is set by
 * kde_output_management_v2, which takes modes of any size and rate from version 18 on; the mode
 * that is active is then read back from kde_output_device_v2. Where the rate can't be set the
 * output keeps the one it has, as pf_kwin_describe tells.
 *
 * KWin has these protocols only for programs whose desktop entry names them in
 * X-KDE-Wayland-Interfaces.
 *
 * One thread owns the connection and does all of it. Events: started (a = the PipeWire node, text =
 * the output's name) when the output has its mode; failed (it can't be had) or ended (KWin or the
 * output is gone), at most one of them, with words, and nothing after it.
 */
#ifndef PF_KWIN_H
#define PF_KWIN_H
#include "../common/common.h"

typedef struct pf_kwin pf_kwin;

/* Starts the thread, which connects. Never waits. */
pf_result pf_kwin_open(const pf_kwin_config *config, pf_kwin **out);
/* The output as it is now. PF_E_STATE before `started`. */
pf_result pf_kwin_describe(pf_kwin *self, pf_capture_output *out);
/* Ends the cast and removes a virtual output; takes 300 ms at most for a KWin that hangs. NULL is
 * allowed. */
void pf_kwin_close(pf_kwin *self);

#endif

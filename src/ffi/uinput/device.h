/* Makes the virtual devices of events.h by /dev/uinput (linux/uinput.h, version 5). */
#ifndef PF_UINPUT_DEVICE_H
#define PF_UINPUT_DEVICE_H
#include "events.h"

/*
 * Makes all four. PF_E_MISSING: there is no such file or it may not be opened (the sentence says
 * what to do); PF_E_UNSUPPORTED: the file is no uinput, or this kernel's is too old; PF_E_SYSTEM.
 */
pf_result pf_uinput_open(pf_uinput *self, const char *path);
/* Removes the devices; those that are not there are left alone. */
void pf_uinput_close(pf_uinput *self);

#endif

#include "common.h"

#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>

static _Thread_local char last_error[512] = "";

PF_EXPORT const char *pf_last_error(void) { return last_error; }

PF_EXPORT uint32_t pf_abi_hash(void) { return PF_ABI_HASH; }

pf_result pf_fail(pf_result result, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(last_error, sizeof last_error, format, arguments);
  va_end(arguments);
  return result;
}

void pf_thread_name(const char *name) { pthread_setname_np(pthread_self(), name); }

bool pf_thread_urgent(void) {
  struct sched_param lowest = {.sched_priority = sched_get_priority_min(SCHED_RR)};
  return sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &lowest) == 0;
}

enum { EAGER_STEPS = 10, UNKNOWN = 100 };

/* On Linux a niceness is a thread's own. */
int pf_thread_eager(void) {
  static atomic_int first = UNKNOWN; /* who opens a stage may be eager for that long */
  int before = getpriority(PRIO_PROCESS, 0), unknown = UNKNOWN;
  atomic_compare_exchange_strong(&first, &unknown, before);
  setpriority(PRIO_PROCESS, 0, atomic_load(&first) - EAGER_STEPS);
  return before;
}

void pf_thread_restore(int niceness) { setpriority(PRIO_PROCESS, 0, niceness); }

#include "common.h"

#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

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

/* struct sched_attr of sched_setattr(2), which C libraries do not have yet, or have beside another
 * header's. */
struct attributes {
  uint32_t size, policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime_ns, deadline_ns, period_ns;
};
_Static_assert(sizeof(struct attributes) == 48, "as the kernel knows it");

enum { SHORT_TURN_NS = 200000, USUAL_TURN_NS = 0, KEEP_POLICY = 0x08 };

/* How long an ordinary thread's turns are. From Linux 6.12 on, one that wakes needs not wait for
 * the end of another's longer turn; earlier ones ignore it. Nobody must allow it. */
static void set_turn(int niceness, uint64_t ns) {
  struct attributes attributes = {
      .size = sizeof attributes, .flags = KEEP_POLICY, .nice = niceness, .runtime_ns = ns};
  syscall(SYS_sched_setattr, 0, &attributes, 0u);
}

bool pf_thread_urgent(void) {
  struct sched_param lowest = {.sched_priority = sched_get_priority_min(SCHED_RR)};
  if (sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &lowest) == 0) return true;
  set_turn(getpriority(PRIO_PROCESS, 0), SHORT_TURN_NS);
  return false;
}

enum { EAGER_STEPS = 10, UNKNOWN = 100 };

/* On Linux a niceness is a thread's own. */
int pf_thread_eager(void) {
  static atomic_int first = UNKNOWN; /* who opens a stage may be eager for that long */
  int before = getpriority(PRIO_PROCESS, 0), unknown = UNKNOWN;
  atomic_compare_exchange_strong(&first, &unknown, before);
  setpriority(PRIO_PROCESS, 0, atomic_load(&first) - EAGER_STEPS);
  set_turn(getpriority(PRIO_PROCESS, 0), SHORT_TURN_NS);
  return before;
}

void pf_thread_restore(int niceness) {
  setpriority(PRIO_PROCESS, 0, niceness);
  set_turn(niceness, USUAL_TURN_NS);
}

/* The event queue's and the access unit tee's exports. */
#include "core.h"

#include <stdlib.h>

PF_EXPORT pf_result pf_core_events_open(pf_events **out) { return pf_events_open(out); }
PF_EXPORT void pf_core_events_close(pf_events *events) { pf_events_close(events); }
PF_EXPORT int pf_core_events_fd(pf_events *events) { return pf_events_fd(events); }
PF_EXPORT uint64_t pf_core_events_dropped(pf_events *events) { return pf_events_dropped(events); }
PF_EXPORT int32_t pf_core_events_take(pf_events *events, pf_event *out, uint32_t max) {
  return pf_events_take(events, out, max);
}
PF_EXPORT uint64_t pf_core_now_ns(void) { return pf_now_ns(); }

struct pf_tee {
  pf_sink sinks[2];
};

static void tee_push(void *context, void *item) {
  pf_tee *tee = context;
  pf_sink_push(&tee->sinks[0], item);
  pf_sink_push(&tee->sinks[1], item);
}

PF_EXPORT pf_result pf_tee_open(const pf_sink *first, const pf_sink *second, pf_tee **out) {
  pf_tee *tee = calloc(1, sizeof *tee);
  if (tee == NULL) return pf_fail(PF_E_MEMORY, "no memory for a tee");
  tee->sinks[0] = *first;
  tee->sinks[1] = *second;
  *out = tee;
  return PF_OK;
}

PF_EXPORT void pf_tee_close(pf_tee *tee) { free(tee); }

PF_EXPORT void pf_tee_sink(pf_tee *tee, pf_sink *out) {
  *out = (pf_sink){.push = tee_push, .context = tee};
}

#include "probe_meter.h"

#include <stdlib.h>

struct pf_meter {
  atomic_bool fresh; /* the next frame is the first of a burst */
  int64_t transit_ns;
  uint64_t jitter_ns_16; /* times 16, so that nothing is rounded away (RFC 3550, appendix A.8) */
  pf_meter_counters counters;
};

PF_EXPORT pf_result pf_meter_open(pf_meter **out) {
  pf_meter *meter = calloc(1, sizeof *meter);
  if (meter == NULL) return pf_fail(PF_E_MEMORY, "no memory for a meter");
  atomic_store(&meter->fresh, true);
  *out = meter;
  return PF_OK;
}

PF_EXPORT void pf_meter_close(pf_meter *meter) { free(meter); }

PF_EXPORT void pf_meter_begin(pf_meter *meter) { atomic_store(&meter->fresh, true); }

PF_EXPORT const void *pf_meter_counters_block(pf_meter *meter) { return &meter->counters; }

static void push(void *context, void *item) {
  pf_meter *meter = context;
  const pf_access_unit *unit = item;
  pf_meter_counters *counters = &meter->counters;
  const pf_times *times = &unit->times;
  int64_t transit_ns = (int64_t)(times->first_packet_ns - times->capture_ns);
  if (atomic_exchange(&meter->fresh, false)) {
    pf_gauge(counters->first_ns, times->complete_ns);
    pf_gauge(counters->first_bytes, unit->bytes);
    meter->jitter_ns_16 = 0;
  } else {
    int64_t apart_ns = transit_ns - meter->transit_ns;
    uint64_t distance_ns = (uint64_t)(apart_ns < 0 ? -apart_ns : apart_ns);
    meter->jitter_ns_16 += distance_ns - ((meter->jitter_ns_16 + 8) >> 4);
  }
  meter->transit_ns = transit_ns;
  pf_gauge(counters->jitter_ns, meter->jitter_ns_16 >> 4);
  pf_gauge(counters->last_ns, times->complete_ns);
  pf_count(counters->frame_bytes, unit->bytes);
  pf_count(counters->frames, 1);
}

PF_EXPORT void pf_meter_sink(pf_meter *meter, pf_sink *out) {
  *out = (pf_sink){.push = push, .context = meter};
}

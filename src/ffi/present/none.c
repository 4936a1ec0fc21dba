/*
 * The presenter for machines without a display. It never accepts a picture, so that the front end
 * counts each and keeps none: `frames_presented` stays 0 and the histograms empty, because no
 * figure may claim a picture that nobody saw.
 */
#include <stdlib.h>

#include "frontend.h"
#include "presenter.h"

struct pf_presenter {
  pf__frontend front;
};

PF_EXPORT pf_result pf_presenter_open(const pf_present_config *config, pf_presenter **out) {
  pf_presenter *presenter = calloc(1, sizeof *presenter);
  if (presenter == NULL) return pf_fail(PF_E_MEMORY, "no memory for the presenter");
  pf__frontend_init(&presenter->front, config);
  *out = presenter;
  return PF_OK;
}

PF_EXPORT pf_result pf_presenter_start(pf_presenter *presenter) {
  pf_events_post(presenter->front.events, PF_EVENT_STARTED, presenter->front.stage, 0, 0, "none");
  return PF_OK;
}

PF_EXPORT void pf_presenter_stop(pf_presenter *presenter) {}

PF_EXPORT void pf_presenter_close(pf_presenter *presenter) {
  if (presenter == NULL) return;
  pf__frontend_destroy(&presenter->front);
  free(presenter);
}

PF_EXPORT pf_result pf_presenter_set(pf_presenter *presenter, uint32_t knob, int64_t value) {
  if (knob == PF_KNOB_GRAB || knob == PF_KNOB_FULLSCREEN) return PF_OK;
  return pf__frontend_set(&presenter->front, knob, value);
}

PF_EXPORT void pf_presenter_set_overlay(pf_presenter *presenter, const char *utf8) {
  pf__frontend_set_overlay(&presenter->front, utf8);
}

PF_EXPORT void pf_presenter_sink(pf_presenter *presenter, pf_sink *out) {
  pf__frontend_sink(&presenter->front, out);
}

PF_EXPORT const void *pf_presenter_counters(pf_presenter *presenter) {
  return &presenter->front.counters;
}

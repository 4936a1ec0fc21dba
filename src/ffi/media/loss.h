/*
 * What the network lost, told from the gaps in the sequence numbers of a direction. A packet counts
 * as lost when 64 newer ones have come, or when nothing newer has come for 20 ms; until then
 * it is only out of order. If it comes after all it counts as late too, so lost - late never
 * came. Pure; one thread.
 */
#ifndef PF_LOSS_H
#define PF_LOSS_H
#include "../seal/seal.h"

typedef struct pf_loss_counts {
  uint64_t lost, late;
} pf_loss_counts;

typedef struct pf_loss {
  uint64_t judged; /* all sequence numbers below are told lost or come */
  uint64_t newest_ns;
  pf_loss_counts counts;
} pf_loss;

/* A fresh authenticated packet, before `replay` remembers it. */
void pf_loss_take(pf_loss *loss, const pf_replay *replay, uint64_t sequence, uint64_t now_ns);
/* Judges what is due; returns when something will be, in ns, UINT64_MAX = nothing. */
uint64_t pf_loss_tick(pf_loss *loss, const pf_replay *replay, uint64_t now_ns);

#endif

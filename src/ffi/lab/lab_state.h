/* What the schemes of the lab share. */
#ifndef PF_LAB_STATE_H
#define PF_LAB_STATE_H
#include "lab.h"

/* A frame's packets, one behind the other. */
typedef struct pf__slot {
  uint8_t *packets;
  uint32_t count, packet_bytes;
  uint32_t frame;
} pf__slot;

typedef struct pf__scheme {
  /* Sets the lab's `state` and `slot_bytes`. What it made before it failed is left to `close`. */
  pf_result (*open)(pf_lab *lab);
  void (*close)(pf_lab *lab);
  /* Makes the packets of the lab's next frame; returns their number. */
  int32_t (*send)(pf_lab *lab, pf__slot *slot);
  /* `packet` may be written to; `slot` is the one that it lies in. */
  void (*take)(pf_lab *lab, const pf__slot *slot, uint32_t index, uint32_t bytes, double at_ns);
} pf__scheme;

struct pf_lab {
  const pf__scheme *scheme;
  void *state; /* the scheme's */
  uint32_t frame_bytes;
  uint8_t *content;
  size_t content_bytes;
  pf__slot slots[PF_LAB_SLOTS_MAX];
  uint32_t slot_count;
  size_t slot_bytes; /* reserved for each; the scheme sets it in open */
  pf_lab_config config;
  pf_lab_counters counters;
};

/* The content of a frame: bytes that differ from frame to frame. */
const uint8_t *pf__lab_content(const pf_lab *lab, uint32_t frame);
/* A frame was delivered with this content. */
void pf__lab_delivered(pf_lab *lab, uint32_t frame, const uint8_t *bytes, uint32_t count);

#endif

#include "lab.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "ends.h"
#include "lab_state.h"
#include "moonlight.h"

/* Frames are cut from one piece of random bytes at places that differ: no two frames of a whole
 * minute have a byte in the same place, and nothing has to be filled. */
#define CONTENT_PLACES 4096u
#define CONTENT_STEP 61u

static const pf__scheme *const schemes[] = {&pf__lab_gf16, &pf__lab_gf8};

static void *reserve(size_t bytes) {
  void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return memory != MAP_FAILED ? memory : NULL;
}

/* SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), a word a step. */
static void fill_random(uint8_t *bytes, size_t count) {
  uint64_t state = 0;
  for (size_t at = 0; at + 8 <= count; at += 8) {
    uint64_t word = state += 0x9e3779b97f4a7c15u;
    word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9u;
    word = (word ^ word >> 27) * 0x94d049bb133111ebu;
    word ^= word >> 31;
    memcpy(bytes + at, &word, 8);
  }
}

const uint8_t *pf__lab_content(const pf_lab *lab, uint32_t frame) {
  return lab->content + (size_t)(frame % CONTENT_PLACES) * CONTENT_STEP;
}

void pf__lab_delivered(pf_lab *lab, uint32_t frame, const uint8_t *bytes, uint32_t count) {
  pf_count(lab->counters.frames_delivered, 1);
  if (frame < lab->counters.frames_sent && count == lab->frame_bytes &&
      memcmp(bytes, pf__lab_content(lab, frame), count) == 0)
    return;
  if (lab->counters.frames_wrong == 0) pf_gauge(lab->counters.first_wrong, (uint64_t)frame + 1);
  pf_count(lab->counters.frames_wrong, 1);
}

static pf_result open_memory(pf_lab *lab) {
  lab->content_bytes = lab->frame_bytes + (size_t)CONTENT_PLACES * CONTENT_STEP;
  lab->content = reserve(lab->content_bytes);
  if (lab->content == NULL) return pf_fail(PF_E_MEMORY, "no memory for a lab");
  fill_random(lab->content, lab->content_bytes);
  pf_result result = lab->scheme->open(lab);
  if (result != PF_OK) return result;
  for (uint32_t i = 0; i < lab->slot_count; i++) {
    lab->slots[i].packets = reserve(lab->slot_bytes);
    if (lab->slots[i].packets == NULL) return pf_fail(PF_E_MEMORY, "no memory for a lab");
  }
  return PF_OK;
}

PF_EXPORT pf_result pf_lab_open(const pf_lab_config *config, pf_lab **out) {
  if (config->scheme >= PF_ARRAY_COUNT(schemes))
    return pf_fail(PF_E_ARGUMENT, "there is no scheme %u", config->scheme);
  if (config->frame_bytes == 0 || config->slot_count == 0 ||
      config->frame_bytes > PF_FRAME_BYTES_MAX - PF_FRAME_HEADER_BYTES ||
      config->slot_count > PF_LAB_SLOTS_MAX || config->parity_permille > 1000)
    return pf_fail(PF_E_ARGUMENT, "a size is outside the limits");
  pf_lab *lab = calloc(1, sizeof *lab);
  if (lab == NULL) return pf_fail(PF_E_MEMORY, "no memory for a lab");
  lab->scheme = schemes[config->scheme];
  lab->config = *config;
  lab->frame_bytes = config->frame_bytes;
  lab->slot_count = config->slot_count;
  pf_result result = open_memory(lab);
  if (result != PF_OK) {
    pf_lab_close(lab);
    return result;
  }
  *out = lab;
  return PF_OK;
}

PF_EXPORT void pf_lab_close(pf_lab *lab) {
  if (lab == NULL) return;
  if (lab->state != NULL) lab->scheme->close(lab);
  for (uint32_t i = 0; i < lab->slot_count; i++)
    if (lab->slots[i].packets != NULL) munmap(lab->slots[i].packets, lab->slot_bytes);
  if (lab->content != NULL) munmap(lab->content, lab->content_bytes);
  free(lab);
}

PF_EXPORT int32_t pf_lab_send(pf_lab *lab, uint32_t slot) {
  if (slot >= lab->slot_count) return pf_fail(PF_E_ARGUMENT, "there is no slot %u", slot);
  pf__slot *into = &lab->slots[slot];
  into->frame = (uint32_t)lab->counters.frames_sent;
  into->count = 0;
  pf_count(lab->counters.frames_sent, 1);
  int32_t count = lab->scheme->send(lab, into);
  pf_gauge(lab->counters.packet_count, count > 0 ? (uint32_t)count : 0);
  return count;
}

PF_EXPORT uint32_t pf_lab_packet_bytes(const pf_lab *lab, uint32_t slot) {
  return slot < lab->slot_count ? lab->slots[slot].packet_bytes : 0;
}

PF_EXPORT pf_result pf_lab_deliver(pf_lab *lab, const uint32_t *packets, const double *at_ns,
                                   const uint16_t *bytes, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    uint32_t slot = packets[i] >> 16, index = packets[i] & 0xffff;
    if (slot >= lab->slot_count || index >= lab->slots[slot].count)
      return pf_fail(PF_E_ARGUMENT, "there is no packet %u in slot %u", index, slot);
    const pf__slot *from = &lab->slots[slot];
    uint32_t whole = from->packet_bytes;
    pf_count(lab->counters.packets_delivered, 1);
    lab->scheme->take(lab, from, index, bytes[i] < whole ? bytes[i] : whole, at_ns[i]);
  }
  return PF_OK;
}

PF_EXPORT const void *pf_lab_counters_block(pf_lab *lab) { return &lab->counters; }

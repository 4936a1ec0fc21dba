/*
 * The memory that pictures lie in: buffers of the producer, mapped here, and copies of our own. A
 * slot is one such memory with its picture. The mapping belongs to the slot, not to the stream: a
 * producer may take its buffer back while an encoder still reads the picture.
 *
 * Everything is called on the stream's thread but the pictures' `recycle`, which may run on any.
 */
#ifndef PF_SCREENCAST_BUFFERS_H
#define PF_SCREENCAST_BUFFERS_H
#include "../pipewire/connection.h"
#include "picture.h"

enum {
  /* Twice what is asked of a producer, for two formats while one replaces the other, and copies. */
  PF_SLOTS = 48,
  /* One waiting, one being encoded, one kept to be repeated, one kept for the pointer; for two
   * sizes while one replaces the other. */
  PF_COPIES_MAX = 8,
  /* Buffers that are never kept from the producer, which takes all in turn and leaves a picture
   * out when it finds the next one kept: one that it draws, one on its way here, one on its way
   * back. */
  PF_SLOTS_LEFT = 3,
};

typedef enum pf_slot_state {
  PF_SLOT_FREE,   /* no memory */
  PF_SLOT_IDLE,   /* with the producer, or a copy that may be written */
  PF_SLOT_TAKEN,  /* its picture has references */
  PF_SLOT_RETURN, /* its picture was released; waits for the stream's thread */
} pf_slot_state;

typedef struct pf_slots pf_slots;

typedef struct pf_slot {
  pf_picture picture;
  pf_slots *slots;
  struct pw_buffer *buffer; /* NULL: a copy of our own, or the producer took its buffer back */
  bool own;
  uint8_t *memory; /* where the buffer begins */
  size_t memory_bytes; /* not 0 */
  uint8_t *mapping; /* around it; NULL = not ours and gone with the buffer: pictures are copied */
  size_t bytes;    /* of the mapping */
  int dma_fd;      /* of a DMA buffer; -1 = it is none */
  pf_dmabuf dmabuf;
  atomic_uint state; /* pf_slot_state */
} pf_slot;

struct pf_slots {
  pf_slot slots[PF_SLOTS];
  uint32_t buffer_count; /* of the producer, now */
  struct pw_stream *stream;
  /* Wakes the stream's thread when a picture was released. */
  struct pw_loop *loop;
  struct spa_source *returned;
};

void pf_slots_init(pf_slots *self, struct pw_loop *loop, struct spa_source *returned);
/* Unmaps all. No picture may be referenced. */
void pf_slots_close(pf_slots *self);

/* Maps a buffer that the producer added and hangs its slot on it. PF_E_FULL, PF_E_SYSTEM,
 * PF_E_UNSUPPORTED: it can't be used, and its user_data is NULL. */
pf_result pf_slots_add(pf_slots *self, struct pw_buffer *buffer);
/* The producer takes a buffer back; its memory stays until its picture was released. */
void pf_slots_remove(pf_slots *self, struct pw_buffer *buffer);

/* Whether the producer has given any buffer that can be read. */
bool pf_slots_usable(const pf_slots *self);
/* Whether another buffer may be kept from the producer without stopping it. */
bool pf_slots_may_hold(const pf_slots *self);
/* A buffer was taken from the stream: its picture gets one reference, its memory is readable. */
void pf_slot_take(pf_slot *slot);
/* Gives all buffers whose pictures were released back to the producer. */
void pf_slots_return(pf_slots *self);

/* A copy's picture of at least this size with one reference; its rows, width, height and plane are
 * set. NULL when all are in use, or there is no memory. */
pf_slot *pf_slots_copy(pf_slots *self, uint32_t width, uint32_t height);

#endif

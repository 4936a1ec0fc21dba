/*
 * The layout that Moonlight's clients expect of a GameStream host, with its wall: a frame has at
 * most four blocks of an 8-bit code, so beyond 4 * floor(25500 / (100 + parity percent)) data
 * shards it gets no parity at all, and beyond 4 * 1023 it can't be sent.
 *
 * A packet is a shard of PF_LAB_SHARD_BYTES, of which 32 are headers (RTP, NV video packet). What
 * they say is left out here, and so is encryption: they change no frame's fate. A packet that is
 * cut short counts as lost. A frame is whole when every block has as many shards as data.
 */
#ifndef PF_LAB_MOONLIGHT_H
#define PF_LAB_MOONLIGHT_H
#include "lab_state.h"

/* Packet size 1392, what Moonlight asks for on a LAN, and 16. */
#define PF_LAB_SHARD_BYTES 1408u
#define PF_LAB_SHARD_HEADER_BYTES 32u
#define PF_LAB_BLOCKS_MAX 4u
/* Data shards of a block: the index fields have 10 bits. */
#define PF_LAB_BLOCK_DATA_MAX 1023u

/* How a frame is cut; pure. */
typedef struct pf_lab_blocks {
  uint32_t count;                     /* 0: a frame of this size can't be sent */
  uint32_t data[PF_LAB_BLOCKS_MAX];   /* shards of each block */
  uint32_t parity[PF_LAB_BLOCKS_MAX]; /* 0 beyond the wall */
  uint32_t data_count;                /* shards of the frame */
} pf_lab_blocks;
pf_lab_blocks pf__lab_blocks_of(uint32_t frame_bytes, uint32_t parity_percent);

extern const pf__scheme pf__lab_gf8;

#endif

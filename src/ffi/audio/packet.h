/* The body of a sound packet: a header, this frame, and the frame before it again, so that a single
 * lost packet loses nothing. */
#ifndef PF_SOUND_PACKET_H
#define PF_SOUND_PACKET_H
#include "../common/common.h"

#define PF_SOUND_PACKET_BYTES_MAX (PF_SOUND_HEADER_BYTES + 2 * PF_SOUND_FRAME_BYTES_MAX)
_Static_assert(PF_SOUND_PACKET_BYTES_MAX <= 1344, "a packet fits any path");

/* A coded frame; `data` is borrowed. */
typedef struct pf_sound_frame {
  const uint8_t *data;
  uint32_t bytes; /* 1…PF_SOUND_FRAME_BYTES_MAX; 0 = none */
} pf_sound_frame;

/* A packet that was read; its frames lie in the body that it was read from. */
typedef struct pf_sound_packet {
  uint64_t capture_ns; /* sender's clock, of the frame's first sample */
  uint32_t index;      /* of `frame` */
  pf_sound_frame frame, previous;
} pf_sound_packet;

/* Reads a body. PF_E_TRUNCATED: shorter than its header says; PF_E_BOUNDS: a frame is empty or too
 * long, or the channels are not as many as agreed. */
pf_result pf_sound_packet_read(const uint8_t *body, uint32_t bytes, uint32_t channel_count,
                               pf_sound_packet *out);
/* Writes a body of at most PF_SOUND_PACKET_BYTES_MAX; returns its size. */
uint32_t pf_sound_packet_write(const pf_sound_packet *packet, uint32_t channel_count,
                               uint8_t *out);

#endif

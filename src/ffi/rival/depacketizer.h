/* RTP packets of H.264 (RFC 3550, RFC 6184 non-interleaved mode) to access units as Annex B. */
#ifndef PF_DEPACKETIZER_H
#define PF_DEPACKETIZER_H
#include "../common/common.h"

#define PF_DEPACKETIZER_BYTES (4u << 20)

typedef struct pf_depacketizer {
  uint8_t *data; /* PF_DEPACKETIZER_BYTES, the caller's */
  uint32_t bytes;
  uint16_t next; /* sequence number that is to come */
  bool begun, broken;
  bool ended; /* the packet before had the marker */
} pf_depacketizer;

/* Takes a packet. True: `data` holds a whole access unit until the next call; a unit of which a
 * packet is missing, or that is malformed or too large, is left out. */
bool pf_depacketizer_take(pf_depacketizer *self, const uint8_t *packet, uint32_t bytes);
/* Whether Annex B data has an IDR slice. */
bool pf_h264_is_key(const uint8_t *data, uint32_t bytes);

#endif

#include "depacketizer.h"

#include <string.h>

enum { TYPE_IDR = 5, TYPE_STAP_A = 24, TYPE_FU_A = 28 };
enum { RTP_HEADER_BYTES = 12 };

static uint32_t read_u16(const uint8_t *at) { return (uint32_t)at[0] << 8 | at[1]; }

static void append(pf_depacketizer *self, const uint8_t *data, uint32_t bytes) {
  if (bytes > PF_DEPACKETIZER_BYTES - self->bytes) {
    self->broken = true;
    return;
  }
  memcpy(self->data + self->bytes, data, bytes);
  self->bytes += bytes;
}

static void append_start(pf_depacketizer *self) {
  static const uint8_t start[] = {0, 0, 0, 1};
  append(self, start, sizeof start);
}

/* RFC 6184, section 5.7.1. */
static void take_aggregate(pf_depacketizer *self, const uint8_t *at, uint32_t bytes) {
  while (bytes > 2) {
    uint32_t unit_bytes = read_u16(at);
    if (unit_bytes > bytes - 2) break;
    append_start(self);
    append(self, at + 2, unit_bytes);
    at += 2 + unit_bytes;
    bytes -= 2 + unit_bytes;
  }
  if (bytes != 0) self->broken = true;
}

/* RFC 6184, section 5.8. */
static void take_fragment(pf_depacketizer *self, const uint8_t *payload, uint32_t bytes) {
  if (bytes < 3) {
    self->broken = true;
    return;
  }
  if ((payload[1] & 0x80) != 0) {
    uint8_t header = (uint8_t)((payload[0] & 0xe0) | (payload[1] & 0x1f));
    append_start(self);
    append(self, &header, 1);
  } else if (self->bytes == 0) {
    self->broken = true; /* of a unit whose beginning was sent before anybody listened */
  }
  append(self, payload + 2, bytes - 2);
}

/* The length of the header, RFC 3550 section 5.1, and of the padding behind; false: malformed. */
static bool measure(const uint8_t *packet, uint32_t bytes, uint32_t *header, uint32_t *padding) {
  if (bytes < RTP_HEADER_BYTES || packet[0] >> 6 != 2) return false;
  *header = RTP_HEADER_BYTES + 4u * (packet[0] & 0x0f);
  if ((packet[0] & 0x10) != 0) {
    if (bytes < *header + 4) return false;
    *header += 4 + 4 * read_u16(packet + *header + 2);
  }
  *padding = (packet[0] & 0x20) != 0 ? packet[bytes - 1] : 0;
  return bytes > *header + *padding;
}

bool pf_depacketizer_take(pf_depacketizer *self, const uint8_t *packet, uint32_t bytes) {
  uint32_t header = 0, padding = 0;
  if (!measure(packet, bytes, &header, &padding)) return false;
  uint16_t sequence = (uint16_t)read_u16(packet + 2);
  if (self->begun && sequence != self->next) self->broken = true;
  self->begun = true;
  self->next = (uint16_t)(sequence + 1);
  if (self->ended) {
    self->bytes = 0;
    self->ended = false;
  }
  const uint8_t *payload = packet + header;
  uint32_t payload_bytes = bytes - header - padding;
  uint32_t type = payload[0] & 0x1f;
  if (type == TYPE_STAP_A) {
    take_aggregate(self, payload + 1, payload_bytes - 1);
  } else if (type == TYPE_FU_A) {
    take_fragment(self, payload, payload_bytes);
  } else if (type != 0 && type < TYPE_STAP_A) {
    append_start(self);
    append(self, payload, payload_bytes);
  } else {
    self->broken = true;
  }
  self->ended = (packet[1] & 0x80) != 0;
  if (!self->ended) return false;
  bool whole = !self->broken && self->bytes > 0;
  self->broken = false;
  return whole;
}

bool pf_h264_is_key(const uint8_t *data, uint32_t bytes) {
  for (uint32_t i = 0; i + 3 < bytes; i++)
    if (data[i] == 0 && data[i + 1] == 0 && data[i + 2] == 1 && (data[i + 3] & 0x1f) == TYPE_IDR)
      return true;
  return false;
}

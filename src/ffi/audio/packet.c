#include "packet.h"

#include <string.h>

pf_result pf_sound_packet_read(const uint8_t *body, uint32_t bytes, uint32_t channel_count,
                               pf_sound_packet *out) {
  pf_sound_header header;
  if (bytes < sizeof header) return PF_E_TRUNCATED;
  memcpy(&header, body, sizeof header);
  uint32_t left = bytes - (uint32_t)sizeof header;
  if (header.frame_bytes > left) return PF_E_TRUNCATED;
  uint32_t previous_bytes = left - header.frame_bytes;
  if (header.frame_bytes == 0 || header.frame_bytes > PF_SOUND_FRAME_BYTES_MAX ||
      previous_bytes > PF_SOUND_FRAME_BYTES_MAX || header.channel_count != channel_count)
    return PF_E_BOUNDS;
  const uint8_t *frame = body + sizeof header;
  *out = (pf_sound_packet){
      .capture_ns = header.capture_ns,
      .index = header.frame,
      .frame = {.data = frame, .bytes = header.frame_bytes},
      .previous = {.data = frame + header.frame_bytes, .bytes = previous_bytes},
  };
  return PF_OK;
}

uint32_t pf_sound_packet_write(const pf_sound_packet *packet, uint32_t channel_count,
                               uint8_t *out) {
  const pf_sound_header header = {.capture_ns = packet->capture_ns,
                                  .frame = packet->index,
                                  .frame_bytes = (uint16_t)packet->frame.bytes,
                                  .channel_count = (uint8_t)channel_count};
  memcpy(out, &header, sizeof header);
  uint8_t *at = out + sizeof header;
  memcpy(at, packet->frame.data, packet->frame.bytes);
  at += packet->frame.bytes;
  if (packet->previous.bytes != 0) memcpy(at, packet->previous.data, packet->previous.bytes);
  return (uint32_t)(at - out) + packet->previous.bytes;
}

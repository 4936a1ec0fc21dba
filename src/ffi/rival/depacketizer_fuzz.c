/* Any packets at the depacketizer. Input: packets as [u16 bytes, big-endian | that many bytes],
 * each with the sequence number that is to come, as else nearly all would be left out as lost. */
#include "depacketizer.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t unit[PF_DEPACKETIZER_BYTES];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pf_depacketizer taker = {.data = unit};
  uint16_t sequence = 0;
  while (size >= 2) {
    size_t bytes = (size_t)data[0] << 8 | data[1];
    data += 2;
    size -= 2;
    if (bytes > size) bytes = size;
    /* Of exactly this size, so that the sanitizer sees a read beyond it. */
    uint8_t *packet = malloc(bytes != 0 ? bytes : 1);
    if (packet == NULL) return 0;
    memcpy(packet, data, bytes);
    if (bytes >= 4) {
      packet[2] = (uint8_t)(sequence >> 8);
      packet[3] = (uint8_t)sequence;
    }
    if (pf_depacketizer_take(&taker, packet, (uint32_t)bytes)) {
      if (taker.bytes == 0 || taker.bytes > PF_DEPACKETIZER_BYTES) abort();
      pf_h264_is_key(taker.data, taker.bytes);
    }
    sequence = taker.next;
    free(packet);
    data += bytes;
    size -= bytes;
  }
  return 0;
}

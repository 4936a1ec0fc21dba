/*
 * What a hostile peer can send as sound: packets of any bytes, taken in and played. Input: packets
 * as [u8 frames that are played before it | u8 bytes / 4 | that many bytes].
 */
#include <stdlib.h>

#include "sound_receive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const pf_sound_config config = {.role = PF_SOUND_PULLED, .channel_count = 2};
  pf_sound_receive *receive;
  if (pf_sound_receive_open(&config, &receive) != PF_OK) abort();
  pf_sink in, out;
  pf_sound_receive_sink(receive, &in);
  pf_sound_receive_source(receive, &out);
  static float samples[2 * 1024];
  while (size >= 2) {
    uint32_t bytes = data[1] * 4u, frames = data[0];
    data += 2;
    size -= 2;
    if (bytes > size) bytes = (uint32_t)size;
    pf_sink_push(&out, &(pf_sound_block){.samples = samples, .frames = frames * 4});
    pf_sink_push(&in, &(pf_packet){.data = data, .bytes = bytes, .time_ns = pf_now_ns()});
    data += bytes;
    size -= bytes;
  }
  pf_sink_push(&out, &(pf_sound_block){.samples = samples, .frames = 1024});
  for (size_t i = 0; i < PF_ARRAY_COUNT(samples); i++)
    if (!(samples[i] > -100 && samples[i] < 100)) abort();
  pf_sound_receive_close(receive);
  return 0;
}

/*
 * Everything that a network can bring to a client: raw datagrams, and, since random bytes never
 * pass the tag, bodies that are sealed with the session's key, so that shards, frames, tips and
 * hellos of a hostile peer are tried too. Input: packets as [u8 kind | u8 bytes / 8 | that many
 * bytes].
 */
#include "testing.h"

#include <string.h>

static pf_test_ends ends;
static uint64_t now_ns, sequence;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A sink that reads every byte of a unit. */
static void read_all(void *context, void *item) {
  const pf_access_unit *unit = item;
  uint64_t *sum = context;
  for (uint32_t i = 0; i < unit->bytes; i++) *sum += unit->data[i];
}

static uint64_t sum;

static void open_ends(void) {
  pf_test_options options = pf_test_defaults();
  options.frame_bytes_max = 4096;
  options.frames_in_flight_max = 4;
  pf_test_open(&ends, &options);
  pf_receive_close(ends.receive);
  const pf_receive_config config = {.events = ends.events,
                                    .sink_push = (void *)(uintptr_t)read_all,
                                    .sink_context = &sum,
                                    .session = ends.client_session,
                                    .frame_bytes_max = 4096,
                                    .frames_in_flight_max = 4,
                                    .shard_bytes_max = 256,
                                    .loss_window_ms = PF_LOSS_WINDOW_MS,
                                    .stall_ms = PF_STALL_MS};
  if (pf_receive_open(&config, &ends.receive) != PF_OK) abort();
  sequence = 0;
  now_ns = pf_now_ns();
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  open_ends();
  return 0;
}

static void take_raw(const uint8_t *bytes, uint32_t count) {
  uint8_t packet[2048];
  memcpy(packet, bytes, count);
  pf_address from = {0};
  pf_address_parse("127.0.0.1", 9, &from);
  const pf_udp_packet taken = {.data = packet, .bytes = count, .from = &from};
  pf_port_take(ends.client_port, &taken, now_ns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const uint8_t planes[] = {PF_PLANE_VIDEO, PF_PLANE_VIDEO, PF_PLANE_VIDEO, PF_PLANE_TIP,
                                   PF_PLANE_HELLO, PF_PLANE_PROBE, PF_PLANE_AUDIO};
  while (size >= 2) {
    uint32_t count = data[1] * 8u;
    uint8_t kind = data[0];
    data += 2;
    size -= 2;
    if (count > size) count = (uint32_t)size;
    if (kind % 8 == 7)
      take_raw(data, count);
    else
      pf_test_deliver(&ends, planes[kind % 8], sequence++, data, count, now_ns);
    now_ns += (kind >> 3) * 1000000ull;
    pf_port_tick(ends.client_port, now_ns);
    data += count;
    size -= count;
  }
  const pf_receive_counters *counters = pf_test_received(&ends);
  if (counters->memory_bytes > 16u << 20) abort();
  pf_event events[64];
  while (pf_events_take(ends.events, events, 64) == 64) {
  }
  return 0;
}

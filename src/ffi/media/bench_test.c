/*
 * Measures send + receive over loopback in one process, and prints one JSON object.
 *   media_test bench FRAME_BYTES FRAMES INTERVAL_US [v6] [no-gso] [no-gro]
 * INTERVAL_US 0: as fast as it goes with IN_FLIGHT frames on their way.
 */
#include "testing.h"

#include <string.h>
#include <sys/resource.h>

#define IN_FLIGHT 4

static uint64_t percentile(const pf_histogram *histogram, double share) {
  uint64_t rank = (uint64_t)(share * (double)histogram->count), seen = 0;
  for (uint32_t i = 0; i < PF_HISTOGRAM_BUCKETS; i++) {
    seen += histogram->bucket[i];
    if (seen <= rank) continue;
    if (i < 32) return i;
    uint32_t top = i / 32 + 4;
    return (1ull << top) + ((uint64_t)(i % 32) << (top - 5));
  }
  return histogram->max_us;
}

static double cpu_seconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void push_frames(pf_test_ends *ends, uint32_t bytes, uint32_t count, uint32_t interval_us) {
  uint8_t *data = malloc(bytes);
  pf_test_fill(data, bytes, 1);
  uint64_t next_ns = pf_now_ns();
  for (uint32_t i = 0; i < count; i++) {
    next_ns += interval_us * 1000ull;
    struct timespec until = {.tv_sec = (time_t)(next_ns / 1000000000u),
                             .tv_nsec = (long)(next_ns % 1000000000u)};
    if (interval_us == 0 && i >= IN_FLIGHT) pf_test_sink_wait(&ends->sink, i - IN_FLIGHT, 100);
    if (interval_us > 0) clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    pf_access_unit unit = {.data = data,
                           .bytes = bytes,
                           .flags = PF_FRAME_FLAG_KEY,
                           .times = {.capture_ns = pf_now_ns()}};
    pf_sink_push(&ends->input, &unit);
  }
  free(data);
}

void pf_test_bench(int count_of, char **arguments) {
  CHECK(count_of >= 3);
  uint32_t bytes = (uint32_t)atoi(arguments[0]), count = (uint32_t)atoi(arguments[1]);
  uint32_t interval_us = (uint32_t)atoi(arguments[2]);
  pf_test_options options = pf_test_defaults();
  options.frame_bytes_max = PF_FRAME_BYTES_MAX;
  for (int i = 3; i < count_of; i++) {
    if (strcmp(arguments[i], "v6") == 0) options.address = "::1";
    if (strcmp(arguments[i], "no-gso") == 0) options.flags |= PF_UDP_NO_GSO;
    if (strcmp(arguments[i], "no-gro") == 0) options.flags |= PF_UDP_NO_GRO;
  }
  pf_test_ends ends;
  pf_test_open(&ends, &options);
  ends.sink.check = false;
  pf_test_start(&ends);
  double cpu = cpu_seconds();
  uint64_t begin_ns = pf_now_ns();
  push_frames(&ends, bytes, count, interval_us);
  pf_test_sink_wait(&ends.sink, count, 300);
  double seconds = (double)(pf_now_ns() - begin_ns) / 1e9;
  cpu = cpu_seconds() - cpu;
  const pf_send_counters sent = *pf_test_sent(&ends);
  const pf_receive_counters received = *pf_test_received(&ends);
  const pf_port_counters port = *pf_test_port(&ends);
  pf_test_close(&ends);
  const pf_test_sink *sink = &ends.sink;
  double gbps = (double)sink->bytes * 8 / seconds / 1e9;
  printf("{\"frames\":%u,\"delivered\":%u,\"seconds\":%.4f,\"gbps\":%.3f,\"cpuSeconds\":%.4f,"
         "\"sealUs\":%llu,\"reassembleUs\":%llu,\"packetsLost\":%llu,\"kernelDrops\":%llu,"
         "\"latencyUs\":{\"p50\":%llu,\"p95\":%llu,\"p99\":%llu,\"max\":%llu}}\n",
         count, sink->count, seconds, gbps, cpu,
         (unsigned long long)percentile(&sent.seal_us, 0.5),
         (unsigned long long)percentile(&received.reassemble_us, 0.5),
         (unsigned long long)received.packets_lost, (unsigned long long)port.dropped_kernel,
         (unsigned long long)percentile(&sink->latency_us, 0.5),
         (unsigned long long)percentile(&sink->latency_us, 0.95),
         (unsigned long long)percentile(&sink->latency_us, 0.99),
         (unsigned long long)sink->latency_us.max_us);
}

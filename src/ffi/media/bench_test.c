/*
 * Measures send + receive over loopback in one process, and prints one JSON object.
 *   media_test bench FRAME_BYTES FRAMES INTERVAL_US [v6] [no-gso] [no-gro] [awake] [kbps=N]
 *     [loss=PERMILLE]
 * INTERVAL_US 0: as fast as it goes with IN_FLIGHT frames on their way. kbps: paced as a stream of
 * that rate. loss: packets that are dropped by a seed before they are opened. awake: the receiver
 * never sleeps, since to wake it costs the sender's processor time that a network does not.
 *
 * All of the sender (the pushing thread, which makes the copy, and the stage's own) runs on one
 * processor, all of the receiver on another one, and both are charged by the processor's time
 * that their threads use, in the kernel too: what each end alone could do is the goodput by that
 * time. Over loopback the sender's processor also does the kernel's work of receiving, up to the
 * socket's queue.
 */
#include "testing.h"

#include <poll.h>
#include <sched.h>
#include <string.h>

#define IN_FLIGHT 4

typedef struct bench {
  uint32_t bytes, count, interval_us, loss_permille;
  bool awake;
  pf_test_ends ends;
  pf_random random;
  cpu_set_t send_cpu, receive_cpu;
  pthread_t receiver;
  atomic_bool stopping;
  uint64_t dropped;
  uint64_t now_ns;
  double receive_seconds; /* of the processor */
} bench;

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

/* What the calling thread has used of a processor, in the kernel too. */
static double thread_seconds(void) {
  struct timespec used;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

static double process_seconds(void) {
  struct timespec used;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

/* The first and the last processor that the process may use. */
static void choose_cpus(bench *b) {
  cpu_set_t allowed;
  CHECK(sched_getaffinity(0, sizeof allowed, &allowed) == 0);
  int first = -1, last = -1;
  for (int i = 0; i < CPU_SETSIZE; i++) {
    if (!CPU_ISSET(i, &allowed)) continue;
    if (first < 0) first = i;
    last = i;
  }
  CPU_ZERO(&b->send_cpu);
  CPU_ZERO(&b->receive_cpu);
  CPU_SET(first, &b->send_cpu);
  CPU_SET(last, &b->receive_cpu);
}

static void take(void *context, const pf_udp_packet *packet) {
  bench *b = context;
  if (b->loss_permille > 0 && pf_random_below(&b->random, 1000) < b->loss_permille) {
    b->dropped++;
    return;
  }
  if (!packet->joined) b->now_ns = pf_now_ns();
  pf_port_take(b->ends.client_port, packet, b->now_ns);
}

/* What the port's own thread does, with the loss in front. */
static void *receive(void *context) {
  bench *b = context;
  pthread_setaffinity_np(pthread_self(), sizeof b->receive_cpu, &b->receive_cpu);
  pf_thread_name("bench-receive");
  pf_thread_urgent();
  pf_port *port = b->ends.client_port;
  struct pollfd readable = {.fd = pf_udp_fd(pf_port_udp(port)), .events = POLLIN};
  double begin = thread_seconds();
  while (!atomic_load(&b->stopping)) {
    while (pf_udp_receive(pf_port_udp(port), take, b)) {
    }
    uint64_t now_ns = pf_now_ns(), due_ns = pf_port_tick(port, now_ns);
    uint64_t wait_ns = due_ns > now_ns ? due_ns - now_ns : 0;
    if (wait_ns > 50000000u) wait_ns = 50000000u;
    const struct timespec wait = {.tv_nsec = (long)wait_ns};
    if (!b->awake) ppoll(&readable, 1, &wait, NULL);
  }
  b->receive_seconds = thread_seconds() - begin;
  return NULL;
}

static void start(bench *b) {
  sched_setaffinity(0, sizeof b->send_cpu, &b->send_cpu); /* threads begin where their maker is */
  CHECK(pf_send_start(b->ends.send) == PF_OK && pf_port_start(b->ends.host_port) == PF_OK);
  CHECK(pthread_create(&b->receiver, NULL, receive, b) == 0);
  const struct timespec moment = {.tv_nsec = 200000};
  for (int i = 0; i < 25000 && !pf_session_has_path(b->ends.host_session); i++)
    nanosleep(&moment, NULL);
  CHECK(pf_session_has_path(b->ends.host_session));
}

static void push_frames(bench *b) {
  pf_thread_name("bench-push");
  uint8_t *data = malloc(b->bytes);
  pf_test_fill(data, b->bytes, 1);
  uint64_t next_ns = pf_now_ns();
  for (uint32_t i = 0; i < b->count; i++) {
    next_ns += b->interval_us * 1000ull;
    struct timespec until = {.tv_sec = (time_t)(next_ns / 1000000000u),
                             .tv_nsec = (long)(next_ns % 1000000000u)};
    if (b->interval_us == 0 && i >= IN_FLIGHT)
      pf_test_sink_wait(&b->ends.sink, i - IN_FLIGHT, 100);
    if (b->interval_us > 0) clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    pf_access_unit unit = {.data = data,
                           .bytes = b->bytes,
                           .flags = PF_FRAME_FLAG_KEY,
                           .times = {.capture_ns = pf_now_ns()}};
    pf_sink_push(&b->ends.input, &unit);
  }
  free(data);
}

static void print_latency(const char *name, const pf_histogram *histogram) {
  printf("\"%s\":{\"p50\":%llu,\"p95\":%llu,\"p99\":%llu,\"max\":%llu}", name,
         (unsigned long long)percentile(histogram, 0.5),
         (unsigned long long)percentile(histogram, 0.95),
         (unsigned long long)percentile(histogram, 0.99), (unsigned long long)histogram->max_us);
}

static void print(const bench *b, double seconds, double send_seconds) {
  const pf_test_ends *ends = &b->ends;
  const pf_send_counters *sent = pf_test_sent(ends);
  const pf_receive_counters *received = pf_test_received(ends);
  double gigabits = (double)ends->sink.bytes * 8 / 1e9;
  double gigabits_sent = (double)b->bytes * b->count * 8 / 1e9;
  printf("{\"frames\":%u,\"delivered\":%u,\"recovered\":%llu,\"seconds\":%.4f,\"gbps\":%.3f,",
         b->count, ends->sink.count, (unsigned long long)received->frames_recovered, seconds,
         gigabits / seconds);
  printf("\"sendCpuSeconds\":%.4f,\"sendGbps\":%.3f,\"sendCpuPercent\":%.3f,", send_seconds,
         gigabits_sent / send_seconds, send_seconds / seconds * 100);
  printf("\"receiveCpuSeconds\":%.4f,\"receiveGbps\":%.3f,\"receiveCpuPercent\":%.3f,",
         b->receive_seconds, gigabits / b->receive_seconds, b->receive_seconds / seconds * 100);
  printf("\"sealUs\":%llu,\"reassembleUs\":%llu,\"packets\":%llu,\"packetsDropped\":%llu,"
         "\"packetsLost\":%llu,\"kernelDrops\":%llu,",
         (unsigned long long)percentile(&sent->seal_us, 0.5),
         (unsigned long long)percentile(&received->reassemble_us, 0.5),
         (unsigned long long)sent->packets, (unsigned long long)b->dropped,
         (unsigned long long)received->packets_lost,
         (unsigned long long)pf_udp_kernel_drops(pf_port_udp(ends->client_port)));
  print_latency("latencyUs", &ends->sink.latency_us);
  printf("}\n");
}

/* The value of NAME=VALUE, or 0. */
static uint32_t number_of(const char *argument, const char *name) {
  size_t length = strlen(name);
  return strncmp(argument, name, length) == 0 ? (uint32_t)atoi(argument + length) : 0;
}

void pf_test_bench(int count_of, char **arguments) {
  CHECK(count_of >= 3);
  bench *b = calloc(1, sizeof *b);
  b->bytes = (uint32_t)atoi(arguments[0]);
  b->count = (uint32_t)atoi(arguments[1]);
  b->interval_us = (uint32_t)atoi(arguments[2]);
  b->random.state = 1;
  pf_test_options options = pf_test_defaults();
  options.frame_bytes_max = PF_FRAME_BYTES_MAX;
  options.burst_bytes = PF_BURST_BYTES;
  for (int i = 3; i < count_of; i++) {
    if (strcmp(arguments[i], "v6") == 0) options.address = "::1";
    if (strcmp(arguments[i], "no-gso") == 0) options.flags |= PF_UDP_NO_GSO;
    if (strcmp(arguments[i], "no-gro") == 0) options.flags |= PF_UDP_NO_GRO;
    b->awake |= strcmp(arguments[i], "awake") == 0;
    options.bitrate_kbps += number_of(arguments[i], "kbps=");
    b->loss_permille += number_of(arguments[i], "loss=");
  }
  choose_cpus(b);
  pf_test_open(&b->ends, &options);
  b->ends.sink.check = false;
  start(b);
  double used = process_seconds();
  uint64_t begin_ns = pf_now_ns();
  push_frames(b);
  pf_test_sink_wait(&b->ends.sink, b->count, 300);
  double seconds = (double)(pf_now_ns() - begin_ns) / 1e9;
  atomic_store(&b->stopping, true);
  pthread_join(b->receiver, NULL);
  used = process_seconds() - used;
  pf_send_stop(b->ends.send);
  print(b, seconds, used - b->receive_seconds);
  pf_test_close(&b->ends);
  free(b);
}

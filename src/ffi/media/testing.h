/*
 * What the C tests of the data plane share: two ends on loopback with keys of a test, a sink that
 * keeps what comes, and packets made by hand.
 */
#ifndef PF_MEDIA_TESTING_H
#define PF_MEDIA_TESTING_H
#include "receive.h"
#include "send.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition)                                                          \
  do {                                                                            \
    if (condition) break;                                                         \
    fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);               \
    exit(1);                                                                      \
  } while (0)

/* A counter that another thread counts. */
#define COUNTED(field) __atomic_load_n(&(field), __ATOMIC_RELAXED)

/* A repeatable generator (xorshift64*, Vigna 2016). */
typedef struct pf_random {
  uint64_t state;
} pf_random;
uint64_t pf_random_next(pf_random *random);
/* 0 … count - 1. */
uint32_t pf_random_below(pf_random *random, uint32_t count);

/* A frame's content follows from its number and its size. */
void pf_test_fill(uint8_t *bytes, uint32_t count, uint32_t seed);

/* Keeps what a receiver delivers. */
typedef struct pf_test_sink {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  uint32_t count, keys;
  uint32_t last_frame;
  uint64_t bytes;
  bool intact; /* frames came in rising order, each as pf_test_fill made it */
  bool check;  /* compare the content, which takes time */
  pf_histogram latency_us; /* capture_ns, in this machine's clock, to here */
} pf_test_sink;
void pf_test_sink_open(pf_test_sink *sink);
void pf_test_sink_push(void *context, void *item);
/* What came so far; any thread. `intact`: in rising order, and each as pf_test_fill made it. */
typedef struct pf_test_seen {
  uint32_t count, last_frame;
  bool intact;
} pf_test_seen;
pf_test_seen pf_test_sink_look(pf_test_sink *sink);
/* Waits until `count` units came; false after `wait_ms`. */
bool pf_test_sink_wait(pf_test_sink *sink, uint32_t count, uint32_t wait_ms);

typedef struct pf_test_options {
  const char *address; /* that the host binds and the client sends to; NULL = 127.0.0.1 */
  uint32_t flags;      /* of both ports */
  uint32_t frame_bytes_max, shard_bytes_max;
  uint32_t frames_in_flight_max, loss_window_ms, stall_ms;
  uint32_t bitrate_kbps, burst_bytes; /* of the pacer; 0 kbps = no pacing */
  uint16_t relay_port;                /* the client sends here instead; 0 = to the host */
} pf_test_options;
pf_test_options pf_test_defaults(void);

typedef struct pf_test_ends {
  pf_events *events;
  pf_port *host_port, *client_port;
  pf_session *host_session, *client_session;
  pf_send *send;
  pf_receive *receive;
  pf_sink input;
  pf_test_sink sink;
} pf_test_ends;
#define PF_TEST_TAG 0x70756e6bu
/* Opens both ends; they exit the test when they can't. Nothing is started. */
void pf_test_open(pf_test_ends *ends, const pf_test_options *options);
/* Starts both, waits until the host knows the path. */
void pf_test_start(pf_test_ends *ends);
void pf_test_close(pf_test_ends *ends);
/* Pushes a unit whose content is pf_test_fill(bytes, frame) into the sender. */
void pf_test_push(pf_test_ends *ends, uint32_t frame, uint32_t bytes, bool key);

const pf_receive_counters *pf_test_received(const pf_test_ends *ends);
const pf_send_counters *pf_test_sent(const pf_test_ends *ends);
const pf_session_counters *pf_test_session(const pf_test_ends *ends);
const pf_port_counters *pf_test_port(const pf_test_ends *ends);

/* Seals a body as the host does and hands the packet to the client's port, which is not started.
 * `sequence` counts up. */
void pf_test_deliver(pf_test_ends *ends, uint8_t plane, uint64_t sequence, const void *body,
                     uint32_t bytes, uint64_t now_ns);

/* The groups of tests; each exits the program when something is wrong. */
void pf_test_units(void);
void pf_test_receive(void);
void pf_test_loss_report(void);
void pf_test_stream(void);
void pf_test_probe(void);
void pf_test_bench(int count, char **arguments);

#endif

#include "ends.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "../media/receive.h"
#include "../media/send.h"

#define SESSION_TAG 0x6c616221u
#define PACKET_BYTES_MAX (PF_PACKET_HEADER_BYTES + PF_SESSION_BODY_BYTES + PF_SEAL_TAG_BYTES)

typedef struct ends {
  struct ends *next; /* in the list of all, which the sockets are looked up in */
  pf_lab *lab;
  pf_port *host_port, *client_port;
  pf_session *host, *client;
  pf_send *send;
  pf_receive *receive;
  pf_sink input;
  pf_seal *opener; /* of a second reader of the host's packets */
  pf_address host_address;
  uint64_t begin_ns, due_ns; /* in the clock of the stages */

  /* What the sender's thread puts in: */
  pthread_mutex_t lock;
  pthread_cond_t changed;
  pf__slot *slot;
  uint32_t wanted; /* packets of the frame; 0 = none came yet */
  bool failed;
} ends;

static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;
static ends *all;

/* Takes the place of the one that sends; see kernel.mk. */
__typeof__(pf_udp_send) __wrap_pf_udp_send;
__typeof__(pf_thread_urgent) __wrap_pf_thread_urgent;

bool __wrap_pf_thread_urgent(void) { return false; }

/* How many packets the frame has, and how many of them data, told by its first packet. */
static bool read_geometry(ends *e, const uint8_t *packet, uint32_t packet_bytes) {
  uint8_t copy[PACKET_BYTES_MAX];
  pf_packet_header header;
  pf_shard_header shard;
  if (packet_bytes > sizeof copy) return false;
  memcpy(copy, packet, packet_bytes);
  memcpy(&header, copy, sizeof header);
  if (pf_seal_open_packet(e->opener, header.sequence, copy, sizeof header, packet_bytes) != PF_OK)
    return false;
  memcpy(&shard, copy + sizeof header, sizeof shard);
  e->wanted = (uint32_t)shard.data_count + shard.parity_count;
  e->slot->packet_bytes = packet_bytes;
  pf_gauge(e->lab->counters.data_count, shard.data_count);
  return (size_t)e->wanted * packet_bytes <= e->lab->slot_bytes;
}

/* The host's packets: those of a frame are kept, tips are not. */
static void keep(ends *e, const uint8_t *packets, uint32_t packet_bytes, uint32_t count) {
  if (packets[offsetof(pf_packet_header, plane)] != PF_PLANE_VIDEO) return;
  pthread_mutex_lock(&e->lock);
  pf__slot *slot = e->slot;
  if (slot == NULL || (e->wanted == 0 && !read_geometry(e, packets, packet_bytes)) ||
      packet_bytes != slot->packet_bytes || slot->count + count > e->wanted) {
    e->failed = true;
  } else {
    memcpy(slot->packets + (size_t)slot->count * packet_bytes, packets,
           (size_t)count * packet_bytes);
    slot->count += count;
  }
  if (e->failed || slot->count == e->wanted) pthread_cond_signal(&e->changed);
  pthread_mutex_unlock(&e->lock);
}

/* The client's packets are its hellos: they arrive at once. */
static void hand_over(ends *e, const uint8_t *packets, uint32_t packet_bytes) {
  uint8_t copy[PACKET_BYTES_MAX];
  memcpy(copy, packets, packet_bytes);
  const pf_udp_packet packet = {.data = copy, .bytes = packet_bytes, .from = &e->host_address};
  pf_port_take(e->host_port, &packet, e->begin_ns);
}

void __wrap_pf_udp_send(pf_udp *udp, pf_udp_path *path, const uint8_t *packets,
                        uint32_t packet_bytes, uint32_t count, pf_udp_sent *out) {
  *out = (pf_udp_sent){.packets = count, .calls = 1};
  pthread_mutex_lock(&all_lock);
  ends *e = all;
  while (e != NULL && pf_port_udp(e->host_port) != udp && pf_port_udp(e->client_port) != udp)
    e = e->next;
  pthread_mutex_unlock(&all_lock);
  if (e == NULL) return;
  if (pf_port_udp(e->host_port) == udp)
    keep(e, packets, packet_bytes, count);
  else
    hand_over(e, packets, packet_bytes);
}

static void push(void *context, void *item) {
  const pf_access_unit *unit = item;
  pf__lab_delivered(context, unit->frame, unit->data, unit->bytes);
}

static pf_result open_sessions(ends *e) {
  const pf_port_config port = {.address = "127.0.0.1"};
  pf_result result = pf_port_open(&port, &e->host_port);
  if (result == PF_OK) result = pf_port_open(&port, &e->client_port);
  if (result != PF_OK) return result;
  pthread_mutex_lock(&all_lock);
  e->next = all;
  all = e;
  pthread_mutex_unlock(&all_lock);
  /* The keys are of no secret: 0 for what the host sends, 1 for what it receives. */
  pf_session_config config = {.session = SESSION_TAG, .is_host = 1};
  memset(config.receive_key, 1, sizeof config.receive_key);
  const uint8_t *key = (const uint8_t *)config.send_key;
  result = pf_seal_open(PF_SEAL_BEST, key, (const uint8_t *)config.send_salt, &e->opener);
  if (result == PF_OK) result = pf_session_open(&config, e->host_port, &e->host);
  if (result != PF_OK) return result;
  config = (pf_session_config){.session = SESSION_TAG, .peer_address = "127.0.0.1"};
  memset(config.send_key, 1, sizeof config.send_key);
  config.peer_port = (uint16_t)pf_port_number(e->host_port);
  result = pf_address_parse("127.0.0.1", (uint16_t)pf_port_number(e->client_port),
                            &e->host_address);
  return result == PF_OK ? pf_session_open(&config, e->client_port, &e->client) : result;
}

static pf_result open_stages(ends *e) {
  pf_lab *lab = e->lab;
  const uint32_t frame_bytes_max = PF_FRAME_HEADER_BYTES + lab->frame_bytes;
  pf_send_config send = {.session = e->host,
                         .frame_bytes_max = frame_bytes_max,
                         .shard_bytes_max = PF_SHARD_BYTES_MAX,
                         .shard_bytes_small = PF_SHARD_BYTES_SMALL,
                         .shard_count_target = PF_SHARD_COUNT_TARGET,
                         .pace_multiple = PF_PACE_MULTIPLE,
                         .parity_permille = lab->config.parity_permille};
  memcpy(send.parity_table, lab->config.parity_table, sizeof send.parity_table);
  const pf_receive_config receive = {.sink_push = (void *)(uintptr_t)push,
                                     .sink_context = lab,
                                     .session = e->client,
                                     .frame_bytes_max = frame_bytes_max,
                                     .frames_in_flight_max = PF_FRAMES_IN_FLIGHT_MAX,
                                     .shard_bytes_max = PF_SHARD_BYTES_MAX,
                                     .loss_window_ms = PF_LOSS_WINDOW_MS,
                                     .stall_ms = PF_STALL_MS};
  pf_result result = pf_send_open(&send, &e->send);
  if (result == PF_OK) result = pf_receive_open(&receive, &e->receive);
  if (result == PF_OK) result = pf_send_start(e->send);
  if (result != PF_OK) return result;
  pf_send_sink(e->send, &e->input);
  e->begin_ns = pf_now_ns();
  e->due_ns = pf_port_tick(e->client_port, e->begin_ns);
  return pf_session_has_path(e->host) ? PF_OK : pf_fail(PF_E_STATE, "the ends did not meet");
}

static pf_result open_ends(pf_lab *lab) {
  ends *e = calloc(1, sizeof *e);
  if (e == NULL) return pf_fail(PF_E_MEMORY, "no memory for a lab");
  e->lab = lab;
  lab->state = e;
  pthread_mutex_init(&e->lock, NULL);
  pthread_cond_init(&e->changed, NULL);
  /* What a sender cuts at most: a few short shards, or full ones; and as much parity as data and
   * what a table may add. */
  size_t data_max = lab->frame_bytes / PF_SHARD_BYTES_MAX + PF_SHARD_COUNT_TARGET + 1;
  lab->slot_bytes = (2 * data_max + PF_BLOCK_SHARDS_MIN) * PACKET_BYTES_MAX;
  pf_result result = open_sessions(e);
  return result == PF_OK ? open_stages(e) : result;
}

static void close_ends(pf_lab *lab) {
  ends *e = lab->state;
  pf_send_stop(e->send);
  pf_receive_close(e->receive);
  pf_send_close(e->send);
  pf_session_close(e->client);
  pf_session_close(e->host);
  pthread_mutex_lock(&all_lock);
  for (ends **at = &all; *at != NULL; at = &(*at)->next) {
    if (*at != e) continue;
    *at = e->next;
    break;
  }
  pthread_mutex_unlock(&all_lock);
  pf_port_close(e->client_port);
  pf_port_close(e->host_port);
  pf_seal_close(e->opener);
  pthread_cond_destroy(&e->changed);
  pthread_mutex_destroy(&e->lock);
  free(e);
}

static int32_t send_frame(pf_lab *lab, pf__slot *slot) {
  ends *e = lab->state;
  pthread_mutex_lock(&e->lock);
  e->slot = slot;
  e->wanted = 0;
  e->failed = false;
  pthread_mutex_unlock(&e->lock);
  pf_access_unit unit = {.data = pf__lab_content(lab, slot->frame),
                         .bytes = lab->frame_bytes,
                         .flags = PF_FRAME_FLAG_KEY};
  pf_sink_push(&e->input, &unit);
  pthread_mutex_lock(&e->lock);
  while (!e->failed && (e->wanted == 0 || slot->count < e->wanted))
    pthread_cond_wait(&e->changed, &e->lock);
  e->slot = NULL;
  bool failed = e->failed;
  pthread_mutex_unlock(&e->lock);
  return failed ? pf_fail(PF_E_STATE, "the sender sent what no frame has") : (int32_t)slot->count;
}

static void take_packet(pf_lab *lab, const pf__slot *slot, uint32_t index, uint32_t bytes,
                        double at_ns) {
  ends *e = lab->state;
  uint64_t now_ns = e->begin_ns + (uint64_t)at_ns;
  while (e->due_ns < now_ns) {
    uint64_t due_ns = e->due_ns, next_ns = pf_port_tick(e->client_port, due_ns);
    e->due_ns = next_ns > due_ns ? next_ns : due_ns + 1;
  }
  const pf_udp_packet packet = {.data = slot->packets + (size_t)index * slot->packet_bytes,
                                .bytes = bytes,
                                .from = &e->host_address};
  pf_port_take(e->client_port, &packet, now_ns);
  e->due_ns = pf_port_tick(e->client_port, now_ns);
  const pf_receive_counters *counters = pf_receive_counters_block(e->receive);
  pf_gauge(lab->counters.frames_recovered, counters->frames_recovered);
}

const pf__scheme pf__lab_gf16 = {
    .open = open_ends, .close = close_ends, .send = send_frame, .take = take_packet};

#include "port.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "session.h"

/* Batches the thread takes before it looks at its timers and lets others have the lock. */
#define BATCHES_IN_A_ROW 8

struct pf_port {
  pf_udp *udp;
  pf_events *events;
  uint32_t stage;
  int wake_fd;
  pthread_t thread;
  bool running;
  atomic_bool stopping;
  pthread_mutex_t lock;
  pf_session *sessions[PF_PORT_SESSIONS_MAX];
  uint64_t now_ns; /* of the batch */
  pf_port_counters counters;
};

static void tell_buffer(const pf_port *port, const char *what, const char *name, uint32_t got,
                        uint32_t wished) {
  if (got >= wished) return;
  char text[PF_EVENT_TEXT_BYTES];
  snprintf(text, sizeof text, "The kernel gives %u KiB to %s of %u: sysctl -w net.core.%s=%u",
           got / 1024, what, wished / 1024, name, wished);
  pf_events_post(port->events, PF_EVENT_NOTE, port->stage, got, wished, text);
}

PF_EXPORT pf_result pf_port_open(const pf_port_config *config, pf_port **out) {
  if (memchr(config->address, 0, sizeof config->address) == NULL)
    return pf_fail(PF_E_ARGUMENT, "the address is too long");
  pf_port *port = calloc(1, sizeof *port);
  if (port == NULL) return pf_fail(PF_E_MEMORY, "no memory for a port");
  port->events = config->events;
  port->stage = config->stage;
  port->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  pf_result result = pf_udp_open(config->address, config->port, config->socket_bytes,
                                 config->flags, &port->udp);
  if (result != PF_OK || port->wake_fd < 0) {
    if (port->wake_fd >= 0) close(port->wake_fd);
    free(port);
    return result != PF_OK ? result : pf_fail(PF_E_SYSTEM, "eventfd: %s", strerror(errno));
  }
  pthread_mutex_init(&port->lock, NULL);
  tell_buffer(port, "receive", "rmem_max", pf_udp_receive_bytes(port->udp), config->socket_bytes);
  tell_buffer(port, "send", "wmem_max", pf_udp_send_bytes(port->udp), config->socket_bytes);
  *out = port;
  return PF_OK;
}

static void take_packet(void *context, const pf_udp_packet *packet) {
  pf_port *port = context;
  pf_count(port->counters.packets, 1);
  pf_count(port->counters.packet_bytes, packet->bytes);
  if (packet->bytes < PF_PACKET_HEADER_BYTES + PF_SEAL_TAG_BYTES) {
    pf_count(port->counters.dropped_short, 1);
    return;
  }
  pf_packet_header header;
  memcpy(&header, packet->data, sizeof header);
  switch (header.plane) {
    case PF_PLANE_VIDEO:
    case PF_PLANE_PROBE:
    case PF_PLANE_HELLO:
    case PF_PLANE_TIP:
    case PF_PLANE_AUDIO:
    case PF_PLANE_MICROPHONE:
      break;
    default:
      pf_count(port->counters.dropped_plane, 1);
      return;
  }
  for (int i = 0; i < PF_PORT_SESSIONS_MAX; i++) {
    pf_session *session = port->sessions[i];
    if (session == NULL || pf_session_tag(session) != header.session) continue;
    pf_session_take(session, packet, &header, port->now_ns);
    return;
  }
  pf_count(port->counters.dropped_session, 1);
}

/* Takes what is there and runs due timers. Returns how long nothing is due, in ns. */
static uint64_t serve(pf_port *port) {
  uint64_t kernel_drops = 0;
  uint64_t due_ns = UINT64_MAX;
  pthread_mutex_lock(&port->lock);
  for (int batch = 0; batch < BATCHES_IN_A_ROW; batch++) {
    port->now_ns = pf_now_ns();
    uint32_t packets = pf_udp_receive(port->udp, take_packet, port, &kernel_drops);
    if (packets == 0) break;
    pf_count(port->counters.receive_calls, 1);
  }
  pf_gauge(port->counters.dropped_kernel, kernel_drops);
  port->now_ns = pf_now_ns();
  for (int i = 0; i < PF_PORT_SESSIONS_MAX; i++) {
    if (port->sessions[i] == NULL) continue;
    uint64_t next_ns = pf_session_tick(port->sessions[i], port->now_ns);
    if (next_ns < due_ns) due_ns = next_ns;
  }
  pthread_mutex_unlock(&port->lock);
  uint64_t now_ns = pf_now_ns();
  if (due_ns == UINT64_MAX) return UINT64_MAX;
  return due_ns > now_ns ? due_ns - now_ns : 0;
}

static void *run(void *context) {
  pf_port *port = context;
  pf_thread_name("pf-receive");
  while (!atomic_load_explicit(&port->stopping, memory_order_acquire)) {
    uint64_t idle_ns = serve(port);
    struct pollfd fds[2] = {{.fd = pf_udp_fd(port->udp), .events = POLLIN},
                            {.fd = port->wake_fd, .events = POLLIN}};
    struct timespec timeout = {.tv_sec = (time_t)(idle_ns / 1000000000u),
                               .tv_nsec = (long)(idle_ns % 1000000000u)};
    ppoll(fds, 2, idle_ns == UINT64_MAX ? NULL : &timeout, NULL);
    if (fds[1].revents & POLLIN) {
      uint64_t count;
      ssize_t taken = read(port->wake_fd, &count, sizeof count);
      (void)taken;
    }
  }
  return NULL;
}

static void wake(pf_port *port) {
  uint64_t one = 1;
  ssize_t written = write(port->wake_fd, &one, sizeof one);
  (void)written;
}

PF_EXPORT pf_result pf_port_start(pf_port *port) {
  if (port->running) return PF_OK;
  atomic_store(&port->stopping, false);
  int result = pthread_create(&port->thread, NULL, run, port);
  if (result != 0) return pf_fail(PF_E_SYSTEM, "pthread_create: %s", strerror(result));
  port->running = true;
  return PF_OK;
}

PF_EXPORT void pf_port_stop(pf_port *port) {
  if (port == NULL || !port->running) return;
  atomic_store_explicit(&port->stopping, true, memory_order_release);
  wake(port);
  pthread_join(port->thread, NULL);
  port->running = false;
}

PF_EXPORT void pf_port_close(pf_port *port) {
  if (port == NULL) return;
  pf_port_stop(port);
  pf_udp_close(port->udp);
  close(port->wake_fd);
  pthread_mutex_destroy(&port->lock);
  free(port);
}

PF_EXPORT uint32_t pf_port_number(const pf_port *port) { return pf_udp_port(port->udp); }
PF_EXPORT const void *pf_port_counters_block(pf_port *port) { return &port->counters; }

pf_result pf_port_add(pf_port *port, pf_session *session) {
  pf_result result = PF_E_FULL;
  pthread_mutex_lock(&port->lock);
  for (int i = 0; i < PF_PORT_SESSIONS_MAX && result != PF_OK; i++) {
    if (port->sessions[i] != NULL) continue;
    port->sessions[i] = session;
    result = PF_OK;
  }
  pthread_mutex_unlock(&port->lock);
  wake(port);
  return result == PF_OK ? PF_OK : pf_fail(PF_E_FULL, "the port carries 64 sessions already");
}

void pf_port_remove(pf_port *port, pf_session *session) {
  pthread_mutex_lock(&port->lock);
  for (int i = 0; i < PF_PORT_SESSIONS_MAX; i++)
    if (port->sessions[i] == session) port->sessions[i] = NULL;
  pthread_mutex_unlock(&port->lock);
}

void pf_port_lock(pf_port *port) { pthread_mutex_lock(&port->lock); }
void pf_port_unlock(pf_port *port) {
  pthread_mutex_unlock(&port->lock);
  wake(port);
}
pf_udp *pf_port_udp(pf_port *port) { return port->udp; }

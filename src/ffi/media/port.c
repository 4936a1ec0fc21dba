#include "port.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lock.h"
#include "session.h"

/* Batches that the thread takes before it runs timers and lets others have the lock. */
#define BATCHES_IN_A_ROW 4

struct pf_port {
  pf_udp *udp;
  pf_events *events;
  uint32_t stage;
  int wake_fd;
  pthread_t thread;
  bool running;
  atomic_bool stopping;
  /* `lock` guards the sessions and the counters. `gate` is held while waiting for it, so that the
   * receiving thread, which wants it again at once, can't keep others out. */
  pthread_mutex_t lock, gate;
  pf_session *sessions[PF_PORT_SESSIONS_MAX];
  uint32_t session_count;
  uint64_t now_ns; /* when the datagram at hand was taken */
  pf_port_counters counters;
};

static void tell_buffers(const pf_port *port, uint32_t wish) {
  uint32_t receive = pf_udp_receive_bytes(port->udp), send = pf_udp_send_bytes(port->udp);
  if (receive >= wish && send >= wish) return;
  char text[PF_EVENT_TEXT_BYTES];
  snprintf(text, sizeof text, "Small UDP buffers may lose packets: sysctl -w %s%u %s%u",
           "net.core.rmem_max=", wish, "net.core.wmem_max=", wish);
  pf_events_post(port->events, PF_EVENT_NOTE, port->stage, receive, send, text);
}

PF_EXPORT pf_result pf_port_open(const pf_port_config *config, pf_port **out) {
  if (memchr(config->address, 0, sizeof config->address) == NULL)
    return pf_fail(PF_E_ARGUMENT, "the address is too long");
  pf_port *port = calloc(1, sizeof *port);
  if (port == NULL) return pf_fail(PF_E_MEMORY, "no memory for a port");
  port->events = config->events;
  port->stage = config->stage;
  port->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  pf_result result = port->wake_fd >= 0 ? pf_udp_open(config->address, config->port,
                                                      config->socket_bytes, config->flags,
                                                      &port->udp)
                                        : pf_fail(PF_E_SYSTEM, "eventfd: %s", strerror(errno));
  if (result != PF_OK) {
    if (port->wake_fd >= 0) close(port->wake_fd);
    free(port);
    return result;
  }
  pf_lock_open(&port->lock);
  pf_lock_open(&port->gate);
  tell_buffers(port, config->socket_bytes);
  *out = port;
  return PF_OK;
}

static bool is_plane(uint8_t plane) {
  switch (plane) {
    case PF_PLANE_VIDEO:
    case PF_PLANE_PROBE:
    case PF_PLANE_HELLO:
    case PF_PLANE_TIP:
    case PF_PLANE_AUDIO:
    case PF_PLANE_MICROPHONE:
      return true;
    default:
      return false;
  }
}

void pf_port_take(pf_port *port, const pf_udp_packet *packet, uint64_t now_ns) {
  pf_count(port->counters.packets, 1);
  pf_count(port->counters.packet_bytes, packet->bytes);
  if (packet->bytes < PF_PACKET_HEADER_BYTES + PF_SEAL_TAG_BYTES) {
    pf_count(port->counters.dropped_short, 1);
    return;
  }
  pf_packet_header header;
  memcpy(&header, packet->data, sizeof header);
  if (!is_plane(header.plane)) {
    pf_count(port->counters.dropped_plane, 1);
    return;
  }
  for (uint32_t i = 0; i < port->session_count; i++) {
    if (pf_session_tag(port->sessions[i]) != header.session) continue;
    pf_session_take(port->sessions[i], packet, &header, now_ns);
    return;
  }
  pf_count(port->counters.dropped_session, 1);
}

static void take(void *context, const pf_udp_packet *packet) {
  pf_port *port = context;
  if (!packet->joined) port->now_ns = pf_now_ns();
  pf_port_take(port, packet, port->now_ns);
}

uint64_t pf_port_tick(pf_port *port, uint64_t now_ns) {
  uint64_t due_ns = UINT64_MAX;
  for (uint32_t i = 0; i < port->session_count; i++) {
    uint64_t next_ns = pf_session_tick(port->sessions[i], now_ns);
    if (next_ns < due_ns) due_ns = next_ns;
  }
  return due_ns;
}

static void take_lock(pf_port *port) {
  pthread_mutex_lock(&port->gate);
  pthread_mutex_lock(&port->lock);
  pthread_mutex_unlock(&port->gate);
}

/* Takes what is there and runs due timers; returns when the next timer is due. */
static uint64_t serve(pf_port *port) {
  take_lock(port);
  for (int batch = 0; batch < BATCHES_IN_A_ROW; batch++) {
    bool more = pf_udp_receive(port->udp, take, port);
    pf_count(port->counters.receive_calls, 1);
    if (!more) break;
  }
  pf_gauge(port->counters.dropped_kernel, pf_udp_kernel_drops(port->udp));
  uint64_t due_ns = pf_port_tick(port, pf_now_ns());
  pthread_mutex_unlock(&port->lock);
  return due_ns;
}

/* Sleeps until a packet comes, someone wakes the thread, or `due_ns`. */
static void sleep_until(pf_port *port, uint64_t due_ns) {
  struct pollfd fds[2] = {{.fd = pf_udp_fd(port->udp), .events = POLLIN},
                          {.fd = port->wake_fd, .events = POLLIN}};
  uint64_t now_ns = pf_now_ns();
  uint64_t idle_ns = due_ns > now_ns ? due_ns - now_ns : 0;
  struct timespec timeout = {.tv_sec = (time_t)(idle_ns / 1000000000u),
                             .tv_nsec = (long)(idle_ns % 1000000000u)};
  ppoll(fds, 2, due_ns == UINT64_MAX ? NULL : &timeout, NULL);
  if (fds[1].revents & POLLIN) {
    uint64_t count;
    ssize_t taken = read(port->wake_fd, &count, sizeof count);
    (void)taken;
  }
}

static void *run(void *context) {
  pf_port *port = context;
  pf_thread_name("pf-receive");
  pf_gauge(port->counters.urgent, pf_thread_urgent());
  prctl(PR_SET_TIMERSLACK, 1UL); /* deadlines to the microsecond; the default is 50 µs late */
  while (!atomic_load_explicit(&port->stopping, memory_order_acquire))
    sleep_until(port, serve(port));
  return NULL;
}

static void wake(pf_port *port) {
  uint64_t one = 1;
  ssize_t written = write(port->wake_fd, &one, sizeof one);
  (void)written; /* a full counter: it is awake anyway */
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
  pthread_mutex_destroy(&port->gate);
  free(port);
}

PF_EXPORT uint32_t pf_port_number(const pf_port *port) { return pf_udp_port(port->udp); }
PF_EXPORT const void *pf_port_counters_block(pf_port *port) { return &port->counters; }

void pf_port_lock(pf_port *port) { take_lock(port); }

void pf_port_unlock(pf_port *port) {
  pthread_mutex_unlock(&port->lock);
  wake(port);
}

static uint32_t position_of(const pf_port *port, const pf_session *session) {
  uint32_t at = 0;
  while (at < port->session_count && port->sessions[at] != session) at++;
  return at;
}

pf_result pf_port_add(pf_port *port, pf_session *session) {
  pf_result result = PF_OK;
  pf_port_lock(port);
  for (uint32_t i = 0; i < port->session_count && result == PF_OK; i++)
    if (pf_session_tag(port->sessions[i]) == pf_session_tag(session))
      result = pf_fail(PF_E_ARGUMENT, "the port carries a session of this tag already");
  if (result == PF_OK && port->session_count == PF_PORT_SESSIONS_MAX)
    result = pf_fail(PF_E_FULL, "the port carries %d sessions already", PF_PORT_SESSIONS_MAX);
  if (result == PF_OK) port->sessions[port->session_count++] = session;
  pf_port_unlock(port);
  return result;
}

void pf_port_remove(pf_port *port, pf_session *session) {
  pf_port_lock(port);
  uint32_t at = position_of(port, session);
  if (at < port->session_count) port->sessions[at] = port->sessions[--port->session_count];
  pf_port_unlock(port);
}

pf_udp *pf_port_udp(pf_port *port) { return port->udp; }

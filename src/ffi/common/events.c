#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common.h"

struct pf_events {
  pthread_mutex_t lock;
  int fd;
  uint32_t head, count;
  uint64_t dropped;
  pf_event ring[PF_EVENT_QUEUE_COUNT];
};

pf_result pf_events_open(pf_events **out) {
  pf_events *events = calloc(1, sizeof *events);
  if (events == NULL) return pf_fail(PF_E_MEMORY, "no memory for the event queue");
  events->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (events->fd < 0) {
    free(events);
    return pf_fail(PF_E_SYSTEM, "eventfd: %s", strerror(errno));
  }
  pthread_mutex_init(&events->lock, NULL);
  *out = events;
  return PF_OK;
}

void pf_events_close(pf_events *events) {
  if (events == NULL) return;
  close(events->fd);
  pthread_mutex_destroy(&events->lock);
  free(events);
}

int pf_events_fd(pf_events *events) { return events->fd; }

uint64_t pf_events_dropped(pf_events *events) {
  pthread_mutex_lock(&events->lock);
  uint64_t dropped = events->dropped;
  pthread_mutex_unlock(&events->lock);
  return dropped;
}

int32_t pf_events_take(pf_events *events, pf_event *out, uint32_t max) {
  uint32_t taken = 0;
  pthread_mutex_lock(&events->lock);
  while (taken < max && events->count > 0) {
    out[taken++] = events->ring[events->head];
    events->head = (events->head + 1) % PF_EVENT_QUEUE_COUNT;
    events->count--;
  }
  pthread_mutex_unlock(&events->lock);
  return (int32_t)taken;
}

void pf_events_post(pf_events *events, uint32_t kind, uint32_t stage, int64_t a, int64_t b,
                    const char *text) {
  if (events == NULL) return;
  pthread_mutex_lock(&events->lock);
  if (events->count == PF_EVENT_QUEUE_COUNT) {
    events->dropped++;
    pthread_mutex_unlock(&events->lock);
    return;
  }
  pf_event *event = &events->ring[(events->head + events->count) % PF_EVENT_QUEUE_COUNT];
  events->count++;
  *event = (pf_event){.kind = kind, .stage = stage, .time_ns = pf_now_ns(), .a = a, .b = b};
  if (text != NULL) strncpy(event->text, text, sizeof event->text - 1);
  pthread_mutex_unlock(&events->lock);
  uint64_t one = 1;
  ssize_t written = write(events->fd, &one, sizeof one); /* full counter: reader is awake anyway */
  (void)written;
}

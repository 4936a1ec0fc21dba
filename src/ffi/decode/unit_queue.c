#include "unit_queue.h"

#include <libavcodec/avcodec.h>
#include <stdlib.h>
#include <string.h>

/* A new buffer has room for half as much again, so that a growing stream does not ask each time. */
#define ROOM(bytes) ((bytes) + (bytes) / 2 + AV_INPUT_BUFFER_PADDING_SIZE)

pf_result pf_unit_queue_open(pf_unit_queue *queue, uint32_t capacity, uint64_t bytes_max) {
  *queue = (pf_unit_queue){.capacity = capacity, .bytes_max = bytes_max};
  queue->slot = calloc(capacity, sizeof *queue->slot);
  queue->spare = calloc(capacity, sizeof *queue->spare);
  pthread_mutex_init(&queue->lock, NULL);
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&queue->wake, &attributes);
  pthread_condattr_destroy(&attributes);
  if (queue->slot == NULL || queue->spare == NULL)
    return pf_fail(PF_E_MEMORY, "no memory for a queue of %u", capacity);
  return PF_OK;
}

void pf_unit_queue_close(pf_unit_queue *queue) {
  if (queue->slot == NULL && queue->spare == NULL) return;
  for (uint32_t i = 0; i < queue->capacity; i++) {
    if (queue->slot != NULL) av_buffer_unref(&queue->slot[i].buffer);
    if (queue->spare != NULL) av_buffer_unref(&queue->spare[i]);
  }
  free(queue->slot);
  free(queue->spare);
  pthread_cond_destroy(&queue->wake);
  pthread_mutex_destroy(&queue->lock);
  *queue = (pf_unit_queue){0};
}

static pf_queued_unit *slot_at(pf_unit_queue *queue, uint32_t index) {
  return &queue->slot[(queue->head + index) % queue->capacity];
}

/* Under the lock: room for one more unit, and a buffer to start from. */
static pf_result reserve(pf_unit_queue *queue, uint32_t bytes, AVBufferRef **buffer) {
  if (queue->shut) return PF_E_CLOSED;
  if (queue->count == queue->capacity || queue->bytes + bytes > queue->bytes_max) {
    queue->gap = true;
    return PF_E_FULL;
  }
  *buffer = NULL;
  if (queue->spare_count > 0) {
    *buffer = queue->spare[--queue->spare_count];
    queue->spare[queue->spare_count] = NULL;
  }
  return PF_OK;
}

pf_result pf_unit_queue_push(pf_unit_queue *queue, const pf_access_unit *unit) {
  AVBufferRef *buffer;
  pthread_mutex_lock(&queue->lock);
  pf_result result = reserve(queue, unit->bytes, &buffer);
  pthread_mutex_unlock(&queue->lock);
  if (result != PF_OK) return result;
  size_t needed = (size_t)unit->bytes + AV_INPUT_BUFFER_PADDING_SIZE;
  if (buffer != NULL && (buffer->size < needed || !av_buffer_is_writable(buffer)))
    av_buffer_unref(&buffer);
  if (buffer == NULL) buffer = av_buffer_alloc(ROOM((size_t)unit->bytes));
  if (buffer != NULL) {
    memcpy(buffer->data, unit->data, unit->bytes);
    memset(buffer->data + unit->bytes, 0, AV_INPUT_BUFFER_PADDING_SIZE);
  }
  pthread_mutex_lock(&queue->lock);
  if (buffer == NULL) {
    queue->gap = true;
  } else {
    pf_queued_unit *slot = slot_at(queue, queue->count++);
    *slot = (pf_queued_unit){
        .buffer = buffer, .unit = *unit, .queued_ns = pf_now_ns(), .after_gap = queue->gap};
    slot->unit.data = buffer->data;
    queue->bytes += unit->bytes;
    queue->gap = false;
    pthread_cond_signal(&queue->wake);
  }
  pthread_mutex_unlock(&queue->lock);
  return buffer == NULL ? PF_E_MEMORY : PF_OK;
}

/* Under the lock: a slot's buffer becomes a spare one. */
static void give_back(pf_unit_queue *queue, pf_queued_unit *slot) {
  queue->bytes -= slot->unit.bytes;
  queue->spare[queue->spare_count++] = slot->buffer;
  *slot = (pf_queued_unit){0};
}

uint32_t pf_unit_queue_clear(pf_unit_queue *queue) {
  pthread_mutex_lock(&queue->lock);
  uint32_t keep = queue->taken ? 1 : 0, dropped = 0;
  while (queue->count > keep) {
    give_back(queue, slot_at(queue, --queue->count));
    dropped++;
  }
  if (dropped > 0) queue->gap = true;
  pthread_mutex_unlock(&queue->lock);
  return dropped;
}

void pf_unit_queue_shut(pf_unit_queue *queue) {
  pthread_mutex_lock(&queue->lock);
  queue->shut = true;
  pthread_cond_signal(&queue->wake);
  pthread_mutex_unlock(&queue->lock);
}

const pf_queued_unit *pf_unit_queue_take(pf_unit_queue *queue, uint64_t deadline_ns) {
  struct timespec deadline = {.tv_sec = (time_t)(deadline_ns / 1000000000u),
                              .tv_nsec = (long)(deadline_ns % 1000000000u)};
  int error = 0;
  pthread_mutex_lock(&queue->lock);
  while (queue->count == 0 && !queue->shut && error == 0) {
    if (deadline_ns == 0)
      pthread_cond_wait(&queue->wake, &queue->lock);
    else
      error = pthread_cond_timedwait(&queue->wake, &queue->lock, &deadline);
  }
  queue->taken = queue->count > 0;
  const pf_queued_unit *first = queue->taken ? slot_at(queue, 0) : NULL;
  pthread_mutex_unlock(&queue->lock);
  return first;
}

uint32_t pf_unit_queue_drop(pf_unit_queue *queue) {
  pthread_mutex_lock(&queue->lock);
  give_back(queue, slot_at(queue, 0));
  queue->head = (queue->head + 1) % queue->capacity;
  uint32_t left = --queue->count;
  queue->taken = false;
  pthread_mutex_unlock(&queue->lock);
  return left;
}

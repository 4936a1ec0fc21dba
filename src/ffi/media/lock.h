/* Locks that urgent and ordinary threads share: who holds one is as urgent as who waits for it, so
 * that an encoder on the same core does not hold up a packet (priority inheritance, futex(2)). */
#ifndef PF_LOCK_H
#define PF_LOCK_H
#include "../common/common.h"

#include <pthread.h>

static inline void pf_lock_open(pthread_mutex_t *lock) {
  pthread_mutexattr_t inherit;
  pthread_mutexattr_init(&inherit);
  pthread_mutexattr_setprotocol(&inherit, PTHREAD_PRIO_INHERIT);
  if (pthread_mutex_init(lock, &inherit) != 0) pthread_mutex_init(lock, NULL);
  pthread_mutexattr_destroy(&inherit);
}

#endif

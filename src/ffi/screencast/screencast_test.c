/*
 * screencast_test SOCKET NODE FRAMES: captures that many pictures of a video node, keeps more of
 * them than it may for a while, releases them on another thread, and stops in the middle; twice,
 * the second time by a socket that is connected already. What matters is that the sanitizers find
 * nothing. Prints the number of pictures, or what failed and exits 1.
 */
#include "screencast.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { KEPT = 7 };

typedef struct keeper {
  pthread_mutex_t lock;
  pthread_cond_t news;
  pf_picture *kept[KEPT];
  uint32_t count;
  uint64_t frames, sum;
  bool done;
} keeper;

static void keep(void *context, void *item) {
  keeper *self = context;
  pf_picture *picture = item;
  pthread_mutex_lock(&self->lock);
  const uint8_t *last_row = picture->plane[0] + (size_t)picture->stride[0] * (picture->height - 1);
  self->sum += picture->plane[0][0] + last_row[picture->width * 4 - 1]; /* both are readable */
  self->frames++;
  if (self->count < KEPT) {
    pf_picture_retain(picture);
    self->kept[self->count++] = picture;
  }
  pthread_cond_broadcast(&self->news);
  pthread_mutex_unlock(&self->lock);
}

static void *release(void *context) {
  keeper *self = context;
  pthread_mutex_lock(&self->lock);
  while (!self->done || self->count > 0) {
    if (self->count == 0 || (self->count < KEPT && !self->done)) {
      pthread_cond_wait(&self->news, &self->lock);
      continue;
    }
    pf_picture *batch[KEPT];
    uint32_t count = self->count;
    memcpy(batch, self->kept, sizeof batch);
    self->count = 0;
    pthread_mutex_unlock(&self->lock);
    for (uint32_t i = 0; i < count; i++) { /* still readable, also when the stage has stopped */
      self->sum += batch[i]->plane[0][(size_t)batch[i]->stride[0] * batch[i]->height / 2];
      pf_picture_release(batch[i]);
    }
    pthread_mutex_lock(&self->lock);
  }
  pthread_mutex_unlock(&self->lock);
  return NULL;
}

static void check(pf_result result, const char *what) {
  if (result == PF_OK) return;
  fprintf(stderr, "%s: %s\n", what, pf_last_error());
  exit(1);
}

/* A connected socket, as a portal gives it. */
static int connect_to(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
  perror(path);
  exit(1);
}

static uint64_t capture(const char *socket, int fd, const char *node, uint64_t frames) {
  keeper self = {.lock = PTHREAD_MUTEX_INITIALIZER, .news = PTHREAD_COND_INITIALIZER};
  pf_screencast_config config = {.sink_push = (void *)keep,
                                 .sink_context = &self,
                                 .refresh_mhz = 1000000,
                                 .fd = fd,
                                 .dmabuf = 1,
                                 .cursor = 1};
  snprintf(config.socket, sizeof config.socket, "%s", socket);
  snprintf(config.target, sizeof config.target, "%s", node);
  pf_screencast *stage;
  pthread_t releaser;
  check(pf_screencast_open(&config, &stage), "open");
  pthread_create(&releaser, NULL, release, &self);
  check(pf_screencast_start(stage), "start");
  pthread_mutex_lock(&self.lock);
  while (self.frames < frames) pthread_cond_wait(&self.news, &self.lock);
  pthread_mutex_unlock(&self.lock);
  pf_screencast_stop(stage);
  pthread_mutex_lock(&self.lock);
  self.done = true;
  pthread_cond_broadcast(&self.news);
  pthread_mutex_unlock(&self.lock);
  pthread_join(releaser, NULL);
  const pf_screencast_counters *counters = pf_screencast_counters_block(stage);
  if (counters->copies == 0) {
    fprintf(stderr, "no picture was copied\n");
    exit(1);
  }
  pf_screencast_close(stage);
  return self.frames;
}

int main(int count, char **arguments) {
  if (count != 4) return 2;
  uint64_t frames = strtoull(arguments[3], NULL, 10), seen = 0;
  seen += capture(arguments[1], -1, arguments[2], frames);
  seen += capture("", connect_to(arguments[1]), arguments[2], frames);
  printf("%llu pictures\n", (unsigned long long)seen);
  return 0;
}

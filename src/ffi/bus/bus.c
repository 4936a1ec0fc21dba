#include "bus.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct pf_bus {
  pthread_mutex_t lock;
  pthread_t thread;
  int socket;
  int news; /* wakes TypeScript */
  int kick; /* wakes the thread */
  bool stopped, ended;
  uint32_t in_head, in_count; /* ring */
  uint32_t out_head, out_end; /* moved to the front when it is empty or full */
  uint32_t fd_count;
  int fds[PF_BUS_FDS];
  uint8_t in[PF_BUS_IN_BYTES];
  uint8_t out[PF_BUS_OUT_BYTES];
};

static void wake(int fd) {
  uint64_t one = 1;
  ssize_t written = write(fd, &one, sizeof one); /* fails only when it is awake anyway */
  (void)written;
}

/* Under the lock. */
static void keep_fds(pf_bus *self, struct msghdr *message) {
  for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
      int fd;
      memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
      if (self->fd_count < PF_BUS_FDS)
        self->fds[self->fd_count++] = fd;
      else
        close(fd);
    }
  }
}

/* Under the lock; the socket never blocks. False at the end of the connection. */
static bool receive(pf_bus *self) {
  uint32_t tail = (self->in_head + self->in_count) % PF_BUS_IN_BYTES;
  uint32_t room = PF_BUS_IN_BYTES - self->in_count;
  if (room > PF_BUS_IN_BYTES - tail) room = PF_BUS_IN_BYTES - tail;
  if (room == 0) return true;
  struct iovec piece = {self->in + tail, room};
  /* Room for all that the kernel can send at once (SCM_MAX_FD), so that none is lost unseen. */
  _Alignas(struct cmsghdr) char control[CMSG_SPACE(253 * sizeof(int))];
  struct msghdr message = {.msg_iov = &piece,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = sizeof control};
  ssize_t got = recvmsg(self->socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  keep_fds(self, &message);
  if (got == 0) return false;
  self->in_count += (uint32_t)got;
  return true;
}

/* Under the lock. False when the bus is gone. */
static bool flush(pf_bus *self) {
  while (self->out_head < self->out_end) {
    ssize_t sent = send(self->socket, self->out + self->out_head,
                        self->out_end - self->out_head, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return errno == EAGAIN;
    self->out_head += (uint32_t)sent;
  }
  self->out_head = self->out_end = 0;
  return true;
}

/* Waits outside the lock, moves bytes under it. */
static void *run(void *context) {
  pf_bus *self = context;
  pf_thread_name("pf-bus");
  pthread_mutex_lock(&self->lock);
  while (!self->stopped && !self->ended) {
    short events = 0;
    if (self->in_count < PF_BUS_IN_BYTES) events |= POLLIN;
    if (self->out_head < self->out_end) events |= POLLOUT;
    struct pollfd polled[] = {{.fd = self->socket, .events = events},
                              {.fd = self->kick, .events = POLLIN}};
    /* A full buffer waits for its reader even when the bus has hung up. */
    if (events == 0) polled[0].fd = -1;
    pthread_mutex_unlock(&self->lock);
    poll(polled, PF_ARRAY_COUNT(polled), -1);
    pthread_mutex_lock(&self->lock);
    if (polled[1].revents != 0) {
      uint64_t kicks;
      ssize_t taken = read(self->kick, &kicks, sizeof kicks);
      (void)taken;
    }
    bool alive = flush(self);
    uint32_t before = self->in_count;
    if (polled[0].revents & (POLLIN | POLLHUP | POLLERR)) alive = receive(self) && alive;
    /* What came before the end is taken first. */
    if (!alive && self->in_count == before) self->ended = true;
    if (self->ended || self->in_count != before) wake(self->news);
  }
  pthread_mutex_unlock(&self->lock);
  return NULL;
}

static pf_result connect_to(const char *path, int *out) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t length = strlen(path);
  if (length == 0 || length >= sizeof address.sun_path)
    return pf_fail(PF_E_ARGUMENT, "%s is no path of a socket", path);
  memcpy(address.sun_path, path, length);
  bool abstract = path[0] == '@';
  if (abstract) address.sun_path[0] = '\0';
  size_t bytes = offsetof(struct sockaddr_un, sun_path) + length + (abstract ? 0 : 1);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return pf_fail(PF_E_SYSTEM, "socket: %s", strerror(errno));
  if (connect(fd, (struct sockaddr *)&address, (socklen_t)bytes) != 0) {
    int error = errno;
    close(fd);
    return pf_fail(PF_E_SYSTEM, "nothing answers at %s: %s", path, strerror(error));
  }
  *out = fd;
  return PF_OK;
}

pf_result pf_bus_open(const char *path, pf_bus **out) {
  int fd = -1;
  pf_result connected = connect_to(path, &fd);
  if (connected != PF_OK) return connected;
  pf_bus *self = calloc(1, sizeof *self);
  if (self == NULL) {
    close(fd);
    return pf_fail(PF_E_MEMORY, "no memory for the bus");
  }
  self->socket = fd;
  self->news = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  self->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  pthread_mutex_init(&self->lock, NULL);
  int failed = self->news < 0 || self->kick < 0 ? errno
                                                : pthread_create(&self->thread, NULL, run, self);
  if (failed == 0) {
    *out = self;
    return PF_OK;
  }
  if (self->news >= 0) close(self->news);
  if (self->kick >= 0) close(self->kick);
  close(fd);
  pthread_mutex_destroy(&self->lock);
  free(self);
  return pf_fail(PF_E_SYSTEM, "the bus's thread: %s", strerror(failed));
}

void pf_bus_close(pf_bus *self) {
  if (self == NULL) return;
  pthread_mutex_lock(&self->lock);
  self->stopped = true;
  pthread_mutex_unlock(&self->lock);
  wake(self->kick);
  pthread_join(self->thread, NULL);
  flush(self); /* what was sent last, as far as the bus takes it at once */
  for (uint32_t i = 0; i < self->fd_count; i++) close(self->fds[i]);
  close(self->socket);
  close(self->news);
  close(self->kick);
  pthread_mutex_destroy(&self->lock);
  free(self);
}

int32_t pf_bus_fd(const pf_bus *self) { return self->news; }

/* Under the lock, with nothing on its way. How many bytes went, with the descriptor; -1 = none. */
static ssize_t send_with(pf_bus *self, const uint8_t *bytes, uint32_t count, int fd) {
  struct iovec piece = {(void *)bytes, count};
  _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {0};
  struct msghdr message = {.msg_iov = &piece,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = sizeof control};
  struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof fd);
  memcpy(CMSG_DATA(rights), &fd, sizeof fd);
  return sendmsg(self->socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Under the lock. */
static pf_result queue_bytes(pf_bus *self, const uint8_t *bytes, uint32_t count) {
  uint32_t waiting = self->out_end - self->out_head;
  if (count > PF_BUS_OUT_BYTES - waiting) return pf_fail(PF_E_FULL, "the bus takes no more");
  if (count > PF_BUS_OUT_BYTES - self->out_end) {
    memmove(self->out, self->out + self->out_head, waiting);
    self->out_head = 0;
    self->out_end = waiting;
  }
  memcpy(self->out + self->out_end, bytes, count);
  self->out_end += count;
  flush(self); /* the thread sees an end, and what the socket did not take */
  if (self->out_head < self->out_end) wake(self->kick);
  return PF_OK;
}

pf_result pf_bus_send(pf_bus *self, const uint8_t *bytes, uint32_t count, int32_t fd) {
  pf_result result = PF_OK;
  pthread_mutex_lock(&self->lock);
  bool is_busy = self->out_head < self->out_end;
  if (self->ended) {
    result = pf_fail(PF_E_CLOSED, "the bus is gone");
  } else if (fd < 0) {
    result = queue_bytes(self, bytes, count);
  } else {
    ssize_t sent = is_busy || count > PF_BUS_OUT_BYTES ? -1 : send_with(self, bytes, count, fd);
    result = sent < 0 ? pf_fail(PF_E_FULL, "the bus takes no descriptor now")
                      : queue_bytes(self, bytes + sent, count - (uint32_t)sent);
  }
  pthread_mutex_unlock(&self->lock);
  return result;
}

int32_t pf_bus_take(pf_bus *self, uint8_t *out, uint32_t max) {
  pthread_mutex_lock(&self->lock);
  bool was_full = self->in_count == PF_BUS_IN_BYTES;
  uint32_t count = self->in_count < max ? self->in_count : max;
  uint32_t first = PF_BUS_IN_BYTES - self->in_head;
  if (first > count) first = count;
  memcpy(out, self->in + self->in_head, first);
  memcpy(out + first, self->in, count - first);
  self->in_head = (self->in_head + count) % PF_BUS_IN_BYTES;
  self->in_count -= count;
  bool over = count == 0 && max > 0 && self->ended;
  pthread_mutex_unlock(&self->lock);
  if (was_full && count > 0) wake(self->kick);
  return over ? PF_E_CLOSED : (int32_t)count;
}

int32_t pf_bus_take_fd(pf_bus *self) {
  int32_t fd = PF_E_EMPTY;
  pthread_mutex_lock(&self->lock);
  if (self->fd_count > 0) {
    fd = self->fds[0];
    memmove(self->fds, self->fds + 1, --self->fd_count * sizeof self->fds[0]);
  }
  pthread_mutex_unlock(&self->lock);
  return fd;
}

/*
 * Finds the descendants of this process. /proc/[pid]/stat tells each process's parent; the lists
 * are read anew for every signal, since the tree changes while it is looked at. What forks between
 * reading and signalling is found by the next call: as a subreaper, the supervisor stays an
 * ancestor of everything that the command ever started.
 */
#include "supervise.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct process {
  pid_t pid, parent;
  char state;
  bool ours;
} process;

/* The kernel's limit of process numbers is 4,194,304; a machine runs far fewer at a time. */
enum { PROCESSES_MAX = 65536 };
static process processes[PROCESSES_MAX];

static bool read_process(int proc, const char *name, process *out) {
  char path[64], text[512];
  snprintf(path, sizeof path, "%.32s/stat", name);
  int file = openat(proc, path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  ssize_t bytes = read(file, text, sizeof text - 1);
  close(file);
  if (bytes <= 0) return false;
  text[bytes] = '\0';
  /* "pid (name) state parent …"; the name may hold anything, so look for its last bracket. */
  const char *after = strrchr(text, ')');
  int parent = 0;
  if (after == NULL || sscanf(after + 1, " %c %d", &out->state, &parent) != 2) return false;
  out->pid = (pid_t)atoi(name);
  out->parent = (pid_t)parent;
  out->ours = false;
  return true;
}

static uint32_t read_processes(void) {
  uint32_t count = 0;
  DIR *list = opendir("/proc");
  if (list == NULL) return 0;
  for (struct dirent *entry; count < PROCESSES_MAX && (entry = readdir(list)) != NULL;) {
    if (!isdigit((unsigned char)entry->d_name[0])) continue;
    if (read_process(dirfd(list), entry->d_name, &processes[count])) count++;
  }
  closedir(list);
  return count;
}

static int by_pid(const void *a, const void *b) {
  pid_t first = ((const process *)a)->pid, second = ((const process *)b)->pid;
  return first < second ? -1 : first > second;
}

static bool is_ours(pid_t parent, uint32_t count, pid_t self) {
  if (parent == self) return true;
  process key = {.pid = parent};
  process *found = bsearch(&key, processes, count, sizeof key, by_pid);
  return found != NULL && found->ours;
}

uint32_t pf_supervise_signal_tree(int signal_number) {
  uint32_t count = read_processes(), signalled = 0;
  pid_t self = getpid();
  qsort(processes, count, sizeof processes[0], by_pid);
  /* A child's number may be below its parent's, if numbers wrapped: repeat until nothing is new. */
  for (bool changed = true; changed;) {
    changed = false;
    for (uint32_t i = 0; i < count; i++) {
      process *one = &processes[i];
      if (one->ours || one->pid == self || !is_ours(one->parent, count, self)) continue;
      one->ours = true;
      changed = true;
    }
  }
  for (uint32_t i = 0; i < count; i++) {
    if (!processes[i].ours || processes[i].state == 'Z') continue;
    if (kill(processes[i].pid, signal_number) == 0) signalled++;
  }
  return signalled;
}

/* The supervisor: starts the command, waits for an end of whatever kind, then clears up. */
#include "supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What survives KILL for this long hangs in the kernel and can't be waited for. */
enum { KILL_MS_MAX = 5000, KILL_AGAIN_MS = 20 };

typedef struct supervisor {
  pf_supervise_options options;
  pid_t parent, command;
  int status; /* the command's, by waitpid */
  bool command_ended, children_left;
  int signals; /* a signalfd */
} supervisor;

static uint64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool drop_rights(const pf_supervise_options *options) {
  if (setgroups(0, NULL) != 0) return pf_supervise_say(errno, "setgroups");
  if (setresgid(options->gid, options->gid, options->gid) != 0)
    return pf_supervise_say(errno, "setresgid");
  if (setresuid(options->uid, options->uid, options->uid) != 0)
    return pf_supervise_say(errno, "setresuid");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return pf_supervise_say(errno, "no_new_privs");
  if (setuid(0) == 0) return pf_supervise_say(0, "root's rights could be taken back");
  return true;
}

static void close_others(void) {
#ifdef SYS_close_range
  if (syscall(SYS_close_range, 3u, ~0u, 0u) == 0) return;
#endif
  long most = sysconf(_SC_OPEN_MAX);
  for (int fd = 3; fd < most; fd++) close(fd);
}

/* In the child: never returns. */
static void run_command(const supervisor *self, pid_t supervisor_pid) {
  const pf_supervise_options *options = &self->options;
  sigset_t none;
  sigemptyset(&none);
  for (int number = 1; number < 32; number++) signal(number, SIG_DFL);
  sigprocmask(SIG_SETMASK, &none, NULL);
  setsid();
  int null = open("/dev/null", O_RDONLY);
  if (null < 0 || dup2(null, STDIN_FILENO) < 0) {
    pf_supervise_say(errno, "/dev/null");
    _exit(PF_SUPERVISE_FAILED);
  }
  close_others();
  if (options->drop && !drop_rights(options)) _exit(PF_SUPERVISE_FAILED);
  /* After the change of user, which clears it; then look whether it came too late. */
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (getppid() != supervisor_pid) _exit(PF_SUPERVISE_FAILED);
  execvp(options->command[0], options->command);
  int error = errno;
  pf_supervise_say(error, "%s", options->command[0]);
  _exit(error == ENOENT ? PF_SUPERVISE_NOT_FOUND : PF_SUPERVISE_CANNOT_RUN);
}

static void reap(supervisor *self) {
  for (;;) {
    int status;
    pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid < 0 && errno == EINTR) continue;
    self->children_left = pid >= 0;
    if (pid <= 0) return;
    if (pid == self->command) {
      self->command_ended = true;
      self->status = status;
    }
  }
}

/* Takes the signals that wait; true when one of them asks for the end. */
static bool take_signals(supervisor *self) {
  struct signalfd_siginfo info;
  bool end = false;
  while (read(self->signals, &info, sizeof info) == (ssize_t)sizeof info) {
    /* USR2 is the kernel's word that the thread that started us ended; its process may live on. */
    if (info.ssi_signo == SIGUSR2) end |= getppid() != self->parent;
    else if (info.ssi_signo != SIGCHLD) end = true;
  }
  reap(self);
  return end;
}

/* Waits until the command ends or has to. */
static void watch(supervisor *self) {
  struct pollfd wait[2] = {{.fd = self->signals, .events = POLLIN},
                           {.fd = STDIN_FILENO, .events = POLLIN}};
  while (!self->command_ended) {
    if (poll(wait, 2, -1) < 0 && errno != EINTR) return;
    if (wait[0].revents != 0 && take_signals(self)) return;
    if (wait[1].revents == 0) continue;
    char bytes[256];
    ssize_t count = read(STDIN_FILENO, bytes, sizeof bytes);
    if (count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN)) return;
  }
}

/* Reaps for up to `ms`; returns at once when no child is left. */
static void wait_children(supervisor *self, uint64_t ms) {
  uint64_t until = now_ms() + ms;
  struct pollfd wait = {.fd = self->signals, .events = POLLIN};
  for (;;) {
    take_signals(self);
    uint64_t now = now_ms();
    if (!self->children_left || now >= until) return;
    poll(&wait, 1, (int)(until - now));
  }
}

static void end_tree(supervisor *self) {
  reap(self);
  if (self->children_left) {
    pf_supervise_signal_tree(SIGTERM);
    pf_supervise_signal_tree(SIGCONT); /* a stopped process can't obey */
    wait_children(self, self->options.grace_ms);
  }
  for (uint64_t until = now_ms() + KILL_MS_MAX; self->children_left && now_ms() < until;) {
    pf_supervise_signal_tree(SIGKILL);
    wait_children(self, KILL_AGAIN_MS);
  }
  if (self->children_left) pf_supervise_say(0, "a process can't be killed");
}

static bool prepare_signals(supervisor *self) {
  static const int caught[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGUSR2};
  sigset_t set;
  sigemptyset(&set);
  for (size_t i = 0; i < sizeof caught / sizeof caught[0]; i++) sigaddset(&set, caught[i]);
  signal(SIGPIPE, SIG_IGN); /* whoever read our standard error may be gone: clear up all the same */
  signal(SIGCHLD, SIG_DFL); /* ignored, it would let the kernel reap */
  if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) return pf_supervise_say(errno, "sigprocmask");
  self->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (self->signals < 0) return pf_supervise_say(errno, "signalfd");
  if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0)
    return pf_supervise_say(errno, "PR_SET_CHILD_SUBREAPER");
  if (prctl(PR_SET_PDEATHSIG, SIGUSR2, 0, 0, 0) != 0)
    return pf_supervise_say(errno, "PR_SET_PDEATHSIG");
  return true;
}

static int exit_status(const supervisor *self) {
  if (!self->command_ended) return PF_SUPERVISE_FAILED;
  if (WIFSIGNALED(self->status)) return 128 + WTERMSIG(self->status);
  return WEXITSTATUS(self->status);
}

int main(int count, char **arguments) {
  supervisor self = {.parent = getppid(), .children_left = true};
  if (!pf_supervise_parse(count, arguments, &self.options)) return PF_SUPERVISE_FAILED;
  setsid(); /* a terminal's ^C is for the parent, which ends us in its own order */
  if (!prepare_signals(&self)) return PF_SUPERVISE_FAILED;
  int folder = -1;
  if (self.options.folder != NULL) {
    folder = pf_supervise_make_folder(&self.options);
    if (folder < 0) return PF_SUPERVISE_FAILED;
  }
  pid_t own = getpid();
  self.command = fork();
  if (self.command == 0) run_command(&self, own);
  if (self.command > 0) {
    watch(&self);
    end_tree(&self);
  } else {
    pf_supervise_say(errno, "fork");
  }
  if (folder >= 0) pf_supervise_remove_folder(self.options.folder, folder);
  return exit_status(&self);
}

/*
 * pf_supervise runs a command in a private folder and guarantees that nothing of it stays behind.
 *
 *   pf_supervise [options] -- COMMAND [ARGUMENT]…
 *     --folder PATH          makes this folder (0700; it must not exist), removes it at the end
 *     --file NAME TEXT       writes a file (0600) into the folder first; may be repeated
 *     --user UID GID         the command runs as this user, without supplementary groups and with
 *                            no_new_privs; needs root. Folder and files belong to the user
 *     --grace MILLISECONDS   between TERM and KILL, default 1000
 *
 * It ends the command and every descendant (also those that forked twice, left the session, or were
 * adopted) when the command ends, when its own standard input is at its end, when its parent dies,
 * or when it gets TERM, INT or HUP: TERM to all, after the grace KILL to all until none is left.
 * The parent holds the other end of standard input: that is how its SIGKILL is noticed. Should the
 * supervisor itself be killed, the kernel kills the command.
 *
 * The command gets /dev/null as its standard input, the supervisor's standard output and error, no
 * other file descriptor, a session of its own, and default signals. Exit status: the command's, or
 * 128 + signal; 125 when the supervisor fails, 126 and 127 as shells have them when the command
 * can't be run or is not found. Messages on standard error begin with "pf_supervise: ".
 */
#ifndef PF_SUPERVISE_H
#define PF_SUPERVISE_H
#include "../common/common.h"

#include <sys/types.h>

enum {
  PF_SUPERVISE_FAILED = 125,
  PF_SUPERVISE_CANNOT_RUN = 126,
  PF_SUPERVISE_NOT_FOUND = 127,
  PF_SUPERVISE_FILES_MAX = 8,
};

typedef struct pf_supervise_options {
  const char *folder; /* NULL = none */
  struct {
    const char *name, *text;
  } files[PF_SUPERVISE_FILES_MAX];
  uint32_t file_count;
  bool drop;
  uid_t uid;
  gid_t gid;
  uint32_t grace_ms;
  char **command; /* NULL-terminated, part of argv */
} pf_supervise_options;

/* Prints "pf_supervise: …" with errno's words when `error` is not 0; returns false. */
bool pf_supervise_say(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Reads the command line; false after saying what is wrong. */
bool pf_supervise_parse(int count, char **arguments, pf_supervise_options *out);

/* Makes the folder and its files; returns its descriptor, or -1 after saying why. */
int pf_supervise_make_folder(const pf_supervise_options *options);
/* Removes the folder and all in it without following a link out of it; says what stays. */
void pf_supervise_remove_folder(const char *path, int folder);

/* Sends a signal to every descendant of this process; returns how many there were, zombies not
 * counted. */
uint32_t pf_supervise_signal_tree(int signal_number);

#endif

/* The command line of pf_supervise. */
#include "supervise.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool pf_supervise_say(int error, const char *format, ...) {
  char words[256];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(words, sizeof words, format, arguments);
  va_end(arguments);
  if (error == 0)
    dprintf(STDERR_FILENO, "pf_supervise: %s\n", words);
  else
    dprintf(STDERR_FILENO, "pf_supervise: %s: %s\n", words, strerror(error));
  return false;
}

static bool read_number(const char *text, uint32_t most, uint32_t *out) {
  char *end = NULL;
  errno = 0;
  unsigned long value = strtoul(text, &end, 10);
  if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || value > most)
    return pf_supervise_say(0, "\"%s\" is not a number from 0 to %u", text, most);
  *out = (uint32_t)value;
  return true;
}

static bool is_plain_name(const char *name) {
  return name[0] != '\0' && strchr(name, '/') == NULL && strcmp(name, ".") != 0 &&
         strcmp(name, "..") != 0;
}

static bool read_file(char **values, pf_supervise_options *out) {
  if (out->file_count == PF_SUPERVISE_FILES_MAX)
    return pf_supervise_say(0, "%d files at most", PF_SUPERVISE_FILES_MAX);
  if (!is_plain_name(values[0]))
    return pf_supervise_say(0, "\"%s\" is not the name of a file in the folder", values[0]);
  out->files[out->file_count].name = values[0];
  out->files[out->file_count].text = values[1];
  out->file_count++;
  return true;
}

static bool read_user(char **values, pf_supervise_options *out) {
  uint32_t uid, gid;
  /* The largest number means "unchanged" to setresuid. */
  const uint32_t most = UINT32_MAX - 1;
  if (!read_number(values[0], most, &uid) || !read_number(values[1], most, &gid)) return false;
  if (uid == 0 || gid == 0) return pf_supervise_say(0, "--user is for an unprivileged user");
  if (geteuid() != 0) return pf_supervise_say(0, "--user needs root");
  out->drop = true;
  out->uid = (uid_t)uid;
  out->gid = (gid_t)gid;
  return true;
}

static bool check(const pf_supervise_options *options) {
  if (options->command == NULL || options->command[0] == NULL)
    return pf_supervise_say(0, "there is no command after --");
  if (options->folder == NULL && options->file_count > 0)
    return pf_supervise_say(0, "--file needs --folder");
  if (options->folder != NULL && options->folder[0] != '/')
    return pf_supervise_say(0, "the folder \"%s\" is not an absolute path", options->folder);
  return true;
}

bool pf_supervise_parse(int count, char **arguments, pf_supervise_options *out) {
  *out = (pf_supervise_options){.grace_ms = 1000};
  for (int i = 1; i < count; i++) {
    const char *name = arguments[i];
    char **values = &arguments[i + 1];
    int left = count - i - 1, used = 1;
    bool good = true;
    if (strcmp(name, "--") == 0) {
      out->command = values;
      return check(out);
    }
    if (strcmp(name, "--folder") == 0 && left >= 1) {
      out->folder = values[0];
    } else if (strcmp(name, "--grace") == 0 && left >= 1) {
      good = read_number(values[0], 60000, &out->grace_ms);
    } else if (strcmp(name, "--file") == 0 && left >= (used = 2)) {
      good = read_file(values, out);
    } else if (strcmp(name, "--user") == 0 && left >= (used = 2)) {
      good = read_user(values, out);
    } else {
      return pf_supervise_say(0, "\"%s\" is not an option, or its value is missing", name);
    }
    if (!good) return false;
    i += used;
  }
  return check(out);
}

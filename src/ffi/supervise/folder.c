/*
 * The private folder. The user whom it belongs to may be another one than the supervisor's and may
 * have put anything into it, so it is emptied by descriptors and never through a link.
 */
#include "supervise.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A tree deeper than this was built to be in the way; each level holds a descriptor. */
enum { DEPTH_MAX = 128 };

static bool write_file(int folder, const pf_supervise_options *options, uint32_t index) {
  const char *name = options->files[index].name, *text = options->files[index].text;
  int file = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0) return pf_supervise_say(errno, "the file %s", name);
  size_t left = strlen(text);
  bool good = !options->drop || fchown(file, options->uid, options->gid) == 0;
  while (good && left > 0) {
    ssize_t written = write(file, text, left);
    if (written < 0 && errno == EINTR) continue;
    good = written > 0;
    if (good) {
      text += written;
      left -= (size_t)written;
    }
  }
  if (!good) pf_supervise_say(errno, "the file %s", name);
  close(file);
  return good;
}

int pf_supervise_make_folder(const pf_supervise_options *options) {
  const char *path = options->folder;
  if (mkdir(path, 0700) != 0) {
    pf_supervise_say(errno, "the folder %s", path);
    return -1;
  }
  int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  bool good = folder >= 0 && fchmod(folder, 0700) == 0;
  if (!good) pf_supervise_say(errno, "the folder %s", path);
  for (uint32_t i = 0; good && i < options->file_count; i++)
    good = write_file(folder, options, i);
  /* Last, so that nobody else could put anything beside the files before they were written. */
  if (good && options->drop && fchown(folder, options->uid, options->gid) != 0)
    good = pf_supervise_say(errno, "the folder %s", path);
  if (good) return folder;
  if (folder >= 0) pf_supervise_remove_folder(path, folder);
  else rmdir(path);
  return -1;
}

static void empty(int folder, int depth, dev_t device);

static void empty_inner(int folder, const char *name, int depth, dev_t device) {
  int inner = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (inner < 0 && errno == EACCES && geteuid() != 0) {
    /* The user took rights away from himself. Never as root, since fchmodat follows links. */
    fchmodat(folder, name, 0700, 0);
    inner = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  }
  if (inner < 0) return;
  struct stat about;
  bool here = fstat(inner, &about) == 0 && about.st_dev == device; /* what is mounted is not ours */
  if (here && depth < DEPTH_MAX) {
    fchmod(inner, 0700);
    empty(inner, depth + 1, device);
  }
  close(inner);
}

static void empty(int folder, int depth, dev_t device) {
  int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *list = copy < 0 ? NULL : fdopendir(copy);
  if (list == NULL) {
    if (copy >= 0) close(copy);
    return;
  }
  for (struct dirent *entry; (entry = readdir(list)) != NULL;) {
    const char *name = entry->d_name;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
    if (unlinkat(folder, name, 0) == 0) continue;
    empty_inner(folder, name, depth, device);
    unlinkat(folder, name, AT_REMOVEDIR);
  }
  closedir(list);
}

void pf_supervise_remove_folder(const char *path, int folder) {
  struct stat about;
  fchmod(folder, 0700);
  if (fstat(folder, &about) == 0) empty(folder, 0, about.st_dev);
  close(folder);
  if (rmdir(path) != 0 && errno != ENOENT) pf_supervise_say(errno, "%s stays behind", path);
}

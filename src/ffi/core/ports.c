/* Sockets that others opened in this process, found by their port. */
#include <dirent.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "core.h"

/* Whether a descriptor is a UDP socket that is bound to a port. */
static bool is_bound(int fd, uint16_t port) {
  int type = 0;
  socklen_t bytes = sizeof type;
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &bytes) != 0 || type != SOCK_DGRAM) return false;
  struct sockaddr_storage name = {0};
  bytes = sizeof name;
  if (getsockname(fd, (struct sockaddr *)&name, &bytes) != 0) return false;
  if (name.ss_family == AF_INET) {
    return ((const struct sockaddr_in *)&name)->sin_port == htons(port);
  }
  return name.ss_family == AF_INET6 &&
         ((const struct sockaddr_in6 *)&name)->sin6_port == htons(port);
}

PF_EXPORT int32_t pf_core_ignore_unreachable(uint32_t port) {
  if (port == 0 || port > UINT16_MAX) return pf_fail(PF_E_ARGUMENT, "%u is no port", port);
  DIR *folder = opendir("/proc/self/fd");
  if (folder == NULL) return pf_fail(PF_E_SYSTEM, "/proc/self/fd can't be read");
  int32_t count = 0;
  for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    char *end = NULL;
    const long fd = strtol(entry->d_name, &end, 10);
    if (end == entry->d_name || *end != '\0' || !is_bound((int)fd, (uint16_t)port)) continue;
    const int off = 0;
    /* A socket of one family refuses the other's option. */
    const bool quiet4 = setsockopt((int)fd, IPPROTO_IP, IP_RECVERR, &off, sizeof off) == 0;
    const bool quiet6 = setsockopt((int)fd, IPPROTO_IPV6, IPV6_RECVERR, &off, sizeof off) == 0;
    if (quiet4 || quiet6) count++;
  }
  closedir(folder);
  return count;
}

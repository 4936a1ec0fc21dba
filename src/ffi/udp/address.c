#include "udp.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

pf_result pf_address_parse(const char *text, uint16_t port, pf_address *out) {
  memset(out, 0, sizeof *out);
  struct sockaddr_in *v4 = (struct sockaddr_in *)&out->storage;
  if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    out->bytes = sizeof *v4;
    return PF_OK;
  }
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out->storage;
  char literal[INET6_ADDRSTRLEN + 1] = "";
  const char *zone = strchr(text, '%');
  size_t bytes = zone != NULL ? (size_t)(zone - text) : strlen(text);
  if (bytes >= sizeof literal) return pf_fail(PF_E_ARGUMENT, "\"%s\" is no IP address", text);
  memcpy(literal, text, bytes);
  if (inet_pton(AF_INET6, literal, &v6->sin6_addr) != 1)
    return pf_fail(PF_E_ARGUMENT, "\"%s\" is no IP address", text);
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(port);
  if (zone != NULL) {
    v6->sin6_scope_id = if_nametoindex(zone + 1);
    if (v6->sin6_scope_id == 0) v6->sin6_scope_id = (uint32_t)strtoul(zone + 1, NULL, 10);
  }
  out->bytes = sizeof *v6;
  return PF_OK;
}

bool pf_address_equal(const pf_address *a, const pf_address *b) {
  if (a->storage.ss_family != b->storage.ss_family) return false;
  if (a->storage.ss_family == AF_INET) {
    const struct sockaddr_in *x = (const struct sockaddr_in *)&a->storage;
    const struct sockaddr_in *y = (const struct sockaddr_in *)&b->storage;
    return x->sin_port == y->sin_port && x->sin_addr.s_addr == y->sin_addr.s_addr;
  }
  const struct sockaddr_in6 *x = (const struct sockaddr_in6 *)&a->storage;
  const struct sockaddr_in6 *y = (const struct sockaddr_in6 *)&b->storage;
  return x->sin6_port == y->sin6_port && x->sin6_scope_id == y->sin6_scope_id &&
         memcmp(&x->sin6_addr, &y->sin6_addr, sizeof x->sin6_addr) == 0;
}

void pf_address_format(const pf_address *address, char *out, size_t out_bytes) {
  char text[INET6_ADDRSTRLEN] = "?";
  if (address->storage.ss_family == AF_INET) {
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address->storage;
    inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
    snprintf(out, out_bytes, "%s:%u", text, ntohs(v4->sin_port));
    return;
  }
  const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address->storage;
  if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
    inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], text, sizeof text);
    snprintf(out, out_bytes, "%s:%u", text, ntohs(v6->sin6_port));
    return;
  }
  inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
  snprintf(out, out_bytes, "[%s]:%u", text, ntohs(v6->sin6_port));
}

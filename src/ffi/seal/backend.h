/* What seal.c asks of a library that knows AES-128-GCM. One state is one key; one thread at a time
 * uses it. */
#ifndef PF_SEAL_BACKEND_H
#define PF_SEAL_BACKEND_H
#include "seal.h"

/* One packet: `header` is authenticated, `body_bytes` go from `body` to `out` (which may be
 * `body`), and the tag lies behind both. */
typedef struct pf__seal_span {
  const uint8_t *header;
  uint32_t header_bytes;
  const uint8_t *body;
  uint8_t *out;
  uint32_t body_bytes;
} pf__seal_span;

typedef struct pf__seal_backend {
  const char *name;
  /* Loads the library the first time; false when it is not there. Any thread. */
  bool (*load)(void);
  void *(*open)(const uint8_t key[PF_SEAL_KEY_BYTES]);
  void (*close)(void *state);
  /* Encrypts body to out and writes the tag to out + body_bytes. */
  bool (*seal)(void *state, const uint8_t nonce[12], const pf__seal_span *span);
  /* Decrypts body to out; false when the tag at body + body_bytes does not fit. */
  bool (*open_packet)(void *state, const uint8_t nonce[12], const pf__seal_span *span);
} pf__seal_backend;

extern const pf__seal_backend pf__seal_ipsec_mb;
extern const pf__seal_backend pf__seal_openssl;

#endif

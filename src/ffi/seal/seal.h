/*
 * AES-128-GCM for media packets (NIST SP 800-38D), by Intel's libipsec-mb where it is
 * installed, else by OpenSSL's libcrypto; both are loaded at run time.
 *
 * Nonce: the direction's 12-byte salt XOR (four zero bytes, then the sequence as a big-endian u64).
 * A sequence must never repeat under one key: GCM then loses its secrecy and its authenticity.
 */
#ifndef PF_SEAL_H
#define PF_SEAL_H
#include "../common/common.h"

typedef struct pf_seal pf_seal;

typedef enum pf_seal_backend {
  PF_SEAL_BEST = 0,
  PF_SEAL_IPSEC_MB = 1,
  PF_SEAL_OPENSSL = 2,
} pf_seal_backend;

/* A key of one direction. PF_E_MISSING when no library (or not the wanted one) can be loaded.
 * One thread at a time may use a handle. */
pf_result pf_seal_open(pf_seal_backend backend, const uint8_t key[PF_SEAL_KEY_BYTES],
                       const uint8_t salt[PF_SEAL_SALT_BYTES], pf_seal **out);
void pf_seal_close(pf_seal *seal);
/* Name of the library in use, as "libipsec-mb" or "openssl". */
const char *pf_seal_name(const pf_seal *seal);

/* Encrypts body[0, body_bytes) to out[0, body_bytes) and writes the 16-byte tag behind it; `out`
 * may be `body`. */
pf_result pf_seal_seal(pf_seal *seal, uint64_t sequence, const uint8_t *header,
                       uint32_t header_bytes, uint8_t *out, const uint8_t *body,
                       uint32_t body_bytes);
/* Decrypts body[0, body_bytes) in place and checks the tag behind it. On PF_E_AUTHENTICATION the
 * body is garbage that must not be used. */
pf_result pf_seal_open_packet(pf_seal *seal, uint64_t sequence, const uint8_t *header,
                              uint32_t header_bytes, uint8_t *body, uint32_t body_bytes);

/*
 * Sliding replay window (RFC 6479): a ring of bits, one for each of the newest
 * PF_REPLAY_WINDOW_PACKETS sequence numbers.
 */
#define PF_REPLAY_WORDS (PF_REPLAY_WINDOW_PACKETS / 64 + 1)
typedef struct pf_replay {
  uint64_t newest;
  bool any;
  uint64_t bits[PF_REPLAY_WORDS];
} pf_replay;

/* Whether a sequence is new and not too old. Call before opening the packet. */
bool pf_replay_is_fresh(const pf_replay *replay, uint64_t sequence);
/* Remembers a sequence. Only after its packet was authenticated. */
void pf_replay_remember(pf_replay *replay, uint64_t sequence);

#endif

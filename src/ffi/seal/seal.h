/*
 * AES-128-GCM for media packets (NIST SP 800-38D), by Intel's libipsec-mb where it is installed,
 * else by OpenSSL's libcrypto; both are loaded at run time. A library is only used after it has
 * sealed and opened the known packet of the GCM specification.
 *
 * Nonce: the direction's 12-byte salt XOR (four zero bytes, then the sequence as a big-endian u64).
 * A sequence must never repeat under one key: GCM then loses its secrecy and its authenticity.
 */
#ifndef PF_SEAL_H
#define PF_SEAL_H
#include "../common/common.h"

typedef struct pf_seal pf_seal;

/* Which library: PF_SEAL_BEST takes the fastest that is there. */
enum { PF_SEAL_BEST = 0, PF_SEAL_IPSEC_MB = 1, PF_SEAL_OPENSSL = 2 };

/* A key of one direction. PF_E_MISSING when no library (or not the wanted one) can be loaded;
 * PF_E_ARGUMENT for an unknown `library`. One thread at a time may use a handle. */
pf_result pf_seal_open(uint32_t library, const uint8_t *key, const uint8_t *salt, pf_seal **out);
/* Wipes the key; NULL is allowed. */
void pf_seal_close(pf_seal *seal);
/* Name of the library in use, as "libipsec-mb" or "openssl". */
const char *pf_seal_name(const pf_seal *seal);
/* Whether the fastest library for this kind of processor is not there, but may be installed. */
bool pf_seal_is_fallback(const pf_seal *seal);

/* Packets of equal size that lie behind one another as [header | body | tag]. */
typedef struct pf_seal_batch {
  uint8_t *packets;     /* headers are written already; bodies and tags are written here */
  const uint8_t *bodies; /* in clear; in place: packets + header_bytes */
  size_t body_stride;    /* from body to body; in place: bytes of a packet */
  uint32_t header_bytes, body_bytes, count;
} pf_seal_batch;

/* Seals `count` packets with the sequences from `first_sequence` on. PF_E_LIBRARY: it failed; then
 * none of the packets may be sent. */
pf_result pf_seal_packets(pf_seal *seal, uint64_t first_sequence, const pf_seal_batch *batch);
/* Opens [header | body | tag] of `packet_bytes` in place. PF_E_TRUNCATED: too short for that.
 * On PF_E_AUTHENTICATION the body is garbage that must not be used. */
pf_result pf_seal_open_packet(pf_seal *seal, uint64_t sequence, uint8_t *packet,
                              uint32_t header_bytes, uint32_t packet_bytes);

/*
 * Sliding replay window (RFC 6479): a ring of bits, one for each of the newest
 * PF_REPLAY_WINDOW_PACKETS sequence numbers, and a word that is being cleared. All zeros = new.
 */
#define PF_REPLAY_WORDS (PF_REPLAY_WINDOW_PACKETS / 64 + 1)
typedef struct pf_replay {
  uint64_t newest;
  bool any;
  uint64_t bits[PF_REPLAY_WORDS];
} pf_replay;

/* Whether a sequence is new and not too old. Call before opening the packet. */
bool pf_replay_is_fresh(const pf_replay *replay, uint64_t sequence);
/* Remembers a fresh sequence. Only after its packet was authenticated. */
void pf_replay_remember(pf_replay *replay, uint64_t sequence);

#endif

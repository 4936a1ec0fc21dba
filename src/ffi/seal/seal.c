#include "seal.h"

#include <stdlib.h>
#include <string.h>

#include "backend.h"

struct pf_seal {
  const pf__seal_backend *backend;
  void *state;
  uint8_t salt[PF_SEAL_SALT_BYTES];
};

/* Fastest first; the index + 1 is the library's number. */
static const pf__seal_backend *const backends[] = {&pf__seal_ipsec_mb, &pf__seal_openssl};

/* Seals and opens test case 2 of McGrew and Viega, "The Galois/Counter Mode of Operation": one
 * block of zeros under a key of zeros. A tag with a wrong bit must be refused. */
static bool knows_gcm(const pf__seal_backend *backend) {
  static const uint8_t key[PF_SEAL_KEY_BYTES] = {0};
  static const uint8_t nonce[12] = {0};
  static const uint8_t sealed[] = {
      0x03, 0x88, 0xda, 0xce, 0x60, 0xb6, 0xa3, 0x92, 0xf3, 0x28, 0xc2,
      0xb9, 0x71, 0xb2, 0xfe, 0x78, 0xab, 0x6e, 0x47, 0xd4, 0x2c, 0xec,
      0x13, 0xbd, 0xf5, 0x3a, 0x67, 0xb2, 0x12, 0x57, 0xbd, 0xdf,
  };
  uint8_t block[sizeof sealed] = {0};
  const pf__seal_span span = {.header = nonce, .body = block, .out = block, .body_bytes = 16};
  void *state = backend->open(key);
  if (state == NULL) return false;
  bool right = backend->seal(state, nonce, &span) && memcmp(block, sealed, sizeof sealed) == 0 &&
               backend->open_packet(state, nonce, &span);
  memcpy(block, sealed, sizeof sealed);
  block[sizeof sealed - 1] ^= 1;
  right = right && !backend->open_packet(state, nonce, &span);
  backend->close(state);
  return right;
}

PF_EXPORT pf_result pf_seal_open(uint32_t library, const uint8_t *key, const uint8_t *salt,
                                 pf_seal **out) {
  if (library > PF_ARRAY_COUNT(backends))
    return pf_fail(PF_E_ARGUMENT, "there is no AEAD library %u", library);
  for (uint32_t i = 0; i < PF_ARRAY_COUNT(backends); i++) {
    if (library != PF_SEAL_BEST && library != i + 1) continue;
    if (!backends[i]->load() || !knows_gcm(backends[i])) continue;
    pf_seal *seal = calloc(1, sizeof *seal);
    void *state = seal != NULL ? backends[i]->open(key) : NULL;
    if (state == NULL) {
      free(seal);
      return pf_fail(PF_E_MEMORY, "no memory for a key");
    }
    *seal = (pf_seal){.backend = backends[i], .state = state};
    memcpy(seal->salt, salt, sizeof seal->salt);
    *out = seal;
    return PF_OK;
  }
  if (library != PF_SEAL_BEST)
    return pf_fail(PF_E_MISSING, "%s can't be loaded", backends[library - 1]->name);
  return pf_fail(PF_E_MISSING, "neither libIPSec_MB.so.1 nor libcrypto.so.3 can be loaded; install "
                               "libipsec-mb1 or libssl3");
}

PF_EXPORT void pf_seal_close(pf_seal *seal) {
  if (seal == NULL) return;
  seal->backend->close(seal->state);
  explicit_bzero(seal, sizeof *seal);
  free(seal);
}

PF_EXPORT const char *pf_seal_name(const pf_seal *seal) { return seal->backend->name; }

bool pf_seal_is_fallback(const pf_seal *seal) {
#ifdef __x86_64__
  return seal->backend != backends[0];
#else
  return false; /* libipsec-mb is Intel's */
#endif
}

static void make_nonce(const pf_seal *seal, uint64_t sequence, uint8_t nonce[12]) {
  memcpy(nonce, seal->salt, 12);
  for (int i = 0; i < 8; i++) nonce[4 + i] ^= (uint8_t)(sequence >> (56 - 8 * i));
}

PF_EXPORT pf_result pf_seal_packets(pf_seal *seal, uint64_t first_sequence,
                                    const pf_seal_batch *batch) {
  size_t packet_bytes = (size_t)batch->header_bytes + batch->body_bytes + PF_SEAL_TAG_BYTES;
  for (uint32_t i = 0; i < batch->count; i++) {
    uint8_t nonce[12];
    make_nonce(seal, first_sequence + i, nonce);
    uint8_t *packet = batch->packets + i * packet_bytes;
    const pf__seal_span span = {
        .header = packet,
        .header_bytes = batch->header_bytes,
        .body = batch->bodies + i * batch->body_stride,
        .out = packet + batch->header_bytes,
        .body_bytes = batch->body_bytes,
    };
    if (!seal->backend->seal(seal->state, nonce, &span))
      return pf_fail(PF_E_LIBRARY, "%s could not seal a packet", seal->backend->name);
  }
  return PF_OK;
}

PF_EXPORT pf_result pf_seal_open_packet(pf_seal *seal, uint64_t sequence, uint8_t *packet,
                                        uint32_t header_bytes, uint32_t packet_bytes) {
  if (packet_bytes < (uint64_t)header_bytes + PF_SEAL_TAG_BYTES) return PF_E_TRUNCATED;
  uint8_t nonce[12];
  make_nonce(seal, sequence, nonce);
  const pf__seal_span span = {
      .header = packet,
      .header_bytes = header_bytes,
      .body = packet + header_bytes,
      .out = packet + header_bytes,
      .body_bytes = packet_bytes - header_bytes - PF_SEAL_TAG_BYTES,
  };
  return seal->backend->open_packet(seal->state, nonce, &span) ? PF_OK : PF_E_AUTHENTICATION;
}

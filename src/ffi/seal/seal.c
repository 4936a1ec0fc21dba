#include "seal.h"

#include <dlfcn.h>
#include <intel-ipsec-mb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* The part of OpenSSL's EVP interface that is needed (openssl/evp.h, stable since 1.1.0). */
typedef struct evp_cipher_ctx_st EVP_CIPHER_CTX;
typedef struct evp_cipher_st EVP_CIPHER;
enum { EVP_CTRL_AEAD_GET_TAG = 0x10, EVP_CTRL_AEAD_SET_TAG = 0x11 };

static struct {
  bool ipsec_mb, openssl;
  IMB_MGR *(*alloc_mb_mgr)(uint64_t);
  void (*init_mb_mgr_auto)(IMB_MGR *, IMB_ARCH *);
  void (*free_mb_mgr)(IMB_MGR *);
  EVP_CIPHER_CTX *(*ctx_new)(void);
  void (*ctx_free)(EVP_CIPHER_CTX *);
  const EVP_CIPHER *(*aes_128_gcm)(void);
  int (*init)(EVP_CIPHER_CTX *, const EVP_CIPHER *, void *, const uint8_t *, const uint8_t *, int);
  int (*update)(EVP_CIPHER_CTX *, uint8_t *, int *, const uint8_t *, int);
  int (*final)(EVP_CIPHER_CTX *, uint8_t *, int *);
  int (*ctrl)(EVP_CIPHER_CTX *, int, int, void *);
} libraries;

static pthread_once_t loaded = PTHREAD_ONCE_INIT;

static bool find(void *library, const char *name, void *slot) {
  void *address = dlsym(library, name);
  memcpy(slot, &address, sizeof address);
  return address != NULL;
}

static void load_libraries(void) {
  void *mb = dlopen("libIPSec_MB.so.1", RTLD_NOW | RTLD_LOCAL);
  if (mb != NULL) {
    libraries.ipsec_mb = find(mb, "alloc_mb_mgr", &libraries.alloc_mb_mgr) &&
                         find(mb, "init_mb_mgr_auto", &libraries.init_mb_mgr_auto) &&
                         find(mb, "free_mb_mgr", &libraries.free_mb_mgr);
  }
  void *ssl = dlopen("libcrypto.so.3", RTLD_NOW | RTLD_LOCAL);
  if (ssl == NULL) ssl = dlopen("libcrypto.so.1.1", RTLD_NOW | RTLD_LOCAL);
  if (ssl != NULL) {
    libraries.openssl = find(ssl, "EVP_CIPHER_CTX_new", &libraries.ctx_new) &&
                        find(ssl, "EVP_CIPHER_CTX_free", &libraries.ctx_free) &&
                        find(ssl, "EVP_aes_128_gcm", &libraries.aes_128_gcm) &&
                        find(ssl, "EVP_CipherInit_ex", &libraries.init) &&
                        find(ssl, "EVP_CipherUpdate", &libraries.update) &&
                        find(ssl, "EVP_CipherFinal_ex", &libraries.final) &&
                        find(ssl, "EVP_CIPHER_CTX_ctrl", &libraries.ctrl);
  }
}

struct pf_seal {
  uint8_t salt[PF_SEAL_SALT_BYTES];
  IMB_MGR *manager; /* NULL: OpenSSL */
  struct gcm_key_data *keys;
  struct gcm_context_data context;
  EVP_CIPHER_CTX *seal_context, *open_context;
};

static bool open_ipsec_mb(pf_seal *seal, const uint8_t *key) {
  if (!libraries.ipsec_mb) return false;
  seal->manager = libraries.alloc_mb_mgr(0);
  if (seal->manager == NULL) return false;
  libraries.init_mb_mgr_auto(seal->manager, NULL);
  if (posix_memalign((void **)&seal->keys, 64, sizeof *seal->keys) != 0) {
    libraries.free_mb_mgr(seal->manager);
    seal->manager = NULL;
    return false;
  }
  IMB_AES128_GCM_PRE(seal->manager, key, seal->keys);
  return true;
}

static bool open_openssl(pf_seal *seal, const uint8_t *key) {
  if (!libraries.openssl) return false;
  seal->seal_context = libraries.ctx_new();
  seal->open_context = libraries.ctx_new();
  const EVP_CIPHER *cipher = libraries.aes_128_gcm();
  return seal->seal_context != NULL && seal->open_context != NULL &&
         libraries.init(seal->seal_context, cipher, NULL, key, NULL, 1) == 1 &&
         libraries.init(seal->open_context, cipher, NULL, key, NULL, 0) == 1;
}

pf_result pf_seal_open(pf_seal_backend backend, const uint8_t key[PF_SEAL_KEY_BYTES],
                       const uint8_t salt[PF_SEAL_SALT_BYTES], pf_seal **out) {
  pthread_once(&loaded, load_libraries);
  pf_seal *seal = NULL;
  if (posix_memalign((void **)&seal, 64, sizeof *seal) != 0)
    return pf_fail(PF_E_MEMORY, "no memory for a key");
  memset(seal, 0, sizeof *seal);
  memcpy(seal->salt, salt, PF_SEAL_SALT_BYTES);
  bool opened = (backend != PF_SEAL_OPENSSL && open_ipsec_mb(seal, key)) ||
                (backend != PF_SEAL_IPSEC_MB && open_openssl(seal, key));
  if (!opened) {
    pf_seal_close(seal);
    return pf_fail(PF_E_MISSING, "neither libIPSec_MB.so.1 nor libcrypto.so.3 can be loaded");
  }
  *out = seal;
  return PF_OK;
}

void pf_seal_close(pf_seal *seal) {
  if (seal == NULL) return;
  if (seal->manager != NULL) libraries.free_mb_mgr(seal->manager);
  if (seal->keys != NULL) explicit_bzero(seal->keys, sizeof *seal->keys);
  free(seal->keys);
  if (seal->seal_context != NULL) libraries.ctx_free(seal->seal_context);
  if (seal->open_context != NULL) libraries.ctx_free(seal->open_context);
  explicit_bzero(seal, sizeof *seal);
  free(seal);
}

const char *pf_seal_name(const pf_seal *seal) {
  return seal->manager != NULL ? "libipsec-mb" : "openssl";
}

static void make_nonce(const pf_seal *seal, uint64_t sequence, uint8_t nonce[12]) {
  memcpy(nonce, seal->salt, 12);
  for (int i = 0; i < 8; i++) nonce[4 + i] ^= (uint8_t)(sequence >> (56 - 8 * i));
}

typedef struct span {
  const uint8_t *header;
  uint32_t header_bytes;
  uint8_t *out; /* the tag lies behind its body_bytes */
  const uint8_t *body;
  uint32_t body_bytes;
} span;

static bool evp_run(EVP_CIPHER_CTX *context, const uint8_t *nonce, const span *s, int encrypt) {
  int written = 0;
  if (libraries.init(context, NULL, NULL, NULL, nonce, encrypt) != 1) return false;
  if (!encrypt && libraries.ctrl(context, EVP_CTRL_AEAD_SET_TAG, PF_SEAL_TAG_BYTES,
                                 s->out + s->body_bytes) != 1)
    return false;
  if (libraries.update(context, NULL, &written, s->header, (int)s->header_bytes) != 1) return false;
  if (s->body_bytes > 0 &&
      libraries.update(context, s->out, &written, s->body, (int)s->body_bytes) != 1)
    return false;
  if (libraries.final(context, s->out + s->body_bytes, &written) != 1) return false;
  return !encrypt || libraries.ctrl(context, EVP_CTRL_AEAD_GET_TAG, PF_SEAL_TAG_BYTES,
                                    s->out + s->body_bytes) == 1;
}

pf_result pf_seal_seal(pf_seal *seal, uint64_t sequence, const uint8_t *header,
                       uint32_t header_bytes, uint8_t *out, const uint8_t *body,
                       uint32_t body_bytes) {
  uint8_t nonce[12];
  make_nonce(seal, sequence, nonce);
  if (seal->manager != NULL) {
    IMB_AES128_GCM_ENC(seal->manager, seal->keys, &seal->context, out, body, body_bytes, nonce,
                       header, header_bytes, out + body_bytes, PF_SEAL_TAG_BYTES);
    return PF_OK;
  }
  const span s = {header, header_bytes, out, body, body_bytes};
  if (!evp_run(seal->seal_context, nonce, &s, 1))
    return pf_fail(PF_E_LIBRARY, "libcrypto could not seal a packet");
  return PF_OK;
}

/* Equal in a time that does not depend on where the bytes differ. */
static bool tags_equal(const uint8_t *a, const uint8_t *b) {
  uint8_t difference = 0;
  for (int i = 0; i < PF_SEAL_TAG_BYTES; i++) difference |= a[i] ^ b[i];
  return difference == 0;
}

pf_result pf_seal_open_packet(pf_seal *seal, uint64_t sequence, const uint8_t *header,
                              uint32_t header_bytes, uint8_t *body, uint32_t body_bytes) {
  uint8_t nonce[12];
  make_nonce(seal, sequence, nonce);
  if (seal->manager == NULL) {
    const span s = {header, header_bytes, body, body, body_bytes};
    return evp_run(seal->open_context, nonce, &s, 0) ? PF_OK : PF_E_AUTHENTICATION;
  }
  uint8_t tag[PF_SEAL_TAG_BYTES];
  IMB_AES128_GCM_DEC(seal->manager, seal->keys, &seal->context, body, body, body_bytes, nonce,
                     header, header_bytes, tag, PF_SEAL_TAG_BYTES);
  return tags_equal(tag, body + body_bytes) ? PF_OK : PF_E_AUTHENTICATION;
}

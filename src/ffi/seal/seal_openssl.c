/* OpenSSL's EVP interface (EVP_EncryptInit(3)), declared here so that building needs no headers. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"

typedef struct evp_cipher_ctx_st EVP_CIPHER_CTX;
typedef struct evp_cipher_st EVP_CIPHER;
enum { EVP_CTRL_AEAD_GET_TAG = 0x10, EVP_CTRL_AEAD_SET_TAG = 0x11 };

static struct {
  bool usable;
  EVP_CIPHER_CTX *(*create)(void);
  void (*destroy)(EVP_CIPHER_CTX *);
  const EVP_CIPHER *(*aes_128_gcm)(void);
  int (*init)(EVP_CIPHER_CTX *, const EVP_CIPHER *, void *, const uint8_t *, const uint8_t *, int);
  int (*update)(EVP_CIPHER_CTX *, uint8_t *, int *, const uint8_t *, int);
  int (*final)(EVP_CIPHER_CTX *, uint8_t *, int *);
  int (*control)(EVP_CIPHER_CTX *, int, int, void *);
} evp;
static pthread_once_t loaded = PTHREAD_ONCE_INIT;

typedef struct state {
  EVP_CIPHER_CTX *sealing, *opening;
} state;

static bool find(void *library, const char *name, void *slot) {
  void *address = dlsym(library, name);
  memcpy(slot, &address, sizeof address);
  return address != NULL;
}

static void load_library(void) {
  void *library = dlopen("libcrypto.so.3", RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) library = dlopen("libcrypto.so.1.1", RTLD_NOW | RTLD_LOCAL);
  evp.usable = library != NULL && find(library, "EVP_CIPHER_CTX_new", &evp.create) &&
               find(library, "EVP_CIPHER_CTX_free", &evp.destroy) &&
               find(library, "EVP_aes_128_gcm", &evp.aes_128_gcm) &&
               find(library, "EVP_CipherInit_ex", &evp.init) &&
               find(library, "EVP_CipherUpdate", &evp.update) &&
               find(library, "EVP_CipherFinal_ex", &evp.final) &&
               find(library, "EVP_CIPHER_CTX_ctrl", &evp.control);
}

static bool load(void) {
  pthread_once(&loaded, load_library);
  return evp.usable;
}

static void close_key(void *context) {
  state *s = context;
  if (s->sealing != NULL) evp.destroy(s->sealing);
  if (s->opening != NULL) evp.destroy(s->opening);
  free(s);
}

static void *open_key(const uint8_t *key) {
  state *s = calloc(1, sizeof *s);
  if (s == NULL) return NULL;
  s->sealing = evp.create();
  s->opening = evp.create();
  if (s->sealing != NULL && s->opening != NULL &&
      evp.init(s->sealing, evp.aes_128_gcm(), NULL, key, NULL, 1) == 1 &&
      evp.init(s->opening, evp.aes_128_gcm(), NULL, key, NULL, 0) == 1)
    return s;
  close_key(s);
  return NULL;
}

/* Header and body through the cipher; the default nonce of this mode has 12 bytes. */
static bool run(EVP_CIPHER_CTX *context, const uint8_t *nonce, const pf__seal_span *span,
                int sealing) {
  int bytes = 0;
  return evp.init(context, NULL, NULL, NULL, nonce, sealing) == 1 &&
         evp.update(context, NULL, &bytes, span->header, (int)span->header_bytes) == 1 &&
         (span->body_bytes == 0 ||
          evp.update(context, span->out, &bytes, span->body, (int)span->body_bytes) == 1);
}

static bool seal(void *context, const uint8_t *nonce, const pf__seal_span *span) {
  EVP_CIPHER_CTX *evp_context = ((state *)context)->sealing;
  uint8_t *tag = span->out + span->body_bytes;
  int bytes = 0;
  return run(evp_context, nonce, span, 1) && evp.final(evp_context, tag, &bytes) == 1 &&
         evp.control(evp_context, EVP_CTRL_AEAD_GET_TAG, PF_SEAL_TAG_BYTES, tag) == 1;
}

static bool open_packet(void *context, const uint8_t *nonce, const pf__seal_span *span) {
  EVP_CIPHER_CTX *evp_context = ((state *)context)->opening;
  uint8_t tag[PF_SEAL_TAG_BYTES], nothing[16];
  int bytes = 0;
  memcpy(tag, span->body + span->body_bytes, sizeof tag);
  return run(evp_context, nonce, span, 0) &&
         evp.control(evp_context, EVP_CTRL_AEAD_SET_TAG, PF_SEAL_TAG_BYTES, tag) == 1 &&
         evp.final(evp_context, nothing, &bytes) == 1;
}

const pf__seal_backend pf__seal_openssl = {
    .name = "openssl",
    .load = load,
    .open = open_key,
    .close = close_key,
    .seal = seal,
    .open_packet = open_packet,
};

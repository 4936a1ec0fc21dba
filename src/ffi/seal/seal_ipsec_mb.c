/*
 * Intel's library by its direct (one packet at a time) GCM functions, which pick AVX-512 with VAES
 * and so on by themselves. The manager only carries their addresses, so all keys share one.
 */
#include "backend.h"

#if defined(__x86_64__) && __has_include(<intel-ipsec-mb.h>)
#include <dlfcn.h>
#include <intel-ipsec-mb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static IMB_MGR *manager;
static pthread_once_t loaded = PTHREAD_ONCE_INIT;

typedef struct state {
  struct gcm_key_data keys;
  struct gcm_context_data context;
} state;

static void load_library(void) {
  void *library = dlopen("libIPSec_MB.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) return;
  IMB_MGR *(*allocate)(uint64_t) = NULL;
  void (*initialise)(IMB_MGR *, IMB_ARCH *) = NULL;
  void *address = dlsym(library, "alloc_mb_mgr");
  memcpy(&allocate, &address, sizeof address);
  address = dlsym(library, "init_mb_mgr_auto");
  memcpy(&initialise, &address, sizeof address);
  if (allocate == NULL || initialise == NULL) return;
  IMB_MGR *made = allocate(0);
  if (made == NULL) return;
  initialise(made, NULL);
  if (made->gcm128_pre != NULL && made->gcm128_enc != NULL && made->gcm128_dec != NULL)
    manager = made;
}

static bool load(void) {
  pthread_once(&loaded, load_library);
  return manager != NULL;
}

static void *open_key(const uint8_t *key) {
  void *memory = NULL;
  if (posix_memalign(&memory, 64, sizeof(state)) != 0) return NULL;
  memset(memory, 0, sizeof(state));
  IMB_AES128_GCM_PRE(manager, key, &((state *)memory)->keys);
  return memory;
}

static void close_key(void *context) {
  explicit_bzero(context, sizeof(state));
  free(context);
}

static bool seal(void *context, const uint8_t *nonce, const pf__seal_span *span) {
  state *s = context;
  IMB_AES128_GCM_ENC(manager, &s->keys, &s->context, span->out, span->body, span->body_bytes, nonce,
                     span->header, span->header_bytes, span->out + span->body_bytes,
                     PF_SEAL_TAG_BYTES);
  return true;
}

/* Equal in a time that does not depend on where the bytes differ. */
static bool tags_equal(const uint8_t *a, const uint8_t *b) {
  uint8_t difference = 0;
  for (int i = 0; i < PF_SEAL_TAG_BYTES; i++) difference |= a[i] ^ b[i];
  return difference == 0;
}

static bool open_packet(void *context, const uint8_t *nonce, const pf__seal_span *span) {
  state *s = context;
  uint8_t tag[PF_SEAL_TAG_BYTES];
  IMB_AES128_GCM_DEC(manager, &s->keys, &s->context, span->out, span->body, span->body_bytes, nonce,
                     span->header, span->header_bytes, tag, PF_SEAL_TAG_BYTES);
  return tags_equal(tag, span->body + span->body_bytes);
}
#else
static bool load(void) { return false; }
static void *open_key(const uint8_t *key) { return NULL; }
static void close_key(void *context) {}
static bool seal(void *context, const uint8_t *nonce, const pf__seal_span *span) { return false; }
static bool open_packet(void *context, const uint8_t *nonce, const pf__seal_span *span) {
  return false;
}
#endif

const pf__seal_backend pf__seal_ipsec_mb = {
    .name = "libipsec-mb",
    .load = load,
    .open = open_key,
    .close = close_key,
    .seal = seal,
    .open_packet = open_packet,
};

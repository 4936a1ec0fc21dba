/* Packets as RFC 6184 describes them, and such as nobody may send. */
#include "depacketizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                         \
  do {                                                                           \
    if (condition) break;                                                        \
    fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);              \
    exit(1);                                                                     \
  } while (0)

enum { MARKER = 0x80, PADDED = 0x20, EXTENDED = 0x10 };

static uint8_t unit[PF_DEPACKETIZER_BYTES];
static pf_depacketizer taker;
static uint16_t sequence;

static void begin(uint16_t first) {
  taker = (pf_depacketizer){.data = unit};
  sequence = first;
}

/* Takes a packet of exactly this size, so that the sanitizer sees a read beyond it. */
static bool take_raw(const void *bytes, uint32_t count) {
  uint8_t *packet = malloc(count != 0 ? count : 1);
  CHECK(packet != NULL);
  memcpy(packet, bytes, count);
  bool whole = pf_depacketizer_take(&taker, packet, count);
  free(packet);
  return whole;
}

/* `first`: bits of the header's first byte; `marker`: MARKER or 0. */
static bool take(uint8_t first, uint8_t marker, const void *payload, uint32_t bytes) {
  uint8_t packet[256] = {(uint8_t)(0x80 | first), (uint8_t)(marker | 96),
                         (uint8_t)(sequence >> 8), (uint8_t)sequence};
  sequence++;
  memcpy(packet + 12, payload, bytes);
  return take_raw(packet, 12 + bytes);
}

static bool holds(const void *expected, uint32_t bytes) {
  return taker.bytes == bytes && memcmp(taker.data, expected, bytes) == 0;
}

static void test_units(void) {
  begin(65534); /* sequence numbers wrap */
  CHECK(!take(0, 0, "\x67\x01\x02", 3));
  CHECK(take(0, MARKER, "\x65\x03", 2));
  CHECK(holds("\0\0\0\1\x67\x01\x02\0\0\0\1\x65\x03", 13));
  CHECK(pf_h264_is_key(taker.data, taker.bytes));
  CHECK(take(0, MARKER, "\x41\x04", 2));
  CHECK(holds("\0\0\0\1\x41\x04", 6));
  CHECK(!pf_h264_is_key(taker.data, taker.bytes));
}

static void test_aggregates_and_fragments(void) {
  begin(0);
  CHECK(!take(0, 0, "\x18\0\2\x67\x01\0\1\x68", 8));
  CHECK(!take(0, 0, "\x7c\x85\x0a", 3)); /* type 28, start of type 5 */
  CHECK(!take(0, 0, "\x7c\x05\x0b", 3));
  CHECK(take(0, MARKER, "\x7c\x45\x0c", 3));
  CHECK(holds("\0\0\0\1\x67\x01\0\0\0\1\x68\0\0\0\1\x65\x0a\x0b\x0c", 19));
}

static void test_padding_and_extensions(void) {
  begin(0);
  CHECK(take(PADDED, MARKER, "\x41\x01\0\0\3", 5));
  CHECK(holds("\0\0\0\1\x41\x01", 6));
  CHECK(take(EXTENDED, MARKER, "\xbe\xde\0\1....\x41\x02", 10));
  CHECK(holds("\0\0\0\1\x41\x02", 6));
  CHECK(take(1, MARKER, "....\x41\x03", 6)); /* one contributing source */
  CHECK(holds("\0\0\0\1\x41\x03", 6));
}

/* A unit that lacks something is left out; the next one is whole again. */
static void test_left_out(void) {
  begin(9);
  CHECK(!take(0, MARKER, "\x7c\x45\x01", 3)); /* the end of one that was never begun */
  CHECK(take(0, MARKER, "\x41\x01", 2));
  CHECK(!take(0, 0, "\x7c\x81\x01", 3));
  sequence++;
  CHECK(!take(0, MARKER, "\x7c\x41\x02", 3));
  CHECK(take(0, MARKER, "\x41\x02", 2));
  CHECK(holds("\0\0\0\1\x41\x02", 6));
  static const char *const malformed[] = {"\x18\0\7\x67", "\x18\0", "\x7c\x81", "\x40", "\x5a\1"};
  static const uint32_t bytes[] = {4, 2, 2, 1, 2};
  for (uint32_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
    bool whole = take(0, MARKER, malformed[i], bytes[i]);
    CHECK(!whole);
    CHECK(take(0, MARKER, "\x41\x02", 2));
  }
}

/* What is no RTP packet changes nothing. */
static void test_no_packets(void) {
  begin(0);
  CHECK(!take(0, 0, "\x67\x01", 2));
  CHECK(!take_raw("", 0));
  CHECK(!take_raw("\x80\x60\0\1........", 12));
  CHECK(!take_raw("\x40\x60\0\1........\x41", 13));
  CHECK(!take_raw("\x8f\x60\0\1........\x41", 13));
  CHECK(!take_raw("\x90\x60\0\1........\x41", 13));
  CHECK(!take_raw("\x90\x60\0\1........\xbe\xde\xff\xff\x41", 17));
  CHECK(!take_raw("\xa0\x60\0\1........\x41\xff", 14));
  CHECK(take(0, MARKER, "\x65\x02", 2));
  CHECK(holds("\0\0\0\1\x67\x01\0\0\0\1\x65\x02", 12));
}

static void test_too_large(void) {
  static uint8_t large[65000];
  begin(0);
  large[0] = 0x80;
  large[1] = 96;
  large[12] = 0x41;
  for (uint32_t total = 0; total < PF_DEPACKETIZER_BYTES + sizeof large; total += sizeof large) {
    large[2] = (uint8_t)(sequence >> 8);
    large[3] = (uint8_t)sequence++;
    CHECK(!take_raw(large, sizeof large));
    CHECK(taker.bytes <= PF_DEPACKETIZER_BYTES);
  }
  CHECK(!take(0, MARKER, "\x41\x01", 2));
  CHECK(take(0, MARKER, "\x41\x02", 2));
}

int main(void) {
  test_units();
  test_aggregates_and_fragments();
  test_padding_and_extensions();
  test_left_out();
  test_no_packets();
  test_too_large();
  return 0;
}

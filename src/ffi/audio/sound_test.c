/* The parts of sound that need no PipeWire, in virtual time. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coding.h"
#include "jitter.h"
#include "stretch.h"

#define CHECK(condition)                                                          \
  do {                                                                            \
    if (condition) break;                                                         \
    fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);               \
    exit(1);                                                                      \
  } while (0)

#define MS 1000000ull
enum { FRAME = PF_SOUND_FRAME_SAMPLES };
static const double tau = 6.283185307179586;

static void test_packets(void) {
  uint8_t frame[PF_SOUND_FRAME_BYTES_MAX + 1], body[PF_SOUND_PACKET_BYTES_MAX + 1];
  for (size_t i = 0; i < sizeof frame; i++) frame[i] = (uint8_t)i;
  pf_sound_packet packet = {
      .capture_ns = 7, .index = 9, .frame = {frame, 100}, .previous = {frame, 50}};
  pf_sound_packet read;
  uint32_t bytes = pf_sound_packet_write(&packet, 2, body);
  CHECK(bytes == PF_SOUND_HEADER_BYTES + 150);
  CHECK(pf_sound_packet_read(body, bytes, 2, &read) == PF_OK);
  CHECK(read.capture_ns == 7 && read.index == 9 && read.frame.bytes == 100);
  CHECK(read.previous.bytes == 50 && memcmp(read.previous.data, frame, 50) == 0);
  CHECK(pf_sound_packet_read(body, bytes, 6, &read) == PF_E_BOUNDS);
  CHECK(pf_sound_packet_read(body, PF_SOUND_HEADER_BYTES + 99, 2, &read) == PF_E_TRUNCATED);
  CHECK(pf_sound_packet_read(body, PF_SOUND_HEADER_BYTES - 1, 2, &read) == PF_E_TRUNCATED);
  CHECK(pf_sound_packet_read(body, PF_SOUND_HEADER_BYTES + 100, 2, &read) == PF_OK);
  CHECK(read.previous.bytes == 0);
  packet.frame.bytes = 0;
  CHECK(pf_sound_packet_read(body, pf_sound_packet_write(&packet, 2, body), 2, &read) ==
        PF_E_BOUNDS);
  packet.frame.bytes = PF_SOUND_FRAME_BYTES_MAX + 1;
  packet.previous.bytes = 0;
  CHECK(pf_sound_packet_read(body, pf_sound_packet_write(&packet, 2, body), 2, &read) ==
        PF_E_BOUNDS);
}

/* Each channel has a tone of its own, and comes back in its own place. */
static void test_layout(uint32_t channels) {
  OpusMSEncoder *encoder;
  OpusMSDecoder *decoder;
  CHECK(pf_sound_encoder_open(channels, 64 * channels, &encoder) == PF_OK);
  CHECK(pf_sound_decoder_open(channels, &decoder) == PF_OK);
  double found[PF_SOUND_CHANNELS_MAX][PF_SOUND_CHANNELS_MAX][2] = {{{0}}};
  float samples[FRAME * PF_SOUND_CHANNELS_MAX];
  uint8_t coded[PF_SOUND_FRAME_BYTES_MAX];
  enum { FRAMES = 100 };
  for (int n = 0; n < FRAMES; n++) {
    for (int i = 0; i < FRAME; i++)
      for (uint32_t c = 0; c < channels; c++) {
        /* The last of several is for the lowest frequencies alone. */
        double hz = channels > 2 && c == channels - 1 ? 50 : 400 + 200.0 * c;
        samples[i * channels + c] = (float)(0.3 * sin(tau * hz * (n * FRAME + i) / 48000));
      }
    uint32_t bytes = pf_sound_encode(encoder, samples, coded);
    CHECK(bytes > 0 && bytes <= PF_SOUND_FRAME_BYTES_MAX);
    CHECK(pf_sound_decode(decoder, channels, (pf_sound_frame){coded, bytes}, samples));
    for (int i = 0; n >= FRAMES / 2 && i < FRAME; i++)
      for (uint32_t c = 0; c < channels; c++)
        for (uint32_t t = 0; t < channels; t++) {
          double hz = channels > 2 && t == channels - 1 ? 50 : 400 + 200.0 * t;
          double angle = tau * hz * (n * FRAME + i) / 48000;
          found[c][t][0] += samples[i * channels + c] * sin(angle);
          found[c][t][1] += samples[i * channels + c] * cos(angle);
        }
  }
  for (uint32_t c = 0; c < channels; c++)
    for (uint32_t t = 0; t < channels; t++) {
      double loud = 2 * hypot(found[c][t][0], found[c][t][1]) / (FRAMES / 2 * FRAME);
      CHECK(c == t ? loud > 0.2 : loud < 0.06);
    }
  /* What is no Opus is made up, and so is what is missing. */
  memset(coded, 0xff, sizeof coded);
  pf_sound_decode(decoder, channels, (pf_sound_frame){coded, 40}, samples);
  CHECK(pf_sound_decode(decoder, channels, (pf_sound_frame){NULL, 0}, samples));
  for (uint32_t i = 0; i < FRAME * channels; i++) CHECK(isfinite(samples[i]));
  opus_multistream_encoder_destroy(encoder);
  opus_multistream_decoder_destroy(decoder);
}

typedef struct tone {
  double at, rate;
} tone;

static void more_tone(void *context, float *samples, double *rate) {
  tone *self = context;
  for (int i = 0; i < FRAME; i++) {
    double sample = sin(tau * 1000 * self->at++ / 48000);
    samples[2 * i] = (float)sample;
    samples[2 * i + 1] = (float)-sample;
  }
  *rate = self->rate;
}

/* At another rate a tone is that much higher, and as pure. */
static void test_stretch(double rate) {
  static pf_stretch stretch;
  tone source = {.rate = rate};
  double now = 1;
  float out[2 * 97];
  pf_stretch_init(&stretch, 2);
  double turn = 2 * cos(tau * 1000 * rate / 48000), before = 0, last = 0, worst = 0;
  for (uint32_t n = 0; n < 500; n++) {
    pf_stretch_pull(&stretch, out, 97, &now, more_tone, &source);
    for (int i = 0; i < 97; i++) {
      CHECK(out[2 * i] == -out[2 * i + 1]);
      double wrong = fabs(out[2 * i] + before - turn * last);
      if (n > 5 && wrong > worst) worst = wrong;
      before = last;
      last = out[2 * i];
    }
  }
  CHECK(worst < 0.003);
  CHECK(fabs(source.at - 500 * 97 * rate) < 2 * FRAME);
}

/* A network in virtual time: each 5 ms a frame leaves, and one is taken. */
typedef struct run {
  uint32_t frames;
  double drift;            /* of the sender's clock */
  uint32_t jitter_ms;      /* each packet is late by 0 to this */
  uint32_t loss_permille;
  uint32_t stall_at, stall_ms; /* a frame from which on packets are held back for so long */
  pf_sound_receive_counters counters;
  uint32_t silent;         /* frames of silence after the first sound */
  uint64_t random;
} run;

static uint32_t random_below(run *self, uint32_t count) {
  self->random = self->random * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)((self->random >> 33) % count);
}

enum { RUN_FRAMES_MAX = 40000 };

static void play_run(run *self) {
  static pf_jitter jitter;
  static uint64_t arrivals[RUN_FRAMES_MAX];
  static const uint8_t data[20] = {1};
  const uint64_t start_ns = 1000 * MS;
  uint64_t held_until_ns = 0;
  self->random = 1;
  pf_jitter_init(&jitter, &self->counters);
  for (uint32_t i = 0; i < self->frames; i++) {
    uint64_t at_ns = start_ns + (uint64_t)(i * 5 * MS * (1 + self->drift));
    if (self->jitter_ms != 0) at_ns += random_below(self, self->jitter_ms * 1000) * 1000u;
    if (self->stall_ms != 0 && i == self->stall_at) held_until_ns = at_ns + self->stall_ms * MS;
    if (at_ns < held_until_ns && i >= self->stall_at) at_ns = held_until_ns;
    arrivals[i] = random_below(self, 1000) < self->loss_permille ? 0 : at_ns;
  }
  uint32_t next = 0;
  bool sounded = false;
  double debt = 0; /* the rate takes frames faster or slower */
  for (uint32_t n = 0; n < self->frames - self->frames / 500; n++) { /* before the sender ends */
    uint64_t now_ns = start_ns + n * 5 * MS + 1 * MS;
    for (uint32_t i = next; i < self->frames && i < next + 64; i++) {
      if (arrivals[i] == 0 || arrivals[i] > now_ns) continue;
      pf_sound_packet packet = {
          .index = i, .frame = {data, sizeof data}, .previous = {data, i > 0 ? sizeof data : 0}};
      pf_jitter_put(&jitter, &packet, arrivals[i]);
      arrivals[i] = 0;
    }
    while (next < self->frames && arrivals[next] == 0) next++;
    for (debt += pf_jitter_rate(&jitter); debt >= 1; debt--) {
      pf_sound_frame frame;
      pf_jitter_kind kind = pf_jitter_take(&jitter, now_ns, &frame);
      CHECK((kind == PF_JITTER_FRAME) == (frame.bytes != 0));
      sounded |= kind != PF_JITTER_SILENCE;
      self->silent += sounded && kind == PF_JITTER_SILENCE;
    }
  }
}

static void test_clean(void) {
  run clean = {.frames = 4000};
  play_run(&clean);
  CHECK(clean.silent == 0 && clean.counters.concealed == 0 && clean.counters.starved == 0);
  CHECK(clean.counters.target_us == PF_SOUND_SLACK_US_MIN);
  CHECK(clean.counters.slack_us < PF_SOUND_SLACK_US_MIN + 6000);
}

static void test_drift(void) {
  for (int sign = -1; sign <= 1; sign += 2) {
    run drift = {.frames = 40000, .drift = sign * 500e-6};
    play_run(&drift);
    CHECK(drift.silent == 0 && drift.counters.concealed == 0 && drift.counters.starved == 0);
    CHECK(drift.counters.skipped == 0 && drift.counters.slack_us < 20000);
  }
}

static void test_loss(void) {
  run some = {.frames = 20000, .loss_permille = 50};
  play_run(&some);
  CHECK(some.silent == 0 && some.counters.pauses == 0);
  /* A frame is lost for good when its own packet and the next one are: 0.25%. */
  CHECK(some.counters.concealed > 20 && some.counters.concealed < 20000 * 0.005);
  CHECK(some.counters.recovered > 700);
  run many = {.frames = 20000, .loss_permille = 200};
  play_run(&many);
  CHECK(many.silent == 0 && many.counters.concealed < 20000 * 0.06);
}

static void test_jitter(void) {
  run late = {.frames = 20000, .jitter_ms = 25};
  play_run(&late);
  CHECK(late.silent == 0);
  const pf_histogram *buffer = &late.counters.buffer_us;
  CHECK(late.counters.late + late.counters.concealed + late.counters.starved < 20000 * 0.01);
  CHECK(buffer->sum_us / buffer->count < 30000 && buffer->sum_us / buffer->count > 12500);
}

static void test_stall(void) {
  run brief = {.frames = 8000, .stall_at = 2000, .stall_ms = 40};
  play_run(&brief);
  CHECK(brief.silent == 0 && brief.counters.starved > 3 && brief.counters.starved <= 10);
  /* Frames that came too late ask for more, which the 30 s since have not taken all back. */
  CHECK(brief.counters.target_us > PF_SOUND_SLACK_US_MIN + 5000);
  run pause = {.frames = 8000, .stall_at = 2000, .stall_ms = 200};
  play_run(&pause);
  CHECK(pause.counters.pauses == 1 && pause.silent > 20 && pause.silent < 45);
  /* What was held up is left out, not heard late. */
  CHECK(pause.counters.skipped + pause.counters.resets > 0);
  CHECK(pause.counters.slack_us < 25000);
}

/* Indexes that jump, and that wrap around. */
static void test_indexes(void) {
  static pf_jitter jitter;
  static const uint8_t data[4] = {1};
  pf_sound_receive_counters counters = {0};
  pf_sound_frame frame;
  pf_jitter_init(&jitter, &counters);
  uint64_t now_ns = 5000 * MS;
  for (uint32_t i = 0xfffffff0u; i != 40; i++, now_ns += 5 * MS) {
    pf_sound_packet packet = {.index = i, .frame = {data, 4}, .previous = {data, 4}};
    pf_jitter_put(&jitter, &packet, now_ns);
    pf_jitter_put(&jitter, &packet, now_ns);
    pf_jitter_take(&jitter, now_ns, &frame);
  }
  CHECK(counters.concealed == 0 && counters.resets == 0 && counters.duplicates > 30);
  CHECK(counters.frames > 48);
  pf_sound_packet packet = {.index = 1u << 30, .frame = {data, 4}};
  pf_jitter_put(&jitter, &packet, now_ns);
  CHECK(counters.resets == 1);
}

int main(void) {
  test_packets();
  const uint32_t layouts[] = {1, 2, 6, 8};
  for (size_t i = 0; i < PF_ARRAY_COUNT(layouts); i++) test_layout(layouts[i]);
  CHECK(!pf_sound_is_layout(3) && !pf_sound_is_layout(0) && !pf_sound_is_layout(9));
  test_stretch(1);
  test_stretch(1.005);
  test_stretch(0.9953);
  test_clean();
  test_drift();
  test_loss();
  test_jitter();
  test_stall();
  test_indexes();
  puts("sound: all tests passed");
  return 0;
}

#include "jitter.h"

#include <string.h>

#define MS 1000000ll
enum {
  FRAME_MS = 5,
  PAUSE_FRAMES = 10,     /* 50 ms: Opus has faded what it makes up by then */
  INTERVAL_FRAMES = 100, /* 0.5 s: several bursts of either end's hardware */
  SKIP_MS = 30,          /* catching up by 0.5% would take longer than 6 s */
  STEER_MS = 2000,       /* in which what is too much, or too little, is made good */
};
static const double rate_change_max = 0.005; /* 9 cents: nobody hears it */
static const int64_t fall_ns = MS / 4;       /* of the target, per interval */
static const int64_t start_ns = 10 * MS;     /* of the target; a LAN's jitter and a lost packet */

_Static_assert((PF_SOUND_SLOTS & (PF_SOUND_SLOTS - 1)) == 0, "indexes may wrap around");

static pf_jitter_slot *slot_of(pf_jitter *jitter, uint32_t index) {
  return &jitter->slots[index % PF_SOUND_SLOTS];
}

static void begin(pf_jitter *jitter, uint32_t index) {
  for (uint32_t i = 0; i < PF_SOUND_SLOTS; i++) jitter->slots[i].filled = false;
  memset(jitter->missed_ns, 0, sizeof jitter->missed_ns);
  jitter->next = jitter->end = index;
  jitter->playing = false;
  jitter->gathering_ns = jitter->starved_ns = 0;
  jitter->owed = jitter->interval = 0;
  jitter->slack_ns = INT64_MAX;
  jitter->rate = 1;
}

static void set_target(pf_jitter *jitter, int64_t target_ns) {
  const int64_t min_ns = PF_SOUND_SLACK_US_MIN * 1000ll, max_ns = PF_SOUND_SLACK_US_MAX * 1000ll;
  if (target_ns < min_ns) target_ns = min_ns;
  jitter->target_ns = target_ns < max_ns ? target_ns : max_ns;
  pf_gauge(jitter->counters->target_us, jitter->target_ns / 1000);
}

void pf_jitter_init(pf_jitter *jitter, pf_sound_receive_counters *counters) {
  *jitter = (pf_jitter){.counters = counters};
  begin(jitter, 0);
  set_target(jitter, start_ns);
  pf_gauge(counters->rate_ppm, 1000000);
}

/* A frame came after its turn. */
static void take_past(pf_jitter *jitter, uint32_t index, uint64_t arrival_ns) {
  uint64_t *missed_ns = &jitter->missed_ns[index % PF_SOUND_SLOTS];
  if (*missed_ns == 0) {
    pf_count(jitter->counters->duplicates, 1);
    return;
  }
  pf_count(jitter->counters->late, 1);
  if (arrival_ns > *missed_ns)
    set_target(jitter, jitter->target_ns + (int64_t)(arrival_ns - *missed_ns) + MS);
  *missed_ns = 0;
}

static void place(pf_jitter *jitter, uint32_t index, pf_sound_frame frame, bool recovered,
                  uint64_t arrival_ns) {
  if ((int32_t)(index - jitter->next) < 0) {
    if (!recovered && jitter->playing) take_past(jitter, index, arrival_ns);
    return;
  }
  pf_jitter_slot *slot = slot_of(jitter, index);
  if (slot->filled) {
    if (!recovered && !slot->recovered) pf_count(jitter->counters->duplicates, 1);
    return;
  }
  slot->filled = true;
  slot->recovered = recovered;
  slot->bytes = frame.bytes;
  slot->arrival_ns = arrival_ns;
  memcpy(slot->data, frame.data, frame.bytes);
  if ((int32_t)(index + 1 - jitter->end) > 0) jitter->end = index + 1;
}

void pf_jitter_put(pf_jitter *jitter, const pf_sound_packet *packet, uint64_t arrival_ns) {
  int32_t ahead = (int32_t)(packet->index - jitter->next);
  bool idle = !jitter->playing && jitter->end == jitter->next;
  if (idle || ahead >= PF_SOUND_SLOTS || ahead <= -PF_SOUND_SLOTS) {
    if (!idle) pf_count(jitter->counters->resets, 1);
    begin(jitter, packet->index);
  }
  if (!jitter->playing && jitter->gathering_ns == 0) jitter->gathering_ns = arrival_ns;
  place(jitter, packet->index, packet->frame, false, arrival_ns);
  if (packet->previous.bytes != 0)
    place(jitter, packet->index - 1, packet->previous, true, arrival_ns);
}

/* Leaves out up to `count` of the oldest frames. */
static void skip(pf_jitter *jitter, uint32_t count) {
  for (; count > 0 && jitter->next != jitter->end; count--) {
    slot_of(jitter, jitter->next)->filled = false;
    jitter->missed_ns[jitter->next++ % PF_SOUND_SLOTS] = 0;
    pf_count(jitter->counters->skipped, 1);
  }
}

/* Begins when so much is there that the least slack may be the target, or nothing more comes. */
static bool may_begin(pf_jitter *jitter, uint64_t now_ns) {
  uint32_t held = jitter->end - jitter->next;
  if (held == 0) return false;
  uint32_t wanted = (uint32_t)((jitter->target_ns + (2 * FRAME_MS * MS - 1)) / (FRAME_MS * MS));
  bool waited = now_ns >= jitter->gathering_ns + 2 * (uint64_t)jitter->target_ns;
  if (held < wanted && !waited) return false;
  if (held > wanted) skip(jitter, held - wanted);
  jitter->playing = true;
  return true;
}

static void steer(pf_jitter *jitter) {
  int64_t over_ns = jitter->slack_ns - jitter->target_ns;
  pf_gauge(jitter->counters->slack_us, jitter->slack_ns / 1000);
  jitter->rate = 1;
  if (over_ns > SKIP_MS * MS) {
    skip(jitter, (uint32_t)(over_ns / (FRAME_MS * MS)));
  } else {
    double change = (double)over_ns / (STEER_MS * MS);
    if (change > rate_change_max) change = rate_change_max;
    if (change < -rate_change_max) change = -rate_change_max;
    jitter->rate += change;
  }
  pf_gauge(jitter->counters->rate_ppm, jitter->rate * 1e6 + 0.5);
  set_target(jitter, jitter->target_ns - fall_ns);
  jitter->slack_ns = INT64_MAX;
  jitter->interval = 0;
}

static pf_jitter_kind play(pf_jitter *jitter, uint64_t now_ns, pf_sound_frame *out) {
  pf_jitter_slot *slot = slot_of(jitter, jitter->next);
  slot->filled = false;
  jitter->missed_ns[jitter->next++ % PF_SOUND_SLOTS] = 0;
  *out = (pf_sound_frame){.data = slot->data, .bytes = slot->bytes};
  pf_count(jitter->counters->frames, 1);
  if (slot->recovered) pf_count(jitter->counters->recovered, 1);
  if (jitter->starved_ns != 0 && slot->arrival_ns > jitter->starved_ns && jitter->owed > 0)
    set_target(jitter,
               jitter->target_ns + (int64_t)(slot->arrival_ns - jitter->starved_ns) + MS);
  jitter->starved_ns = 0;
  jitter->owed = 0;
  int64_t slack_ns = (int64_t)(now_ns - slot->arrival_ns);
  if (slack_ns < 0) slack_ns = 0;
  pf_histogram_record_ns(&jitter->counters->buffer_us, (uint64_t)slack_ns);
  if (slack_ns < jitter->slack_ns) jitter->slack_ns = slack_ns;
  if (++jitter->interval == INTERVAL_FRAMES) steer(jitter);
  return PF_JITTER_FRAME;
}

static pf_jitter_kind starve(pf_jitter *jitter, uint64_t now_ns) {
  if (jitter->owed == 0) jitter->starved_ns = now_ns;
  if (++jitter->owed > PAUSE_FRAMES) {
    pf_count(jitter->counters->pauses, 1);
    begin(jitter, jitter->next);
    return PF_JITTER_SILENCE;
  }
  pf_count(jitter->counters->starved, 1);
  return PF_JITTER_CONCEAL;
}

pf_jitter_kind pf_jitter_take(pf_jitter *jitter, uint64_t now_ns, pf_sound_frame *out) {
  *out = (pf_sound_frame){0};
  if (!jitter->playing && !may_begin(jitter, now_ns)) return PF_JITTER_SILENCE;
  while (jitter->next != jitter->end) {
    if (slot_of(jitter, jitter->next)->filled) return play(jitter, now_ns, out);
    uint64_t *missed_ns = &jitter->missed_ns[jitter->next++ % PF_SOUND_SLOTS];
    *missed_ns = now_ns;
    pf_count(jitter->counters->concealed, 1);
    if (jitter->owed == 0) return PF_JITTER_CONCEAL;
    jitter->owed--; /* it was made up before its loss was known */
    if (jitter->owed == 0) jitter->starved_ns = 0;
  }
  return starve(jitter, now_ns);
}

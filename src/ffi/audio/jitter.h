/*
 * Which frame is played when. Packets come irregularly, twice, out of order, late or never; who
 * plays asks for a frame each 5 ms, or for several at once. In between lies as little as the
 * network and both ends' audio hardware allow.
 *
 * What is steered is *slack*: how long a frame had waited when it was taken. The least slack of the
 * last half second is kept at a target by playing up to 0.5% faster or slower, which also makes
 * good the drift between the machines' clocks: nothing has to be known of bursts at either end, as
 * they show in the slack. A frame that comes too late raises the target by what it was late;
 * without such frames the target falls by 0.5 ms a second.
 *
 * A frame that is missing while later ones are there was lost, and is made up. When nothing is
 * there at all frames are made up without going on, as what is missing may still come; if it was
 * lost after all, what was made up stands for it. After 50 ms of that the sender is taken to pause:
 * silence, and the next packet begins anew.
 *
 * Everything belongs to one thread; time comes from outside.
 */
#ifndef PF_SOUND_JITTER_H
#define PF_SOUND_JITTER_H
#include "packet.h"

typedef struct pf_jitter_slot {
  bool filled, recovered;
  uint32_t bytes;
  uint64_t arrival_ns;
  uint8_t data[PF_SOUND_FRAME_BYTES_MAX];
} pf_jitter_slot;

typedef struct pf_jitter {
  pf_sound_receive_counters *counters;
  pf_jitter_slot slots[PF_SOUND_SLOTS];  /* by index */
  uint64_t missed_ns[PF_SOUND_SLOTS];    /* when a frame before `next` was made up; 0 = not */
  uint32_t next, end;                    /* to be played; behind the newest */
  bool playing;
  uint64_t gathering_ns, starved_ns;     /* since when; 0 = not */
  uint32_t owed;                         /* frames made up without going on */
  uint32_t interval;                     /* frames of it so far */
  int64_t slack_ns, target_ns;           /* least of the interval; what it is to be */
  double rate;
} pf_jitter;

typedef enum pf_jitter_kind {
  PF_JITTER_FRAME,
  PF_JITTER_CONCEAL,
  PF_JITTER_SILENCE,
} pf_jitter_kind;

void pf_jitter_init(pf_jitter *jitter, pf_sound_receive_counters *counters);
/* Takes a packet that came at `arrival_ns`. */
void pf_jitter_put(pf_jitter *jitter, const pf_sound_packet *packet, uint64_t arrival_ns);
/* What to play now. `out` lies in the jitter buffer until the next call; empty unless FRAME. */
pf_jitter_kind pf_jitter_take(pf_jitter *jitter, uint64_t now_ns, pf_sound_frame *out);
/* Samples to play in the time of one, 0.995…1.005. */
static inline double pf_jitter_rate(const pf_jitter *jitter) { return jitter->rate; }

#endif

/*
 * Exports of libpf_rival: other ways to carry H.264 over loopback, for benchmarks only. What they
 * carry is neither sealed nor protected against loss.
 *
 * A sender is a sink of access units which it writes on the pushing thread, without a queue. A
 * receiver has a thread that pushes access units on as soon as it has them whole.
 *
 * RTP is RFC 3550 with the payload of RFC 6184, by libavformat's muxer. SRT carries an MPEG
 * transport stream, with a latency of 0 at both ends and the lengths of the PES packets written, so
 * that a frame is handed on with its last byte and not with the next frame's first.
 */
#ifndef PF_RIVAL_H
#define PF_RIVAL_H
#include "../common/common.h"

enum { PF_RIVAL_RTP = 0, PF_RIVAL_SRT = 1 };
enum {
  /* Our own depacketizer: hands a frame on at the marker bit. */
  PF_RIVAL_BARE_RTP = 0,
  /* libavformat's demuxer and parser without reordering and without its buffer, as a player with
   * low-delay flags has them. */
  PF_RIVAL_PLAYER_RTP = 1,
  PF_RIVAL_PLAYER_SRT = 2,
};

typedef struct pf_rival_sender pf_rival_sender;
typedef struct pf_rival_receiver pf_rival_receiver;

/* Sends to a UDP port of 127.0.0.1. SRT: waits for the receiver, which must have been started.
 * PF_E_UNSUPPORTED: this libavformat can't; PF_E_SYSTEM: there is no socket or no receiver. */
pf_result pf_rival_sender_open(uint32_t kind, uint32_t port, uint32_t width, uint32_t height,
                               pf_rival_sender **out);
void pf_rival_sender_sink(pf_rival_sender *sender, pf_sink *out);
/* Units that could not be written. */
uint64_t pf_rival_sender_failures(const pf_rival_sender *sender);
/* Nothing may be pushed any more. NULL is allowed. */
void pf_rival_sender_close(pf_rival_sender *sender);

/* Receives at a UDP port of 127.0.0.1 (RTP by libavformat: and the next one, for RTCP). The sink's
 * units have `complete_ns` and no other time. */
pf_result pf_rival_receiver_open(uint32_t kind, uint32_t port, const pf_sink *sink,
                                 pf_rival_receiver **out);
pf_result pf_rival_receiver_start(pf_rival_receiver *receiver);
void pf_rival_receiver_stop(pf_rival_receiver *receiver);
/* Access units that were handed on. */
uint64_t pf_rival_receiver_units(const pf_rival_receiver *receiver);
void pf_rival_receiver_close(pf_rival_receiver *receiver);

#endif

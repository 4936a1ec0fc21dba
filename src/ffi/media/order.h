/*
 * In which order, and when, a receiver's frames are delivered. Pure but for the sink and the event
 * queue: the caller tells the time.
 *
 *   next                 end
 *    v                    v
 *    | hole | held | held |        `next` is incomplete: what is behind it waits
 *
 * What ends the waiting:
 *  - the frame completes: it and what is complete behind it is delivered;
 *  - a keyframe behind it completes: it is delivered at once; before it, incomplete frames are
 *    lost, complete ones skipped;
 *  - the frame is overdue (something newer began, or a tip named it) for the loss window: it is
 *    lost;
 *  - the window moves past it: it is lost.
 * After a loss, and at the start, frames are skipped until a keyframe: a decoder would show
 * garbage.
 */
#ifndef PF_ORDER_H
#define PF_ORDER_H
#include "assembly.h"
#include "receive.h"

/* Whether a frame of this index may be: not before the window, and not further ahead than a
 * sender of PF_REFRESH_HZ_MAX frames a second can be. PF_E_REPLAY: before; PF_E_BOUNDS: ahead. */
pf_result pf_order_check(const pf_receive *receive, uint32_t frame, uint64_t now_ns);
/* A frame that pf_order_check let pass is known of: moves the window so that it lies in it. */
void pf_order_begin(pf_receive *receive, uint32_t frame, uint64_t now_ns);
/* Everything up to `frame` was sent: it is overdue if it is not complete. */
void pf_order_sent(pf_receive *receive, uint32_t frame, uint64_t now_ns);
/* Delivers what can be delivered. After each change. */
void pf_order_settle(pf_receive *receive, uint64_t now_ns);
/* Runs what is due; returns when the next thing is, UINT64_MAX = nothing. */
uint64_t pf_order_tick(pf_receive *receive, uint64_t now_ns);

/* Reads the header of a complete frame; false when it contradicts itself. */
bool pf_order_read_header(const pf_assembly *assembly, pf_frame_header *header);

#endif

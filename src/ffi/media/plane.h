/*
 * The planes of small packets, as sound's: what a stage pushes goes out sealed, and what comes is
 * pushed to a stage. What a packet means is those stages' business.
 */
#ifndef PF_PLANE_H
#define PF_PLANE_H
#include "session.h"

/* Sends pf_packets. config: session and plane; PF_E_ARGUMENT for another plane than audio and
 * microphone. It has no thread: who pushes sends, and waits while another burst leaves. */
typedef struct pf_plane_send pf_plane_send;
pf_result pf_plane_send_open(const pf_plane_config *config, pf_plane_send **out);
void pf_plane_send_close(pf_plane_send *send);
/* Takes pf_packets of at most PF_SESSION_BODY_BYTES from one thread; longer ones are dropped. */
void pf_plane_send_sink(pf_plane_send *send, pf_sink *out);
const void *pf_plane_send_counters_block(pf_plane_send *send);

/* Pushes each packet of a plane as a pf_packet, on the receiving thread, from open to close. */
typedef struct pf_plane_receive pf_plane_receive;
pf_result pf_plane_receive_open(const pf_plane_config *config, pf_plane_receive **out);
void pf_plane_receive_close(pf_plane_receive *receive);

#endif

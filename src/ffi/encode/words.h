/*
 * libav's own words about a failure, caught from its log. libav has one log callback in a process,
 * whichever library sets it last, and the kernels are libraries of their own: so the callback,
 * which is the same code in all of them, finds its place through the context that complains: every
 * AVCodecContext of ours has `opaque` pointing to a pf_words. Nothing of the log reaches stderr.
 */
#ifndef PF_WORDS_H
#define PF_WORDS_H
#include "../common/common.h"

typedef struct pf_words {
  char text[240]; /* the first error since it was cleared, without the line end; empty = none */
} pf_words;

/* Takes libav's log for this process; once is enough, more does no harm. */
void pf_words_listen(void);

/* pf_fail with libav's words, or with the meaning of `error` (an AVERROR) where it said nothing. */
pf_result pf_words_fail(pf_result result, const pf_words *words, int error, const char *what);

#endif

#include "words.h"

#include <libavcodec/avcodec.h>
#include <stdio.h>
#include <string.h>

static void listen(void *context, int level, const char *format, va_list arguments) {
  if (level > AV_LOG_ERROR || context == NULL) return;
  const AVClass *class = *(const AVClass **)context;
  if (class == NULL || strcmp(class->class_name, "AVCodecContext") != 0) return;
  pf_words *words = ((const AVCodecContext *)context)->opaque;
  if (words == NULL || words->text[0] != 0) return;
  vsnprintf(words->text, sizeof words->text, format, arguments);
  size_t length = strlen(words->text);
  while (length > 0 && strchr("\n. ", words->text[length - 1]) != NULL) words->text[--length] = 0;
}

void pf_words_listen(void) { av_log_set_callback(listen); }

pf_result pf_words_fail(pf_result result, const pf_words *words, int error, const char *what) {
  char meaning[AV_ERROR_MAX_STRING_SIZE] = "";
  av_strerror(error, meaning, sizeof meaning);
  return pf_fail(result, "%s: %s", what, words->text[0] != 0 ? words->text : meaning);
}

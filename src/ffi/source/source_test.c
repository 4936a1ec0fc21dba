/* Draws and reads back at odd modes, and runs the source against a consumer that keeps pictures:
 * what matters is that the sanitizers find nothing. Prints what failed and exits 1. */
#include "source.h"

#include <stdio.h>
#include <stdlib.h>

#define EXPECT(condition)                                          \
  do {                                                             \
    if (!(condition)) {                                            \
      fprintf(stderr, "line %d: %s\n", __LINE__, #condition);      \
      exit(1);                                                     \
    }                                                              \
  } while (0)

static void draws_inside(uint32_t width, uint32_t height) {
  uint8_t *pixels = malloc((size_t)width * height * 4);
  for (uint32_t pattern = 0; pattern < 3; pattern++) {
    for (uint64_t number = 0; number < 3; number++) {
      uint64_t at = UINT64_MAX - number * 1000003, capture_ns = 0;
      uint32_t frame = 0;
      EXPECT(pf_source_render(at, 77, pattern, width, height, pixels, width * 4) == PF_OK);
      EXPECT(pf_marker_find(pixels + 1, 4, width * 4, width, height, &frame, &capture_ns) == 0);
      EXPECT(frame == pf_marker_frame(0, at) && capture_ns == 77);
    }
  }
  free(pixels);
}

typedef struct keeper {
  pf_picture *kept[2];
  uint32_t count;
} keeper;

static void keep(void *context, void *item) {
  keeper *self = context;
  pf_picture **slot = &self->kept[self->count++ % 2];
  if (*slot != NULL) pf_picture_release(*slot);
  pf_picture_retain(item);
  *slot = item;
}

static void runs_against_a_keeper(void) {
  keeper self = {0};
  pf_source_config config = {.sink_push = (void *)(uintptr_t)keep,
                             .sink_context = &self,
                             .width = 64,
                             .height = 66,
                             .refresh_mhz = 1000000,
                             .frame_limit = 50};
  pf_source *source = NULL;
  EXPECT(pf_source_open(&config, &source) == PF_OK);
  EXPECT(pf_source_start(source) == PF_OK);
  const pf_source_counters *counters = pf_source_counters_block(source);
  for (int i = 0; i < 2000; i++) {
    uint64_t done = __atomic_load_n(&counters->frames, __ATOMIC_RELAXED) +
                    __atomic_load_n(&counters->frames_dropped, __ATOMIC_RELAXED);
    if (done >= 50) break;
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  }
  pf_source_stop(source);
  EXPECT(counters->frames + counters->frames_dropped == 50);
  EXPECT(counters->frames == self.count);
  for (int i = 0; i < 2; i++)
    if (self.kept[i] != NULL) pf_picture_release(self.kept[i]);
  pf_source_close(source);
}

int main(void) {
  static const uint32_t modes[][2] = {{64, 64}, {64, 1000}, {1366, 768}, {66, 98}, {4096, 64}};
  for (size_t i = 0; i < PF_ARRAY_COUNT(modes); i++) draws_inside(modes[i][0], modes[i][1]);
  runs_against_a_keeper();
  return 0;
}

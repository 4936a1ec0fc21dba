/* media_test units|receive|losses|stream|probe, or media_test bench …, see bench_test.c. */
#include "testing.h"

#include <string.h>

int main(int argc, char **argv) {
  const char *group = argc > 1 ? argv[1] : "";
  if (strcmp(group, "units") == 0) pf_test_units();
  else if (strcmp(group, "receive") == 0) pf_test_receive();
  else if (strcmp(group, "losses") == 0) pf_test_loss_report();
  else if (strcmp(group, "stream") == 0) pf_test_stream();
  else if (strcmp(group, "probe") == 0) pf_test_probe();
  else if (strcmp(group, "bench") == 0) pf_test_bench(argc - 2, argv + 2);
  else return 2;
  return 0;
}

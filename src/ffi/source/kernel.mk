LIBRARIES += source
source_SOURCES := source/source.c source/pattern.c source/card.c source/marker.c
pattern_CFLAGS := -O3

C_TESTS += source_test
source_test_SOURCES := source/source_test.c $(source_SOURCES)

LIBRARIES += screencast
screencast_SOURCES := screencast/screencast.c screencast/stream.c screencast/deliver.c \
  screencast/buffers.c screencast/format.c screencast/meta.c screencast/picture.c \
  pipewire/connection.c
screencast_PACKAGES := libpipewire-0.3

C_TESTS += producer_test
producer_test_SOURCES := screencast/producer_test.c pipewire/connection.c
producer_test_PACKAGES := $(screencast_PACKAGES)

C_TESTS += screencast_test
screencast_test_SOURCES := screencast/screencast_test.c $(screencast_SOURCES)
screencast_test_PACKAGES := $(screencast_PACKAGES)

FUZZERS += meta_fuzz
meta_fuzz_SOURCES := screencast/meta_fuzz.c screencast/meta.c screencast/picture.c
meta_fuzz_PACKAGES := $(screencast_PACKAGES)

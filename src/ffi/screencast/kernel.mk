LIBRARIES += screencast
screencast_SOURCES := screencast/screencast.c screencast/stream.c screencast/deliver.c \
  screencast/buffers.c screencast/format.c screencast/meta.c screencast/picture.c \
  pipewire/connection.c
screencast_PACKAGES := libpipewire-0.3

C_TESTS += producer_test
producer_test_SOURCES := screencast/producer_test.c pipewire/connection.c
producer_test_PACKAGES := $(screencast_PACKAGES)

LIBRARIES += screencast
screencast_SOURCES := screencast/screencast.c screencast/stream.c screencast/deliver.c \
  screencast/buffers.c screencast/format.c screencast/meta.c screencast/picture.c \
  pipewire/connection.c
screencast_PACKAGES := libpipewire-0.3

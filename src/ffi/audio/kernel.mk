SOUND_CORE := audio/packet.c audio/coding.c audio/jitter.c audio/stretch.c
SOUND_SOURCES := $(SOUND_CORE) audio/node.c audio/sound_send.c audio/sound_receive.c \
  pipewire/connection.c
# What is done for each sample is done by all that the processor has at once.
stretch_CFLAGS := -O3

LIBRARIES += sound
sound_SOURCES := $(SOUND_SOURCES)
sound_PACKAGES := libpipewire-0.3 opus

LIBRARIES += speaker
speaker_SOURCES := audio/speaker.c
speaker_PACKAGES := sdl2

C_TESTS += sound_test
sound_test_SOURCES := audio/sound_test.c $(SOUND_CORE)
sound_test_PACKAGES := opus

FUZZERS += sound_fuzz
sound_fuzz_SOURCES := audio/sound_fuzz.c $(SOUND_SOURCES)
sound_fuzz_PACKAGES := libpipewire-0.3 opus

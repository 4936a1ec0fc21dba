LIBRARIES += ei
ei_SOURCES := ei/devices.c ei/server.c input/input.c input/queue.c input/keymap.c input/chord.c
ei_PACKAGES := libei-1.0 xkbcommon

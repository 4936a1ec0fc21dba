LIBRARIES += pipewire
pipewire_SOURCES := pipewire/connection.c pipewire/probe.c
pipewire_PACKAGES := libpipewire-0.3

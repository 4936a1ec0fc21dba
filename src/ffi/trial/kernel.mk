LIBRARIES += trial
trial_SOURCES := trial/sink.c trial/opus.c pipewire/connection.c
trial_PACKAGES := libpipewire-0.3 opus

LIBRARIES += kwin
PROTOCOLS += zkde-screencast-unstable-v1 fake-input kde-output-device-v2 kde-output-management-v2
kwin_SOURCES := kwin/kwin.c kwin/outputs.c kwin/fake_input.c kwin/region.c input/input.c \
  input/queue.c input/keymap.c input/chord.c wayland/wayland.c wayland/output.c
kwin_PACKAGES := wayland-client xkbcommon
kwin_PROTOCOLS := zkde-screencast-unstable-v1 fake-input kde-output-device-v2 \
  kde-output-management-v2 xdg-output-unstable-v1

LIBRARIES += capture
PROTOCOLS += wlr-screencopy-unstable-v1 xdg-output-unstable-v1
capture_SOURCES := capture/capture.c capture/copy.c capture/pool.c wayland/wayland.c wayland/output.c
capture_PACKAGES := wayland-client
capture_PROTOCOLS := wlr-screencopy-unstable-v1 xdg-output-unstable-v1

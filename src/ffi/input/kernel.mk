LIBRARIES += input
PROTOCOLS += virtual-keyboard-unstable-v1 wlr-virtual-pointer-unstable-v1
input_SOURCES := input/input.c input/wlroots.c input/keymap.c input/queue.c \
  wayland/wayland.c wayland/output.c
input_PACKAGES := wayland-client xkbcommon
input_PROTOCOLS := virtual-keyboard-unstable-v1 wlr-virtual-pointer-unstable-v1 \
  xdg-output-unstable-v1

C_TESTS += input_queue_test
input_queue_test_SOURCES := input/queue_test.c input/queue.c

C_TESTS += input_test
input_test_SOURCES := input/input_test.c $(input_SOURCES)
input_test_PACKAGES := $(input_PACKAGES)
input_test_PROTOCOLS := $(input_PROTOCOLS)

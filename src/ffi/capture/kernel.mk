LIBRARIES += capture
PROTOCOLS += wlr-screencopy-unstable-v1 xdg-output-unstable-v1 ext-image-copy-capture-v1 \
  ext-image-capture-source-v1 ext-foreign-toplevel-list-v1
capture_SOURCES := capture/capture.c capture/copy.c capture/screencopy.c capture/image_copy.c \
  capture/pool.c wayland/wayland.c wayland/output.c
capture_PACKAGES := wayland-client
capture_PROTOCOLS := wlr-screencopy-unstable-v1 xdg-output-unstable-v1 \
  ext-image-copy-capture-v1 ext-image-capture-source-v1 ext-foreign-toplevel-list-v1

C_TESTS += capture_test
capture_test_SOURCES := capture/capture_test.c $(capture_SOURCES)
capture_test_PACKAGES := $(capture_PACKAGES)
capture_test_PROTOCOLS := $(capture_PROTOCOLS)

# A compositor for tests that has the newer protocol alone.
$(BUILD)/object/image_copy_peer/capture/image_copy_peer.o: | $(foreach \
  name,ext-image-copy-capture-v1 ext-image-capture-source-v1,$(BUILD)/protocols/$(name)-server.h)

C_TESTS += image_copy_peer
image_copy_peer_SOURCES := capture/image_copy_peer.c
image_copy_peer_PACKAGES := wayland-server
image_copy_peer_PROTOCOLS := ext-image-copy-capture-v1 ext-image-capture-source-v1 \
  ext-foreign-toplevel-list-v1

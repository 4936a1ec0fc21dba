LIBRARIES += kwin
PROTOCOLS += zkde-screencast-unstable-v1 fake-input kde-output-device-v2 kde-output-management-v2
kwin_SOURCES := kwin/kwin.c kwin/outputs.c kwin/fake_input.c kwin/region.c input/input.c \
  input/queue.c input/keymap.c input/chord.c wayland/wayland.c wayland/output.c
kwin_PACKAGES := wayland-client xkbcommon
kwin_PROTOCOLS := zkde-screencast-unstable-v1 fake-input kde-output-device-v2 \
  kde-output-management-v2 xdg-output-unstable-v1

# A peer for tests: the same protocols from the other side.
kwin_SERVER_HEADERS := $(foreach name,zkde-screencast-unstable-v1 kde-output-device-v2 \
  kde-output-management-v2,$(BUILD)/protocols/$(name)-server.h)
$(BUILD)/protocols/%-server.h: protocols/%.xml
	@mkdir -p $(@D)
	wayland-scanner server-header $< $@
$(BUILD)/object/kwin_peer/kwin/kwin_peer.o: | $(kwin_SERVER_HEADERS)

C_TESTS += kwin_peer
kwin_peer_SOURCES := kwin/kwin_peer.c
kwin_peer_PACKAGES := wayland-server
kwin_peer_PROTOCOLS := zkde-screencast-unstable-v1 kde-output-device-v2 kde-output-management-v2

C_TESTS += kwin_test
kwin_test_SOURCES := kwin/kwin_test.c $(kwin_SOURCES)
kwin_test_PACKAGES := $(kwin_PACKAGES)
kwin_test_PROTOCOLS := $(kwin_PROTOCOLS)

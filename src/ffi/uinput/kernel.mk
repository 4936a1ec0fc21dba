LIBRARIES += uinput
uinput_SOURCES := uinput/devices.c uinput/device.c uinput/events.c input/input.c input/queue.c \
  input/keymap.c input/chord.c
uinput_PACKAGES := xkbcommon

C_TESTS += uinput_test
uinput_test_SOURCES := uinput/uinput_test.c uinput/events.c uinput/device.c input/keymap.c \
  input/chord.c
uinput_test_PACKAGES := xkbcommon

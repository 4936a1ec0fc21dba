LIBRARIES += x11
x11_SOURCES := x11/capture.c x11/screen.c x11/pool.c x11/cursor.c x11/devices.c x11/keys.c \
  x11/connection.c input/input.c input/queue.c
x11_PACKAGES := xcb xcb-shm xcb-damage xcb-xfixes xcb-xinput xcb-xtest

C_TESTS += x11_client
x11_client_SOURCES := x11/x11_client.c
x11_client_PACKAGES := x11

C_TESTS += x11_test
x11_test_SOURCES := x11/x11_test.c $(x11_SOURCES)
x11_test_PACKAGES := $(x11_PACKAGES)

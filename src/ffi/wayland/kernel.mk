C_TESTS += desktop_client
PROTOCOLS += xdg-shell
desktop_client_SOURCES := wayland/desktop_client.c wayland/desktop_client_input.c
desktop_client_PACKAGES := wayland-client xkbcommon
desktop_client_PROTOCOLS := xdg-shell

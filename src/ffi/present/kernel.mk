LIBRARIES += present window testcard
present_SOURCES := present/none.c present/frontend.c
window_SOURCES := present/window.c present/window_draw.c present/window_input.c present/frontend.c
window_PACKAGES := sdl2 SDL2_ttf
testcard_SOURCES := present/testcard.c

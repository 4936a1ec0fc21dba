LIBRARIES += present window testcard
present_SOURCES := present/none.c present/frontend.c
window_SOURCES := present/window.c present/window_loop.c present/window_draw.c \
  present/window_gpu.c present/window_cpu.c present/window_input.c present/pixels.c \
  present/frontend.c
window_PACKAGES := sdl2 SDL2_ttf
window_LIBS := -lyuv
testcard_SOURCES := present/testcard.c

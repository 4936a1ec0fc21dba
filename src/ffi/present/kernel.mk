LIBRARIES += window terminal testcard
window_SOURCES := present/window.c present/window_loop.c present/window_draw.c \
  present/window_gpu.c present/window_cpu.c present/window_input.c present/window_touch.c \
  present/window_wait.c \
  present/pixels.c present/bt709.c present/frontend.c
window_PACKAGES := sdl2 SDL2_ttf
window_LIBS := -lyuv
terminal_SOURCES := present/terminal.c present/terminal_tty.c present/terminal_canvas.c \
  present/terminal_input.c present/terminal_keys.c \
  present/pixels.c present/bt709.c present/frontend.c
terminal_PACKAGES := chafa
terminal_LIBS := -lyuv
testcard_SOURCES := present/testcard.c

C_TESTS += present_test
present_test_SOURCES := present/present_test.c present/testcard.c $(terminal_SOURCES)
present_test_PACKAGES := $(terminal_PACKAGES)
present_test_LIBS := $(terminal_LIBS)

C_TESTS += terminal_keys_test
terminal_keys_test_SOURCES := present/terminal_keys_test.c present/terminal_keys.c

FUZZERS += terminal_keys_fuzz
terminal_keys_fuzz_SOURCES := present/terminal_keys_fuzz.c present/terminal_keys.c

LIBRARIES += decode
decode_SOURCES := decode/decode.c decode/decoder.c decode/unit_queue.c decode/tap.c decode/rgb.c \
  source/marker.c encode/words.c
decode_PACKAGES := libavcodec libavutil


C_TESTS += decode_test
decode_test_SOURCES := decode/decode_test.c $(decode_SOURCES) encode/encoder.c \
  encode/encoder_options.c encode/surface.c encode/convert.c encode/convert_scalar.c \
  encode/convert_avx2.c
decode_test_PACKAGES := $(decode_PACKAGES)

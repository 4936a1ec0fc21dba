LIBRARIES += decode
decode_SOURCES := decode/decode.c decode/decoder.c decode/unit_queue.c decode/tap.c decode/rgb.c \
  source/marker.c encode/words.c
decode_PACKAGES := libavcodec libavutil

C_TESTS += decode_test
# encode/ comes later: evaluated when it is there.
decode_test_SOURCES = $(sort decode/decode_test.c $(decode_SOURCES) \
  $(filter-out encode/encode.c,$(encode_SOURCES)))
decode_test_PACKAGES = $(sort $(decode_PACKAGES) $(encode_PACKAGES))

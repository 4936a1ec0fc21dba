LIBRARIES += decode
decode_SOURCES := decode/decode.c decode/decoder.c decode/unit_queue.c decode/tap.c decode/rgb.c \
  source/marker.c encode/words.c
decode_PACKAGES := libavcodec libavutil


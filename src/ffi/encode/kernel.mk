LIBRARIES += encode
encode_SOURCES := encode/encode.c encode/encoder.c encode/encoder_options.c encode/surface.c \
  encode/words.c encode/convert.c encode/convert_scalar.c encode/convert_avx2.c
encode_PACKAGES := libavcodec libavutil
ifeq ($(shell $(PKG_CONFIG) --exists libavfilter && echo yes),yes)
  encode_SOURCES += encode/import.c
  encode_PACKAGES += libavfilter
else
  encode_SOURCES += encode/import_none.c
endif
ifeq ($(shell uname -m),x86_64)
  convert_avx2_CFLAGS := -mavx2
endif

C_TESTS += convert_test encode_test
convert_test_SOURCES := encode/convert_test.c encode/convert.c encode/convert_scalar.c \
  encode/convert_avx2.c
encode_test_SOURCES := encode/encode_test.c $(encode_SOURCES)
encode_test_PACKAGES := $(encode_PACKAGES)

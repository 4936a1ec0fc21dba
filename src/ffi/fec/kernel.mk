# FEC_SOURCES is for every library that carries the erasure code.
FEC_SOURCES := fec/fec.c fec/decode.c fec/spread.c fec/field.c fec/gf8.c fec/kernels.c \
  fec/fec_scalar.c
# What -O3 unrolls are the loops over the rows of a pass, which must be in registers.
ifeq ($(VARIANT),release)
  FEC_UNROLL := -O3
endif
field_CFLAGS := $(FEC_UNROLL)
ifeq ($(shell uname -m),x86_64)
  FEC_SOURCES += fec/fec_ssse3.c fec/fec_avx2.c fec/fec_gfni.c fec/fec_avx512.c
  fec_ssse3_CFLAGS := $(FEC_UNROLL) -mssse3
  fec_avx2_CFLAGS := $(FEC_UNROLL) -mavx2
  fec_gfni_CFLAGS := $(FEC_UNROLL) -mavx2 -mgfni
  fec_avx512_CFLAGS := $(FEC_UNROLL) -mavx512f -mavx512bw -mgfni
endif
ifeq ($(shell uname -m),aarch64)
  FEC_SOURCES += fec/fec_neon.c
  fec_neon_CFLAGS := $(FEC_UNROLL)
endif

SHARED_SOURCES += $(FEC_SOURCES)

LIBRARIES += fec
fec_SOURCES := $(FEC_SOURCES)

C_TESTS += fec_test gf8_test
fec_test_SOURCES := fec/fec_test.c $(FEC_SOURCES)
gf8_test_SOURCES := fec/gf8_test.c $(FEC_SOURCES)
FUZZERS += fec_fuzz gf8_fuzz
fec_fuzz_SOURCES := fec/fec_fuzz.c $(FEC_SOURCES)
gf8_fuzz_SOURCES := fec/gf8_fuzz.c $(FEC_SOURCES)

MEDIA_SOURCES := media/port.c media/session.c media/loss.c media/blocks.c media/send.c \
  media/send_thread.c media/assembly.c media/pool.c media/order.c media/receive.c \
  udp/udp.c udp/address.c seal/seal.c seal/seal_ipsec_mb.c seal/seal_openssl.c seal/replay.c

LIBRARIES += media
media_SOURCES := $(MEDIA_SOURCES) $(FEC_SOURCES)

C_TESTS += media_bench receive_test stream_test media_units_test
media_bench_SOURCES := media/media_bench.c media/testing.c $(MEDIA_SOURCES) $(FEC_SOURCES)
receive_test_SOURCES := media/receive_test.c media/testing.c $(MEDIA_SOURCES) $(FEC_SOURCES)
stream_test_SOURCES := media/stream_test.c media/relay.c media/testing.c $(MEDIA_SOURCES) \
  $(FEC_SOURCES)
media_units_test_SOURCES := media/units_test.c media/testing.c $(MEDIA_SOURCES) $(FEC_SOURCES)

FUZZERS += media_fuzz
media_fuzz_SOURCES := media/media_fuzz.c media/testing.c $(MEDIA_SOURCES) $(FEC_SOURCES)

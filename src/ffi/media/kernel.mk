MEDIA_SOURCES := media/port.c media/session.c media/loss.c media/blocks.c media/send.c \
  media/send_thread.c media/assembly.c media/pool.c media/loss_report.c media/order.c \
  media/receive.c media/probe_filler.c media/probe_meter.c media/plane.c \
  udp/udp.c udp/address.c udp/queue.c \
  seal/seal.c seal/seal_ipsec_mb.c seal/seal_openssl.c seal/replay.c
SHARED_SOURCES += $(MEDIA_SOURCES)

LIBRARIES += media
media_SOURCES := $(MEDIA_SOURCES) $(FEC_SOURCES)

C_TESTS += media_test
media_test_SOURCES := media/media_test.c media/units_test.c media/receive_test.c \
  media/loss_report_test.c media/stream_test.c media/probe_test.c media/bench_test.c \
  media/relay.c media/testing.c $(MEDIA_SOURCES) $(FEC_SOURCES)

FUZZERS += media_fuzz
media_fuzz_SOURCES := media/media_fuzz.c media/testing.c $(MEDIA_SOURCES) $(FEC_SOURCES)

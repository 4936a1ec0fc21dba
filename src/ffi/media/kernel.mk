MEDIA_SOURCES := media/port.c media/session.c media/loss.c media/blocks.c media/send.c \
  media/send_thread.c media/assembly.c media/pool.c media/order.c media/receive.c \
  udp/udp.c udp/address.c seal/seal.c seal/seal_ipsec_mb.c seal/seal_openssl.c seal/replay.c

LIBRARIES += media
media_SOURCES := $(MEDIA_SOURCES) $(FEC_SOURCES)

C_TESTS += media_bench
media_bench_SOURCES := media/media_bench.c media/testing.c $(MEDIA_SOURCES) $(FEC_SOURCES)

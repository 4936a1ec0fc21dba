LIBRARIES += media
media_SOURCES := media/port.c media/session.c media/send.c media/assembly.c media/receive.c \
  udp/udp.c udp/address.c seal/seal.c seal/replay.c $(FEC_SOURCES)

LIBRARIES += rival
rival_SOURCES := rival/sender.c rival/receiver.c rival/depacketizer.c
rival_PACKAGES := libavformat libavcodec libavutil

C_TESTS += rival_test
rival_test_SOURCES := rival/depacketizer_test.c rival/depacketizer.c

FUZZERS += depacketizer_fuzz
depacketizer_fuzz_SOURCES := rival/depacketizer_fuzz.c rival/depacketizer.c

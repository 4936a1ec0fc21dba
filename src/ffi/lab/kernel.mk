# Everything that streams, as it is, but for two functions: the packets of the host stay in memory,
# and no thread asks for urgency.
LAB_SOURCES = lab/lab.c lab/ends.c lab/moonlight.c $(MEDIA_SOURCES) $(FEC_SOURCES)
LAB_LINK := -Wl,--wrap=pf_udp_send -Wl,--wrap=pf_thread_urgent

LIBRARIES += lab
lab_SOURCES = $(LAB_SOURCES)
lab_LIBS := $(LAB_LINK)

C_TESTS += lab_test
lab_test_SOURCES = lab/lab_test.c $(LAB_SOURCES)
lab_test_LIBS := $(LAB_LINK)

LIBRARIES += record
record_SOURCES := record/record.c record/muxer.c decode/unit_queue.c encode/words.c
record_PACKAGES := libavformat libavcodec libavutil

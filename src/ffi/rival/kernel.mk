LIBRARIES += rival
rival_SOURCES := rival/sender.c rival/receiver.c rival/depacketizer.c
rival_PACKAGES := libavformat libavcodec libavutil

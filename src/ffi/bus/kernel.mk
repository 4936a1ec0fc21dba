LIBRARIES += bus
bus_SOURCES := bus/bus.c

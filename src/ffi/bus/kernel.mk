LIBRARIES += bus
bus_SOURCES := bus/bus.c

C_TESTS += bus_test
bus_test_SOURCES := bus/bus_test.c bus/bus.c

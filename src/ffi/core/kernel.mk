LIBRARIES += core
core_SOURCES := core/core.c core/ports.c

LIBRARIES += core
core_SOURCES := core/core.c

PROGRAMS += pf_supervise
pf_supervise_SOURCES := supervise/supervise.c supervise/options.c supervise/tree.c supervise/folder.c

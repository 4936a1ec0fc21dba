LIBRARIES += present testcard
present_SOURCES := present/none.c present/frontend.c
testcard_SOURCES := present/testcard.c

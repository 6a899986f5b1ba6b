//! Ways in: the table SOURCES.

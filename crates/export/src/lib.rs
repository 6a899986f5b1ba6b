//! Ways out: the table FORMATS.

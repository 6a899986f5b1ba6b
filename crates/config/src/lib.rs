//! The instance file and system settings: parse, check, lower.

//! The wire contract: every record's schema and version, conversions, negotiation.

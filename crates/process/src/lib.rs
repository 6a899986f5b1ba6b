//! Child programs: spawn, framing, unread bytes, acknowledge, restart, kill with descendants.

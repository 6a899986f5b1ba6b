//! The durable store: logs, cursors, small state.

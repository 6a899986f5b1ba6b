//! Tests that need to see inside: a disk that forgets, and the store on it.

#[cfg(test)]
mod blocked;
#[cfg(test)]
mod damage;
mod damaged;
mod fake_files;
mod forged;
#[cfg(test)]
mod model;
mod reading;
mod script;

pub use damaged::check as check_damaged;
pub use forged::check as check_forged;

use uuid::Uuid;

use crate::Options;

/// Everything small, so that a few entries fill groups, segments and files.
fn tiny() -> Options {
    Options {
        group_interval_ms: 0,
        group_bytes: 2_000,
        pending_bytes: 8_000,
        tail_bytes: 3_000,
        store_bytes: 500,
        segment_bytes: 2_500,
        first_wal_bytes: 16 << 10,
        wal_bytes: 32 << 10,
        wal_files: 3,
        open_files: 2,
        idle_ms: 2,
        retry_ms: (1, 2),
        keep_free_bytes: Some(0),
    }
}

/// Of the log with that number.
fn id(log: u32) -> Uuid {
    Uuid::from_u128(u128::from(log) + 1)
}

#[cfg(test)]
mod replayed {
    #[test]
    fn damaged_stores() {
        watchpost_testkit::replay("journal_damaged", super::check_damaged);
    }

    #[test]
    fn forged_stores() {
        watchpost_testkit::replay("journal_forged", super::check_forged);
    }
}

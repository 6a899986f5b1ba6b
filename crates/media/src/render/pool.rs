//! Buffers for drawn pictures, used again and again.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;

/// Buffers that wait to be used again. What an encoder holds beyond that is made anew.
const MAX_SPARE: usize = 4;

/// Spare buffers, all of about one size.
#[derive(Default)]
pub(super) struct Pool {
    spare: Mutex<Vec<Vec<u8>>>,
}

/// A buffer that goes back when nobody reads it any more.
pub(super) struct PooledBytes {
    bytes: Vec<u8>,
    pool: Weak<Pool>,
}

impl Pool {
    /// A buffer of `length` bytes with any content.
    pub(super) fn take(self: &Arc<Self>, length: usize) -> PooledBytes {
        let spare = self.spare.lock().pop();
        let mut bytes = spare.unwrap_or_default();
        bytes.resize(length, 0);
        PooledBytes { bytes, pool: Arc::downgrade(self) }
    }
}

impl PooledBytes {
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl AsRef<[u8]> for PooledBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for PooledBytes {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.upgrade() {
            let mut spare = pool.spare.lock();
            if spare.len() < MAX_SPARE {
                spare.push(std::mem::take(&mut self.bytes));
            }
        }
    }
}

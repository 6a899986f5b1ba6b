//! How many messages the child has wholly read, from bytes written and bytes still in the pipe.

use std::collections::VecDeque;

/// Arithmetic only: no descriptor, no clock.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// Bytes handed to the pipe since the start.
    written: u64,
    /// Bytes the child has taken out of it.
    read: u64,
    /// End of the last message offered, in bytes since the start.
    offered_end: u64,
    /// Ends, in bytes since the start, of messages offered and not wholly read. Bounded by the pipe's size
    /// plus one batch.
    ends: VecDeque<u64>,
    /// Messages wholly read.
    through: u64,
}

impl Account {
    /// A message of so many bytes, its terminator included, is about to be written.
    pub(crate) fn offer(&mut self, bytes: usize) {
        self.offered_end += bytes as u64;
        self.ends.push_back(self.offered_end);
    }

    /// So many bytes were written.
    pub(crate) fn wrote(&mut self, bytes: usize) {
        self.written += bytes as u64;
    }

    /// So many bytes are in the pipe now. True if the child has read since the last call.
    pub(crate) fn in_pipe(&mut self, bytes: u64) -> bool {
        let read = self.written.saturating_sub(bytes);
        if read <= self.read {
            return false;
        }
        self.read = read;
        while self.ends.front().is_some_and(|end| *end <= read) {
            self.ends.pop_front();
            self.through += 1;
        }
        true
    }

    /// Messages wholly read, terminator included.
    pub(crate) fn through(&self) -> u64 {
        self.through
    }

    /// Messages offered.
    pub(crate) fn offered(&self) -> u64 {
        self.through + self.ends.len() as u64
    }

    /// Bytes written and not read.
    pub(crate) fn unread_bytes(&self) -> u64 {
        self.written - self.read
    }

    /// Bytes the child has read.
    pub(crate) fn read_bytes(&self) -> u64 {
        self.read
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against the plain definition: a message is through when its last byte is.
        #[test]
        fn counts_whole_messages(
            lengths in prop::collection::vec(1usize..50, 1..40),
            steps in prop::collection::vec((0u64..60, 0u64..60), 1..80),
        ) {
            let mut account = Account::default();
            let total: u64 = lengths.iter().map(|l| *l as u64).sum();
            lengths.iter().for_each(|length| account.offer(*length));
            prop_assert_eq!(account.offered(), lengths.len() as u64);
            let (mut written, mut read) = (0u64, 0u64);
            for (write, take) in steps {
                let write = write.min(total - written);
                account.wrote(write as usize);
                written += write;
                read += take.min(written - read);
                account.in_pipe(written - read);
                let mut end = 0;
                let through = lengths.iter().filter(|l| { end += **l as u64; end <= read }).count();
                prop_assert_eq!(account.through(), through as u64);
                prop_assert_eq!(account.unread_bytes(), written - read);
                prop_assert_eq!(account.offered(), lengths.len() as u64);
            }
        }
    }
}

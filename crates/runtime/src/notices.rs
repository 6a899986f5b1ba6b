//! What a person should know of an instance, on its way to become `diagnostics` records.
//!
//! Workers and the log's keeper notice things, but only the pipeline's thread puts records into the log: so
//! they pass the preprocess command like all others, in order, and nobody waits in a worker's place.

use std::collections::VecDeque;

use parking_lot::Mutex;
use watchpost_model::{Diagnostics, Severity};

use crate::status::ReceiverStatus;

/// More than come in the time between two frames, unless something tells of every record, which would be the
/// flood that these records are not to be: then the oldest stay, which tell how it began.
const MOST: usize = 64;

/// Notices of one instance.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    waiting: Mutex<VecDeque<Diagnostics>>,
}

impl Notices {
    pub fn tell(&self, severity: Severity, title: &str, message: String) {
        let mut waiting = self.waiting.lock();
        if waiting.len() < MOST {
            waiting.push_back(Diagnostics { severity, title: title.to_owned(), message });
        }
    }

    /// A receiver loses its oldest: shown at once, told once per episode.
    pub fn overflowing(&self, receiver: &ReceiverStatus, why: &str) {
        if receiver.overflows(why) {
            let message = format!("Export `{}` loses its oldest: {why}.", receiver.name);
            self.tell(Severity::Warning, "Export overflows", message);
        }
    }

    /// The next one, oldest first.
    pub fn next(&self) -> Option<Diagnostics> {
        self.waiting.lock().pop_front()
    }
}

//! Detections that are handed in while the source runs: the way of `POST .../detections`.

use std::{
    sync::{
        Arc,
        mpsc::{SyncSender, TrySendError},
    },
    thread,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use watchpost_config::LabelTable;

use super::{Read, lines::Lines, parse_line};

/// How often a full queue is tried again: the analysis takes some milliseconds for a line.
const TRY_EVERY: Duration = Duration::from_millis(2);
/// Refusals that one answer tells of; the others are only counted.
const MAX_TOLD: usize = 20;

/// Where detections are handed in for one instance. Made with the instance; takes lines while a source that
/// asks for them (`ndjson+post://`) runs. Cheap to clone.
#[derive(Clone, Default)]
pub struct Inlet {
    feed: Arc<Mutex<Option<Feed>>>,
}

struct Feed {
    lines: SyncSender<Read>,
    labels: LabelTable,
}

/// What became of a body of lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Posted {
    /// Lines that were taken.
    pub accepted: u64,
    /// Lines that were refused.
    pub refused: u64,
    /// The first of these, and single detections refused in lines that were taken: line number from 1, why.
    pub told: Vec<(u64, String)>,
    /// Bytes at the end of the body that were not looked at, since the analysis is behind: they are to be
    /// posted again.
    pub left_bytes: usize,
}

/// How a body holds its objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// One object in all of it.
    Object,
    /// One object a line.
    Lines,
}

/// No source that takes posted detections runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the instance does not take posted detections now")]
pub struct NotTaking;

impl Inlet {
    /// A source begins to take lines; one that did before no longer does.
    pub(super) fn attach(&self, lines: SyncSender<Read>, labels: LabelTable) {
        *self.feed.lock() = Some(Feed { lines, labels });
    }

    /// Hands in `body`, in order. Waits for a busy analysis, at most `timeout`.
    ///
    /// # Errors
    /// Nobody takes it: no such source runs.
    pub fn post(&self, body: &[u8], holds: Body, timeout: Duration) -> Result<Posted, NotTaking> {
        // Not held while waiting: it would keep a new source from taking the old one's place.
        let (lines, labels) = match &*self.feed.lock() {
            Some(feed) => (feed.lines.clone(), feed.labels.clone()),
            None => return Err(NotTaking),
        };
        let mut posting =
            Posting { lines, until: Instant::now() + timeout, posted: Posted::default(), gone: false };
        match holds {
            Body::Object => {
                let read = match parse_line(body.trim_ascii(), &labels) {
                    Ok(line) => Read::Line(1, line),
                    Err(error) => Read::Refused(1, error.0),
                };
                if !posting.take(read) {
                    posting.posted.left_bytes = body.len();
                }
            }
            Body::Lines => {
                let mut reading = Lines::new(&labels);
                let mut rest = body;
                while !rest.is_empty() {
                    let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
                    let taken = reading.push(&rest[..end], &mut |read| posting.take(read))
                        && (end < rest.len() || reading.finish(&mut |read| posting.take(read)));
                    if !taken {
                        posting.posted.left_bytes = rest.len();
                        break;
                    }
                    rest = &rest[end..];
                }
            }
        }
        if posting.gone {
            let mut feed = self.feed.lock();
            // Unless another has come meanwhile.
            if feed.as_ref().is_some_and(|feed| feed.lines.try_send(Read::Nothing).is_err_and(is_gone)) {
                *feed = None;
            }
            if posting.posted.accepted == 0 {
                return Err(NotTaking);
            }
        }
        Ok(posting.posted)
    }
}

struct Posting {
    lines: SyncSender<Read>,
    until: Instant,
    posted: Posted,
    gone: bool,
}

impl Posting {
    /// `false`: it was not taken, and nothing after it will be.
    fn take(&mut self, read: Read) -> bool {
        let told = match &read {
            Read::Line(number, line) => line.refused.iter().map(|why| (*number, why.clone())).collect(),
            Read::Refused(number, why) => vec![(*number, why.clone())],
            _ => Vec::new(),
        };
        let accepted = matches!(read, Read::Line(..));
        let mut read = read;
        loop {
            match self.lines.try_send(read) {
                Ok(()) => break,
                Err(TrySendError::Full(again)) if Instant::now() < self.until => read = again,
                Err(TrySendError::Full(_)) => return false,
                Err(TrySendError::Disconnected(_)) => {
                    self.gone = true;
                    return false;
                }
            }
            thread::park_timeout(TRY_EVERY);
        }
        let room = MAX_TOLD.saturating_sub(self.posted.told.len());
        self.posted.told.extend(told.into_iter().take(room));
        *(if accepted { &mut self.posted.accepted } else { &mut self.posted.refused }) += 1;
        true
    }
}

fn is_gone(error: TrySendError<Read>) -> bool {
    matches!(error, TrySendError::Disconnected(_))
}

impl std::fmt::Debug for Inlet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let taking = self.feed.lock().is_some();
        f.debug_struct("Inlet").field("taking", &taking).finish()
    }
}

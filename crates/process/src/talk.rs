//! The last lines of a program over all its lives: what it said before it died is what people look for when its next
//! life has begun.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use parking_lot::Mutex;

use crate::log::{LogLine, Origin};

/// Lines kept: what one death with its traceback leaves, several times over.
pub const TALK_LINES: usize = 100;

/// Longest line kept, in bytes; the rest is cut off. All lines of one program are 100 kB at most, for there may be
/// hundreds of programs.
pub const TALK_LINE_MAX_BYTES: usize = 1000;

/// See the module. Cheap to clone: all clones are one. Without a line it takes no memory to speak of.
#[derive(Clone, Debug, Default)]
pub struct Talk(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    lines: Mutex<VecDeque<LogLine>>,
    lives: AtomicU64,
}

impl Talk {
    /// The lines, oldest first.
    pub fn lines(&self) -> Vec<LogLine> {
        self.0.lines.lock().iter().cloned().collect()
    }

    /// How often the program was started.
    pub fn lives(&self) -> u64 {
        self.0.lives.load(Ordering::Relaxed)
    }

    pub(crate) fn begins(&self) {
        self.0.lives.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn push(&self, origin: Origin, text: &str) {
        let mut end = text.len().min(TALK_LINE_MAX_BYTES);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let mut kept = text[..end].to_owned();
        if end < text.len() {
            kept.push_str(" ...");
        }
        let mut lines = self.0.lines.lock();
        if lines.len() == TALK_LINES {
            lines.pop_front();
        }
        lines.push_back(LogLine { at: SystemTime::now(), origin, text: kept });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_stay_and_none_is_long() {
        let talk = Talk::default();
        let same = talk.clone();
        for n in 0..TALK_LINES + 3 {
            talk.push(Origin::Stderr, &format!("line {n}"));
        }
        talk.push(Origin::Stdout, &"ä".repeat(TALK_LINE_MAX_BYTES));
        let lines = same.lines();
        assert_eq!((lines.len(), lines[0].text.as_str()), (TALK_LINES, "line 4"));
        let last = &lines[TALK_LINES - 1];
        assert_eq!(last.text, format!("{} ...", "ä".repeat(TALK_LINE_MAX_BYTES / 2)));
    }
}

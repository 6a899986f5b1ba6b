//! What a child says for people: to `tracing` at a bounded rate, and the last lines kept for showing.

use std::collections::VecDeque;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;

use crate::masked::Secrets;
use crate::spec::Spec;
use crate::talk::Talk;

/// Lines of one child that go to the log per second; the others are counted. A child that prints in a loop
/// must not fill the disk with its log.
pub const LOG_LINES_PER_S: u32 = 20;

/// Lines kept for showing.
pub const RECENT_LINES: usize = 200;

/// Longest line logged or kept, in bytes; the rest is cut off.
pub const LOG_LINE_MAX_BYTES: usize = 4096;

const WINDOW: Duration = Duration::from_secs(1);

/// Where a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// STDOUT, but no answer.
    Stdout,
    /// STDERR.
    Stderr,
    /// Watchpost, about this child.
    Watchpost,
}

impl Origin {
    /// `stdout`, `stderr` or `watchpost`.
    pub const fn name(self) -> &'static str {
        match self {
            Origin::Stdout => "stdout",
            Origin::Stderr => "stderr",
            Origin::Watchpost => "watchpost",
        }
    }
}

/// A line of the child's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When it was read.
    pub at: SystemTime,
    /// Where it came from.
    pub origin: Origin,
    /// Its text; what was not UTF-8 is replaced.
    pub text: String,
}

#[derive(Debug)]
pub(crate) struct ChildLog {
    name: String,
    secrets: Secrets,
    /// Where lines are kept beyond this life.
    talk: Talk,
    /// Who started it: its lines are theirs.
    span: tracing::Span,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    recent: VecDeque<LogLine>,
    window: Instant,
    passed: u32,
    suppressed: u64,
}

impl ChildLog {
    pub(crate) fn new(spec: &Spec) -> ChildLog {
        let state = State { recent: VecDeque::new(), window: Instant::now(), passed: 0, suppressed: 0 };
        let (secrets, talk) = (spec.secrets.clone(), spec.talk.clone());
        ChildLog {
            name: spec.name.clone(),
            secrets,
            talk,
            span: tracing::Span::current(),
            state: Mutex::new(state),
        }
    }

    /// Keeps a line and logs it unless there were too many. `bytes` is its whole length.
    pub(crate) fn line(&self, origin: Origin, line: &[u8], bytes: u64) {
        let shown = &line[..line.len().min(LOG_LINE_MAX_BYTES)];
        let cut = bytes > shown.len() as u64;
        let mut text = self.masked(String::from_utf8_lossy(shown.trim_ascii_end()).into_owned(), cut);
        if cut {
            text.push_str(&format!(" ... ({bytes} bytes)"));
        }
        self.talk.push(origin, &text);
        self.flush();
        let mut state = self.state.lock();
        let pass = state.passed < LOG_LINES_PER_S;
        if pass {
            state.passed += 1;
        } else {
            state.suppressed += 1;
        }
        if state.recent.len() == RECENT_LINES {
            state.recent.pop_front();
        }
        state.recent.push_back(LogLine { at: SystemTime::now(), origin, text: text.clone() });
        drop(state);
        if pass {
            let _theirs = self.span.enter();
            match origin {
                Origin::Watchpost => tracing::warn!(child = self.name, "{text}"),
                _ => tracing::info!(child = self.name, from = origin.name(), "{text}"),
            }
        }
    }

    /// `text` without the child's secrets. `cut`: more text followed.
    pub(crate) fn masked(&self, text: String, cut: bool) -> String {
        self.secrets.mask(text, cut)
    }

    /// Something about the child's life, for whoever looks at its last lines: no news for the log.
    pub(crate) fn tell(&self, text: &str) {
        self.talk.push(Origin::Watchpost, &self.masked(text.to_owned(), false));
    }

    /// Something about the child worth saying.
    pub(crate) fn note(&self, text: &str) {
        self.line(Origin::Watchpost, text.as_bytes(), text.len() as u64);
    }

    /// Begins a new second if the last is over, and says how many lines it lost. True while some are unsaid.
    pub(crate) fn flush(&self) -> bool {
        let mut state = self.state.lock();
        if state.window.elapsed() >= WINDOW {
            state.window = Instant::now();
            state.passed = 0;
            let suppressed = std::mem::take(&mut state.suppressed);
            drop(state);
            if suppressed > 0 {
                let _theirs = self.span.enter();
                tracing::warn!(child = self.name, suppressed, "lines not logged, over {LOG_LINES_PER_S}/s");
            }
            return false;
        }
        state.suppressed > 0
    }

    pub(crate) fn recent(&self) -> Vec<LogLine> {
        self.state.lock().recent.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_last_lines_whatever_their_bytes() {
        let mut spec = Spec::of_words("x", vec!["x".to_owned()], "/".as_ref());
        spec.secrets = Secrets::new(["hunter2"]);
        let log = ChildLog::new(&spec);
        for n in 0..RECENT_LINES + 5 {
            log.line(Origin::Stderr, format!("line {n}\r").as_bytes(), 0);
        }
        log.line(Origin::Stdout, b"login hunter2\xff", 14);
        log.line(Origin::Stdout, b"\xff\xfe", 2);
        log.line(Origin::Stdout, &[b'a'; LOG_LINE_MAX_BYTES + 1], 9999);
        let recent = log.recent();
        assert_eq!(recent.len(), RECENT_LINES);
        assert_eq!(recent[0].text, "line 8");
        assert_eq!(recent[RECENT_LINES - 3].text, "login ***\u{fffd}");
        assert_eq!(recent[RECENT_LINES - 2].text, "\u{fffd}\u{fffd}");
        assert!(recent[RECENT_LINES - 1].text.ends_with("a ... (9999 bytes)"));
        assert!(log.flush(), "what was not logged is still to be said");
        log.tell("exited");
        let kept = spec.talk.lines();
        assert_eq!(kept[kept.len() - 4].text, "login ***\u{fffd}");
        assert!(kept[kept.len() - 2].text.starts_with("aaa") && kept[kept.len() - 1].text == "exited");
    }
}

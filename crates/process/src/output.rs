//! The child's STDOUT and STDERR: read as they come, never kept without a bound.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::net::unix::pipe;
use tokio::sync::Notify;

use crate::answers::{Answer, answer};
use crate::feed::Feed;
use crate::lines::{Piece, Splitter};
use crate::log::{ChildLog, LOG_LINE_MAX_BYTES, Origin};

/// Bytes taken out of a pipe at once: records come in quantity, talk does not.
const CHUNK_BYTES: usize = 64 * 1024;
const TALK_CHUNK_BYTES: usize = 8 * 1024;

/// Bytes per second of talk (lines that only go to the log) that are read: reading a flood costs a core, and
/// the other instances need it. A child that says more is slowed down by its own full pipe.
const TALK_BYTES_PER_S: usize = 8 << 20;

/// Bytes of lines that wait for the caller before reading pauses; one line may be over it.
const LINES_WAITING_BYTES: usize = 4 << 20;

/// A line of [`Stdout::Lines`](crate::Stdout::Lines).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// Its bytes, without the newline.
    Text(Bytes),
    /// What came last, without a newline behind it: from a program that writes none at its end, or one that
    /// was killed while it wrote.
    Unfinished(Bytes),
    /// It was over the bound and is not kept.
    TooLong {
        /// Its beginning, for the log.
        start: String,
        /// Its length in bytes.
        bytes: u64,
    },
}

/// What comes out of the child for the caller.
#[derive(Debug)]
pub(crate) struct Output {
    state: Mutex<State>,
    ready: Notify,
    taken: Notify,
}

#[derive(Debug)]
struct State {
    lines: VecDeque<Line>,
    waiting_bytes: usize,
    answers: VecDeque<Answer>,
    last: Instant,
    ended: bool,
}

impl Output {
    pub(crate) fn new() -> Arc<Output> {
        let state = State {
            lines: VecDeque::new(),
            waiting_bytes: 0,
            answers: VecDeque::new(),
            last: Instant::now(),
            ended: false,
        };
        Arc::new(Output { state: Mutex::new(state), ready: Notify::new(), taken: Notify::new() })
    }

    /// All lines there are; waits for the first, and is empty only when STDOUT has ended.
    pub(crate) async fn lines(&self) -> Vec<Line> {
        loop {
            let ready = self.ready.notified();
            tokio::pin!(ready);
            ready.as_mut().enable();
            {
                let mut state = self.state.lock();
                if !state.lines.is_empty() || state.ended {
                    state.waiting_bytes = 0;
                    let lines = state.lines.drain(..).collect();
                    drop(state);
                    self.taken.notify_one();
                    return lines;
                }
            }
            ready.await;
        }
    }

    pub(crate) fn take_answers(&self) -> Vec<Answer> {
        self.state.lock().answers.drain(..).collect()
    }

    /// When the child last wrote to STDOUT, or was started.
    pub(crate) fn last(&self) -> Instant {
        self.state.lock().last
    }

    pub(crate) fn end(&self) {
        self.state.lock().ended = true;
        self.ready.notify_waiters();
    }
}

/// Reads answers; other lines are talk.
pub(crate) async fn read_answers(
    mut pipe: pipe::Receiver,
    output: Arc<Output>,
    feed: Arc<Feed>,
    log: Arc<ChildLog>,
) {
    let mut splitter = Splitter::new(LOG_LINE_MAX_BYTES);
    let mut reader = Reader::new(&log, TALK_CHUNK_BYTES);
    while let Some(chunk) = reader.next(&mut pipe).await {
        let mut answers = VecDeque::new();
        let mut talk = 0;
        splitter.push(chunk, |piece| match answer(&piece) {
            // Its reason is shown, and kept with a dead letter.
            Some(Answer::Error(reason)) => {
                let cut = matches!(piece, Piece::TooLong { .. });
                answers.push_back(Answer::Error(log.masked(reason, cut)));
            }
            Some(answer) => answers.push_back(answer),
            None => {
                talk += piece.len();
                say(&log, Origin::Stdout, &piece);
            }
        });
        // A cut-off answer at the end counts as none: its message goes again.
        let count = answers.len() as u64;
        if count > 0 {
            let counted = {
                // Held over the counting: whoever sees an answer counted finds it here.
                let mut state = output.state.lock();
                state.last = Instant::now();
                let counted = feed.answered(count);
                answers.truncate(usize::try_from(counted).unwrap_or(usize::MAX));
                state.answers.append(&mut answers);
                counted
            };
            if counted < count {
                log.note("it answered more messages than it was sent; the surplus answers are ignored");
            }
        }
        reader.slow_down(talk).await;
    }
    splitter.finish(|piece| say(&log, Origin::Stdout, &piece));
    output.end();
}

/// Reads lines for the caller, who slows the child down by not taking them.
pub(crate) async fn read_lines(
    mut pipe: pipe::Receiver,
    max_bytes: usize,
    output: Arc<Output>,
    log: Arc<ChildLog>,
) {
    let mut splitter = Splitter::new(max_bytes);
    let mut reader = Reader::new(&log, CHUNK_BYTES);
    let keep = |state: &mut State, piece: Piece<'_>| {
        let line = match piece {
            Piece::Line(line) => Line::Text(Bytes::copy_from_slice(line)),
            Piece::Unfinished(line) => Line::Unfinished(Bytes::copy_from_slice(line)),
            Piece::TooLong { start, bytes } => {
                log.note(&format!(
                    "a line of {bytes} bytes on STDOUT was skipped: at most {max_bytes} are kept"
                ));
                Line::TooLong { start: String::from_utf8_lossy(start).into_owned(), bytes }
            }
        };
        state.waiting_bytes += if let Line::Text(text) = &line { text.len() + 64 } else { 256 };
        state.lines.push_back(line);
    };
    while let Some(chunk) = reader.next(&mut pipe).await {
        let full = {
            let mut state = output.state.lock();
            state.last = Instant::now();
            splitter.push(chunk, |piece| keep(&mut state, piece));
            state.waiting_bytes > LINES_WAITING_BYTES
        };
        output.ready.notify_waiters();
        if full {
            while output.state.lock().waiting_bytes > LINES_WAITING_BYTES {
                output.taken.notified().await;
            }
        }
    }
    splitter.finish(|piece| keep(&mut output.state.lock(), piece));
    output.end();
}

/// Reads talk.
pub(crate) async fn read_talk(mut pipe: pipe::Receiver, origin: Origin, log: Arc<ChildLog>) {
    let mut splitter = Splitter::new(LOG_LINE_MAX_BYTES);
    let mut reader = Reader::new(&log, TALK_CHUNK_BYTES);
    while let Some(chunk) = reader.next(&mut pipe).await {
        let bytes = chunk.len();
        splitter.push(chunk, |piece| say(&log, origin, &piece));
        reader.slow_down(bytes).await;
    }
    splitter.finish(|piece| say(&log, origin, &piece));
}

fn say(log: &ChildLog, origin: Origin, piece: &Piece<'_>) {
    let (line, bytes) = match piece {
        Piece::Line(line) | Piece::Unfinished(line) => (*line, line.len() as u64),
        Piece::TooLong { start, bytes } => (*start, *bytes),
    };
    if !line.is_empty() {
        log.line(origin, line, bytes);
    }
}

struct Reader<'a> {
    log: &'a ChildLog,
    buffer: Vec<u8>,
    second: Instant,
    talk: usize,
}

impl<'a> Reader<'a> {
    fn new(log: &'a ChildLog, chunk_bytes: usize) -> Reader<'a> {
        Reader { log, buffer: vec![0; chunk_bytes], second: Instant::now(), talk: 0 }
    }

    /// The next chunk; `None` at the end.
    async fn next(&mut self, pipe: &mut pipe::Receiver) -> Option<&[u8]> {
        loop {
            match pipe.try_read(&mut self.buffer) {
                Ok(0) => return None,
                Ok(length) => {
                    tokio::task::consume_budget().await;
                    return Some(&self.buffer[..length]);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return None,
            }
            // Awake again after a second only to say how many lines were not logged.
            let pause = if self.log.flush() { Duration::from_secs(1) } else { Duration::MAX };
            if let Ok(Err(_)) = tokio::time::timeout(pause, pipe.readable()).await {
                return None;
            }
        }
    }

    async fn slow_down(&mut self, talk: usize) {
        if self.second.elapsed() >= Duration::from_secs(1) {
            self.second = Instant::now();
            self.talk = 0;
        }
        self.talk += talk;
        if self.talk > TALK_BYTES_PER_S {
            tokio::time::sleep(Duration::from_secs(1).saturating_sub(self.second.elapsed())).await;
        }
    }
}

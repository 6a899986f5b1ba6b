//! The short queue between the decoder's thread and whoever takes frames.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};

use super::DecodedFrame;
use crate::MediaError;

/// Frames that may wait: enough for decoding and analysis to overlap, little enough that a slow
/// consumer costs no memory and a live picture stays fresh.
const MAX_FRAMES: usize = 4;

/// Bytes that may wait (a 4K frame has 12 MB); one frame always may.
const MAX_BYTES: usize = 16 << 20;

/// What happens to a frame that finds the queue full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WhenFull {
    /// The decoder waits (pace `fast`).
    Wait,
    /// The oldest waiting frame goes, and is counted (live, pace `realtime`).
    SkipOldest,
}

/// How the stream stopped.
#[derive(Clone, Debug)]
pub(super) enum End {
    /// The demuxer said so.
    Stream,
    /// The pipeline failed.
    Failed(MediaError),
}

/// What [`FrameQueue::pop`] found.
pub(super) enum Popped {
    Frame(DecodedFrame),
    End(End),
    Nothing,
}

/// Lock order: this lock is taken alone; nothing of GStreamer is called under it.
pub(super) struct FrameQueue {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    frames: VecDeque<DecodedFrame>,
    bytes: usize,
    when_full: WhenFull,
    end: Option<End>,
    /// The consumer is gone, or the pipeline is about to be flushed: whoever waits gives up.
    closed: bool,
    skipped: u64,
    missing_plugin: Option<MediaError>,
}

impl FrameQueue {
    pub(super) fn new(when_full: WhenFull) -> Self {
        let state = State {
            frames: VecDeque::with_capacity(MAX_FRAMES),
            bytes: 0,
            when_full,
            end: None,
            closed: false,
            skipped: 0,
            missing_plugin: None,
        };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Adds a frame, waiting for room if so set. `Err`: the queue is closed, the frame is dropped.
    pub(super) fn push(&self, frame: DecodedFrame) -> Result<(), Closed> {
        let bytes = frame_bytes(&frame);
        let mut state = self.state.lock();
        while !state.closed && !state.frames.is_empty() && !state.has_room(bytes) {
            match state.when_full {
                WhenFull::Wait => self.changed.wait(&mut state),
                WhenFull::SkipOldest => {
                    state.take();
                    state.skipped += 1;
                }
            }
        }
        if state.closed {
            return Err(Closed);
        }
        state.bytes += bytes;
        state.frames.push_back(frame);
        self.changed.notify_all();
        Ok(())
    }

    /// The oldest frame; without one the end; without either nothing, after `timeout`.
    pub(super) fn pop(&self, timeout: Duration) -> Popped {
        let deadline = Instant::now() + timeout;
        let mut state = self.state.lock();
        loop {
            if let Some(frame) = state.take() {
                self.changed.notify_all();
                return Popped::Frame(frame);
            }
            if let Some(end) = &state.end {
                return Popped::End(end.clone());
            }
            if self.changed.wait_until(&mut state, deadline).timed_out() && state.idle() {
                return Popped::Nothing;
            }
        }
    }

    /// Waits until there is a frame (true) or the end or `timeout` (false).
    pub(super) fn wait_first(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut state = self.state.lock();
        while state.idle() && !self.changed.wait_until(&mut state, deadline).timed_out() {}
        !state.frames.is_empty()
    }

    /// Notes the end; the first one counts.
    pub(super) fn end(&self, end: End) {
        let mut state = self.state.lock();
        let end = match (end, &state.missing_plugin) {
            (End::Failed(_), Some(missing)) => End::Failed(missing.clone()),
            (end, _) => end,
        };
        state.end.get_or_insert(end);
        self.changed.notify_all();
    }

    /// Keeps why a plugin is missing: better words than those of the error that follows.
    pub(super) fn missing_plugin(&self, error: MediaError) {
        self.state.lock().missing_plugin.get_or_insert(error);
    }

    /// Ends all waiting; frames that are pushed from now on are dropped.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.frames.clear();
        state.bytes = 0;
        self.changed.notify_all();
    }

    /// Empty and open again, for the next loop of a file.
    pub(super) fn reopen(&self) {
        let mut state = self.state.lock();
        state.closed = false;
        state.end = None;
    }

    pub(super) fn set_when_full(&self, when_full: WhenFull) {
        self.state.lock().when_full = when_full;
        self.changed.notify_all();
    }

    pub(super) fn skipped(&self) -> u64 {
        self.state.lock().skipped
    }

    pub(super) fn len(&self) -> usize {
        self.state.lock().frames.len()
    }
}

/// The queue takes no more.
pub(super) struct Closed;

impl State {
    fn has_room(&self, bytes: usize) -> bool {
        self.frames.len() < MAX_FRAMES && self.bytes + bytes <= MAX_BYTES
    }

    fn take(&mut self) -> Option<DecodedFrame> {
        let frame = self.frames.pop_front()?;
        self.bytes -= frame_bytes(&frame);
        Some(frame)
    }

    fn idle(&self) -> bool {
        self.frames.is_empty() && self.end.is_none()
    }
}

fn frame_bytes(frame: &DecodedFrame) -> usize {
    frame.image.planes.iter().map(|plane| plane.stride * plane.rows).sum()
}

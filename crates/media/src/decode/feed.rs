//! Video that is handed in while it plays: a picture or an access unit at a time.
//!
//! ```text
//! Feed::push ──▶ a short queue ──▶ appsrc ──▶ decodebin ──▶ the decoder's sink
//! ```
//! The decoder skips nothing here: whoever hands in waits for room, and is told when there is none.

use std::{
    collections::VecDeque,
    hash::{Hash, Hasher},
    sync::Arc,
    time::{Duration, Instant},
};

use gstreamer as gst;
use gstreamer_app as gst_app;
use parking_lot::{Condvar, Mutex};
use watchpost_model::Timestamp;

use super::capture_time;

/// Units that may wait: what is handed in is at most so many frames old when it is looked at.
const MAX_UNITS: usize = 8;
/// Bytes that may wait; one unit always may.
const MAX_BYTES: usize = 32 << 20;

/// How what is handed in is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FeedKind {
    /// JPEG pictures (ITU-T T.81).
    Jpeg,
    /// PNG pictures.
    Png,
    /// H.264 access units as a byte stream (ITU-T H.264 annex B), one at a time.
    H264,
    /// H.265 access units as a byte stream (ITU-T H.265 annex B), one at a time.
    H265,
}

impl FeedKind {
    /// What kind of picture `data` begins as.
    pub fn of_picture(data: &[u8]) -> Option<Self> {
        match data {
            [0xFF, 0xD8, 0xFF, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', 0x0D, 0x0A, 0x1A, 0x0A, ..] => Some(Self::Png),
            _ => None,
        }
    }

    /// Whether `data` can be a unit of it, as far as its first bytes say.
    pub fn fits(self, data: &[u8]) -> bool {
        match self {
            Self::Jpeg | Self::Png => Self::of_picture(data) == Some(self),
            Self::H264 | Self::H265 => data.starts_with(&[0, 0, 1]) || data.starts_with(&[0, 0, 0, 1]),
        }
    }

    fn caps(self) -> gst::Caps {
        let units = |name| {
            gst::Caps::builder(name).field("stream-format", "byte-stream").field("alignment", "au").build()
        };
        match self {
            Self::Jpeg => gst::Caps::builder("image/jpeg").field("parsed", true).build(),
            Self::Png => gst::Caps::new_empty_simple("image/png"),
            Self::H264 => units("video/x-h264"),
            Self::H265 => units("video/x-h265"),
        }
    }
}

/// Why something is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// No source that takes it is open.
    #[error("nobody takes pushed video now")]
    Closed,
    /// What came before has not been looked at yet.
    #[error("{MAX_UNITS} pictures wait already")]
    Full,
}

/// Where video is handed in. Cheap to clone.
#[derive(Clone, Default)]
pub struct Feed(Arc<Shared>);

/// A source's side of a [`Feed`]: the last that was opened gets what is handed in.
#[derive(Clone)]
pub struct Outlet {
    shared: Arc<Shared>,
    turn: u64,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    turn: u64,
    is_open: bool,
    kind: Option<FeedKind>,
    units: VecDeque<gst::Buffer>,
    bytes: usize,
    /// What plays it.
    element: Option<gst_app::AppSrc>,
    /// It has asked for more than there was.
    is_hungry: bool,
    clock: Clock,
}

/// Times of units: the wall clock they were taken at where that is said, else when they were handed in.
#[derive(Default)]
struct Clock {
    began: Option<Instant>,
    /// The first wall clock that was said, Unix ms, and where that was on this clock.
    captured: Option<(i64, Duration)>,
}

impl Clock {
    fn at(&mut self, captured: Option<Timestamp>) -> gst::ClockTime {
        let now = self.began.get_or_insert_with(Instant::now).elapsed();
        let at = captured.map_or(now, |Timestamp(ms)| {
            let (first_ms, first) = *self.captured.get_or_insert((ms, now));
            first + Duration::from_millis(u64::try_from(ms.saturating_sub(first_ms)).unwrap_or(0))
        });
        gst::ClockTime::from_nseconds(u64::try_from(at.as_nanos()).unwrap_or(u64::MAX / 2))
    }
}

impl Feed {
    /// A source begins to take what is handed in; one that did before no longer does.
    pub fn open(&self) -> Outlet {
        let mut state = self.0.state.lock();
        state.turn += 1;
        let turn = state.turn;
        *state = State { turn, is_open: true, ..State::default() };
        self.0.changed.notify_all();
        Outlet { shared: self.0.clone(), turn }
    }

    /// Hands in one picture or access unit, taken at `captured`; waits for room, at most `timeout`. Blocks.
    ///
    /// # Errors
    /// See [`FeedError`]; nothing was taken then.
    pub fn push(
        &self,
        kind: FeedKind,
        data: impl AsRef<[u8]> + Send + 'static,
        captured: Option<Timestamp>,
        timeout: Duration,
    ) -> Result<(), FeedError> {
        crate::init().map_err(|_| FeedError::Closed)?;
        let deadline = Instant::now() + timeout;
        let mut buffer = gst::Buffer::from_slice(data);
        let mut state = self.0.state.lock();
        while state.is_open && state.kind.is_none_or(|known| known == kind) && !state.has_room(buffer.size())
        {
            if self.0.changed.wait_until(&mut state, deadline).timed_out() && !state.has_room(buffer.size()) {
                return Err(FeedError::Full);
            }
        }
        if !state.is_open {
            return Err(FeedError::Closed);
        }
        if state.kind != Some(kind) {
            state.begin(kind);
        }
        let pts = state.clock.at(captured);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(pts);
            capture_time::write(buffer, captured);
        }
        state.bytes += buffer.size();
        state.units.push_back(buffer);
        if state.is_hungry {
            state.feed();
        }
        self.0.changed.notify_all();
        Ok(())
    }
}

impl State {
    fn has_room(&self, bytes: usize) -> bool {
        self.units.is_empty() || self.units.len() < MAX_UNITS && self.bytes + bytes <= MAX_BYTES
    }

    /// Something else comes from now on: what plays the old ends, and is opened anew for this.
    fn begin(&mut self, kind: FeedKind) {
        self.kind = Some(kind);
        self.units.clear();
        (self.bytes, self.is_hungry) = (0, false);
        if let Some(element) = self.element.take()
            && let Err(error) = element.end_of_stream()
        {
            tracing::debug!(?error, "a feed of another kind had ended already");
        }
    }

    /// Gives the oldest unit to what plays it.
    fn feed(&mut self) {
        let Some(unit) = self.units.pop_front() else {
            self.is_hungry = true;
            return;
        };
        self.bytes -= unit.size();
        self.is_hungry = false;
        if let Some(element) = &self.element
            && let Err(error) = element.push_buffer(unit)
        {
            // It is being closed.
            tracing::debug!(?error, "a unit of a feed was not taken");
        }
    }
}

impl Outlet {
    /// Waits for the first unit; `false` when it is closed before there is one.
    pub(super) fn wait_first(&self) -> bool {
        let mut state = self.shared.state.lock();
        while state.turn == self.turn && state.is_open && state.units.is_empty() {
            self.shared.changed.wait(&mut state);
        }
        state.turn == self.turn && state.is_open
    }

    /// From now on `element` plays what is handed in.
    pub(super) fn attach(&self, element: &gst_app::AppSrc) {
        let mut state = self.shared.state.lock();
        let Some(kind) = state.kind.filter(|_| state.turn == self.turn) else { return };
        element.set_caps(Some(&kind.caps()));
        element.set_format(gst::Format::Time);
        element.set_is_live(true);
        // The queue before it is the one that is bounded; this holds one unit.
        element.set_block(false);
        let weak = Arc::downgrade(&self.shared);
        let needed = move |element: &gst_app::AppSrc, _: u32| {
            let Some(shared) = weak.upgrade() else { return };
            let mut state = shared.state.lock();
            if state.element.as_ref() == Some(element) {
                state.feed();
                shared.changed.notify_all();
            }
        };
        element.set_callbacks(gst_app::AppSrcCallbacks::builder().need_data(needed).build());
        (state.element, state.is_hungry) = (Some(element.clone()), false);
    }

    /// What played it is closed.
    pub(super) fn detach(&self) {
        let mut state = self.shared.state.lock();
        if state.turn == self.turn {
            (state.element, state.is_hungry) = (None, false);
        }
    }

    /// The source is closed: nothing more is taken, and who waits to open it gives up.
    pub fn close(&self) {
        let mut state = self.shared.state.lock();
        if state.turn == self.turn {
            *state = State { turn: self.turn, ..State::default() };
        }
        self.shared.changed.notify_all();
    }
}

impl PartialEq for Outlet {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared) && self.turn == other.turn
    }
}

impl Eq for Outlet {}

impl Hash for Outlet {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (Arc::as_ptr(&self.shared).addr(), self.turn).hash(hasher);
    }
}

impl std::fmt::Debug for Outlet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outlet").field("turn", &self.turn).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed").field("is_open", &self.0.state.lock().is_open).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_and_the_last_that_was_opened_gets_it() {
        let feed = Feed::default();
        let push = || feed.push(FeedKind::Jpeg, vec![0xFF, 0xD8, 0xFF], None, Duration::ZERO);
        assert_eq!(push(), Err(FeedError::Closed));
        let first = feed.open();
        let taken = (0..100).take_while(|_| push().is_ok()).count();
        assert_eq!((taken, push()), (MAX_UNITS, Err(FeedError::Full)));
        let second = feed.open();
        assert!(!first.wait_first(), "another has taken its place");
        first.close();
        assert_eq!(push(), Ok(()), "and is not closed by it");
        assert!(second.wait_first());
        second.close();
        assert_eq!(push(), Err(FeedError::Closed));
        assert!(!second.wait_first());
    }

    #[test]
    fn kinds_are_told_by_their_first_bytes() {
        assert_eq!(FeedKind::of_picture(&[0xFF, 0xD8, 0xFF, 0xE0]), Some(FeedKind::Jpeg));
        assert_eq!(FeedKind::of_picture(b"\x89PNG\r\n\x1a\n..."), Some(FeedKind::Png));
        assert_eq!(FeedKind::of_picture(b"GIF89a"), None);
        assert!(FeedKind::H264.fits(&[0, 0, 0, 1, 0x67]) && FeedKind::H265.fits(&[0, 0, 1, 0x40]));
        assert!(!FeedKind::H264.fits(&[0, 0, 0, 20, 0x65]), "with lengths in place of start codes");
    }

    #[test]
    fn times_are_those_of_the_pictures_where_they_are_said() {
        let mut clock = Clock::default();
        let at = |clock: &mut Clock, ms| clock.at(Some(Timestamp(ms)));
        let first = at(&mut clock, 1_785_161_453_000);
        assert_eq!((at(&mut clock, 1_785_161_454_500) - first).mseconds(), 1500);
        assert_eq!(at(&mut clock, 5), first, "a clock that was set back stands still");
    }
}

//! One output's place in a stream.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use gstreamer as gst;
use gstreamer_app as gst_app;
use parking_lot::Mutex;

use super::EncodedStream;
use crate::{EncodePace, clips::Ring};

/// Encoded frames that may wait in one output: two seconds at 30 frames.
const MAX_FRAMES: u64 = 60;
/// Encoded bytes that may wait in one output.
const MAX_BYTES: u64 = 4 << 20;

/// An access unit with everything that belongs to it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Unit {
    /// Buffer, caps and segment.
    pub(crate) sample: gst::Sample,
    /// PTS as running time.
    pub(crate) time_ns: u64,
    pub(crate) is_key: bool,
}

impl Unit {
    /// `None` if the sample has no buffer or no PTS in its segment.
    pub(crate) fn new(sample: gst::Sample) -> Option<Self> {
        let buffer = sample.buffer()?;
        let segment = sample.segment()?.downcast_ref::<gst::ClockTime>()?;
        let time_ns = segment.to_running_time_full(buffer.pts()?)?.positive()?.nseconds();
        let is_key = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
        Some(Self { sample, time_ns, is_key })
    }

    pub(crate) fn bytes(&self) -> usize {
        self.sample.buffer().map_or(0, gst::BufferRef::size)
    }
}

/// What takes units.
pub(crate) enum Consumer {
    /// A pipeline.
    App(gst_app::AppSrc),
    /// A ring of the last seconds.
    Ring(Arc<Ring>),
}

pub(crate) struct Member {
    consumer: Consumer,
    /// Set until a key frame comes: a consumer cannot begin, or go on after a gap, without one.
    needs_key: AtomicBool,
    dropped: AtomicU64,
    gone: AtomicBool,
    plan: Mutex<Plan>,
}

/// How it is to end. Locked alone.
#[derive(Default)]
struct Plan {
    /// With this running time, in ns.
    until_ns: Option<u64>,
    next: Option<(Cut, Arc<Member>)>,
    bytes: u64,
}

/// When one output takes over from another: at the first key frame for which any of these holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    /// Running time has come this far, in ns.
    pub(crate) at_ns: u64,
    /// So many bytes have gone to the first one.
    pub(crate) after_bytes: u64,
}

/// What became of a unit.
pub(super) enum Taken {
    /// It was taken, or dropped and counted.
    Done,
    /// The output has had its last.
    Over,
    /// It is for the next output. This one is to be ended once that has it.
    HandedOver(Arc<Member>),
}

/// An output's hold on a stream; dropping it leaves.
pub(crate) struct Subscription {
    stream: EncodedStream,
    pub(super) member: Arc<Member>,
}

/// An `appsrc` for an output's pipeline, not yet fed.
pub(super) fn source() -> gst_app::AppSrc {
    gst_app::AppSrc::builder()
        .name("encoded")
        .format(gst::Format::Time)
        .is_live(false)
        .handle_segment_change(true)
        .max_bytes(MAX_BYTES)
        .max_buffers(MAX_FRAMES)
        .block(true)
        .build()
}

impl Member {
    pub(super) fn new(consumer: Consumer) -> Self {
        Self {
            consumer,
            needs_key: AtomicBool::new(true),
            dropped: AtomicU64::new(0),
            gone: AtomicBool::new(false),
            plan: Mutex::default(),
        }
    }

    pub(super) fn needs_key(&self) -> bool {
        self.needs_key.load(Ordering::Relaxed)
    }

    /// Room for what is handed over at once, beside what may wait anyway.
    pub(super) fn make_room(&self, frames: u64, bytes: u64) {
        if let Consumer::App(appsrc) = &self.consumer {
            appsrc.set_max_buffers(MAX_FRAMES + frames);
            appsrc.set_max_bytes(MAX_BYTES + bytes);
        }
    }

    /// What was kept for it.
    pub(super) fn take_kept(&self, unit: &Unit) {
        self.needs_key.store(false, Ordering::Relaxed);
        self.push(unit);
    }

    pub(super) fn take(&self, unit: &Unit, pace: EncodePace) -> Taken {
        if self.gone.load(Ordering::Acquire) {
            return Taken::Done;
        }
        let last = {
            let mut plan = self.plan.lock();
            let over = plan.until_ns.is_some_and(|until| unit.time_ns > until);
            let cut = |(cut, _): &(Cut, Arc<Self>)| {
                unit.is_key && (unit.time_ns >= cut.at_ns || plan.bytes >= cut.after_bytes)
            };
            if plan.next.as_ref().is_some_and(cut)
                && let Some((_, next)) = plan.next.take()
            {
                return Taken::HandedOver(next);
            }
            if over {
                drop(plan);
                self.end();
                return Taken::Over;
            }
            plan.bytes += unit.bytes() as u64;
            plan.until_ns == Some(unit.time_ns)
        };
        if unit.is_key {
            self.needs_key.store(false, Ordering::Relaxed);
        }
        if pace == EncodePace::Live && self.is_full() {
            self.needs_key.store(true, Ordering::Relaxed);
        }
        if self.needs_key() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        } else {
            self.push(unit);
        }
        if last {
            self.end();
            return Taken::Over;
        }
        Taken::Done
    }

    fn is_full(&self) -> bool {
        match &self.consumer {
            Consumer::App(appsrc) => {
                appsrc.current_level_buffers() >= appsrc.max_buffers()
                    || appsrc.current_level_bytes() >= appsrc.max_bytes()
            }
            // It drops its oldest by itself.
            Consumer::Ring(_) => false,
        }
    }

    fn push(&self, unit: &Unit) {
        match &self.consumer {
            Consumer::App(appsrc) => {
                if appsrc.push_sample(&unit.sample).is_err() {
                    // Its own bus says why; here it only must not be waited for again.
                    self.gone.store(true, Ordering::Release);
                }
            }
            Consumer::Ring(ring) => ring.push(unit),
        }
    }

    pub(super) fn end(&self) {
        match &self.consumer {
            Consumer::App(appsrc) => {
                if appsrc.end_of_stream().is_err() {
                    self.gone.store(true, Ordering::Release);
                }
            }
            Consumer::Ring(ring) => ring.end(),
        }
        // What was to follow it has nothing to follow.
        let next = self.plan.lock().next.take();
        if let Some((_, next)) = next {
            next.end();
        }
    }

    /// Wakes a push that waits for room. A failed pipeline stops taking, but `appsrc` goes on
    /// waiting for it; raising its limits is what it listens to.
    pub(super) fn release(&self) {
        self.gone.store(true, Ordering::Release);
        if let Consumer::App(appsrc) = &self.consumer {
            appsrc.set_block(false);
            appsrc.set_max_buffers(0);
            appsrc.set_max_bytes(0);
        }
    }
}

impl Subscription {
    pub(super) const fn new(stream: EncodedStream, member: Arc<Member>) -> Self {
        Self { stream, member }
    }

    /// Leaves; what was handed over before stays. Never waits.
    pub(crate) fn leave(&self) {
        self.stream.remove(&self.member);
        self.member.release();
    }

    /// Leaves and lets the consumer finish what it has.
    pub(crate) fn finish(&self) {
        self.leave();
        self.member.end();
    }

    /// Leaves when everything up to this running time has come, which may have been long ago.
    pub(crate) fn finish_after(&self, time_ns: u64) {
        self.member.plan.lock().until_ns = Some(time_ns);
        if self.stream.newest_ns() >= time_ns {
            self.finish();
        }
    }

    /// Ends this output as `cut` says, and feeds `appsrc` from the same key frame on: nothing is missing
    /// between the two, and nothing is in both.
    pub(crate) fn hand_over(&self, appsrc: &gst_app::AppSrc, cut: Cut) -> Self {
        let next = Arc::new(Member::new(Consumer::App(appsrc.clone())));
        self.member.plan.lock().next = Some((cut, Arc::clone(&next)));
        if self.stream.has_ended() {
            next.end();
        }
        Self { stream: self.stream.clone(), member: next }
    }

    /// Encoded frames it did not get: before its first key frame, or because it was behind.
    pub(crate) fn dropped(&self) -> u64 {
        self.member.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.leave();
    }
}

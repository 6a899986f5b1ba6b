//! One encoded stream, many consumers.
//!
//! Each consumer has a pipeline of its own that begins with an `appsrc`. Samples are handed over
//! with their caps and segment, timestamps untouched: a muxer that finds PTS rewritten asks for
//! key frames at moments that never come.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use gstreamer as gst;
use gstreamer_app as gst_app;
use parking_lot::Mutex;

use super::EncodePace;

/// Encoded frames that may wait in one consumer: two seconds at 30 frames.
const MAX_FRAMES: u64 = 60;
/// Encoded bytes that may wait in one consumer.
const MAX_BYTES: u64 = 4 << 20;

/// Lock order: `consumers` is never held while a sample is pushed, because a push may wait.
pub(crate) struct Fanout {
    pace: EncodePace,
    consumers: Mutex<Consumers>,
    /// Nothing more will come.
    ended: AtomicBool,
}

struct Consumers {
    list: Vec<Arc<Consumer>>,
}

struct Consumer {
    appsrc: gst_app::AppSrc,
    /// Set until a key frame comes: a consumer cannot begin, or go on after a gap, without one.
    needs_key: AtomicBool,
    dropped: AtomicU64,
    gone: AtomicBool,
}

/// A consumer's place in the fan-out; dropping it takes the consumer out.
pub(crate) struct Subscription {
    fanout: Arc<Fanout>,
    consumer: Arc<Consumer>,
}

impl Fanout {
    pub(super) fn new(pace: EncodePace) -> Arc<Self> {
        let consumers = Mutex::new(Consumers { list: Vec::new() });
        Arc::new(Self { pace, consumers, ended: AtomicBool::new(false) })
    }

    /// An `appsrc` for a consumer's pipeline, not yet fed.
    pub(crate) fn make_source() -> gst_app::AppSrc {
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

    /// Feeds `appsrc` from the next key frame on.
    pub(crate) fn add(self: &Arc<Self>, appsrc: &gst_app::AppSrc) -> Subscription {
        let consumer = Arc::new(Consumer {
            appsrc: appsrc.clone(),
            needs_key: AtomicBool::new(true),
            dropped: AtomicU64::new(0),
            gone: AtomicBool::new(false),
        });
        self.consumers.lock().list.push(Arc::clone(&consumer));
        if self.ended.load(Ordering::Acquire) {
            consumer.end();
        }
        Subscription { fanout: Arc::clone(self), consumer }
    }

    /// Hands a sample to everybody. With pace `fast` it waits for the slowest.
    pub(super) fn deliver(&self, sample: &gst::Sample) {
        let is_key = sample.buffer().is_some_and(|b| !b.flags().contains(gst::BufferFlags::DELTA_UNIT));
        // A copy of the list: somebody may leave while another is waited for.
        let consumers = self.consumers.lock().list.clone();
        for consumer in consumers {
            consumer.take(sample, is_key, self.pace);
        }
    }

    /// Tells everybody that the stream is over.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Release);
        let consumers = self.consumers.lock().list.clone();
        consumers.iter().for_each(|consumer| consumer.end());
    }

    /// Lets nobody wait any longer: the encoder is being dropped.
    pub(super) fn release(&self) {
        let consumers = self.consumers.lock().list.clone();
        consumers.iter().for_each(|consumer| consumer.release());
    }
}

impl Consumer {
    fn take(&self, sample: &gst::Sample, is_key: bool, pace: EncodePace) {
        if self.gone.load(Ordering::Acquire) {
            return;
        }
        if is_key {
            self.needs_key.store(false, Ordering::Relaxed);
        }
        let full = || {
            self.appsrc.current_level_buffers() >= MAX_FRAMES
                || self.appsrc.current_level_bytes() >= MAX_BYTES
        };
        if pace == EncodePace::Live && full() {
            self.needs_key.store(true, Ordering::Relaxed);
        }
        if self.needs_key.load(Ordering::Relaxed) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if self.appsrc.push_sample(sample).is_err() {
            // Its own bus says why; here it only must not be waited for again.
            self.gone.store(true, Ordering::Release);
        }
    }

    fn end(&self) {
        if self.appsrc.end_of_stream().is_err() {
            self.gone.store(true, Ordering::Release);
        }
    }

    /// Wakes a push that waits for room. A failed pipeline stops taking, but `appsrc` goes on
    /// waiting for it; raising its limits is what it listens to.
    fn release(&self) {
        self.gone.store(true, Ordering::Release);
        self.appsrc.set_block(false);
        self.appsrc.set_max_buffers(0);
        self.appsrc.set_max_bytes(0);
    }
}

impl Subscription {
    /// Leaves; what was handed over before stays. Never waits.
    pub(crate) fn leave(&self) {
        self.fanout.consumers.lock().list.retain(|other| !Arc::ptr_eq(other, &self.consumer));
        self.consumer.release();
    }

    /// Leaves and lets the consumer finish what it has.
    pub(crate) fn finish(&self) {
        self.leave();
        self.consumer.end();
    }

    /// Encoded frames it did not get: before its first key frame, or because it was behind.
    pub(crate) fn dropped(&self) -> u64 {
        self.consumer.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.leave();
    }
}

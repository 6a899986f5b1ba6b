//! One encoded video, any number of outputs.
//!
//! An [`EncodedStream`] comes out of an [`Encoder`](crate::Encoder), or out of a camera or file as it is
//! ([`Decoder::encoded`](crate::Decoder::encoded)). It has one codec and one picture size; when either
//! changes, it ends, and another begins.
//!
//! # How an output subscribes
//! It has a pipeline of its own that begins with [`EncodedStream::head`]: an `appsrc` that gives whole
//! access units (H.264 or H.265, AVC or byte-stream as they come), a parser that turns them into what the
//! next element asks for, and, where the source has no DTS, a timestamper that makes them. Then
//! [`EncodedStream::feed`] with that `appsrc`:
//! - The output begins with a key frame: the next one, which is asked for, or ([`StartAt::Kept`]) the last
//!   one, with everything since, where that is kept.
//! - Samples keep their caps, segment and timestamps: a muxer that finds PTS rewritten asks for key frames
//!   at moments that never come. *Running time* is stream time from the stream's origin.
//! - [`EncodePace::Live`]: an output that is behind loses frames up to the next key frame, counted; nobody
//!   waits for it. [`EncodePace::Fast`]: everybody waits for the slowest.
//! - When the stream ends, `appsrc` ends. Dropping the [`Subscription`] leaves without disturbing others.
//!
//! Threads: `appsrc` is fed by the encoder's (or source's) thread and has one of its own behind it. A
//! pipeline that fails must [`Subscription::leave`], or at pace `fast` everybody waits for it.

mod backlog;
mod member;

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use gstreamer as gst;
use gstreamer_app as gst_app;
use parking_lot::Mutex;
use watchpost_model::{Size, StreamTime};

use crate::{Codec, EncodePace, MediaError, decode::make};
use backlog::Backlog;
pub(crate) use backlog::Keep;
pub(crate) use member::{Consumer, Cut, Subscription, Unit};
use member::{Member, Taken};

/// An encoded video that outputs subscribe to. Cheap to clone; see the module.
#[derive(Clone)]
pub struct EncodedStream(Arc<Shared>);

/// Where an output begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartAt {
    /// With the next key frame: for those who watch live.
    #[allow(dead_code, reason = "for servers of live video, which are being built")]
    NextKey,
    /// With what is kept, if anything is: for recordings.
    Kept,
}

/// Who encodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EncodedBy {
    /// This process: key frames come when they are asked for.
    Us,
    /// A camera, or whoever wrote the file: key frames come when they come.
    Source {
        /// Whether it says in which order frames are decoded.
        has_dts: bool,
    },
}

struct Shared {
    codec: Codec,
    size: Option<Size>,
    /// Whether outputs that are behind lose frames; else they are waited for. Cameras tell late that they
    /// are live.
    is_live: AtomicBool,
    by: EncodedBy,
    /// Somebody needs a key frame; taken by the encoder. Nobody hears it where a camera encodes.
    key_requested: AtomicBool,
    /// Stream time of running time zero, in ns: sources that reconnect go on counting.
    origin_ns: AtomicU64,
    /// Running time of the newest unit, in ns.
    newest_ns: AtomicU64,
    /// One lock for both, so that a newcomer gets all that is kept, and then all that comes.
    /// Never held while somebody is waited for.
    inner: Mutex<Inner>,
}

struct Inner {
    members: Vec<Arc<Member>>,
    backlog: Backlog,
    begun: bool,
    /// Nothing more will come.
    end: Option<End>,
}

enum End {
    Over,
    Failed(MediaError),
}

impl EncodedStream {
    pub(crate) fn new(codec: Codec, size: Option<Size>, pace: EncodePace, by: EncodedBy, keep: Keep) -> Self {
        let inner = Inner { members: Vec::new(), backlog: Backlog::new(keep), begun: false, end: None };
        Self(Arc::new(Shared {
            codec,
            size,
            is_live: AtomicBool::new(pace == EncodePace::Live),
            by,
            key_requested: AtomicBool::new(false),
            origin_ns: AtomicU64::new(0),
            newest_ns: AtomicU64::new(0),
            inner: Mutex::new(inner),
        }))
    }

    /// Its codec.
    pub fn codec(&self) -> Codec {
        self.0.codec
    }

    /// Of its pictures, where the source says.
    pub fn size(&self) -> Option<Size> {
        self.0.size
    }

    /// Who waits for whom.
    pub fn pace(&self) -> EncodePace {
        if self.0.is_live.load(Ordering::Relaxed) { EncodePace::Live } else { EncodePace::Fast }
    }

    pub(crate) fn set_pace(&self, pace: EncodePace) {
        self.0.is_live.store(pace == EncodePace::Live, Ordering::Relaxed);
    }

    /// Whether `other` is the same stream, not only one like it.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Outputs that take it now. An encoder that nobody takes anything from need not work.
    pub fn outputs(&self) -> usize {
        self.0.inner.lock().members.len()
    }

    /// Why it broke off, if it did.
    pub fn error(&self) -> Option<MediaError> {
        match &self.0.inner.lock().end {
            Some(End::Failed(error)) => Some(error.clone()),
            _ => None,
        }
    }

    /// Whether nothing more will come.
    pub fn has_ended(&self) -> bool {
        self.0.inner.lock().end.is_some()
    }

    /// Asks for a key frame; heard where the pictures are encoded here.
    pub fn request_key(&self) {
        self.0.key_requested.store(true, Ordering::Relaxed);
    }

    /// Whether a key frame that is asked for comes with one of the next two frames. An encoder that need not keep
    /// pace looks far ahead, and it comes that much later.
    pub(crate) fn gives_keys(&self) -> bool {
        self.0.by == EncodedBy::Us && self.pace() == EncodePace::Live
    }

    /// Stream time of running time zero.
    pub fn origin(&self) -> StreamTime {
        StreamTime::from_nanos(self.0.origin_ns.load(Ordering::Relaxed))
    }

    /// Sets [`Self::origin`]: a source that was lost and found goes on counting where it was.
    pub fn set_origin(&self, origin: StreamTime) {
        self.0.origin_ns.store(origin.as_nanos(), Ordering::Relaxed);
    }

    /// Somebody may subscribe later: the last key frame and what came since are kept for them, within bounds.
    pub fn keep_last(&self) {
        self.0.inner.lock().backlog.keep(Keep::SinceKey);
    }

    /// Nobody is going to subscribe for now: nothing is kept.
    pub fn keep_nothing(&self) {
        self.0.inner.lock().backlog.keep(Keep::Nothing);
    }

    /// How a pipeline that takes this stream begins; linked by the caller, in this order. The first is the
    /// `appsrc` to feed.
    pub(crate) fn head(&self) -> Result<(gst_app::AppSrc, Vec<gst::Element>), MediaError> {
        let appsrc = member::source();
        let (parser, timestamper) = match self.0.codec {
            Codec::H264 => ("h264parse", "h264timestamper"),
            Codec::H265 => ("h265parse", "h265timestamper"),
        };
        let parser = make(parser)?;
        let mut elements = vec![gst::prelude::Cast::upcast(appsrc.clone()), parser];
        if self.0.by == (EncodedBy::Source { has_dts: false }) {
            elements.push(make(timestamper)?);
        }
        Ok((appsrc, elements))
    }

    /// Feeds `appsrc` from now on.
    pub(crate) fn feed(&self, appsrc: &gst_app::AppSrc, start: StartAt) -> Subscription {
        self.add(Consumer::App(appsrc.clone()), start)
    }

    /// As [`Self::feed`], for any consumer.
    pub(crate) fn add(&self, consumer: Consumer, start: StartAt) -> Subscription {
        let member = Arc::new(Member::new(consumer));
        let mut inner = self.0.inner.lock();
        if start == StartAt::Kept {
            inner.backlog.hand_to(&member);
        }
        if member.needs_key() && inner.begun {
            self.request_key();
        }
        inner.members.push(Arc::clone(&member));
        if inner.end.is_some() {
            member.end();
        }
        drop(inner);
        Subscription::new(self.clone(), member)
    }

    /// Hands a unit to everybody. With pace `fast` it waits for the slowest.
    pub(crate) fn deliver(&self, unit: &Unit) {
        // A copy of the list: somebody may leave while another is waited for.
        let members = {
            let mut inner = self.0.inner.lock();
            inner.begun = true;
            inner.backlog.add(unit);
            inner.members.clone()
        };
        self.0.newest_ns.fetch_max(unit.time_ns, Ordering::Release);
        let pace = self.pace();
        for member in members {
            match member.take(unit, pace) {
                Taken::Done => {}
                Taken::Over => self.remove(&member),
                Taken::HandedOver(next) => {
                    let is_over = self.put_in_place(&member, &next);
                    next.take(unit, pace);
                    // Last: whoever sees that it has ended takes it off the list, and the next one must stand there.
                    member.end();
                    if is_over {
                        next.end();
                    }
                }
            }
        }
    }

    /// Gives `next` the place of `member`, which may have left meanwhile: what follows it does not leave with it. Tells
    /// whether the stream is over.
    fn put_in_place(&self, member: &Arc<Member>, next: &Arc<Member>) -> bool {
        let mut inner = self.0.inner.lock();
        match inner.members.iter_mut().find(|other| Arc::ptr_eq(other, member)) {
            Some(place) => *place = Arc::clone(next),
            None => inner.members.push(Arc::clone(next)),
        }
        inner.end.is_some()
    }

    /// Tells everybody that the stream is over.
    pub(crate) fn end(&self) {
        self.end_with(End::Over);
    }

    /// Tells everybody that the stream is over, and remembers why.
    pub(crate) fn fail(&self, error: MediaError) {
        self.end_with(End::Failed(error));
    }

    fn end_with(&self, end: End) {
        let members = {
            let mut inner = self.0.inner.lock();
            inner.end.get_or_insert(end);
            inner.backlog.keep(Keep::Nothing);
            inner.members.clone()
        };
        members.iter().for_each(|member| member.end());
    }

    /// Lets nobody wait any longer: whoever delivers is being dropped.
    pub(crate) fn release(&self) {
        let members = self.0.inner.lock().members.clone();
        members.iter().for_each(|member| member.release());
    }

    pub(crate) fn take_key_request(&self) -> bool {
        self.0.key_requested.swap(false, Ordering::Relaxed)
    }

    fn newest_ns(&self) -> u64 {
        self.0.newest_ns.load(Ordering::Acquire)
    }

    fn remove(&self, member: &Arc<Member>) {
        self.0.inner.lock().members.retain(|other| !Arc::ptr_eq(other, member));
    }
}

impl std::fmt::Debug for EncodedStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Shared { codec, size, .. } = &*self.0;
        f.debug_struct("EncodedStream")
            .field("codec", codec)
            .field("size", size)
            .field("pace", &self.pace())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(n: u64) -> Unit {
        let mut buffer = gst::Buffer::from_slice([0_u8; 8]);
        let at = gst::ClockTime::from_mseconds(n * 40);
        let writable = buffer.get_mut().unwrap();
        writable.set_pts(at);
        if !n.is_multiple_of(10) {
            writable.set_flags(gst::BufferFlags::DELTA_UNIT);
        }
        let segment = gst::FormattedSegment::<gst::ClockTime>::new();
        Unit::new(gst::Sample::builder().buffer(&buffer).segment(&segment).build()).unwrap()
    }

    /// A file that is followed by another may be done, and taken off the list, before the next one stands there.
    #[test]
    fn what_follows_does_not_leave_with_what_it_follows() {
        crate::init().unwrap();
        let stream = EncodedStream::new(Codec::H264, None, EncodePace::Fast, EncodedBy::Us, Keep::Nothing);
        let [one, two] = [member::source(), member::source()];
        let first = stream.feed(&one, StartAt::NextKey);
        stream.deliver(&unit(0));
        let second = first.hand_over(&two, Cut { at_ns: 0, after_bytes: 1 });
        let Taken::HandedOver(next) = first.member.take(&unit(10), EncodePace::Fast) else {
            panic!("no key frame")
        };
        first.finish();
        assert!(!stream.put_in_place(&first.member, &next), "the stream goes on");
        (11..20).for_each(|n| stream.deliver(&unit(n)));
        // A key frame is what it begins with; what came without one was counted.
        assert_eq!(second.dropped(), 9);
        stream.deliver(&unit(20));
        assert_eq!((stream.outputs(), two.current_level_buffers()), (1, 1));
    }
}

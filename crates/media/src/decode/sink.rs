//! What runs on GStreamer's thread for every frame: picture, time, queue.

use gst::prelude::*;
use gstreamer as gst;
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;
use parking_lot::Mutex;
use std::sync::Arc;
use watchpost_model::StreamTime;

use super::{
    DecodedFrame, capture_time,
    picture::PictureMaker,
    queue::{End, FrameQueue, WhenFull},
    timeline::Timeline,
};
use crate::{MediaError, Rate, bus};

/// Shared by the decoder's handle and GStreamer's threads.
/// Lock order: `state` may be held while the queue's lock is taken, never the other way round.
pub(super) struct Sink {
    pub(super) queue: FrameQueue,
    state: Mutex<State>,
}

struct State {
    pictures: PictureMaker,
    timeline: Timeline,
    rate: Option<Rate>,
    tags: gst::TagList,
    flush: Flush,
}

/// Where a rewind has got to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flush {
    /// None is under way.
    Idle,
    /// The seek was sent; frames of the old loop may still come and are dropped.
    Expected,
}

/// What is known of the stream from its frames and tags.
pub(super) struct Seen {
    pub(super) video: Option<gst_video::VideoInfo>,
    pub(super) rate: Option<Rate>,
    pub(super) tags: gst::TagList,
}

impl Sink {
    pub(super) fn new(when_full: WhenFull) -> Arc<Self> {
        let state = State {
            pictures: PictureMaker::new(),
            timeline: Timeline::new(),
            rate: None,
            tags: gst::TagList::new(),
            flush: Flush::Idle,
        };
        Arc::new(Self { queue: FrameQueue::new(when_full), state: Mutex::new(state) })
    }

    /// Makes `appsink` hand its samples to this, and tells decoders that rows may be padded.
    pub(super) fn attach(self: &Arc<Self>, appsink: &gst_app::AppSink) {
        let (on_sample, on_eos) = (Arc::clone(self), Arc::clone(self));
        appsink.set_callbacks(
            gst_app::AppSinkCallbacks::builder()
                .new_sample(move |appsink| {
                    let sample = appsink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                    on_sample.take(&sample)
                })
                .eos(move |_| on_eos.queue.end(End::Stream))
                .build(),
        );
        let Some(pad) = appsink.static_pad("sink") else { return };
        // Without it libav copies every frame to take its padding out. appsink has a callback for
        // this only from GStreamer 1.24 on.
        pad.add_probe(gst::PadProbeType::QUERY_DOWNSTREAM, |_, info| match info.query_mut() {
            Some(query) => match query.view_mut() {
                gst::QueryViewMut::Allocation(allocation) => {
                    allocation.add_allocation_meta::<gst_video::VideoMeta>(None);
                    gst::PadProbeReturn::Handled
                }
                _ => gst::PadProbeReturn::Ok,
            },
            None => gst::PadProbeReturn::Ok,
        });
        let on_flush = Arc::clone(self);
        pad.add_probe(gst::PadProbeType::EVENT_FLUSH, move |_, info| {
            if info.event().is_some_and(|event| event.type_() == gst::EventType::FlushStop) {
                on_flush.flushed();
            }
            gst::PadProbeReturn::Ok
        });
    }

    /// Turns what the pipeline posts into an end of the queue.
    pub(super) fn watch(self: &Arc<Self>, pipeline: &gst::Pipeline, place: &str) {
        let Some(bus) = pipeline.bus() else { return };
        let (shared, place) = (Arc::clone(self), place.to_owned());
        // On the posting thread, so that no thread of ours has to wait for messages.
        bus.set_sync_handler(move |_, message| {
            match message.view() {
                gst::MessageView::Error(error) => {
                    shared.queue.end(End::Failed(bus::error_from(error, &place)));
                }
                gst::MessageView::Warning(warning) => {
                    tracing::debug!(place = %place, warning = %warning.error(), debug = ?warning.debug(), "media");
                }
                gst::MessageView::Tag(tag) => {
                    shared.state.lock().tags.make_mut().insert(&tag.tags(), gst::TagMergeMode::Keep);
                }
                gst::MessageView::Element(_) => {
                    if let Some(missing) = bus::missing_plugin(message, &place) {
                        shared.queue.missing_plugin(missing);
                    }
                }
                _ => {}
            }
            gst::BusSyncReply::Drop
        });
    }

    fn take(&self, sample: &gst::Sample) -> Result<gst::FlowSuccess, gst::FlowError> {
        let (Some(caps), Some(buffer)) = (sample.caps(), sample.buffer_owned()) else {
            return Ok(gst::FlowSuccess::Ok);
        };
        let frame = {
            let mut state = self.state.lock();
            if state.flush == Flush::Expected {
                return Ok(gst::FlowSuccess::Ok);
            }
            if state.pictures.info().is_none() {
                let fraction = caps.structure(0).and_then(|s| s.get::<gst::Fraction>("framerate").ok());
                state.rate = fraction.and_then(Rate::from_gst);
            }
            let running = sample
                .segment()
                .and_then(|segment| segment.downcast_ref::<gst::ClockTime>())
                .zip(buffer.pts())
                .and_then(|(segment, pts)| segment.to_running_time(pts));
            let duration = buffer.duration().map(gst::ClockTime::nseconds);
            let captured = capture_time::of(&buffer);
            let image = match state.pictures.make(caps, buffer) {
                Ok(image) => image,
                Err(error) => {
                    self.queue.end(End::Failed(error));
                    return Err(gst::FlowError::Error);
                }
            };
            let rate = state.rate;
            let pts = state.timeline.map(running.map(gst::ClockTime::nseconds), duration, rate);
            DecodedFrame { image, pts, captured }
        };
        self.queue.push(frame).map(|()| gst::FlowSuccess::Ok).map_err(|_closed| gst::FlowError::Flushing)
    }

    /// The next flush that passes begins a new loop.
    pub(super) fn expect_flush(&self) {
        self.state.lock().flush = Flush::Expected;
    }

    fn flushed(&self) {
        let mut state = self.state.lock();
        if state.flush == Flush::Expected {
            state.flush = Flush::Idle;
            state.timeline.loop_again();
            self.queue.reopen();
        }
    }

    pub(super) fn end_in_loop(&self) -> StreamTime {
        self.state.lock().timeline.end_in_loop()
    }

    pub(super) fn seen(&self) -> Seen {
        let state = self.state.lock();
        Seen { video: state.pictures.info().cloned(), rate: state.rate, tags: state.tags.clone() }
    }

    pub(super) fn fail(&self, error: MediaError) {
        self.queue.end(End::Failed(error));
    }
}

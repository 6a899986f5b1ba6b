//! What viewers may see of an instance: its last picture, what is in it, how fast it goes. Left here for them by
//! the pipeline; nothing of an instance ever waits for a viewer, and what nobody looks at is not made.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::watch;
use watchpost_analytics::Analysis;
use watchpost_model::{Frame, Group, Image, Rect, TrackPhase};

use crate::{latest::Latest, recent::Recent};

/// Somebody who has asked for a picture will ask again within this time, or has gone.
const WATCHED_FOR: Duration = Duration::from_secs(5);
/// Over how long the rate of frames is taken.
const RATE_OVER: Duration = Duration::from_secs(5);
/// How often it is noted.
const RATE_STEP: Duration = Duration::from_millis(500);
/// Events are counted by minutes, for an hour.
const MINUTES: u64 = 60;

/// See the module.
pub(crate) struct Glance {
    began: Instant,
    shots: watch::Sender<Option<Arc<Shot>>>,
    /// Until when somebody looks, and looks at what is drawn; ms since `began`.
    watched_until_ms: AtomicU64,
    rendered_until_ms: AtomicU64,
    tracks: AtomicU64,
    arrivals: Mutex<(u64, VecDeque<(Instant, u64)>)>,
    /// Minutes since `began` in which there were events, and how many.
    events: Mutex<VecDeque<(u64, u64)>>,
    codec: Mutex<Option<String>>,
    /// Why a live source sends nothing, until it does.
    away: Mutex<Option<String>>,
    /// How often it has begun to send nothing.
    losses: AtomicU64,
    /// Frames given to encoders of video exports.
    pub encoded: AtomicU64,
    /// The latest events.
    latest: Arc<Latest>,
    /// The tracks of the last minute.
    pub recent: Recent,
}

/// One frame as it can be looked at.
pub(crate) struct Shot {
    pub frame: Frame,
    /// With boxes, areas and lines by `render_preset`; only where somebody looks.
    pub rendered: Option<Image>,
    /// Parts of it are nobody's business: only what is rendered may be seen.
    pub masked: bool,
    /// What is in it; only where somebody looks.
    pub boxes: Vec<Boxed>,
    /// As files, by whether they are rendered and by their width.
    jpegs: Mutex<Vec<((bool, u32), Bytes)>>,
}

/// Sizes of one picture that are kept as files: two people with two windows each.
const MAX_JPEGS: usize = 4;

impl Shot {
    /// The picture as a file that was made before.
    pub fn jpeg(&self, key: (bool, u32)) -> Option<Bytes> {
        self.jpegs.lock().iter().find(|(known, _)| *known == key).map(|(_, jpeg)| jpeg.clone())
    }

    /// Keeps a file for whoever asks next.
    pub fn keep_jpeg(&self, key: (bool, u32), jpeg: Bytes) {
        let mut jpegs = self.jpegs.lock();
        if jpegs.len() < MAX_JPEGS {
            jpegs.push((key, jpeg));
        }
    }
}

/// Something in a frame.
#[derive(Clone, Debug)]
pub(crate) struct Boxed {
    pub track_id: watchpost_model::Id,
    pub class: String,
    pub rect: Rect,
    pub confidence: f32,
}

impl Default for Glance {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            shots: watch::Sender::new(None),
            watched_until_ms: AtomicU64::new(0),
            rendered_until_ms: AtomicU64::new(0),
            tracks: AtomicU64::new(0),
            arrivals: Mutex::default(),
            events: Mutex::default(),
            codec: Mutex::default(),
            away: Mutex::default(),
            losses: AtomicU64::new(0),
            latest: Arc::default(),
            encoded: AtomicU64::new(0),
            recent: Recent::default(),
        }
    }
}

impl Glance {
    /// One that leaves events there.
    pub fn with(latest: Arc<Latest>) -> Self {
        Self { latest, ..Self::default() }
    }

    /// A frame came. Its picture is shared, not copied.
    pub fn arrived(&self) {
        let now = Instant::now();
        self.away.lock().take();
        let mut arrivals = self.arrivals.lock();
        arrivals.0 += 1;
        let count = arrivals.0;
        let marks = &mut arrivals.1;
        if marks.back().is_none_or(|(at, _)| now - *at >= RATE_STEP) {
            marks.push_back((now, count));
            while marks.front().is_some_and(|(at, _)| now - *at > RATE_OVER) && marks.len() > 2 {
                marks.pop_front();
            }
        }
    }

    /// What was found in a frame.
    pub fn found(&self, analysis: &Analysis) {
        let sure = analysis.tracks.iter().filter(|track| track.phase != TrackPhase::Tentative);
        self.tracks.store(sure.count() as u64, Ordering::Relaxed);
    }

    /// What has happened, in a frame or by its end: about to be recorded.
    pub fn happened(&self, groups: &[Group]) {
        self.latest.take(groups);
        let records = groups.iter().flat_map(|group| &group.records);
        let events =
            records.filter(|record| matches!(record, watchpost_model::Record::Event(_))).count() as u64;
        if events > 0 {
            let minute = self.minute();
            let mut counted = self.events.lock();
            match counted.back_mut() {
                Some((last, count)) if *last == minute => *count += events,
                _ => counted.push_back((minute, events)),
            }
            while counted.front().is_some_and(|(first, _)| first + MINUTES <= minute) {
                counted.pop_front();
            }
        }
    }

    /// Leaves a frame for whoever looks.
    pub fn show(&self, frame: &Frame, rendered: Option<Image>, masked: bool, analysis: Option<&Analysis>) {
        if frame.image.is_none() {
            return;
        }
        let boxes = match analysis {
            Some(analysis) if self.is_watched() => boxes(analysis),
            // A frame that was not analysed: what was found last is still there.
            None => self.shots.borrow().as_ref().map(|shot| shot.boxes.clone()).unwrap_or_default(),
            Some(_) => Vec::new(),
        };
        self.shots.send_replace(Some(Arc::new(Shot {
            frame: frame.clone(),
            rendered,
            masked,
            boxes,
            jpegs: Mutex::default(),
        })));
    }

    /// The source has another codec, or one at all.
    pub fn codec(&self, codec: Option<String>) {
        *self.codec.lock() = codec;
    }

    /// Nothing more comes: nothing is in the picture, and it stands still. The last one stays to be seen.
    pub fn stopped(&self) {
        self.tracks.store(0, Ordering::Relaxed);
        self.arrivals.lock().1.clear();
        self.away.lock().take();
    }

    /// A live source was lost or not reached; it is tried again.
    pub fn lost(&self, why: &str) {
        if self.away.lock().replace(why.to_owned()).is_none() {
            self.losses.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often a live source was lost, however many tries each time took.
    pub fn losses(&self) -> u64 {
        self.losses.load(Ordering::Relaxed)
    }

    /// Why it sends nothing now.
    pub fn away(&self) -> Option<String> {
        self.away.lock().clone()
    }

    /// Whether somebody looks.
    pub fn is_watched(&self) -> bool {
        self.watched_until_ms.load(Ordering::Relaxed) > self.now_ms()
    }

    /// Whether somebody looks at rendered pictures.
    pub fn wants_rendered(&self) -> bool {
        self.rendered_until_ms.load(Ordering::Relaxed) > self.now_ms()
    }

    /// Somebody looks: frames as they come.
    pub fn watch(&self, rendered: bool) -> watch::Receiver<Option<Arc<Shot>>> {
        let until = self.now_ms() + WATCHED_FOR.as_millis() as u64;
        self.watched_until_ms.fetch_max(until, Ordering::Relaxed);
        if rendered {
            self.rendered_until_ms.fetch_max(until, Ordering::Relaxed);
        }
        self.shots.subscribe()
    }

    /// Frames per second, by the clock on the wall; 0 when none came for a while.
    pub fn fps(&self) -> f64 {
        let arrivals = self.arrivals.lock();
        let (Some((first, before)), count) = (arrivals.1.front(), arrivals.0) else { return 0.0 };
        let is_over = arrivals.1.back().is_none_or(|(last, _)| last.elapsed() > RATE_OVER);
        let span = first.elapsed().as_secs_f64();
        if is_over || span < 0.5 { 0.0 } else { ((count - before) as f64 / span * 100.0).round() / 100.0 }
    }

    /// Established tracks in the last frame.
    pub fn tracks(&self) -> u64 {
        self.tracks.load(Ordering::Relaxed)
    }

    /// Events within the last hour, to the minute.
    pub fn events_last_hour(&self) -> u64 {
        let minute = self.minute();
        self.events.lock().iter().filter(|(at, _)| at + MINUTES > minute).map(|(_, count)| count).sum()
    }

    /// The last frame with a picture.
    pub fn last_frame(&self) -> Option<watchpost_model::Instant> {
        let shot = self.shots.borrow();
        let Frame { id: frame_id, time, timestamp, size, .. } = shot.as_ref()?.frame;
        Some(watchpost_model::Instant { frame_id, time, timestamp, size })
    }

    /// Codec and size of the source's pictures, as far as they are known.
    pub fn source(&self) -> (Option<String>, Option<watchpost_model::Size>) {
        let size = self.shots.borrow().as_ref().and_then(|shot| shot.frame.size);
        (self.codec.lock().clone(), size)
    }

    fn now_ms(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }

    fn minute(&self) -> u64 {
        self.began.elapsed().as_secs() / 60
    }
}

fn boxes(analysis: &Analysis) -> Vec<Boxed> {
    let sure = analysis.tracks.iter().filter(|track| track.phase == TrackPhase::Locked);
    let boxed = sure.map(|track| Boxed {
        track_id: track.id,
        class: track.class.to_string(),
        rect: track.rect,
        confidence: track.confidence,
    });
    boxed.collect()
}

#[cfg(test)]
mod tests {
    use watchpost_model::{StreamTime, Timestamp};

    use super::*;

    #[test]
    fn nothing_is_made_for_nobody_and_the_last_picture_stays() {
        let glance = Glance::default();
        assert!(!glance.is_watched() && !glance.wants_rendered());
        let frame = Frame { id: 7, time: StreamTime::ZERO, timestamp: Timestamp(0), size: None, image: None };
        glance.show(&frame, None, false, None);
        assert!(glance.watch(false).borrow().is_none(), "a frame without a picture is none to look at");
        assert!(glance.is_watched() && !glance.wants_rendered());
        let _more = glance.watch(true);
        assert!(glance.wants_rendered());
        assert_eq!((glance.fps(), glance.events_last_hour()), (0.0, 0));
    }
}

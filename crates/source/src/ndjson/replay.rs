//! Detections that stand alone: each line is a frame without a picture.

use std::{
    thread,
    time::{Duration, Instant},
};

use watchpost_config::Pace;
use watchpost_model::{Frame, StreamTime};

use super::{Line, Origin, Read, Reader, Refusals, Setup, setup, timeline::Timeline};
use crate::{
    Item, Next, Pass, Request, Source, SourceError, SourceInfo, Status, clock::now, limiter::Limiter,
};

pub(super) struct Replay {
    kind: &'static str,
    origin: Origin,
    setup: Setup,
    reader: Reader,
    looping: bool,
    pace: Pacer,
    /// A frame whose time has not come.
    held: Option<Item>,
    limiter: Limiter,
    timeline: Timeline,
    pass: Pass,
    pass_begins: bool,
    refusals: Refusals,
    ended: Option<Option<String>>,
}

/// Whether a frame waits for its time.
enum Pacer {
    /// As fast as it is taken; all but recordings always, since their producers have a pace of their own.
    Fast,
    /// One second a second, from when the first frame was given.
    Realtime(Option<(Instant, StreamTime)>),
}

impl Replay {
    pub(super) fn open(request: &Request<'_>, origin: Origin) -> Result<Self, SourceError> {
        let input = request.input;
        let setup = setup(request, (None, None));
        let reader = Reader::open(&origin, &setup)?;
        let from_file = matches!(origin, Origin::File(_) | Origin::Recorded(..));
        let timeline = Timeline::new(input.start_time.unwrap_or_else(now));
        let realtime = input.pace == Pace::Realtime && from_file;
        Ok(Self {
            kind: request.kind.name,
            setup,
            reader,
            looping: input.looping && from_file,
            pace: if realtime { Pacer::Realtime(None) } else { Pacer::Fast },
            held: None,
            limiter: Limiter::new(input.frame_rate_limit),
            timeline: if origin.is_live() { timeline.live() } else { timeline },
            pass: Pass::default(),
            pass_begins: true,
            refusals: Refusals::new(origin.name()),
            ended: None,
            origin,
        })
    }

    fn item(&mut self, number: u64, line: Line) -> Option<Item> {
        line.refused.iter().for_each(|why| self.refusals.add(number, why));
        let placed = match self.timeline.place(line.frame_id, line.timestamp_ms, now()) {
            Ok(placed) => placed,
            Err(why) => {
                self.refusals.add(number, &why);
                return None;
            }
        };
        if std::mem::take(&mut self.pass_begins) {
            (self.pass.first_id, self.pass.first_time) = (placed.id, placed.time);
        }
        let timestamp = self.timeline.wall(placed.time);
        let frame = Frame { id: placed.id, time: placed.time, timestamp, size: None, image: None };
        let analyse = self.limiter.pass(placed.time);
        Some(Item { frame, detections: Some(line.detections), analyse, again: false })
    }

    fn pass_ended(&mut self, why: Option<String>) -> Result<Next, SourceError> {
        if why.is_none() && self.looping && self.timeline.next_pass() {
            self.reader = Reader::open(&self.origin, &self.setup)?;
            self.pass.number += 1;
            self.pass_begins = true;
            return Ok(Next::Idle);
        }
        let early = why.map(|why| format!("{}: {why}", self.origin.name()));
        self.ended = Some(early.clone());
        Ok(Next::Ended { early })
    }

    /// Gives `item` if its time comes within `timeout`, else holds it.
    fn paced(&mut self, item: Item, timeout: Duration) -> Next {
        let Pacer::Realtime(started) = &mut self.pace else { return Next::Item(item) };
        let (started, first) = *started.get_or_insert((Instant::now(), item.frame.time));
        let due = started + Duration::from_nanos((item.frame.time - first).as_nanos());
        // May wake early: the frame is held then, and asked for again.
        thread::park_timeout(due.saturating_duration_since(Instant::now()).min(timeout));
        if Instant::now() >= due {
            return Next::Item(item);
        }
        self.held = Some(item);
        Next::Idle
    }
}

impl Source for Replay {
    fn info(&self) -> SourceInfo {
        SourceInfo { kind: self.kind, ..SourceInfo::default() }
    }

    fn next(&mut self, timeout: Duration) -> Result<Next, SourceError> {
        if let Some(notice) = self.refusals.notice() {
            return Ok(Next::Notice(notice));
        }
        if let Some(item) = self.held.take() {
            return Ok(self.paced(item, timeout));
        }
        if let Some(early) = &self.ended {
            return Ok(Next::Ended { early: early.clone() });
        }
        Ok(match self.reader.next(timeout) {
            Read::Nothing => Next::Idle,
            Read::Begins => {
                self.timeline.resume();
                Next::Idle
            }
            Read::End(why) => return self.pass_ended(why),
            Read::Refused(number, why) => {
                self.refusals.add(number, &why);
                Next::Idle
            }
            Read::Line(number, line) => match self.item(number, line) {
                Some(item) => self.paced(item, timeout),
                None => Next::Idle,
            },
        })
    }

    fn status(&self) -> Status {
        Status { connected: self.ended.is_none(), refused: self.refusals.count(), ..Status::default() }
    }

    fn pass(&self) -> Pass {
        self.pass
    }
}

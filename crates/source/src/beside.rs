//! A video and, beside it, the user's detections: matched by `frame_id`, else by time.
//!
//! A frame that the detections pass over was not looked at by the detector, so it is not analysed
//! (a frame in which nothing was seen has a line with an empty list). Motion is not looked for
//! instead: tracks of two kinds would get mixed.

use std::{
    cmp::Ordering,
    time::{Duration, Instant},
};

use watchpost_media::EncodedStream;
use watchpost_model::{Diagnostics, Frame, Severity};

use crate::{
    Item, Next, Pass, Request, Source, SourceError, SourceInfo, Status,
    limiter::Limiter,
    ndjson::{Line, Origin, Read, Reader, Refusals, Setup, UNIX_FROM_MS, setup},
};

/// How long a camera's frame waits for its detections: a fast detector answers in this time, and a
/// picture must not grow old.
const LIVE_WAIT: Duration = Duration::from_millis(500);
/// How long a file's frame waits: a slow detector on a CPU may need seconds.
const FILE_WAIT: Duration = Duration::from_secs(10);

struct Beside {
    video: Box<dyn Source>,
    reader: Reader,
    kind: &'static str,
    origin: Origin,
    setup: Setup,
    /// The pass over the video that the reader reads for.
    pass: Pass,
    /// A frame that waits for its detections, and until when.
    pending: Option<(Item, Instant)>,
    /// A line for a frame that has not come.
    held: Option<Line>,
    /// Of a line that names neither frame nor time.
    next_id: u64,
    limiter: Limiter,
    refusals: Refusals,
    unmatched: u64,
    /// Set when the detections have ended; then whether it was said.
    ended: Option<bool>,
}

pub(crate) fn open(
    request: &Request<'_>,
    origin: Origin,
    video: Box<dyn Source>,
) -> Result<Box<dyn Source>, SourceError> {
    let info = video.info();
    let setup = setup(request, (info.size, info.fps));
    Ok(Box::new(Beside {
        video,
        reader: Reader::open(&origin, &setup)?,
        refusals: Refusals::new(origin.name()),
        kind: request.kind.name,
        origin,
        setup,
        pass: Pass::default(),
        pending: None,
        held: None,
        next_id: 0,
        limiter: Limiter::new(request.input.frame_rate_limit),
        unmatched: 0,
        ended: None,
    }))
}

/// What there is for a frame.
enum Found {
    Line(Line),
    /// Nothing, for good.
    None,
    /// Nothing yet.
    Waiting,
}

impl Beside {
    /// Looks for the line of `frame` until `until`.
    fn find(&mut self, frame: &Frame, until: Instant) -> Found {
        loop {
            let line = match self.held.take() {
                Some(line) => line,
                None if self.ended.is_some() => return Found::None,
                None => match self.reader.next(until.saturating_duration_since(Instant::now())) {
                    Read::Nothing => return Found::Waiting,
                    // It says which of the video's frames it means.
                    Read::Begins => continue,
                    Read::End(why) => {
                        if let Some(why) = why {
                            tracing::warn!(source = %self.origin.name(), %why, "detections broke off");
                        }
                        self.ended.get_or_insert(false);
                        return Found::None;
                    }
                    Read::Refused(number, why) => {
                        self.refusals.add(number, &why);
                        continue;
                    }
                    Read::Line(number, line) => self.received(number, line),
                },
            };
            match self.order(&line, frame) {
                Ordering::Less => {}
                Ordering::Equal => return Found::Line(line),
                Ordering::Greater => {
                    self.held = Some(line);
                    return Found::None;
                }
            }
        }
    }

    fn received(&mut self, number: u64, mut line: Line) -> Line {
        line.refused.iter().for_each(|why| self.refusals.add(number, why));
        if line.frame_id.is_none() && line.timestamp_ms.is_none() {
            line.frame_id = Some(self.next_id);
        }
        self.next_id = line.frame_id.map_or(self.next_id, |id| id.saturating_add(1));
        line
    }

    /// Whether `line` is for an earlier frame than `frame`, for it, or for a later one.
    fn order(&self, line: &Line, frame: &Frame) -> Ordering {
        // A recording of detections begins again with the video; a producer goes on counting.
        let pass = if self.restarts() { self.pass } else { Pass::default() };
        if let Some(id) = line.frame_id {
            return id.cmp(&frame.id.saturating_sub(pass.first_id));
        }
        let ms = line.timestamp_ms.unwrap_or_default();
        let frame_ms = if ms >= UNIX_FROM_MS {
            frame.timestamp.0 as f64
        } else {
            (frame.time - pass.first_time).as_ms()
        };
        // Half the distance of two frames: 25 a second where the video does not say.
        let reach = 500.0 / self.video.info().fps.filter(|fps| *fps > 1.0).unwrap_or(25.0);
        if (ms - frame_ms).abs() <= reach { Ordering::Equal } else { ms.total_cmp(&frame_ms) }
    }

    fn restarts(&self) -> bool {
        matches!(self.origin, Origin::File(_) | Origin::Recorded(..))
    }

    /// The video has begun again: so do the detections, if they can.
    fn follow_pass(&mut self) -> Result<(), SourceError> {
        let pass = self.video.pass();
        if pass.number != self.pass.number && self.restarts() {
            self.reader = Reader::open(&self.origin, &self.setup)?;
            (self.held, self.next_id, self.ended) = (None, 0, None);
        }
        self.pass = pass;
        Ok(())
    }

    fn give(&mut self, mut item: Item, line: Option<Line>) -> Next {
        match line {
            Some(line) => {
                item.detections = Some(line.detections);
                item.analyse = self.limiter.pass(item.frame.time);
            }
            None => {
                item.analyse = false;
                self.unmatched += 1;
            }
        }
        Next::Item(item)
    }

    fn ended_notice(&mut self) -> Option<Diagnostics> {
        let said = self.ended.as_mut().filter(|said| !**said)?;
        *said = true;
        let message = format!(
            "{} has ended before the video: the frames after that are not analysed",
            self.origin.name()
        );
        Some(Diagnostics { severity: Severity::Warning, title: "detections ended".into(), message })
    }
}

impl Source for Beside {
    fn info(&self) -> SourceInfo {
        SourceInfo { kind: self.kind, ..self.video.info() }
    }

    fn next(&mut self, timeout: Duration) -> Result<Next, SourceError> {
        let until = Instant::now() + timeout;
        if let Some(notice) = self.refusals.notice() {
            return Ok(Next::Notice(notice));
        }
        let (item, deadline) = match self.pending.take() {
            Some(pending) => pending,
            None => match self.video.next(timeout)? {
                Next::Item(item) => {
                    self.follow_pass()?;
                    let wait = if self.video.info().live { LIVE_WAIT } else { FILE_WAIT };
                    (item, Instant::now() + wait)
                }
                other => return Ok(other),
            },
        };
        match self.find(&item.frame, until.min(deadline)) {
            Found::Line(line) => Ok(self.give(item, Some(line))),
            Found::Waiting if Instant::now() < deadline => {
                self.pending = Some((item, deadline));
                Ok(Next::Idle)
            }
            Found::None | Found::Waiting => match self.ended_notice() {
                Some(notice) => {
                    self.pending = Some((item, deadline));
                    Ok(Next::Notice(notice))
                }
                None => Ok(self.give(item, None)),
            },
        }
    }

    fn status(&self) -> Status {
        Status { refused: self.refusals.count(), unmatched: self.unmatched, ..self.video.status() }
    }

    fn encoded(&self) -> Option<EncodedStream> {
        self.video.encoded()
    }

    fn pass(&self) -> Pass {
        self.pass
    }
}

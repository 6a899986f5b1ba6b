//! Everything that GStreamer decodes: files with their loops, live sources with their drop-outs.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, sync_channel},
    thread,
    time::{Duration, Instant},
};

use watchpost_config::{Input, Pace};
use watchpost_media::{
    DecodeOptions, DecodedFrame, Decoder, EncodedStream, Location, MediaError, MediaErrorKind, VideoInfo,
};
use watchpost_model::{Diagnostics, Frame, Severity};

use crate::{
    Item, Next, Pass, Request, Source, SourceError, SourceInfo, Status,
    backoff::Backoff,
    clock::{Arrival, StreamClock, WallClock, now},
    limiter::Limiter,
};

/// A video, from a file or from a camera.
pub(crate) struct Video {
    kind: &'static str,
    path: &'static str,
    options: DecodeOptions,
    looping: bool,
    start_time: Option<watchpost_model::Timestamp>,
    stall_timeout: Option<Duration>,
    /// Since when no frame has come.
    quiet_since: Instant,
    state: State,
    info: Option<VideoInfo>,
    /// A connection that is lost is made again. Set by the scheme, or found out when it is open.
    live: bool,
    backoff: Backoff,
    stream_clock: StreamClock,
    wall_clock: Option<WallClock>,
    limiter: Limiter,
    given: u64,
    pass: Pass,
    /// Given in this pass over a file; a pass without any ends a loop.
    given_in_pass: u64,
    next_id: u64,
    /// Skipped by decoders that are gone.
    skipped_before: u64,
    failures: u64,
}

enum State {
    /// Frames come.
    Playing(Decoder),
    /// A thread opens the source, which may take as long as its open timeout.
    Opening(Receiver<Result<Decoder, MediaError>>),
    /// Until this moment nothing is tried.
    Pausing(Instant),
    /// It is over.
    Ended(Option<String>),
    /// It is over, and something is wrong.
    Failed(SourceError),
}

impl Video {
    /// Opens `location`. One that is `live` by its scheme and cannot be reached is no error.
    pub fn open(request: &Request<'_>, location: Location, live: bool) -> Result<Self, SourceError> {
        let &Input { looping, pace, start_time, stall_timeout, frame_rate_limit, .. } = request.input;
        let software = request.input.software_decoder;
        let options = DecodeOptions { software, ..DecodeOptions::new(location) };
        let options = if pace == Pace::Realtime { options.realtime() } else { options };
        let mut video = Self {
            kind: request.kind.name,
            path: request.path,
            options,
            looping,
            start_time,
            stall_timeout,
            quiet_since: Instant::now(),
            state: State::Ended(None),
            info: None,
            live,
            backoff: Backoff::default(),
            stream_clock: StreamClock::default(),
            wall_clock: None,
            limiter: Limiter::new(frame_rate_limit),
            given: 0,
            pass: Pass::default(),
            given_in_pass: 0,
            next_id: 0,
            skipped_before: 0,
            failures: 0,
        };
        if live {
            video.start_opening();
        } else {
            let decoder =
                Decoder::open(&video.options).map_err(|error| SourceError::media(video.path, &error))?;
            video.opened(decoder);
        }
        Ok(video)
    }

    fn start_opening(&mut self) {
        let (sender, receiver) = sync_channel(1);
        let options = self.options.clone();
        // It ends by itself after the open timeout; if nobody waits any more, the decoder is closed.
        let thread = thread::Builder::new().name("open-source".into());
        let span = tracing::Span::current();
        let spawned = thread.spawn(move || {
            let _ = sender.send(span.in_scope(|| Decoder::open(&options)));
        });
        self.state = match spawned {
            Ok(_) => State::Opening(receiver),
            Err(_) => State::Pausing(Instant::now() + self.backoff.failed(Instant::now())),
        };
    }

    fn opened(&mut self, decoder: Decoder) {
        let info = decoder.info().clone();
        self.live |= info.live;
        self.backoff.connected(Instant::now());
        self.stream_clock.reconnected(Instant::now());
        let (live, start, created) = (self.live, self.start_time, info.created);
        self.wall_clock.get_or_insert_with(|| {
            if live { WallClock::Live(Arrival::default()) } else { WallClock::file(start, created) }
        });
        self.info = Some(info);
        self.given_in_pass = 0;
        self.quiet_since = Instant::now();
        self.state = State::Playing(decoder);
    }

    fn item(&mut self, frame: DecodedFrame, skipped: u64) -> Item {
        let time = self.stream_clock.at(frame.pts, Instant::now());
        let clock = self.wall_clock.get_or_insert_with(|| WallClock::Live(Arrival::default()));
        let timestamp = clock.at(time, frame.captured, now());
        // Frames that were skipped are counted, too, so that ids say which frame of the source it is.
        let id = self.next_id.max(self.given + self.skipped_before + skipped);
        self.next_id = id + 1;
        if self.given_in_pass == 0 {
            (self.pass.first_id, self.pass.first_time) = (id, time);
        }
        self.given += 1;
        self.given_in_pass += 1;
        self.quiet_since = Instant::now();
        let size = Some(frame.image.size);
        let frame = Frame { id, time, timestamp, size, image: Some(frame.image) };
        Item { frame, detections: None, analyse: self.limiter.pass(time), again: false }
    }

    /// A live source was lost or not reached: it is tried again after a pause.
    fn lost(&mut self, error: &MediaError) -> Next {
        let now = Instant::now();
        self.failures += 1;
        let pause = self.backoff.failed(now);
        self.retire(State::Pausing(now + pause));
        // The words for people are those of the notice.
        tracing::info!(detail = %error.detail, "source not connected");
        Next::Notice(Diagnostics {
            severity: Severity::Warning,
            title: "source not connected".into(),
            message: format!("{}; trying again in {:.1} s", error.message, pause.as_secs_f64()),
        })
    }

    /// A connection that stands and brings nothing is as good as none.
    fn stalled(&mut self) -> Option<Next> {
        let timeout =
            self.stall_timeout.filter(|timeout| self.live && self.quiet_since.elapsed() >= *timeout)?;
        let message = format!("no picture for {:.1} s (Input.stall_timeout_ms)", timeout.as_secs_f64());
        Some(self.lost(&MediaError { kind: MediaErrorKind::Timeout, message, detail: String::new() }))
    }

    fn failed(&mut self, error: &MediaError) -> SourceError {
        let error = SourceError::media(self.path, error);
        self.retire(State::Failed(error.clone()));
        error
    }

    /// Enters `state` and closes the decoder, if one is open.
    fn retire(&mut self, state: State) {
        if let State::Playing(decoder) = std::mem::replace(&mut self.state, state) {
            self.skipped_before += decoder.skipped();
        }
    }

    /// A file has ended: once more from the start, or that was it.
    fn pass_ended(&mut self, early: Option<String>) -> Result<Next, SourceError> {
        if self.looping && self.given_in_pass > 0 {
            let State::Playing(decoder) = &mut self.state else { return Ok(Next::Idle) };
            self.given_in_pass = 0;
            self.pass.number += 1;
            let seekable = decoder.info().seekable;
            if let Err(error) = decoder.rewind() {
                if seekable {
                    return Err(self.failed(&error));
                }
                // What cannot be rewound, a download for example, is opened anew.
                self.retire(State::Ended(None));
                self.start_opening();
            }
            return Ok(match early {
                Some(message) => Next::Notice(Diagnostics {
                    severity: Severity::Warning,
                    title: "clip ends early".into(),
                    message,
                }),
                None => Next::Idle,
            });
        }
        self.retire(State::Ended(early.clone()));
        Ok(Next::Ended { early })
    }
}

impl Drop for Video {
    fn drop(&mut self) {
        if let Location::Pushed(outlet) = &self.options.location {
            outlet.close();
        }
    }
}

impl Source for Video {
    fn info(&self) -> SourceInfo {
        let info = self.info.as_ref();
        let text = |text: &String| (!text.is_empty()).then(|| text.clone());
        SourceInfo {
            kind: self.kind,
            live: self.live,
            size: info.map(|info| info.size),
            fps: info.and_then(|info| info.fps).map(|fps| fps.as_f64()),
            codec: info.and_then(|info| text(&info.codec)),
            format: info.and_then(|info| text(&info.format)),
            duration: info.and_then(|info| info.duration),
        }
    }

    fn next(&mut self, timeout: Duration) -> Result<Next, SourceError> {
        match &mut self.state {
            State::Playing(decoder) => match decoder.next(timeout) {
                Ok(watchpost_media::Next::Frame(frame)) => {
                    let skipped = decoder.skipped();
                    Ok(Next::Item(self.item(frame, skipped)))
                }
                Ok(watchpost_media::Next::TimedOut) => Ok(self.stalled().unwrap_or(Next::Idle)),
                Ok(watchpost_media::Next::Ended) => self.pass_ended(None),
                Ok(watchpost_media::Next::EndedEarly(why)) => self.pass_ended(Some(why)),
                Err(error) if self.live => Ok(self.lost(&error)),
                Err(error) => Err(self.failed(&error)),
            },
            State::Opening(opening) => match opening.recv_timeout(timeout) {
                Ok(Ok(decoder)) => {
                    self.opened(decoder);
                    let again = self.failures > 0;
                    Ok(if again { Next::Notice(connected()) } else { Next::Idle })
                }
                Ok(Err(error)) if is_hopeless(error.kind) => Err(self.failed(&error)),
                Ok(Err(error)) => Ok(self.lost(&error)),
                Err(RecvTimeoutError::Timeout) => Ok(Next::Idle),
                Err(RecvTimeoutError::Disconnected) => {
                    let message = "opening the source broke off".to_owned();
                    let error = MediaError { kind: MediaErrorKind::Internal, message, detail: String::new() };
                    Ok(self.lost(&error))
                }
            },
            State::Pausing(until) => {
                let until = *until;
                // May wake early: then nothing has come, which is as true as later.
                thread::park_timeout(until.saturating_duration_since(Instant::now()).min(timeout));
                if Instant::now() >= until {
                    self.start_opening();
                }
                Ok(Next::Idle)
            }
            State::Ended(early) => Ok(Next::Ended { early: early.clone() }),
            State::Failed(error) => Err(error.clone()),
        }
    }

    fn status(&self) -> Status {
        let (skipped, waiting) = match &self.state {
            State::Playing(decoder) => (decoder.skipped(), decoder.waiting() as u64),
            _ => (0, 0),
        };
        Status {
            connected: matches!(self.state, State::Playing(_)),
            skipped: self.skipped_before + skipped,
            waiting,
            failures: self.failures,
            ..Status::default()
        }
    }

    fn encoded(&self) -> Option<EncodedStream> {
        let State::Playing(decoder) = &self.state else { return None };
        let stream = decoder.encoded()?;
        stream.set_origin(self.stream_clock.base());
        Some(stream)
    }

    fn pass(&self) -> Pass {
        self.pass
    }
}

/// Trying again changes nothing: somebody must install or correct something. A camera that refuses
/// a password or lacks a path is not among them: it may only be starting.
const fn is_hopeless(kind: MediaErrorKind) -> bool {
    matches!(kind, MediaErrorKind::MissingElement | MediaErrorKind::BadPipeline | MediaErrorKind::BadSetting)
}

fn connected() -> Diagnostics {
    let message = "frames come again".to_owned();
    Diagnostics { severity: Severity::Info, title: "source connected".into(), message }
}

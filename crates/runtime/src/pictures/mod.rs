//! Picture and video exports: a frame is drawn once, encoded once for all that want the same, and each export
//! has a thread of its own.
//!
//! ```text
//!          ┌─▶ queue of pictures ─▶ thread ─▶ PictureSink (stills, pipelines of users)
//!  frame ──┤
//!          └─▶ encoders.rs: one encoder for all that want the same ─▶ EncodedStream ─▶ outputs' own pipelines
//!                └─▶ queue of moments ─▶ thread ─▶ VideoSink (opens, watches and closes the output)
//!
//!  source ───▶ EncodedStream as it was sent (`sink: "source"`) ─▶ outputs' own pipelines
//! ```

mod encoders;
mod exports;
mod worker;

use std::sync::Arc;

use watchpost_analytics::Analysis;
use watchpost_export::{Moment, Picture};
use watchpost_media::{EncodedStream, Pushed};
use watchpost_model::{Frame, Image, StreamTime};
use watchpost_source::Source;

use self::{
    encoders::{How, Looks, Target},
    exports::{PictureExport, Shown, Takes},
    worker::VideoItem,
};
use crate::{
    glance::Glance,
    overlay::{Painter, Wants},
    status::add,
};

pub(crate) use self::exports::{Made, PictureExports, Shows};

/// The pictures of one run of a source.
pub(crate) struct Pictures {
    pub painter: Painter,
    /// `true` at pace `fast`: whoever is slow holds up the source, and no picture is skipped.
    lossless: bool,
    exports: PictureExports,
    /// The source's own video, and whether anybody wants it.
    source: Option<(EncodedStream, bool)>,
    /// Where frames that are encoded are counted.
    glance: Arc<Glance>,
}

impl Pictures {
    pub fn new(painter: Painter, lossless: bool, exports: PictureExports, glance: Arc<Glance>) -> Self {
        Self { painter, lossless, exports, source: None, glance }
    }

    /// Gives a frame to all exports, with what was found in it.
    pub fn show(&mut self, frame: &Frame, analysis: &Analysis, source: &dyn Source) {
        self.give(frame, Shown::Frame, source, |painter, wants| painter.picture(frame, analysis, wants));
    }

    /// As `show`, for a frame that was not analysed: what was found last is drawn again.
    pub fn show_again(&mut self, frame: &Frame, source: &dyn Source) {
        self.give(frame, Shown::Frame, source, |painter, wants| painter.picture_again(frame, wants));
    }

    /// Nothing comes since `frame`: viewers get it with words to that effect, and recordings rest. `now` is where
    /// the stream's clock would be.
    pub fn show_no_signal(&mut self, frame: &Frame, now: StreamTime, source: &dyn Source) {
        self.give(frame, Shown::NoSignal, source, |painter, _| painter.no_signal(frame, now));
    }

    /// Takes in what was found in a frame whose picture was given before: it is drawn from now on.
    pub fn show_late(&mut self, frame: &Frame, analysis: &Analysis) {
        self.painter.update(frame, analysis);
        self.show_last(frame, analysis);
    }

    /// Gives the last frame once more, for events that come when the source has ended.
    pub fn show_last(&mut self, frame: &Frame, analysis: &Analysis) {
        if analysis.groups.is_empty() {
            return;
        }
        let exports = self.exports.at(frame.timestamp, Shown::Frame);
        if exports.is_empty() {
            return;
        }
        let Some(picture) = self.painter.last_picture(frame, analysis, wants(&exports)) else { return };
        for export in exports.iter() {
            self.hand_out(export, &picture);
        }
    }

    fn give(
        &mut self,
        frame: &Frame,
        shown: Shown,
        source: &dyn Source,
        paint: impl FnOnce(&mut Painter, Wants) -> Option<Picture>,
    ) {
        let exports = self.exports.at(frame.timestamp, shown);
        self.follow_source(&exports, source);
        if exports.is_empty() {
            // The last may have gone to rest just now: it waits for what its encoder still has.
            self.exports.encoders().drop_unused(&exports);
            return;
        }
        let Some(picture) = paint(&mut self.painter, wants(&exports)) else { return };
        let encoders = self.aim(&exports, &picture, source);
        for (looks, shared, members) in encoders {
            self.encode(looks, &shared, &members, &picture);
        }
        for export in exports.iter() {
            self.hand_out(export, &picture);
        }
        self.begun();
    }

    /// Only what somebody may take is kept of the source's own video.
    fn follow_source(&mut self, exports: &[Arc<PictureExport>], source: &dyn Source) {
        let wanted = !self.painter.hides() && exports.iter().any(|export| export.wants_source());
        let stream = source.encoded();
        let is_known = match (&self.source, &stream) {
            (Some((known, _)), Some(stream)) => known.is(stream),
            (None, None) => true,
            _ => false,
        };
        if is_known && self.source.as_ref().is_none_or(|(_, before)| *before == wanted) {
            return;
        }
        if let (Some(stream), false) = (&stream, wanted) {
            stream.keep_nothing();
        }
        self.source = stream.map(|stream| (stream, wanted));
    }

    /// Outputs that begin with a source have had what was kept for them; later ones have to do with less.
    fn begun(&self) {
        if let Some((stream, true)) = &self.source {
            stream.keep_last();
        }
    }

    /// Sees to it that every video export has the stream it needs. Returns the encoders that are to have this
    /// picture, with those who take from them.
    fn aim(&self, exports: &[Arc<PictureExport>], picture: &Picture, source: &dyn Source) -> Vec<Aimed> {
        let mut encoders = self.exports.encoders();
        let own = self.source.as_ref().map(|(stream, _)| stream);
        let mut used: Vec<Aimed> = Vec::new();
        for export in exports {
            let Takes::Video(video) = &export.takes else { continue };
            let how =
                How { drawn: self.painter.draws(), hidden: self.painter.hides(), lossless: self.lossless };
            match encoders.target(video, picture, own, how, &|| source.info()) {
                Target::Stream { stream, encoder, note } => {
                    video.begin(export, &stream, note, self.lossless);
                    if let Some((looks, encoder)) = encoder {
                        match used.iter_mut().find(|(_, other, _)| Arc::ptr_eq(other, &encoder)) {
                            Some((_, _, members)) => members.push(Arc::clone(export)),
                            None => used.push((looks, encoder, vec![Arc::clone(export)])),
                        }
                    }
                }
                Target::Wait => {}
                Target::Refused(error) => export.refuse(&error),
            }
        }
        encoders.drop_unused(exports);
        used
    }

    fn encode(
        &self,
        looks: Looks,
        encoder: &Arc<watchpost_media::Encoder>,
        members: &[Arc<PictureExport>],
        picture: &Picture,
    ) {
        // Nobody watches: an RTSP mount without a viewer costs nothing.
        if encoder.stream().outputs() == 0 {
            return;
        }
        match encoder.push(looks.of(picture), picture.frame.time) {
            Ok(Pushed::Taken) => add(&self.glance.encoded, 1),
            Ok(Pushed::Skipped) => members.iter().for_each(|export| add(&export.status.dropped, 1)),
            Err(error) => self.exports.encoders().failed(encoder, &error),
        }
    }

    fn hand_out(&self, export: &PictureExport, picture: &Picture) {
        match &export.takes {
            Takes::Pictures { queue, looks } => {
                let mut picture = picture.clone();
                picture.shown = looks.of(&picture).clone();
                worker::send(queue, picture, self.lossless, || add(&export.status.dropped, 1));
            }
            Takes::Video(video) if video.has_begun() => {
                let moment = Moment {
                    time: picture.frame.time,
                    timestamp: picture.frame.timestamp,
                    events: picture.events.clone(),
                };
                let is_lost = !moment.events.is_empty();
                let look = VideoItem::Look { moment, frames: u64::from(!picture.again) };
                worker::send(&video.queue, look, self.lossless, || {
                    if is_lost {
                        add(&export.status.dropped, 1);
                    }
                });
            }
            Takes::Video(_) => {}
        }
    }

    /// Completes all outputs. Waits for the encoders.
    pub fn finish(&mut self) {
        let (exports, encoders) = self.exports.take_all();
        encoders::finish(&encoders);
        for export in exports {
            export.complete();
        }
    }
}

/// How `exports` want to have a picture.
fn wants(exports: &[Arc<PictureExport>]) -> Wants {
    let drawn = |export: &Arc<PictureExport>| export.wants_drawn();
    Wants { drawn: exports.iter().any(drawn), clean: !exports.iter().all(drawn) }
}

/// An encoder that is to have a picture, how it shall look, and whose it is.
type Aimed = (Looks, Arc<watchpost_media::Encoder>, Vec<Arc<PictureExport>>);

impl Looks {
    fn of(self, picture: &Picture) -> &Image {
        match (self, &picture.frame.image) {
            (Self::Clean, Some(image)) => image,
            _ => &picture.shown,
        }
    }
}

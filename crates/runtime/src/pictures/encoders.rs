//! One encoder for all outputs that want the same: of the same pictures, with the same size, rate and codec
//! settings. They come and go without disturbing one another.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use watchpost_export::{Picture, Video};
use watchpost_media::{EncodePace, EncodedStream, Encoder, EncoderSettings, MediaError, Rate};
use watchpost_source::SourceInfo;

use super::exports::{PictureExport, Takes, VideoExport};
use crate::backoff::Backoff;

/// Which of a frame's pictures is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Looks {
    /// As it was decoded.
    Clean,
    /// With boxes, areas and lines, where the instance has them drawn.
    Shown,
}

/// What is done to an instance's pictures.
#[derive(Clone, Copy, Debug)]
pub(super) struct How {
    /// They are drawn on.
    pub drawn: bool,
    /// They have privacy masks.
    pub hidden: bool,
    /// At pace `fast`.
    pub lossless: bool,
}

/// What makes outputs share an encoder.
type Key = (Looks, EncoderSettings);

#[derive(Default)]
pub(crate) struct Encoders {
    running: Vec<(Key, Arc<Encoder>)>,
    /// Those that failed, until they are started again. Never more than there are kinds of outputs.
    broken: Vec<(Key, Backoff, Instant)>,
}

/// Where a video export gets its video from.
pub(super) enum Target {
    /// From here; from an encoder, unless it is the source's own.
    Stream { stream: EncodedStream, encoder: Option<(Looks, Arc<Encoder>)>, note: Option<String> },
    /// From nowhere yet.
    Wait,
    /// From nowhere, for a reason.
    Refused(MediaError),
}

impl Encoders {
    /// The stream that `export` should take, started if need be. `own`: the source's own video.
    pub fn target(
        &mut self,
        export: &VideoExport,
        picture: &Picture,
        own: Option<&EncodedStream>,
        how: How,
        info: &dyn Fn() -> SourceInfo,
    ) -> Target {
        let note = match (export.is_source(), own) {
            (true, Some(_)) if how.hidden => Some(
                "privacy_masks hide a part of the source's video: it is encoded anew with them".to_owned(),
            ),
            (true, Some(own)) => match not_as_it_is(export, own) {
                None => match own.error() {
                    Some(error) => return Target::Refused(error),
                    None => {
                        export.remember_key(None);
                        return Target::Stream { stream: own.clone(), encoder: None, note: None };
                    }
                },
                why => why,
            },
            (true, None) => {
                let codec = info().codec.unwrap_or_else(|| "of another kind".to_owned());
                Some(format!("the source's video is {codec}, which is not passed on: it is encoded as H.264"))
            }
            (false, _) => None,
        };
        let looks = if how.drawn && !export.is_source() { Looks::Shown } else { Looks::Clean };
        let size = picture.frame.image.as_ref().map_or(picture.shown.size, |image| image.size);
        let pace = if how.lossless { EncodePace::Fast } else { EncodePace::Live };
        let encoder = |rate| (looks, export.video.encoder(size, rate, pace));
        // The rate is asked for only where it is not known from what runs.
        let fps = || info().fps.and_then(Rate::from_f64);
        let key = match self.running.iter().find(|(key, _)| export.known_key().as_ref() == Some(key)) {
            Some((key, _)) if *key == encoder(Some(key.1.fps)) => key.clone(),
            _ => encoder(fps()),
        };
        export.remember_key(Some(&key));
        match self.encoder(&key) {
            Ok(Some(encoder)) => {
                Target::Stream { stream: encoder.stream().clone(), encoder: Some((looks, encoder)), note }
            }
            Ok(None) => Target::Wait,
            Err(error) => Target::Refused(error),
        }
    }

    /// `None`: it has failed, and is started again after a pause.
    fn encoder(&mut self, key: &Key) -> Result<Option<Arc<Encoder>>, MediaError> {
        if let Some((_, encoder)) = self.running.iter().find(|(other, _)| other == key) {
            return Ok(Some(Arc::clone(encoder)));
        }
        if self.broken.iter().any(|(other, _, until)| other == key && Instant::now() < *until) {
            return Ok(None);
        }
        let encoder = Arc::new(Encoder::start(key.1.clone())?);
        self.running.push((key.clone(), Arc::clone(&encoder)));
        Ok(Some(encoder))
    }

    /// `encoder` takes no more frames. Its outputs have been told by its stream.
    pub fn failed(&mut self, encoder: &Arc<Encoder>, error: &MediaError) {
        tracing::warn!(detail = %error.detail, "an encoder failed: {}", error.message);
        let Some(at) = self.running.iter().position(|(_, other)| Arc::ptr_eq(other, encoder)) else { return };
        let (key, _) = self.running.swap_remove(at);
        match self.broken.iter_mut().find(|(other, ..)| *other == key) {
            Some((_, backoff, until)) => *until = Instant::now() + backoff.next(),
            None => {
                let mut backoff = Backoff::default();
                let pause: Duration = backoff.next();
                self.broken.push((key, backoff, Instant::now() + pause));
            }
        }
    }

    /// Those that none of `exports` takes from.
    pub fn take_unused(&mut self, exports: &[Arc<PictureExport>]) -> Vec<Arc<Encoder>> {
        let keys: Vec<Key> = exports
            .iter()
            .filter_map(|export| match &export.takes {
                Takes::Video(video) => video.known_key(),
                Takes::Pictures { .. } => None,
            })
            .collect();
        self.broken.retain(|(key, ..)| keys.contains(key));
        let (used, unused) =
            std::mem::take(&mut self.running).into_iter().partition(|(key, _)| keys.contains(key));
        self.running = used;
        unused.into_iter().map(|(_, encoder)| encoder).collect()
    }

    /// Ends those that nobody takes from any more, as when the picture changes its size.
    pub fn drop_unused(&mut self, exports: &[Arc<PictureExport>]) {
        let unused = self.take_unused(exports);
        if !unused.is_empty() {
            // It may wait for an output's disk, and the source must not.
            let span = tracing::Span::current();
            let thread = std::thread::Builder::new().name("end encoder".into());
            let spawned = thread.spawn(move || span.in_scope(|| finish(&unused)));
            if let Err(error) = spawned {
                tracing::warn!(%error, "an encoder is cut off");
            }
        }
    }

    pub fn take_all(&mut self) -> Vec<Arc<Encoder>> {
        self.broken.clear();
        std::mem::take(&mut self.running).into_iter().map(|(_, encoder)| encoder).collect()
    }
}

/// Why the source's own video is not what `export` asks for.
fn not_as_it_is(export: &VideoExport, own: &EncodedStream) -> Option<String> {
    if !export.carries.contains(&own.codec()) {
        let codec = own.codec().title();
        return Some(format!("this format does not carry the source's {codec}: it is encoded as H.264"));
    }
    let video: &Video = &export.video;
    (!video.is_as_it_comes()).then(|| {
        "`resolution` or `fps` is not the source's: its video is encoded anew instead of being passed on"
            .to_owned()
    })
}

/// Encodes what they have and ends their streams.
pub(super) fn finish(encoders: &[Arc<Encoder>]) {
    for encoder in encoders {
        if let Err(error) = encoder.finish() {
            tracing::warn!(detail = %error.detail, "{}", error.message);
        }
    }
}

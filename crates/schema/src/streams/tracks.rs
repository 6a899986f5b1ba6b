//! `output-tracks`: the tracks of each analysed frame.

use serde::Serialize;
use watchpost_model::{Id, Instant, Track};

use super::{FrameSize, write};
use crate::{Context, words::*};

/// A track and what the stream says of it beside its own state.
#[derive(Clone, Copy, Debug)]
pub struct TrackItem<'a> {
    /// Its state in this frame.
    pub track: &'a Track,
    /// The events it has caused so far.
    pub events: &'a [Id],
    /// Its best picture so far, where crops are wanted.
    pub thumbnail: Option<Thumbnail<'a>>,
}

impl<'a> From<&'a Track> for TrackItem<'a> {
    fn from(track: &'a Track) -> Self {
        Self { track, events: &[], thumbnail: None }
    }
}

/// A picture of an object.
#[derive(Clone, Copy, Debug)]
pub struct Thumbnail<'a> {
    /// A JPEG file.
    pub jpeg: &'a [u8],
    /// How good it is, 0..1.
    pub confidence: f32,
}

#[derive(Serialize)]
struct Tracks<'a> {
    #[serde(flatten)]
    size: FrameSize,
    tracks: Vec<Entry<'a>>,
}

/// Keys of REFERENCE "Streams".
#[derive(Serialize)]
struct Entry<'a> {
    #[serde(flatten)]
    location: Location,
    /// Class as text, like `class_label`: the reference system's `label` is its detector's word,
    /// which a track of several detections does not have.
    label: &'static str,
    track_id: TrackingId,
    /// The user's own name for it, if the detections carried one.
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<&'a str>,
    class_label: Class,
    is_moving: bool,
    /// Since it was first seen, whole ms (the reference system's unit is unknown).
    track_age: AgeMs,
    confidence: Fraction,
    events: Vec<EventId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    best_thumbnail: Option<BestThumbnail<'a>>,
}

/// A picture as the older formats carry it.
#[derive(Serialize)]
pub(super) struct BestThumbnail<'a> {
    image: Picture<'a>,
    confidence: Fraction,
}

impl<'a> From<Thumbnail<'a>> for BestThumbnail<'a> {
    fn from(thumbnail: Thumbnail<'a>) -> Self {
        Self { image: Picture(thumbnail.jpeg), confidence: Fraction::new(thumbnail.confidence) }
    }
}

impl<'a> From<TrackItem<'a>> for Entry<'a> {
    fn from(item: TrackItem<'a>) -> Self {
        let track = item.track;
        Self {
            location: track.rect.into(),
            label: track.class.name(),
            track_id: TrackingId(track.id),
            external_id: track.external_id.as_deref(),
            class_label: Class(track.class),
            is_moving: track.is_moving,
            track_age: AgeMs(track.age),
            confidence: Fraction::new(track.confidence),
            events: item.events.iter().copied().map(EventId).collect(),
            best_thumbnail: item.thumbnail.map(BestThumbnail::from),
        }
    }
}

/// Appends the `output-tracks` object of one frame to `out`: the frame keys, then the list
/// `tracks`. `tracks` may be plain model tracks or [`TrackItem`]s.
pub fn encode_tracks<'a, T: Into<TrackItem<'a>>>(
    at: &Instant,
    context: &Context<'_>,
    tracks: impl IntoIterator<Item = T>,
    out: &mut Vec<u8>,
) {
    let tracks = tracks.into_iter().map(|track| Entry::from(track.into())).collect();
    write(at, context, Tracks { size: at.into(), tracks }, out);
}

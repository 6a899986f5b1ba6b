//! Makes the objects of the metadata streams out of what the solution found in a frame; only those that
//! somebody exports.

use std::sync::Arc;

use watchpost_analytics::{Analysis, Occupancy, Securt};
use watchpost_export::{InstanceInfo, Picture};
use watchpost_model::{Detection, Frame, Image, Instant, Record, Rect, StreamTime, Track, TrackPhase};
use watchpost_schema::{
    Context,
    streams::{self, DetectionItem, ObjectStats, StreamName, Thumbnail, TrackItem, ZoneStats},
};

use crate::{entry::Encoded, wanted::Wanted};

/// Detections of a frame that have a picture of their own: encoding one takes some 0.2 ms.
const MAX_CROPS: usize = 64;
/// Enough to recognise somebody, as best shots have.
const JPEG_QUALITY: u8 = 85;

/// Between two objects of the streams that are not per frame (PRODUCT section 6).
const SECOND: StreamTime = StreamTime::from_nanos(1_000_000_000);

/// A JPEG file of a part of a picture, or of all of it.
fn jpeg(image: &Image, part: Option<Rect>) -> Option<Vec<u8>> {
    let encoded = watchpost_media::jpeg(image, part, JPEG_QUALITY);
    encoded.inspect_err(|error| tracing::debug!(%error, "a picture of a stream object")).ok()
}

pub(crate) struct Streams {
    instance: InstanceInfo,
    wanted: Arc<Wanted>,
    /// When the per-second objects are due next.
    next_second: Option<StreamTime>,
}

impl Streams {
    pub fn new(instance: InstanceInfo, wanted: Arc<Wanted>) -> Self {
        Self { instance, wanted, next_second: None }
    }

    /// Whose they are.
    pub fn instance(&self) -> &InstanceInfo {
        &self.instance
    }

    /// The instance has another name.
    pub fn rename(&mut self, name: String) {
        self.instance.name = name;
    }

    /// Whether an object carries the whole rendered picture.
    pub fn wants_picture(&self) -> bool {
        self.wanted.stream(StreamName::Detections) && self.wanted.whole_picture(StreamName::Detections)
    }

    /// Whether an object carries parts of the clean picture.
    pub fn wants_parts(&self) -> bool {
        self.wanted.stream(StreamName::Detections) && self.wanted.crops(StreamName::Detections)
    }

    /// The objects of one analysed frame. `solution` has the tracks' best pictures and events; `picture` is the frame
    /// as others may see it, where that is wanted.
    pub fn objects(
        &mut self,
        frame: &Frame,
        analysis: &Analysis,
        mut solution: Option<&mut Securt>,
        picture: Option<&Picture>,
    ) -> Vec<Encoded> {
        let at =
            Instant { frame_id: frame.id, time: frame.time, timestamp: frame.timestamp, size: frame.size };
        let context = Context { instance_id: self.instance.id, instance_name: &self.instance.name };
        let mut objects = Vec::new();
        let mut add = |stream, write: &mut dyn FnMut(&mut Vec<u8>) -> bool| {
            if self.wanted.stream(stream) {
                objects.extend(Encoded::object(at.timestamp.0, stream, write));
            }
        };
        add(StreamName::Events, &mut |out| {
            streams::encode_events_envelope(&at, &context, &analysis.groups, out)
        });
        add(StreamName::Tracks, &mut |out| {
            // Tentative tracks may still turn out to be noise.
            let sure = || analysis.tracks.iter().filter(|track| track.phase != TrackPhase::Tentative);
            let wants_best = self.wanted.crops(StreamName::Tracks);
            let best = solution.as_deref_mut().filter(|_| wants_best).map(|solution| {
                let best = |track: &Track| {
                    solution.best_shot(track.id).map(|(jpeg, confidence)| (jpeg.to_vec(), confidence))
                };
                sure().map(best).collect::<Vec<_>>()
            });
            let best = best.unwrap_or_default();
            let items = sure().enumerate().map(|(index, track)| TrackItem {
                track,
                events: solution.as_deref().map_or(&[], |solution| solution.events_of(track.id)),
                thumbnail: best
                    .get(index)
                    .and_then(Option::as_ref)
                    .map(|(jpeg, confidence)| Thumbnail { jpeg, confidence: *confidence }),
            });
            streams::encode_tracks(&at, &context, items, out);
            true
        });
        add(StreamName::Detections, &mut |out| {
            let clean = picture.and_then(|picture| picture.frame.image.as_ref());
            let image = clean.filter(|_| self.wanted.crops(StreamName::Detections));
            let crop = |detection: &Detection| jpeg(image?, Some(detection.rect));
            let crops: Vec<_> = analysis.detections.iter().take(MAX_CROPS).map(crop).collect();
            let items = analysis.detections.iter().enumerate().map(|(index, detection)| DetectionItem {
                detection,
                crop: crops.get(index).and_then(Option::as_deref),
            });
            let whole = picture.filter(|_| self.wanted.whole_picture(StreamName::Detections));
            let whole = whole.and_then(|picture| jpeg(&picture.shown, None));
            streams::encode_detections(&at, &context, items, whole.as_deref(), out);
            true
        });
        let second_passed = self.next_second.is_none_or(|due| frame.time >= due);
        if second_passed {
            // On a grid of whole seconds, so that slow and uneven sources do not drift.
            self.next_second = Some(StreamTime::from_nanos(
                (frame.time.as_nanos() / SECOND.as_nanos() + 1) * SECOND.as_nanos(),
            ));
            add(StreamName::ZoneStats, &mut |out| {
                let occupied =
                    analysis.occupancy.iter().filter(|area| Occupancy::is_occupied(area)).count() as u32;
                let vacant = analysis.occupancy.len() as u32 - occupied;
                streams::encode_zone_stats(&at, &context, ZoneStats { occupied, vacant }, out);
                true
            });
            add(StreamName::ObjectStats, &mut |out| {
                let sure = analysis.tracks.iter().filter(|track| track.phase != TrackPhase::Tentative);
                let stats: ObjectStats = sure.map(|track| track.class).collect();
                streams::encode_object_stats(&at, &context, stats, out);
                true
            });
        }
        objects
    }

    /// The `statistics` stream has the same figures as the record.
    pub fn statistics(&self, group: &watchpost_model::Group) -> Option<Encoded> {
        let context = Context { instance_id: self.instance.id, instance_name: &self.instance.name };
        let wanted = self.wanted.stream(StreamName::Statistics);
        let statistics = group.records.iter().filter(|_| wanted).find_map(|record| match record {
            Record::Statistics(statistics) => Some(statistics),
            _ => None,
        })?;
        Encoded::object(group.at.timestamp.0, StreamName::Statistics, |out| {
            streams::encode_statistics(&group.at, &context, statistics, out);
            true
        })
    }
}

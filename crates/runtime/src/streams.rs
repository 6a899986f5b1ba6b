//! Makes the objects of the metadata streams out of what the solution found in a frame; only those that
//! somebody exports.

use std::sync::Arc;

use watchpost_analytics::{Analysis, Occupancy};
use watchpost_export::InstanceInfo;
use watchpost_model::{Frame, Instant, Record, StreamTime, TrackPhase};
use watchpost_schema::{
    Context,
    streams::{self, ObjectStats, StreamName, ZoneStats},
};

use crate::{entry::Encoded, wanted::Wanted};

/// Between two objects of the streams that are not per frame (PRODUCT section 6).
const SECOND: StreamTime = StreamTime::from_nanos(1_000_000_000);

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

    /// The instance has another name.
    pub fn rename(&mut self, name: String) {
        self.instance.name = name;
    }

    /// The objects of one analysed frame.
    pub fn objects(&mut self, frame: &Frame, analysis: &Analysis) -> Vec<Encoded> {
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
            let sure = analysis.tracks.iter().filter(|track| track.phase != TrackPhase::Tentative);
            streams::encode_tracks(&at, &context, sure, out);
            true
        });
        add(StreamName::Detections, &mut |out| {
            streams::encode_detections(&at, &context, &analysis.detections, None, out);
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

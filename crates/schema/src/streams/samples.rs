//! One example object of every metadata stream, for the docs and for tests: by the encoders themselves.

use watchpost_model::{Detection, Group, Record, Statistics, Track, TrackPhase};

use super::{
    DetectionItem, ObjectStats, StreamName, Thumbnail, TrackItem, ZoneStats, encode_detections,
    encode_events_envelope, encode_object_stats, encode_statistics, encode_tracks, encode_zone_stats,
};
use crate::{
    SchemaId,
    samples::{AT, CONTEXT, samples},
};

/// The example of `stream`, with pictures or without; `None` for a stream of pictures.
pub fn stream_sample(stream: StreamName, with_pictures: bool) -> Option<Vec<u8>> {
    let record = |id: SchemaId| samples().iter().find(|sample| sample.id == id).map(|sample| &sample.record);
    let (Some(Record::Track(track)), Some(Record::Crop(crop))) =
        (record(SchemaId::Track), record(SchemaId::Crop))
    else {
        return None;
    };
    let picture = with_pictures.then_some(crop.jpeg.as_slice());
    let mut out = Vec::new();
    match stream {
        StreamName::OutputImage | StreamName::Source => return None,
        StreamName::Events => {
            let event = record(SchemaId::EventAreaEnter)?.clone();
            let crop = with_pictures.then(|| Record::Crop(crop.clone()));
            let group = Group { at: AT, records: [event].into_iter().chain(crop).collect() };
            encode_events_envelope(&AT, &CONTEXT, &[group], &mut out);
        }
        StreamName::Tracks => {
            let track = Track {
                id: track.track_id,
                external_id: None,
                class: track.class,
                rect: track.rect,
                confidence: track.confidence,
                age: track.age,
                is_moving: track.is_moving,
                phase: TrackPhase::Locked,
            };
            let thumbnail = picture.map(|jpeg| Thumbnail { jpeg, confidence: crop.confidence });
            let item = TrackItem { track: &track, events: &[], thumbnail };
            encode_tracks(&AT, &CONTEXT, [item], &mut out);
        }
        StreamName::Detections => {
            let detection = Detection {
                class: track.class,
                label: track.class.name().to_owned(),
                confidence: track.confidence,
                rect: track.rect,
                track_id: None,
                attributes: Vec::new(),
            };
            let item = DetectionItem { detection: &detection, crop: picture };
            encode_detections(&AT, &CONTEXT, [item], None, &mut out);
        }
        StreamName::ZoneStats => {
            encode_zone_stats(&AT, &CONTEXT, ZoneStats { occupied: 1, vacant: 3 }, &mut out);
        }
        StreamName::ObjectStats => {
            let stats = ObjectStats { people: 2, vehicles: 1, ..ObjectStats::default() };
            encode_object_stats(&AT, &CONTEXT, stats, &mut out);
        }
        StreamName::Statistics => {
            let Some(Record::Statistics(statistics)) = record(SchemaId::Statistics) else { return None };
            let statistics: &Statistics = statistics;
            encode_statistics(&AT, &CONTEXT, statistics, &mut out);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{streams::replace_pictures, tables::Table};

    #[test]
    fn every_metadata_stream_has_one_and_its_table_reads_it() {
        for stream in StreamName::ALL {
            let Some(table) = Table::of_stream(stream) else {
                assert_eq!(stream_sample(stream, false), None);
                continue;
            };
            for with_pictures in [false, true] {
                let sample = stream_sample(stream, with_pictures).unwrap();
                let rows = table.rows(&sample).unwrap();
                assert_eq!(rows.len(), 1, "{stream}");
                assert_eq!(rows[0].len(), table.columns().len());
                let mut object = serde_json::from_slice(&sample).unwrap();
                let mut pictures = 0;
                replace_pictures(&mut object, |_| {
                    pictures += 1;
                    None
                });
                assert_eq!(pictures > 0, with_pictures && stream.list().is_some(), "{stream}");
            }
        }
    }

    #[test]
    fn statistics_have_the_keys_of_the_reference() {
        let keys = |stream| {
            let object: serde_json::Map<String, serde_json::Value> =
                serde_json::from_slice(&stream_sample(stream, false).unwrap()).unwrap();
            object.keys().skip(5).cloned().collect::<Vec<_>>()
        };
        assert_eq!(keys(StreamName::ZoneStats), ["occupancyRate", "numOccupiedZones", "numVacantZones"]);
        assert_eq!(keys(StreamName::ObjectStats), ["numPeople", "numVehicles", "numAnimals", "numUnknown"]);
    }
}

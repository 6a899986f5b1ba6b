//! What of the log a receiver gets: the records or the stream it selected, within its schedule, what its filter lets
//! pass, thinned out by `every_s` and `max_per_s`.

use bytes::Bytes;
use watchpost_config::Hours;
use watchpost_export::{Common, Delivery, Item, ItemKind, Selection, Sieve};
use watchpost_model::Timestamp;
use watchpost_schema::{SchemaId, facts::stream_time_ms};

use super::rate::{Rate, Verdict};
use crate::{
    entry::{Body, Entry, Stored},
    worker::RateState,
};

/// Cuts entries down to what one receiver selected.
#[derive(Clone, Debug)]
pub(crate) struct Selector {
    selection: Selection,
    sieve: Option<Sieve>,
    /// `schedule`.
    hours: Option<Hours>,
    rate: Rate,
    pub state: RateState,
}

/// What of an entry is selected.
pub(crate) enum Selected {
    Delivery(Delivery),
    Nothing,
    /// So many records or objects are not of its hours.
    Outside(u64),
    /// So many were over `max_per_s`.
    Over(u64),
}

impl Selector {
    pub fn new(selection: Selection, common: &Common, state: RateState) -> Self {
        let sieve = Sieve::new(&common.filter, &selection);
        let hours = common.schedule.as_ref().map(Hours::new);
        Self { selection, sieve, hours, rate: Rate::new(common), state }
    }

    /// What of an entry is selected. To be asked in the order of the log.
    pub fn select(&mut self, position: u64, entry: &Entry) -> Selected {
        let delivery = self.cut(position, entry);
        let Some(first) = delivery.items.first() else { return Selected::Nothing };
        if !self.is_within_hours(entry.time_ms) {
            return Selected::Outside(delivery.items.len() as u64);
        }
        if self.rate.is_unlimited() {
            return Selected::Delivery(delivery);
        }
        // A preprocess command may have taken the stream's clock out; the wall clock runs alike.
        let time_ms = stream_time_ms(&first.json).unwrap_or(entry.time_ms as f64);
        match self.rate.judge(&mut self.state, time_ms) {
            Verdict::Taken => Selected::Delivery(delivery),
            Verdict::Between => Selected::Nothing,
            Verdict::Over => Selected::Over(delivery.items.len() as u64),
        }
    }

    /// Whether anything of this entry would be delivered, rates apart: these depend on what came before it.
    pub fn takes(&self, entry: &Entry) -> bool {
        !self.cut(0, entry).items.is_empty()
            && self.hours.clone().is_none_or(|mut hours| is_on(&mut hours, entry.time_ms))
    }

    /// By the time an entry speaks of. One that says none, as a preprocess command may make it, is never outside.
    fn is_within_hours(&mut self, time_ms: i64) -> bool {
        self.hours.as_mut().is_none_or(|hours| is_on(hours, time_ms))
    }

    /// What of an entry passes, rates apart: the same at every time.
    pub fn cut(&self, position: u64, entry: &Entry) -> Delivery {
        let items = match (&self.selection, &entry.body) {
            (Selection::Records(_), Body::Group(records)) => self.records(records),
            (Selection::Stream(wanted), Body::Object(stream, json)) if stream == wanted => {
                let left = match &self.sieve {
                    Some(sieve) => sieve.object(*stream, json),
                    None => Some(json.clone()),
                };
                left.into_iter().map(|json| Item { kind: ItemKind::Object(*stream), json }).collect()
            }
            _ => Vec::new(),
        };
        Delivery { position, time_ms: entry.time_ms, items }
    }

    fn records(&self, records: &[Stored]) -> Vec<Item> {
        let Selection::Records(wanted) = &self.selection else { return Vec::new() };
        let item = |record: &Stored| {
            let version = *wanted.get(&record.schema)?;
            let json = record.json(version)?;
            Some(Item { kind: ItemKind::Record(record.schema, version), json })
        };
        let Some(sieve) =
            self.sieve.as_ref().filter(|_| records.iter().any(|r| wanted.contains_key(&r.schema)))
        else {
            return records.iter().filter_map(item).collect();
        };
        // Judged as they are stored, which says the most: version 1 knows no confidence.
        let stored: Vec<(SchemaId, Bytes)> =
            records.iter().map(|record| (record.schema, record.stored().clone())).collect();
        let passing = sieve.group(&stored, |id| wanted.contains_key(&id));
        records
            .iter()
            .zip(passing)
            .filter(|(_, passes)| *passes)
            .filter_map(|(record, _)| item(record))
            .collect()
    }
}

fn is_on(hours: &mut Hours, time_ms: i64) -> bool {
    time_ms == 0 || hours.is_on(Timestamp(time_ms))
}

/// Whether an item is an event, and not one of the crops and attributes that go with it.
pub(super) fn is_event(item: &Item) -> bool {
    matches!(item.kind, ItemKind::Record(id, _) if id.is_event())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use watchpost_model::{Schedule, WeekSpan};
    use watchpost_schema::{Version, sample, streams::StreamName};

    use super::*;
    use crate::entry::GroupWriter;

    fn selector(selection: Selection, config: Value) -> Selector {
        Selector::new(selection, &serde_json::from_value(config).unwrap(), RateState::default())
    }

    fn records(ids: &[SchemaId]) -> Selection {
        Selection::Records(ids.iter().map(|id| (*id, Version::V2)).collect())
    }

    fn group(ids: &[SchemaId]) -> Entry {
        let mut group = GroupWriter::new(0);
        for id in ids {
            group.record(*id, Version::V2, |out| out.extend(sample(*id, Version::V2)));
        }
        Entry::decode(0, &group.finish().unwrap().0).unwrap()
    }

    /// The ids of the records that are delivered.
    fn ids(selector: &mut Selector, entry: &Entry) -> Vec<SchemaId> {
        match selector.select(0, entry) {
            Selected::Delivery(delivery) => {
                let id = |item: &Item| match item.kind {
                    ItemKind::Record(id, _) => id,
                    ItemKind::Object(_) => panic!("no record"),
                };
                delivery.items.iter().map(id).collect()
            }
            Selected::Nothing => Vec::new(),
            Selected::Over(count) | Selected::Outside(count) => panic!("{count} left out"),
        }
    }

    use SchemaId::{Attribute, Crop, EventIntrusion, EventLineCrossing, Statistics, Track};

    #[test]
    fn crops_and_attributes_go_with_their_event() {
        let entry = group(&[EventIntrusion, Attribute, Crop]);
        let all = records(&[EventIntrusion, Attribute, Crop, Track]);
        let filtered = |filter: Value| ids(&mut selector(all.clone(), json!({"filter": filter})), &entry);
        let everything = [EventIntrusion, Attribute, Crop];
        assert_eq!(filtered(json!({"classes": ["Person"]})), everything);
        assert_eq!(filtered(json!({"classes": ["Vehicle"]})), []);
        assert_eq!(filtered(json!({"zones": ["Loading bay"], "min_confidence": 0.1})), everything);
        assert_eq!(filtered(json!({"zones": ["Elsewhere"]})), []);
        assert_eq!(filtered(json!({"min_confidence": 1.0})), []);
        assert_eq!(filtered(json!({"types": ["event-intrusion"]})), everything);
        assert_eq!(filtered(json!({"types": ["track"]})), []);
        // Where the event itself is not exported, it is still what happened.
        let crops = |filter: Value| ids(&mut selector(records(&[Crop]), json!({"filter": filter})), &entry);
        assert_eq!(crops(json!({"zones": ["Loading bay"], "types": ["crop"]})), [Crop]);
        assert_eq!(crops(json!({"zones": ["Elsewhere"]})), []);
    }

    #[test]
    fn a_condition_does_not_concern_what_has_no_such_value() {
        let mut of_all = selector(
            records(&SchemaId::ALL),
            json!({"filter": {"classes": ["Vehicle"], "zones": ["x"], "min_confidence": 1.0}}),
        );
        assert_eq!(ids(&mut of_all, &group(&[Statistics])), [Statistics]);
        assert_eq!(ids(&mut of_all, &group(&[EventLineCrossing])), []);
    }

    fn object(stream: StreamName, json: &str) -> Entry {
        Entry { time_ms: 0, body: Body::Object(stream, Bytes::copy_from_slice(json.as_bytes())) }
    }

    #[test]
    fn the_items_of_a_stream_object_are_filtered_one_by_one() {
        let mut persons = selector(
            Selection::Stream(StreamName::Tracks),
            json!({"filter": {"classes": ["Person"], "min_confidence": 0.5}}),
        );
        let mut left = |json: &str| match persons.select(0, &object(StreamName::Tracks, json)) {
            Selected::Delivery(delivery) => String::from_utf8(delivery.items[0].json.to_vec()).unwrap(),
            _ => String::new(),
        };
        let track = |class: &str, confidence: f64| {
            format!(r#"{{"x":0.10,"class_label":"{class}","confidence":{confidence}}}"#)
        };
        let frame = |tracks: &[String]| format!(r#"{{"frame_id":1,"tracks":[{}]}}"#, tracks.join(","));
        let (sure, unsure, lorry) = (track("Person", 0.9), track("Person", 0.4), track("Vehicle", 0.9));
        assert_eq!(
            left(&frame(&[sure.clone(), unsure.clone(), lorry.clone()])),
            frame(std::slice::from_ref(&sure))
        );
        assert_eq!(left(&frame(&[unsure, lorry])), "", "a frame in which nothing passes");
        assert_eq!(left(&frame(&[])), "", "nor one with nothing in it");
        assert_eq!(left(&frame(&[sure.clone(), sure.clone()])), frame(&[sure.clone(), sure]));
    }

    #[test]
    fn the_older_envelope_knows_types_by_both_names() {
        let events = r#"{"frame_id":1,"events":[{"type":"area_enter"},{"type":"tripwire_crossing"}]}"#;
        for name in ["tripwire_crossing", "event-line-crossing", "event-line*"] {
            let mut one =
                selector(Selection::Stream(StreamName::Events), json!({"filter": {"types": [name]}}));
            let Selected::Delivery(left) = one.select(0, &object(StreamName::Events, events)) else {
                panic!("{name}")
            };
            assert_eq!(left.items[0].json, r#"{"frame_id":1,"events":[{"type":"tripwire_crossing"}]}"#);
        }
    }

    #[test]
    fn rates_concern_objects_and_groups_alike() {
        let config = json!({"filter": {"max_per_s": 1}});
        let mut one = selector(Selection::Stream(StreamName::Tracks), config.clone());
        let mut taken = Vec::new();
        for time in [0, 500, 1000, 1900, 2000] {
            let frame = object(StreamName::Tracks, &format!(r#"{{"frame_time":{time}.0,"tracks":[{{}}]}}"#));
            if matches!(one.select(0, &frame), Selected::Delivery(_)) {
                taken.push(time);
            }
        }
        assert_eq!(taken, [0, 1000, 2000]);
        let mut groups = selector(records(&[EventIntrusion, Crop]), config);
        let entry = group(&[EventIntrusion, Crop]);
        assert_eq!(ids(&mut groups, &entry).len(), 2, "a group counts as one");
        assert!(
            matches!(groups.select(1, &entry), Selected::Over(2)),
            "and what is over is told record by record"
        );
    }

    #[test]
    fn what_happened_outside_the_schedule_is_left_out_and_counted() {
        let nine_to_ten = WeekSpan { weekday: 3, from_minute: 540, to_minute: 600 };
        let schedule = Some(Schedule { time_zone: "UTC".into(), spans: vec![nine_to_ten] });
        let common = Common { every_s: Some(60.0), schedule, ..Common::default() };
        let mut selector =
            Selector::new(Selection::Stream(StreamName::Tracks), &common, RateState::default());
        let mut outside = 0;
        // The first of January 1970 was a Thursday. Minutes of that day, each with an object that every_s takes.
        let mut minutes = |minutes: std::ops::Range<i64>, stream: StreamName| -> Vec<i64> {
            let taken = minutes.filter(|minute| {
                let json = format!("{{\"frame_time\":{}}}", minute * 60_000).into();
                let entry = Entry { time_ms: minute * 60_000, body: Body::Object(stream, json) };
                match selector.select(0, &entry) {
                    Selected::Delivery(_) => true,
                    Selected::Outside(count) => {
                        outside += count;
                        false
                    }
                    Selected::Nothing | Selected::Over(_) => false,
                }
            });
            taken.collect()
        };
        assert_eq!(minutes(538..603, StreamName::Tracks), (540..600).collect::<Vec<_>>());
        assert!(minutes(530..603, StreamName::Detections).is_empty());
        assert_eq!(minutes(0..1, StreamName::Tracks), [0], "one that says no time");
        assert_eq!(outside, 5);
    }

    #[test]
    fn an_object_without_a_clock_has_that_of_its_entry() {
        let mut every = selector(Selection::Stream(StreamName::Tracks), json!({"every_s": 1.0}));
        let mut at = |time_ms: i64| {
            let entry = Entry { time_ms, body: Body::Object(StreamName::Tracks, "{}".into()) };
            matches!(every.select(0, &entry), Selected::Delivery(_))
        };
        assert_eq!([at(100), at(200), at(1100)], [true, false, true]);
    }
}

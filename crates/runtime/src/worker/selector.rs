//! What of the log a receiver gets: the records or the stream it selected, within its schedule, thinned out by
//! `every_s`.

use serde::Deserialize;
use watchpost_config::Hours;
use watchpost_export::{Common, Delivery, Item, ItemKind, Selection};
use watchpost_model::Timestamp;

use crate::entry::{Body, Entry};

/// Cuts entries down to what one receiver selected.
#[derive(Clone)]
pub(super) struct Selector {
    selection: Selection,
    /// `every_s` in microseconds.
    every_us: Option<i64>,
    /// `schedule`.
    hours: Option<Hours>,
    /// What was selected but for the schedule, since it was last asked for.
    outside: u64,
    /// With `every_s`: which of its steps the last selected object fell into. Kept with the cursor, so that
    /// what is read again is thinned out the same way.
    pub slot: Option<i64>,
}

/// The stream's clock in an object.
#[derive(Deserialize)]
struct Clock {
    /// Milliseconds (PRODUCT section 6).
    frame_time: f64,
}

impl Selector {
    pub fn new(selection: Selection, common: &Common, slot: Option<i64>) -> Self {
        let every_us = common.every_s.map(|every| ((every * 1e6).round() as i64).max(1));
        let hours = common.schedule.as_ref().map(Hours::new);
        Self { selection, every_us, hours, outside: 0, slot }
    }

    /// What of an entry is selected; `None` if nothing is. To be asked in the order of the log.
    pub fn select(&mut self, position: u64, entry: &Entry) -> Option<Delivery> {
        if !self.is_within_hours(entry.time_ms) {
            self.outside += self.cut(position, entry).items.len() as u64;
            return None;
        }
        if let (Selection::Stream(wanted), Body::Object(stream, json)) = (&self.selection, &entry.body)
            && (stream != wanted || !self.is_due(json))
        {
            return None;
        }
        Some(self.cut(position, entry)).filter(|delivery| !delivery.items.is_empty())
    }

    /// How many records or objects the schedule alone has left out since this was last asked.
    pub fn take_outside(&mut self) -> u64 {
        std::mem::take(&mut self.outside)
    }

    /// By the time an entry speaks of. One that says none, as a preprocess command may make it, is never outside.
    fn is_within_hours(&mut self, time_ms: i64) -> bool {
        self.hours.as_mut().is_none_or(|hours| time_ms == 0 || hours.is_on(Timestamp(time_ms)))
    }

    /// What of an entry is of the selected kind: the same at every time.
    pub fn cut(&self, position: u64, entry: &Entry) -> Delivery {
        let items = match (&self.selection, &entry.body) {
            (Selection::Records(wanted), Body::Group(records)) => records
                .iter()
                .filter_map(|record| {
                    let version = *wanted.get(&record.schema)?;
                    let json = record.json(version)?;
                    Some(Item { kind: ItemKind::Record(record.schema, version), json })
                })
                .collect(),
            (Selection::Stream(wanted), Body::Object(stream, json)) if stream == wanted => {
                vec![Item { kind: ItemKind::Object(*stream), json: json.clone() }]
            }
            _ => Vec::new(),
        };
        Delivery { position, time_ms: entry.time_ms, items }
    }

    /// `every_s`: the first object in each step of stream time. On a grid, so that uneven sources do not
    /// drift; a clock that has gone back belongs to a stream that began anew.
    fn is_due(&mut self, json: &[u8]) -> bool {
        let Some(every_us) = self.every_us else { return true };
        let Ok(Clock { frame_time }) = serde_json::from_slice(json) else { return true };
        let slot = ((frame_time * 1e3).round() as i64).div_euclid(every_us);
        self.slot.replace(slot) != Some(slot)
    }
}

#[cfg(test)]
mod tests {
    use watchpost_model::{Schedule, WeekSpan};
    use watchpost_schema::streams::StreamName;

    use super::*;

    fn times(selector: &mut Selector, times_ms: &[f64]) -> Vec<f64> {
        let object = |time: &f64| Entry {
            time_ms: 0,
            body: Body::Object(
                StreamName::Tracks,
                format!("{{\"frame_id\":1,\"frame_time\":{time},\"tracks\":[]}}").into(),
            ),
        };
        times_ms.iter().copied().filter(|time| selector.select(0, &object(time)).is_some()).collect()
    }

    fn every(every_s: f64) -> Selector {
        let common = Common { every_s: Some(every_s), ..Common::default() };
        Selector::new(Selection::Stream(StreamName::Tracks), &common, None)
    }

    #[test]
    fn every_s_takes_the_first_object_of_each_step_of_stream_time() {
        let frames: Vec<f64> = (0..300).map(|n| f64::from(n) * 1000.0 / 30.0).collect();
        let taken = times(&mut every(1.0), &frames);
        assert_eq!(taken.len(), 10);
        assert!(
            taken.iter().enumerate().all(|(n, time)| (time - n as f64 * 1000.0).abs() < 0.01),
            "{taken:?}"
        );
    }

    #[test]
    fn every_s_does_not_drift_with_an_uneven_source() {
        assert_eq!(
            times(&mut every(0.5), &[10.0, 480.0, 620.0, 990.0, 1100.0, 2400.0]),
            [10.0, 620.0, 1100.0, 2400.0]
        );
    }

    #[test]
    fn a_stream_that_begins_anew_is_not_held_back_by_where_it_was() {
        assert_eq!(
            times(&mut every(1.0), &[0.0, 5000.0, 5500.0, 0.0, 500.0, 1000.0]),
            [0.0, 5000.0, 0.0, 1000.0]
        );
    }

    #[test]
    fn reading_again_from_a_kept_slot_takes_the_same_objects() {
        let frames: Vec<f64> = (0..100).map(|n| f64::from(n) * 70.0).collect();
        let mut first = every(0.3);
        let before = times(&mut first, &frames[..50]);
        let mut second = every(0.3);
        second.slot = first.slot;
        let after = times(&mut second, &frames[50..]);
        assert_eq!([before, after].concat(), times(&mut every(0.3), &frames));
    }

    #[test]
    fn what_happened_outside_the_schedule_is_left_out_and_counted() {
        let nine_to_ten = WeekSpan { weekday: 3, from_minute: 540, to_minute: 600 };
        let schedule = Some(Schedule { time_zone: "UTC".into(), spans: vec![nine_to_ten] });
        let common = Common { every_s: Some(60.0), schedule, ..Common::default() };
        let mut selector = Selector::new(Selection::Stream(StreamName::Tracks), &common, None);
        // The first of January 1970 was a Thursday. Minutes of that day, each with an object that every_s takes.
        let mut minutes = |minutes: std::ops::Range<i64>, stream: StreamName| -> Vec<i64> {
            let taken = minutes.filter(|minute| {
                let json = format!("{{\"frame_time\":{}}}", minute * 60_000).into();
                let entry = Entry { time_ms: minute * 60_000, body: Body::Object(stream, json) };
                selector.select(0, &entry).is_some()
            });
            taken.collect()
        };
        assert_eq!(minutes(538..603, StreamName::Tracks), (540..600).collect::<Vec<_>>());
        assert!(minutes(530..603, StreamName::Detections).is_empty());
        assert_eq!(minutes(0..1, StreamName::Tracks), [0], "one that says no time");
        assert_eq!((selector.take_outside(), selector.take_outside()), (5, 0));
    }

    #[test]
    fn an_object_without_a_clock_passes() {
        let entry = Entry { time_ms: 0, body: Body::Object(StreamName::Tracks, "{}".into()) };
        let mut selector = every(1.0);
        assert!(selector.select(0, &entry).is_some() && selector.select(1, &entry).is_some());
    }
}

//! `eventsExport`: the events of a frame in the older, un-versioned envelope (REFERENCE "Older
//! un-versioned format").
//!
//! Left out of the reference system's keys is what the model does not know: `subtype` is always
//! empty, and `last_seen`, `movement_direction`, `external_id`, `loitering_time`,
//! `loitering_min_duration`, `current_entries` and `total_hits` are absent. `image` is absent too:
//! the picture is in `best_thumbnail`.

use serde::Serialize;
use watchpost_model::{
    CrossingDirection, Event, EventKind, Group, Instant, ObjectState, Record, StreamTime, ZoneRef,
};

use super::{Thumbnail, tracks::BestThumbnail, write};
use crate::{Context, SchemaId, records::subject_of, words::*};

#[derive(Serialize)]
struct Envelope<'a> {
    events: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    id: EventId,
    #[serde(rename = "type")]
    kind: &'static str,
    subtype: &'static str,
    label: String,
    date: TimestampText,
    system_date: TimestampText,
    frame_time: FrameTime,
    frame_id: u64,
    instance_id: InstanceId,
    extra: Extra<'a>,
    tracks: Vec<TrackEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    zone_id: Option<AreaId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    zone_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tripwire_id: Option<LineId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tripwire_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    best_thumbnail: Option<BestThumbnail<'a>>,
}

/// Spans are in seconds, as the settings they belong to (`loitering_min_duration`); moments in ms,
/// as `frame_time`.
#[derive(Default, Serialize)]
struct Extra<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    bbox: Option<Location>,
    #[serde(skip_serializing_if = "Option::is_none")]
    track_id: Option<TrackingId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<Class>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_frame_time: Option<FrameTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_frame_time: Option<FrameTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crossing_direction: Option<Direction>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_interval: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tripwire: Option<&'a str>,
}

#[derive(Serialize)]
struct TrackEntry {
    id: TrackingId,
    bbox: Location,
    class_label: Class,
}

/// What an event's kind tells the envelope.
#[derive(Default)]
struct Told<'a> {
    area: Option<&'a ZoneRef>,
    line: Option<(&'a ZoneRef, CrossingDirection)>,
    duration: Option<StreamTime>,
    interval: Option<StreamTime>,
}

/// `type`, `label` and what else the kind tells. The types of armed and fallen persons are ours:
/// the older format has none.
fn told(event: &Event) -> (&'static str, String, Told<'_>) {
    use EventKind::*;
    let class = subject_of(event).class;
    let (kind, label) = match &event.kind {
        AreaEnter(_) => ("area_enter", "Entered area"),
        AreaExit(_) => ("area_exit", "Exited area"),
        Intrusion(_) => ("intrusion_start", "Intrusion detected"),
        IntrusionEnd { .. } => ("intrusion_end", "Intrusion ended"),
        Loitering(_) => ("loitering_start", "Loitering started"),
        LoiteringEnd { .. } => ("loitering_end", "Loitering ended"),
        Crowd(_) => ("area_crowding", "Crowding in area"),
        LineCrossing { .. } => ("tripwire_crossing", "Tripwire crossed"),
        Tailgating { .. } => ("tripwire_tailgating", "Tailgating"),
        ObjectLeftRemoved { state: ObjectState::Left, .. } => ("object_left", "Object left"),
        ObjectLeftRemoved { state: ObjectState::Removed, .. } => ("object_removed", "Object removed"),
        ArmedPerson => ("armed_person_start", "Armed person detected"),
        ArmedPersonEnd { .. } => ("armed_person_end", "Armed person ended"),
        FallenPerson => ("fallen_person_start", "Fallen person detected"),
        FallenPersonEnd { .. } => ("fallen_person_end", "Fallen person ended"),
    };
    let label =
        if matches!(event.kind, Intrusion(_)) { format!("{class} {label}") } else { label.to_owned() };
    let told = match &event.kind {
        AreaEnter(area)
        | AreaExit(area)
        | Intrusion(area)
        | Loitering(area)
        | Crowd(area)
        | ObjectLeftRemoved { area, .. } => Told { area: Some(area), ..Told::default() },
        IntrusionEnd { area, duration, .. } | LoiteringEnd { area, duration, .. } => {
            Told { area: Some(area), duration: Some(*duration), ..Told::default() }
        }
        LineCrossing { line, direction } => Told { line: Some((line, *direction)), ..Told::default() },
        Tailgating { line, direction, interval, .. } => {
            Told { line: Some((line, *direction)), interval: Some(*interval), ..Told::default() }
        }
        ArmedPersonEnd { duration, .. } | FallenPersonEnd { duration, .. } => {
            Told { duration: Some(*duration), ..Told::default() }
        }
        ArmedPerson | FallenPerson => Told::default(),
    };
    (kind, label, told)
}

/// Every `type` that an event of the envelope may have.
pub const EVENT_TYPES: [&str; 15] = [
    "area_enter",
    "area_exit",
    "intrusion_start",
    "intrusion_end",
    "loitering_start",
    "loitering_end",
    "area_crowding",
    "tripwire_crossing",
    "tripwire_tailgating",
    "object_left",
    "object_removed",
    "armed_person_start",
    "armed_person_end",
    "fallen_person_start",
    "fallen_person_end",
];

/// The schema whose records correspond to a `type` of the envelope.
pub fn schema_of_type(kind: &str) -> Option<SchemaId> {
    Some(match kind {
        "area_enter" => SchemaId::EventAreaEnter,
        "area_exit" => SchemaId::EventAreaExit,
        "intrusion_start" => SchemaId::EventIntrusion,
        "intrusion_end" => SchemaId::EventIntrusionEnd,
        "loitering_start" => SchemaId::EventLoitering,
        "loitering_end" => SchemaId::EventLoiteringEnd,
        "area_crowding" => SchemaId::EventCrowdDetection,
        "tripwire_crossing" => SchemaId::EventLineCrossing,
        "tripwire_tailgating" => SchemaId::EventTailgating,
        "object_left" | "object_removed" => SchemaId::EventObjectLeftRemoved,
        "armed_person_start" => SchemaId::EventArmedPerson,
        "armed_person_end" => SchemaId::EventArmedPersonEnd,
        "fallen_person_start" => SchemaId::EventFallenPerson,
        "fallen_person_end" => SchemaId::EventFallenPersonEnd,
        _ => return None,
    })
}

impl<'a> Entry<'a> {
    fn new(event: &'a Event, group: &'a Group, context: &Context<'_>) -> Self {
        let at = &group.at;
        let (kind, label, told) = told(event);
        let one = (event.subjects.len() == 1).then(|| subject_of(event));
        let crops = group.records.iter().filter_map(|record| match record {
            Record::Crop(crop) if crop.event_id.is_none_or(|id| id == event.id) => Some(crop),
            _ => None,
        });
        let best = crops.max_by(|a, b| a.confidence.total_cmp(&b.confidence));
        let area = told.area;
        let line = told.line.map(|(line, _)| line);
        Self {
            id: EventId(event.id),
            kind,
            subtype: "",
            label,
            date: TimestampText(at.timestamp),
            system_date: TimestampText(at.timestamp),
            frame_time: FrameTime(at.time),
            frame_id: at.frame_id,
            instance_id: InstanceId(context.instance_id),
            extra: Extra {
                bbox: one.map(|subject| subject.rect.into()),
                track_id: one.map(|subject| TrackingId(subject.track_id)),
                class: one.map(|subject| Class(subject.class)),
                duration: told.duration.map(StreamTime::as_secs),
                start_frame_time: told.duration.map(|span| FrameTime(at.time.since(span))),
                end_frame_time: told.duration.map(|_| FrameTime(at.time)),
                crossing_direction: told.line.map(|(_, direction)| Direction(direction)),
                count: matches!(event.kind, EventKind::Crowd(_)).then_some(event.subjects.len()),
                time_interval: told.interval.map(StreamTime::as_secs),
                zone: area.map(|area| area.name.as_str()),
                tripwire: line.map(|line| line.name.as_str()),
            },
            tracks: event
                .subjects
                .iter()
                .map(|subject| TrackEntry {
                    id: TrackingId(subject.track_id),
                    bbox: subject.rect.into(),
                    class_label: Class(subject.class),
                })
                .collect(),
            zone_id: area.map(|area| AreaId(area.id)),
            zone_name: area.map(|area| area.name.as_str()),
            tripwire_id: line.map(|line| LineId(line.id)),
            tripwire_name: line.map(|line| line.name.as_str()),
            best_thumbnail: best
                .map(|crop| Thumbnail { jpeg: &crop.jpeg, confidence: crop.confidence }.into()),
        }
    }
}

/// Appends the `eventsExport` object of one frame to `out`: the frame keys, then the list
/// `events`. Without an event in `groups` nothing is appended and the answer is false.
///
/// The picture of an event is the best crop of its group; [`super::replace_pictures`] takes it
/// out again.
pub fn encode_events_envelope(
    at: &Instant,
    context: &Context<'_>,
    groups: &[Group],
    out: &mut Vec<u8>,
) -> bool {
    let events: Vec<Entry<'_>> = groups
        .iter()
        .flat_map(|group| group.records.iter().map(move |record| (group, record)))
        .filter_map(|(group, record)| match record {
            Record::Event(event) => Some(Entry::new(event, group, context)),
            _ => None,
        })
        .collect();
    if events.is_empty() {
        return false;
    }
    write(at, context, Envelope { events }, out);
    true
}

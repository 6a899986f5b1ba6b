//! Home Assistant: areas, lines and crops as entities that it finds by itself (MQTT discovery,
//! home-assistant.io/integrations/mqtt).
//!
//! Beside each group of records goes what changes by it: the state of an area or a line, the last crop as a JPEG
//! file, all retained. An entity is announced with its first state, on `<prefix>/<component>/<node>/<object>/config`,
//! and again on each new connection, for the broker may have been restarted without its state. Whether anything is
//! available at all is said on one topic more, by the connection's last will where it cannot say so itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use watchpost_schema::{
    SchemaId,
    tables::{Cell, Table},
};

use crate::receiver::{Item, ItemKind};

/// Areas and lines that are remembered; an instance has tens.
const MAX_ZONES: usize = 1024;
/// What is under way in an area that is remembered; a crowd has hundreds, in kinds of events.
const MAX_UNDER_WAY: usize = 4096;

/// What Home Assistant is told of one export.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    /// Where it looks for entities; `homeassistant` unless it is set up otherwise.
    prefix: String,
    /// The part of all topics that tells this export from others.
    node: String,
    /// The device that the entities belong to.
    device: Value,
}

/// What Home Assistant was told; kept with the cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Told {
    /// By id.
    zones: BTreeMap<String, Zone>,
    /// There was a crop.
    camera: bool,
}

impl Told {
    pub fn is_empty(&self) -> bool {
        self.zones.is_empty() && !self.camera
    }
}

/// An area or a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Zone {
    name: String,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// An area: what has begun and not ended, as `kind track`.
    Area(BTreeSet<String>),
    /// A line: crossings so far.
    Line(u64),
}

/// A retained message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub topic: Arc<str>,
    pub payload: Vec<u8>,
    /// Not JSON but a JPEG file.
    pub is_jpeg: bool,
}

impl Note {
    fn json(topic: String, payload: &Value) -> Self {
        Self { topic: topic.into(), payload: payload.to_string().into(), is_jpeg: false }
    }
}

/// The parts of an event's row that matter here, as texts.
struct Seen {
    kind: String,
    class: String,
    track: String,
    area: (String, String),
    line: (String, String),
    direction: String,
    date: String,
}

impl Home {
    /// `client` is the connection's client id, which no two have.
    pub fn new(prefix: &str, client: &str, instance: &str) -> Self {
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
        let node: String = client.chars().map(plain).collect();
        let device = json!({
            "identifiers": [node], "name": instance, "manufacturer": "Watchpost", "model": "Video analytics",
            "sw_version": env!("CARGO_PKG_VERSION"),
        });
        Self { prefix: prefix.trim_end_matches('/').to_owned(), node, device }
    }

    /// Where it says `online`, and its last will `offline`.
    pub fn availability_topic(&self) -> String {
        format!("watchpost/{}/availability", self.node)
    }

    /// What a new connection begins with: all that is known.
    pub fn greeting(&self, told: &Told) -> Vec<Note> {
        let mut notes =
            vec![Note { topic: self.availability_topic().into(), payload: b"online".into(), is_jpeg: false }];
        for (id, zone) in &told.zones {
            notes.push(self.announced(id, zone));
            notes.push(self.state(id, zone, None));
        }
        if told.camera {
            notes.push(self.camera());
        }
        notes
    }

    /// What changes by these records.
    pub fn notes(&self, items: &[Item], told: &mut Told) -> Vec<Note> {
        let mut notes = Vec::new();
        for item in items {
            match item.kind {
                ItemKind::Record(SchemaId::Crop, _) => {
                    let Some(jpeg) = jpeg(&item.json) else { continue };
                    if !std::mem::replace(&mut told.camera, true) {
                        notes.push(self.camera());
                    }
                    let topic = self.state_topic("crop").into();
                    notes.push(Note { topic, payload: jpeg, is_jpeg: true });
                }
                ItemKind::Record(id, _) if id.is_event() => {
                    let Some(seen) = seen(&item.json) else { continue };
                    notes.extend(self.event(&seen, told));
                }
                _ => {}
            }
        }
        notes
    }

    fn event(&self, seen: &Seen, told: &mut Told) -> Vec<Note> {
        let (is_line, (id, name)) = match (&seen.area, &seen.line) {
            (_, line) if !line.0.is_empty() => (true, line),
            (area, _) if !area.0.is_empty() => (false, area),
            _ => return Vec::new(),
        };
        let is_new = !told.zones.contains_key(id);
        if is_new && told.zones.len() >= MAX_ZONES {
            return Vec::new();
        }
        let state = if is_line { State::Line(0) } else { State::Area(BTreeSet::new()) };
        let zone = told.zones.entry(id.clone()).or_insert_with(|| Zone { name: name.clone(), state });
        let is_renamed = zone.name != *name;
        zone.name.clone_from(name);
        match &mut zone.state {
            State::Line(crossings) => *crossings += 1,
            State::Area(under_way) => change(under_way, seen),
        }
        let zone = zone.clone();
        let announced = (is_new || is_renamed).then(|| self.announced(id, &zone));
        announced.into_iter().chain([self.state(id, &zone, Some(seen))]).collect()
    }

    fn config_topic(&self, component: &str, object: &str) -> String {
        format!("{}/{component}/{}/{object}/config", self.prefix, self.node)
    }

    fn state_topic(&self, object: &str) -> String {
        format!("watchpost/{}/{object}", self.node)
    }

    /// What every entity has.
    fn entity(&self, object: &str, name: &str) -> Value {
        json!({
            "name": name, "unique_id": format!("{}_{object}", self.node), "device": self.device,
            "availability_topic": self.availability_topic(),
        })
    }

    fn announced(&self, id: &str, zone: &Zone) -> Note {
        let mut entity = self.entity(id, &zone.name);
        entity["state_topic"] = self.state_topic(id).into();
        entity["json_attributes_topic"] = self.state_topic(id).into();
        let component = match zone.state {
            State::Area(_) => {
                entity["device_class"] = "occupancy".into();
                entity["value_template"] = "{{ value_json.state }}".into();
                "binary_sensor"
            }
            State::Line(_) => {
                entity["state_class"] = "total_increasing".into();
                entity["icon"] = "mdi:counter".into();
                entity["value_template"] = "{{ value_json.crossings }}".into();
                "sensor"
            }
        };
        Note::json(self.config_topic(component, id), &entity)
    }

    /// With the event that made it so, where there is one.
    fn state(&self, id: &str, zone: &Zone, seen: Option<&Seen>) -> Note {
        let mut state = match &zone.state {
            State::Area(under_way) => {
                json!({"state": if under_way.is_empty() { "OFF" } else { "ON" }, "under_way": under_way.len()})
            }
            State::Line(crossings) => json!({"crossings": crossings}),
        };
        for (key, value) in seen.iter().flat_map(|seen| {
            [
                ("event_type", &seen.kind),
                ("object_class", &seen.class),
                ("direction", &seen.direction),
                ("timestamp", &seen.date),
            ]
        }) {
            if !value.is_empty() {
                state[key] = value.as_str().into();
            }
        }
        Note::json(self.state_topic(id), &state)
    }

    fn camera(&self) -> Note {
        let mut entity = self.entity("crop", "Last crop");
        entity["topic"] = self.state_topic("crop").into();
        Note::json(self.config_topic("camera", "crop"), &entity)
    }
}

/// Takes in what begins or ends. What does neither (something left, a crowd) changes nothing; nor does who comes in or
/// goes, for whoever is lost sight of inside never goes.
fn change(under_way: &mut BTreeSet<String>, seen: &Seen) {
    let kind = seen.kind.as_str();
    let of = |what: &str| format!("{what} {}", seen.track);
    if let Some(begun) = kind.strip_suffix("-end") {
        under_way.remove(&of(begun));
    } else if end_of(kind).is_some() && under_way.len() < MAX_UNDER_WAY {
        under_way.insert(of(kind));
    }
}

/// What says that an event of this kind is over, where something does: then each start has its end.
pub(crate) fn end_of(kind: &str) -> Option<SchemaId> {
    format!("{kind}-end").parse().ok()
}

fn seen(json: &[u8]) -> Option<Seen> {
    let mut seen = None;
    Table::Events
        .for_each_row(json, |cells| {
            let text = |column: &str| {
                let at = Table::Events.columns().iter().position(|name| *name == column);
                at.and_then(|at| cells.get(at)).map(Cell::text).unwrap_or_default().into_owned()
            };
            seen = Some(Seen {
                kind: text("event_type"),
                class: text("object_class"),
                track: text("track_id"),
                area: (text("zone_id"), text("zone_name")),
                line: (text("tripwire_id"), text("tripwire_name")),
                direction: text("direction"),
                date: text("system_date"),
            });
        })
        .ok()?;
    seen
}

/// The picture of a crop, as a file.
fn jpeg(json: &[u8]) -> Option<Vec<u8>> {
    #[derive(Deserialize)]
    struct Crop<'a> {
        #[serde(borrow)]
        image: std::borrow::Cow<'a, str>,
    }
    let crop: Crop<'_> = serde_json::from_slice(json).ok()?;
    STANDARD.decode(crop.image.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use watchpost_schema::{Version, sample};

    use super::*;

    fn record(id: &str, version: Version, change: impl FnOnce(&mut Value)) -> Item {
        let id: SchemaId = id.parse().unwrap();
        let mut value: Value = serde_json::from_slice(&sample(id, version)).unwrap();
        change(&mut value);
        Item { kind: ItemKind::Record(id, version), json: value.to_string().into() }
    }

    fn home() -> Home {
        Home::new("homeassistant", "watch post", "Gate")
    }

    fn told(notes: &[Note]) -> Vec<(&str, Value)> {
        notes.iter().map(|note| (&*note.topic, serde_json::from_slice(&note.payload).unwrap())).collect()
    }

    #[test]
    fn an_area_is_on_while_anything_is_under_way_in_it() {
        for version in Version::ALL {
            let (home, mut known) = (home(), Told::default());
            let track = if version == Version::V1 { "ref_tracking_id" } else { "tracking_id" };
            let mut event = |id: &str, who: &str| {
                let item = record(id, version, |value| {
                    let key = if value.get(track).is_some() { track } else { "tracking_id" };
                    value[key] = who.into();
                });
                let notes = home.notes(&[item], &mut known);
                let last: Value = serde_json::from_slice(&notes.last().unwrap().payload).unwrap();
                (notes.len(), last["state"].as_str().unwrap().to_owned())
            };
            assert_eq!(event("event-intrusion", "a"), (2, "ON".to_owned()), "announced, then its state");
            assert_eq!(event("event-intrusion", "b"), (1, "ON".to_owned()));
            assert_eq!(event("event-loitering", "b"), (1, "ON".to_owned()));
            assert_eq!(event("event-area-enter", "c"), (1, "ON".to_owned()), "tells nothing of an end");
            assert_eq!(event("event-intrusion-end", "a"), (1, "ON".to_owned()));
            assert_eq!(event("event-intrusion-end", "a"), (1, "ON".to_owned()), "twice is once");
            assert_eq!(event("event-intrusion-end", "b"), (1, "ON".to_owned()));
            assert_eq!(event("event-loitering-end", "b"), (1, "OFF".to_owned()));
        }
    }

    #[test]
    fn entities_have_the_documented_topics_and_payloads() {
        let (home, mut known) = (home(), Told::default());
        let area = "2b4d6f80-91a2-43b4-85c6-d7e8f90a1b2c";
        let notes = home.notes(&[record("event-intrusion", Version::V2, |_| {})], &mut known);
        let [(config, entity), (state, payload)] = &told(&notes)[..] else { panic!("{notes:?}") };
        assert_eq!(*config, format!("homeassistant/binary_sensor/watch-post/{area}/config"));
        assert_eq!(entity["state_topic"], *state);
        assert_eq!((&entity["name"], &entity["device_class"]), (&json!("Loading bay"), &json!("occupancy")));
        assert_eq!(entity["availability_topic"], "watchpost/watch-post/availability");
        assert_eq!(entity["device"]["identifiers"], json!(["watch-post"]));
        assert_eq!((&payload["state"], &payload["object_class"]), (&json!("ON"), &json!("Person")));

        let crossing = || record("event-line-crossing", Version::V2, |_| {});
        let notes = home.notes(&[crossing(), crossing()], &mut known);
        let [(config, entity), (_, first), (state, second)] = &told(&notes)[..] else { panic!("{notes:?}") };
        assert!(config.starts_with("homeassistant/sensor/watch-post/"), "{config}");
        assert_eq!(
            (&entity["state_topic"], &entity["state_class"]),
            (&json!(state), &json!("total_increasing"))
        );
        assert_eq!((&first["crossings"], &second["crossings"]), (&json!(1), &json!(2)));
        assert_eq!(second["direction"], "down");

        let notes = home.notes(&[record("crop", Version::V2, |_| {})], &mut known);
        let entity: Value = serde_json::from_slice(&notes[0].payload).unwrap();
        assert_eq!(&*notes[0].topic, "homeassistant/camera/watch-post/crop/config");
        assert_eq!(entity["topic"], "watchpost/watch-post/crop");
        assert_eq!((&*notes[1].topic, notes[1].is_jpeg), ("watchpost/watch-post/crop", true));
        assert!(notes[1].payload.starts_with(&[0xFF, 0xD8]), "a JPEG file, not base64");

        // A new connection says it all again, after what was kept.
        let known: Told = serde_json::from_value(serde_json::to_value(&known).unwrap()).unwrap();
        let topics: Vec<_> = home.greeting(&known).into_iter().map(|note| note.topic.to_string()).collect();
        assert_eq!(topics.len(), 6, "availability, two entities with their states, the camera: {topics:?}");
    }

    #[test]
    fn a_renamed_area_is_announced_again_and_a_record_of_no_area_says_nothing() {
        let (home, mut known) = (home(), Told::default());
        let named =
            |name: &str| record("event-intrusion", Version::V2, |value| value["area"]["name"] = name.into());
        assert_eq!(home.notes(&[named("Bay")], &mut known).len(), 2);
        assert_eq!(home.notes(&[named("Bay")], &mut known).len(), 1);
        assert_eq!(home.notes(&[named("Yard")], &mut known).len(), 2);
        assert_eq!(home.notes(&[record("diagnostics", Version::V2, |_| {})], &mut known), []);
        let without = record("event-intrusion", Version::V2, |value| {
            drop(value.as_object_mut().unwrap().remove("area"))
        });
        assert_eq!(home.notes(&[without], &mut known), []);
    }
}

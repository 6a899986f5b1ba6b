//! What a filter asks of a record, or of an item of a stream object: its class, where it happened, how sure it is.
//!
//! Read with the scanner of the tables: nothing is built, values borrow from the JSON.

use serde_json::value::RawValue;

use crate::tables::{
    Cell,
    fields::{Lenient, List, Raw},
    figures::Figures as Members,
    read,
    scan::fields,
};

fields! {
    /// Every key that says one of these things, in a record of either version, in a detection, a track, or an
    /// event of the older envelope.
    pub(crate) struct Keys {
        "object_class" => object_class: Raw<'a>,
        "class_label" => class_label: Raw<'a>,
        "label" => label: Raw<'a>,
        "classid" => classid: Raw<'a>,
        "type" => kind: Raw<'a>,
        "extra" => extra: Lenient<Extra<'a>>,
        "targets" => targets: List<Target<'a>>,
        "tracks" => tracks: List<Target<'a>>,
        "area" => area: Lenient<Place<'a>>,
        "line" => line: Lenient<Place<'a>>,
        "area_id" => area_id: Raw<'a>,
        "area_name" => area_name: Raw<'a>,
        "tripwire_id" => tripwire_id: Raw<'a>,
        "tripwire_name" => tripwire_name: Raw<'a>,
        "zone_id" => zone_id: Raw<'a>,
        "zone_name" => zone_name: Raw<'a>,
        "confidence" => confidence: Raw<'a>,
        "detection_confidence" => detection_confidence: Raw<'a>,
    }
}

fields! {
    struct Place {
        "id" => id: Raw<'a>,
        "name" => name: Raw<'a>,
    }
}

fields! {
    struct Extra {
        "class" => class: Raw<'a>,
    }
}

fields! {
    /// One of several objects.
    struct Target {
        "object_class" => object_class: Raw<'a>,
        "class_label" => class_label: Raw<'a>,
        "confidence" => confidence: Raw<'a>,
    }
}

/// What some JSON says. See the module.
pub struct Facts<'a>(Keys<'a>);

/// Classes by their number (REFERENCE "Analytics"), for detections, whose label is the detector's own word.
const CLASSES: [&str; 6] = ["", "Person", "Animal", "Vehicle", "Face", "Unknown"];

impl<'a> Facts<'a> {
    /// Of a record, or of an item of a stream object; `None` if this is no JSON object.
    pub fn of(json: &'a [u8]) -> Option<Self> {
        read(json).ok().map(Self)
    }

    /// Whether one of its classes is `wanted`; `None` if it has none. A detection is also of the class that its
    /// label names.
    pub fn class_is(&self, wanted: impl Fn(&str) -> bool) -> Option<bool> {
        let keys = &self.0;
        let several = keys.targets.0.iter().chain(&keys.tracks.0);
        let several = several.flat_map(|target| [target.object_class, target.class_label]);
        let own = [keys.object_class, keys.class_label, keys.label, keys.extra.0.class];
        // An event of the older envelope has a label too, but that is a sentence.
        let own = own.into_iter().filter(|raw| keys.kind.0.is_none() || *raw != keys.label);
        let number = keys.classid.0.and_then(|raw| raw.parse::<usize>().ok());
        let number = number.and_then(|number| CLASSES.get(number)).map(|name| wanted(name));
        any(own.chain(several).map(|raw| one(raw, &wanted)).chain([number]))
    }

    /// Whether its area or line, by name or id, is `wanted`; `None` if it has none.
    pub fn zone_is(&self, wanted: impl Fn(&str) -> bool) -> Option<bool> {
        let keys = &self.0;
        let (area, line) = (&keys.area.0, &keys.line.0);
        let all = [
            area.name,
            area.id,
            line.name,
            line.id,
            keys.area_name,
            keys.area_id,
            keys.tripwire_name,
            keys.tripwire_id,
            keys.zone_name,
            keys.zone_id,
        ];
        any(all.into_iter().map(|raw| one(raw, &wanted)))
    }

    /// How sure it is, 0..1; of several objects the surest. `None` if it does not say.
    pub fn confidence(&self) -> Option<f64> {
        let number = |raw: Raw<'_>| raw.0.and_then(|raw| raw.parse::<f64>().ok());
        let own = number(self.0.confidence).or(number(self.0.detection_confidence));
        own.or_else(|| {
            self.0.targets.0.iter().filter_map(|target| number(target.confidence)).reduce(f64::max)
        })
    }

    /// Whether its `type` (older envelope) is `wanted`; `None` if it has none.
    pub fn type_is(&self, wanted: impl Fn(&str) -> bool) -> Option<bool> {
        one(self.0.kind, wanted)
    }
}

/// Whether the text `raw` is wanted; `None` if it is no text.
fn one(raw: Raw<'_>, wanted: impl Fn(&str) -> bool) -> Option<bool> {
    match Cell::new(raw) {
        Cell::Text(text) => Some(wanted(&text)),
        _ => None,
    }
}

/// Whether one of them is true; `None` if nobody says.
fn any(answers: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    answers.flatten().reduce(|a, b| a | b)
}

/// The stream's clock in a record or stream object, in milliseconds; `None` if it has none.
///
/// Finds the first such key in the text instead of reading all of it: within a string its quotes would be
/// escaped, and objects nested in ours come after the frame's own keys.
pub fn stream_time_ms(json: &[u8]) -> Option<f64> {
    const KEYS: [&[u8]; 2] = [b"\"frame_time\":", b"\"event_timestamp_ms\":"];
    let behind = KEYS.iter().find_map(|key| json.get(memchr::memmem::find(json, key)? + key.len()..))?;
    let behind = behind.trim_ascii_start();
    let end = behind.iter().position(|byte| matches!(byte, b',' | b'}' | b' ' | b'\n' | b'\r' | b'\t'))?;
    std::str::from_utf8(&behind[..end]).ok()?.parse().ok()
}

/// What is left of a stream object's list.
#[derive(Debug, PartialEq, Eq)]
pub enum Kept {
    /// Every item: the object as it is. Also what has no such list.
    All,
    /// No item.
    Nothing,
    /// The object with the items that were kept.
    Some(Vec<u8>),
}

/// Keeps those items of the list `list` of a stream object for which `keep` says so; they and all else stay
/// as they are written.
pub fn keep_items(object: &[u8], list: &str, mut keep: impl FnMut(&[u8]) -> bool) -> Kept {
    let Ok(members) = serde_json::from_slice::<Members<'_>>(object) else { return Kept::All };
    let items = members.0.iter().find(|(key, _)| key == list);
    let Some(Ok(items)) = items.map(|(_, raw)| serde_json::from_str::<Vec<&RawValue>>(raw.get())) else {
        return Kept::All;
    };
    let kept: Vec<&RawValue> = items.iter().copied().filter(|item| keep(item.get().as_bytes())).collect();
    if kept.is_empty() {
        return Kept::Nothing;
    }
    if kept.len() == items.len() {
        return Kept::All;
    }
    let mut out = Vec::with_capacity(object.len());
    for (index, (key, raw)) in members.0.iter().enumerate() {
        out.push(if index == 0 { b'{' } else { b',' });
        crate::encode::write(key, &mut out);
        out.push(b':');
        if key == list {
            crate::encode::write(&kept, &mut out);
        } else {
            out.extend_from_slice(raw.get().as_bytes());
        }
    }
    out.push(b'}');
    Kept::Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SchemaId, Version, sample};

    #[test]
    fn records_of_both_versions_say_the_same() {
        for version in SchemaId::EventIntrusion.versions() {
            let json = sample(SchemaId::EventIntrusion, version);
            let facts = Facts::of(&json).unwrap();
            assert_eq!(facts.class_is(|class| class == "Person"), Some(true));
            assert_eq!(facts.class_is(|class| class == "Vehicle"), Some(false));
            assert_eq!(facts.zone_is(|zone| zone == "Loading bay"), Some(true));
            let json = sample(SchemaId::EventLineCrossing, version);
            assert_eq!(Facts::of(&json).unwrap().zone_is(|_| false), Some(false), "lines count as zones");
            let json = sample(SchemaId::Diagnostics, version);
            let facts = Facts::of(&json).unwrap();
            assert_eq!(
                (facts.class_is(|_| true), facts.zone_is(|_| true), facts.confidence()),
                (None, None, None)
            );
            let json = sample(SchemaId::EventCrowdDetection, version);
            assert_eq!(
                Facts::of(&json).unwrap().class_is(|class| class == "Person"),
                Some(true),
                "one of them"
            );
        }
        assert!(Facts::of(&sample(SchemaId::EventIntrusion, Version::V2)).unwrap().confidence().is_some());
    }

    #[test]
    fn items_of_streams_say_it_in_their_own_words() {
        let of = |json: &'static str| Facts::of(json.as_bytes()).unwrap();
        let detection = of(r#"{"x":0,"confidence":0.5,"classid":3,"label":"lorry"}"#);
        assert_eq!(detection.class_is(|class| class == "Vehicle"), Some(true));
        assert_eq!(detection.class_is(|class| class == "lorry"), Some(true));
        assert_eq!(detection.confidence(), Some(0.5));
        let event =
            of(r#"{"type":"area_enter","label":"Entered area","extra":{"class":"Person"},"zone_name":"A"}"#);
        assert_eq!(event.class_is(|class| class == "Entered area"), Some(false));
        assert_eq!(event.class_is(|class| class == "Person"), Some(true));
        assert_eq!(event.type_is(|kind| kind == "area_enter"), Some(true));
        assert_eq!(event.zone_is(|zone| zone == "A"), Some(true));
        assert!(Facts::of(b"7").is_none());
    }

    #[test]
    fn times_are_found_without_reading_all() {
        for id in SchemaId::ALL {
            for version in id.versions() {
                let json = sample(id, version);
                let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
                let said = value.get("frame_time").or(value.get("event_timestamp_ms"));
                assert_eq!(stream_time_ms(&json), said.and_then(serde_json::Value::as_f64), "{id:?}");
            }
        }
        assert_eq!(stream_time_ms(br#"{"a":"\"frame_time\":7","frame_time": 2.5 }"#), Some(2.5));
        assert_eq!(stream_time_ms(b"{}"), None);
    }

    #[test]
    fn items_are_kept_as_they_are_written() {
        let object = br#"{"frame_id":1,"tracks":[{"a":1.50},{"b":2},{"a":3}],"z":"\u00e4"}"#;
        let with_a = |item: &[u8]| item.starts_with(b"{\"a\"");
        let expected = r#"{"frame_id":1,"tracks":[{"a":1.50},{"a":3}],"z":"\u00e4"}"#;
        assert_eq!(keep_items(object, "tracks", with_a), Kept::Some(expected.into()));
        assert_eq!(keep_items(object, "tracks", |_| true), Kept::All);
        assert_eq!(keep_items(object, "tracks", |_| false), Kept::Nothing);
        assert_eq!(keep_items(b"{\"tracks\":[]}", "tracks", |_| true), Kept::Nothing);
        assert_eq!(keep_items(b"{\"tracks\":7}", "tracks", |_| false), Kept::All);
    }
}

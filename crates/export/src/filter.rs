//! `config.filter`: what of a selection an export takes, and how much of it.
//!
//! A condition concerns only what has such a value: a record without a class passes `classes`, one that happened
//! in no area and at no line passes `zones`. What a filter takes out is neither lost nor dead.

use garde::Validate;
use schemars::JsonSchema;
use serde::Deserialize;
use watchpost_config::{Handler, Problem};
use watchpost_model::ObjectClass;
use watchpost_schema::{
    SchemaId,
    streams::{EVENT_TYPES, StreamName},
};

use crate::{format::Selection, settings::problem};

/// More names than anybody writes by hand.
const MAX_NAMES: usize = 256;

/// Conditions; all of them have to be met.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// Only records of these ids, out of `schema_events`; `event-*` stands for all that begin so. For
    /// `eventsExport` its own types, such as `area_enter`, are known too. Crops and attributes go with their event.
    #[garde(length(max = MAX_NAMES))]
    pub types: Vec<String>,
    /// Only these classes: `Person`, `Animal`, `Vehicle`, `Face`, `Unknown`; of `output-detections` labels too. Of
    /// several objects one is enough.
    #[garde(length(max = MAX_NAMES))]
    pub classes: Vec<String>,
    /// Only what happened in these areas or at these lines, each by its name or id.
    #[garde(length(max = MAX_NAMES))]
    pub zones: Vec<String>,
    /// Only what is at least so sure, 0 to 1.
    #[garde(inner(range(min = 0.0, max = 1.0)))]
    pub min_confidence: Option<f64>,
    /// At most so many groups of records, or stream objects, per second of stream time, 0.0001 to 1 000 000; 0.1 is
    /// one in ten seconds. What is over it is taken out, and counted.
    #[garde(inner(range(min = 0.0001, max = 1_000_000.0)))]
    pub max_per_s: Option<f64>,
}

impl Filter {
    /// Whether no condition looks at what is exported.
    pub(crate) fn takes_all(&self) -> bool {
        self.types.is_empty()
            && self.classes.is_empty()
            && self.zones.is_empty()
            && self.min_confidence.is_none()
    }

    /// The names of `zones` that are not among `known`, each with its place in the list: areas come and go, so
    /// this is worth a warning only.
    pub fn unknown_zones<'f>(
        &'f self,
        known: impl Fn(&str) -> bool + 'f,
    ) -> impl Iterator<Item = (usize, &'f str)> {
        self.zones.iter().map(String::as_str).enumerate().filter(move |(_, zone)| !known(zone))
    }

    /// What cannot be meant, held against what is exported.
    pub(crate) fn check(
        &self,
        handler: &Handler,
        selection: &Selection,
        problems: &mut Vec<Problem>,
        warnings: &mut Vec<Problem>,
    ) {
        let at = |key: &str, message: String, fix: String| {
            problem(handler, &format!("/config/filter/{key}"), message, fix)
        };
        let valid = types_of(selection);
        for (index, name) in self.types.iter().enumerate() {
            if !valid.iter().any(|valid| names(name, valid)) {
                let message = format!("nothing of type `{name}` is exported here");
                let fix = if valid.is_empty() {
                    "its objects have no types: take `types` out".to_owned()
                } else {
                    format!("expected one of {}", valid.join(", "))
                };
                problems.push(at(&format!("types/{index}"), message, fix));
            }
        }
        for (index, name) in self.classes.iter().enumerate().filter(|(_, name)| !is_class(name)) {
            let place = format!("classes/{index}");
            let classes = ObjectClass::ALL.map(ObjectClass::name).join(", ");
            if *selection == Selection::Stream(StreamName::Detections) {
                let message = format!("`{name}` is no class; detections with that label pass");
                warnings.push(at(&place, message, format!("the classes are {classes}")));
            } else {
                let message = format!("there is no class `{name}`");
                problems.push(at(&place, message, format!("expected one of {classes}")));
            }
        }
        let set = [
            ("classes", !self.classes.is_empty(), "a class"),
            ("zones", !self.zones.is_empty(), "an area or line"),
            ("min_confidence", self.min_confidence.is_some(), "a confidence"),
        ];
        for (key, _, what) in set.into_iter().filter(|(key, is_set, _)| *is_set && !concerns(key, selection))
        {
            let message = format!("nothing of what is exported has {what}: this takes nothing out");
            warnings.push(at(key, message, "take it out".to_owned()));
        }
    }
}

/// Whether the condition `key` concerns anything of what is exported.
fn concerns(key: &str, selection: &Selection) -> bool {
    use SchemaId::{
        Attribute, Crop, Diagnostics, EventArmedPerson, EventArmedPersonEnd, EventFallenPerson,
        EventFallenPersonEnd, Statistics, Track,
    };
    let nowhere = [EventArmedPerson, EventArmedPersonEnd, EventFallenPerson, EventFallenPersonEnd];
    match selection {
        Selection::Records(ids) => ids.keys().any(|id| match id {
            // They are judged by their event, also where that is not exported itself.
            Crop | Attribute => true,
            Diagnostics | Statistics => false,
            Track => key != "zones",
            event => key != "zones" || !nowhere.contains(event),
        }),
        Selection::Stream(StreamName::Events) => key != "min_confidence",
        Selection::Stream(StreamName::Tracks | StreamName::Detections) => key != "zones",
        Selection::Stream(_) => false,
    }
}

/// Every type that a filter may name.
fn types_of(selection: &Selection) -> Vec<&'static str> {
    match selection {
        Selection::Records(ids) => ids.keys().map(|id| id.as_str()).collect(),
        Selection::Stream(StreamName::Events) => {
            let ids = SchemaId::ALL.iter().filter(|id| id.is_event()).map(|id| id.as_str());
            EVENT_TYPES.into_iter().chain(ids).collect()
        }
        Selection::Stream(_) => Vec::new(),
    }
}

/// Whether a name of a filter means `name`.
pub(crate) fn names(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |beginning| name.starts_with(beginning))
}

fn is_class(name: &str) -> bool {
    ObjectClass::ALL.iter().any(|class| class.name() == name)
}

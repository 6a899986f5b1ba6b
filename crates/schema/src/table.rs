//! The one table of schemas. A new id or version is a line here and a file under `records/`.

use schemars::SchemaGenerator;

use crate::{
    SchemaId, Version,
    convert::Rule,
    records::{area, attribute, crop, crowd, diagnostics, line, object, person, statistics, track},
};

/// One schema.
#[derive(Debug)]
pub struct Schema {
    /// Its name.
    pub id: SchemaId,
    /// A few words for people.
    pub title: &'static str,
    /// A sentence for people.
    pub summary: &'static str,
    /// Its versions, oldest first.
    pub versions: &'static [SchemaVersion],
    rules: &'static [&'static [Rule]],
}

/// One version of a schema.
#[derive(Debug)]
pub struct SchemaVersion {
    /// Which.
    pub version: Version,
    /// Whether it may still change. What is no draft stands in `schemas/frozen.json` and a test
    /// refuses every change of it.
    pub draft: bool,
    pub(crate) make: fn(&mut SchemaGenerator) -> schemars::Schema,
}

impl Schema {
    /// The schema of `id`.
    pub fn of(id: SchemaId) -> &'static Self {
        &SCHEMAS[id as usize]
    }

    /// Version `version` of it, if there is one.
    pub fn version(&self, version: Version) -> Option<&'static SchemaVersion> {
        self.versions.iter().find(|candidate| candidate.version == version)
    }

    /// The name of a version's file, and its page under `/schema/`: `event-intrusion-v1.json`.
    pub fn file_name(id: SchemaId, version: Version) -> String {
        format!("{id}-v{version}.json")
    }
}

impl SchemaId {
    /// The versions there are of it, oldest first.
    pub fn versions(self) -> impl DoubleEndedIterator<Item = Version> {
        Schema::of(self).versions.iter().map(|known| known.version)
    }
}

/// How versions 1 and 2 of `id` correspond.
pub(crate) fn rules(id: SchemaId) -> &'static [&'static [Rule]] {
    Schema::of(id).rules
}

macro_rules! schemas {
    ($($id:ident, $title:literal, $v1:ty, $v2:ty, $rules:expr, $summary:literal;)+) => {
        [$(Schema {
            id: SchemaId::$id,
            title: $title,
            summary: $summary,
            versions: &[
                SchemaVersion { version: Version::V1, draft: false, make: SchemaGenerator::root_schema_for::<$v1> },
                SchemaVersion { version: Version::V2, draft: false, make: SchemaGenerator::root_schema_for::<$v2> },
            ],
            rules: $rules,
        }),+]
    };
}

/// Every schema, in the order of [`SchemaId::ALL`].
pub static SCHEMAS: [Schema; 19] = schemas! {
    EventAreaEnter, "Entered area", area::v1::AreaEvent<'static>, area::v2::AreaEvent<'static>, area::EVENT,
        "An object entered an area.";
    EventAreaExit, "Left area", area::v1::AreaEvent<'static>, area::v2::AreaEvent<'static>, area::EVENT,
        "An object left an area.";
    EventIntrusion, "Intrusion", area::v1::AreaEvent<'static>, area::v2::AreaEvent<'static>, area::EVENT,
        "An object is in an area where it should not be.";
    EventIntrusionEnd, "Intrusion ended", area::v1::AreaEnd<'static>, area::v2::AreaEnd<'static>, area::END,
        "The object of an intrusion has left the area, was lost, or watching ended.";
    EventLoitering, "Loitering", area::v1::AreaEvent<'static>, area::v2::AreaEvent<'static>, area::EVENT,
        "An object has stayed in an area for longer than allowed.";
    EventLoiteringEnd, "Loitering ended", area::v1::AreaEnd<'static>, area::v2::AreaEnd<'static>, area::END,
        "The object that loitered has left the area, was lost, or watching ended.";
    EventCrowdDetection, "Crowd", crowd::v1::Crowd<'static>, crowd::v2::Crowd<'static>, crowd::RULES,
        "As many objects are in an area as make a crowd.";
    EventLineCrossing, "Line crossed", line::v1::LineCrossing<'static>, line::v2::LineCrossing<'static>, line::CROSSING,
        "An object crossed a line.";
    EventTailgating, "Tailgating", line::v1::Tailgating<'static>, line::v2::Tailgating<'static>, line::TAILGATING,
        "An object crossed a line shortly after another.";
    EventObjectLeftRemoved, "Object left or removed",
        object::v1::ObjectLeftRemoved<'static>, object::v2::ObjectLeftRemoved<'static>, object::RULES,
        "An object came to rest in an area and stayed, or was there and is gone.";
    EventArmedPerson, "Armed person", person::v1::PersonEvent, person::v2::PersonEvent<'static>, person::EVENT,
        "A person carries a weapon, as a detector says.";
    EventArmedPersonEnd, "Armed person ended", person::v1::PersonEnd, person::v2::PersonEnd<'static>, person::END,
        "The armed person was lost or carries no weapon any more.";
    EventFallenPerson, "Fallen person", person::v1::PersonEvent, person::v2::PersonEvent<'static>, person::EVENT,
        "A person has fallen, as a detector says.";
    EventFallenPersonEnd, "Fallen person ended", person::v1::PersonEnd, person::v2::PersonEnd<'static>, person::END,
        "The fallen person was lost or stands again.";
    Track, "Track", track::v1::Track, track::v2::Track<'static>, track::RULES,
        "An object followed over frames, sent because it caused an event or because debug is on.";
    Crop, "Crop", crop::v1::Crop<'static>, crop::v2::Crop<'static>, crop::RULES,
        "A picture of an object, the best seen so far.";
    Attribute, "Attribute", attribute::v1::Attribute<'static>, attribute::v2::Attribute<'static>, attribute::RULES,
        "One property of an object: a colour, a licence plate.";
    Diagnostics, "Diagnostics",
        diagnostics::v1::Diagnostics<'static>, diagnostics::v2::Diagnostics<'static>, diagnostics::RULES,
        "Something a person who runs the system should know.";
    Statistics, "Statistics",
        statistics::v1::Statistics<'static>, statistics::v2::Statistics<'static>, statistics::RULES,
        "How an instance runs, every 5 s of stream time.";
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_ids() {
        assert_eq!(SCHEMAS.each_ref().map(|schema| schema.id), SchemaId::ALL);
        for id in SchemaId::ALL {
            assert_eq!(id.as_str().parse(), Ok(id));
            assert_eq!(id.is_event(), id.as_str().starts_with("event-"), "{id}");
            let versions: Vec<_> = id.versions().collect();
            assert!(versions.starts_with(&[Version::V1, Version::V2]) && versions.is_sorted(), "{id}");
        }
    }
}

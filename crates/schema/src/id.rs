//! Names of schemas and their versions.

use std::{fmt, str::FromStr};

use watchpost_model::{Event, EventKind, Record};

/// Which schema a record follows. One variant per id of REFERENCE "Records".
///
/// `event-crowd`, `event-activity`, `event-activity-end` and `event-dwelling`, which later builds
/// of the reference system know, are not among them: nothing here produces them. A subscription
/// to one is refused as an unknown id, by name, and everything beside it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[expect(missing_docs, reason = "each is described by its line in `SCHEMAS`")]
pub enum SchemaId {
    EventAreaEnter,
    EventAreaExit,
    EventIntrusion,
    EventIntrusionEnd,
    EventLoitering,
    EventLoiteringEnd,
    EventCrowdDetection,
    EventLineCrossing,
    EventTailgating,
    EventObjectLeftRemoved,
    EventArmedPerson,
    EventArmedPersonEnd,
    EventFallenPerson,
    EventFallenPersonEnd,
    Track,
    Crop,
    Attribute,
    Diagnostics,
    Statistics,
}

impl SchemaId {
    /// Every id, events first.
    pub const ALL: [Self; 19] = [
        Self::EventAreaEnter,
        Self::EventAreaExit,
        Self::EventIntrusion,
        Self::EventIntrusionEnd,
        Self::EventLoitering,
        Self::EventLoiteringEnd,
        Self::EventCrowdDetection,
        Self::EventLineCrossing,
        Self::EventTailgating,
        Self::EventObjectLeftRemoved,
        Self::EventArmedPerson,
        Self::EventArmedPersonEnd,
        Self::EventFallenPerson,
        Self::EventFallenPersonEnd,
        Self::Track,
        Self::Crop,
        Self::Attribute,
        Self::Diagnostics,
        Self::Statistics,
    ];

    /// The name on the wire, the value of `$id`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EventAreaEnter => "event-area-enter",
            Self::EventAreaExit => "event-area-exit",
            Self::EventIntrusion => "event-intrusion",
            Self::EventIntrusionEnd => "event-intrusion-end",
            Self::EventLoitering => "event-loitering",
            Self::EventLoiteringEnd => "event-loitering-end",
            Self::EventCrowdDetection => "event-crowd-detection",
            Self::EventLineCrossing => "event-line-crossing",
            Self::EventTailgating => "event-tailgating",
            Self::EventObjectLeftRemoved => "event-object-left-removed",
            Self::EventArmedPerson => "event-armed-person",
            Self::EventArmedPersonEnd => "event-armed-person-end",
            Self::EventFallenPerson => "event-fallen-person",
            Self::EventFallenPersonEnd => "event-fallen-person-end",
            Self::Track => "track",
            Self::Crop => "crop",
            Self::Attribute => "attribute",
            Self::Diagnostics => "diagnostics",
            Self::Statistics => "statistics",
        }
    }

    /// Whether it is an `event-*`.
    pub const fn is_event(self) -> bool {
        (self as u8) < Self::Track as u8
    }

    /// The schema that `record` is written in.
    pub const fn of(record: &Record) -> Self {
        match record {
            Record::Event(event) => Self::of_event(event),
            Record::Track(_) => Self::Track,
            Record::Crop(_) => Self::Crop,
            Record::Attribute(_) => Self::Attribute,
            Record::Diagnostics(_) => Self::Diagnostics,
            Record::Statistics(_) => Self::Statistics,
        }
    }

    /// The schema that `event` is written in.
    pub const fn of_event(event: &Event) -> Self {
        match &event.kind {
            EventKind::AreaEnter(_) => Self::EventAreaEnter,
            EventKind::AreaExit(_) => Self::EventAreaExit,
            EventKind::Intrusion(_) => Self::EventIntrusion,
            EventKind::IntrusionEnd { .. } => Self::EventIntrusionEnd,
            EventKind::Loitering(_) => Self::EventLoitering,
            EventKind::LoiteringEnd { .. } => Self::EventLoiteringEnd,
            EventKind::Crowd(_) => Self::EventCrowdDetection,
            EventKind::LineCrossing { .. } => Self::EventLineCrossing,
            EventKind::Tailgating { .. } => Self::EventTailgating,
            EventKind::ObjectLeftRemoved { .. } => Self::EventObjectLeftRemoved,
            EventKind::ArmedPerson => Self::EventArmedPerson,
            EventKind::ArmedPersonEnd { .. } => Self::EventArmedPersonEnd,
            EventKind::FallenPerson => Self::EventFallenPerson,
            EventKind::FallenPersonEnd { .. } => Self::EventFallenPersonEnd,
        }
    }
}

impl fmt::Display for SchemaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A name that is no schema id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown schema id `{shown}`: expected one of {valid}", shown = shortened(.0), valid = names())]
pub struct UnknownId(pub String);

/// Ids are short: what is longer is cut in messages, since it may be anything.
const SHOWN_CHARS: usize = 64;

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

fn names() -> String {
    SchemaId::ALL.map(SchemaId::as_str).join(", ")
}

impl FromStr for SchemaId {
    type Err = UnknownId;

    /// Reads an id by its exact name. The error lists the valid ones.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|id| id.as_str() == text).ok_or_else(|| UnknownId(text.to_owned()))
    }
}

/// Version of a schema, the value of `$version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Version {
    /// The reference system's own record (REFERENCE "Records").
    V1 = 1,
    /// Watchpost's, which mends what users of version 1 complain of (PRODUCT section 7).
    V2 = 2,
}

impl Version {
    /// Every version, oldest first.
    pub const ALL: [Self; 2] = [Self::V1, Self::V2];

    /// The number on the wire.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Whether its records have a place for what they are given when they enter the log ([`crate::Stamp`]).
    pub const fn has_stamp(self) -> bool {
        match self {
            Self::V1 => false,
            Self::V2 => true,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(f)
    }
}

/// A number that is no version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown schema version {0}: expected {valid}", valid = Version::ALL.map(|version| version.to_string()).join(" or "))]
pub struct UnknownVersion(pub u64);

impl TryFrom<u64> for Version {
    type Error = UnknownVersion;

    fn try_from(number: u64) -> Result<Self, Self::Error> {
        Self::ALL
            .into_iter()
            .find(|version| u64::from(version.number()) == number)
            .ok_or(UnknownVersion(number))
    }
}

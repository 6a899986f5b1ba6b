//! Identities: 8-4-4-4-12 hexadecimal text.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use watchpost_model::Id;

use crate::SchemaId;

/// How an identity is written. Not every id of the reference system has a registered UUID version
/// (REFERENCE "Records"), so only the form is prescribed.
pub(crate) struct UuidText;

impl JsonSchema for UuidText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Uuid".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "uuid",
            "pattern": "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"
        })
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])+ $name:ident;)+) => {$(
        $(#[$doc])+
        #[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
        #[serde(transparent)]
        #[schemars(inline)]
        pub(crate) struct $name(#[schemars(with = "UuidText")] pub(crate) Id);
    )+};
}

ids! {
    /// Identity of this event. An end has one of its own.
    EventId;
    /// Identity of the event that this one ends: the `event_id` of its start.
    StartEventId;
    /// Identity of the event this picture was sent with.
    RefEventId;
    /// Identity of the instance that made the record.
    InstanceId;
    /// Identity of the track behind it.
    TrackingId;
    /// Identity of the track that crossed the line first.
    FirstTrackingId;
    /// Identity of the area.
    AreaId;
    /// Identity of the line.
    LineId;
    /// Identity of this record: the same wherever and however often it is delivered, so that what
    /// arrives twice can be told. Given when the record enters the log; absent before, as the
    /// preprocess command sees it.
    RecordId;
    /// Identity of the log that holds the record. A new log starts `sequence` anew. Absent where
    /// `record_id` is.
    LogId;
}

/// Which schema the record follows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SchemaName(pub(crate) SchemaId);

impl Serialize for SchemaName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl JsonSchema for SchemaName {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "SchemaName".into()
    }

    /// Several ids may share one Rust type: `json_schema` of this room sets the `const`.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": "Which schema the record follows." })
    }
}

/// Which version of the schema the record follows: always `N`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VersionIs<const N: u8>;

impl<const N: u8> Serialize for VersionIs<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(N)
    }
}

impl<const N: u8> JsonSchema for VersionIs<N> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Version{N}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "integer",
            "const": N,
            "description": "Which version of the schema the record follows."
        })
    }
}

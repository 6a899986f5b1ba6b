//! The published schemas, and records held against them.

use axum::{
    Json,
    http::header,
    response::{IntoResponse, Response},
};
use schemars::{JsonSchema, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use watchpost_schema::{SCHEMAS, SchemaId, Version, identify_value, json_schema, sample, validate};

use crate::{
    Problem,
    extract::{At, Body},
};

/// Every schema.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Schemas", extend("examples" = [{"schemas": []}]))]
pub(crate) struct All {
    schemas: Vec<One>,
}

/// One schema.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SchemaOfRecords")]
struct One {
    /// `event-intrusion`.
    id: &'static str,
    /// For people.
    title: &'static str,
    /// When there is such a record.
    summary: &'static str,
    /// It tells of something that happened.
    is_event: bool,
    /// Oldest first.
    versions: Vec<OneVersion>,
}

/// One version of a schema.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "VersionOfSchema")]
struct OneVersion {
    /// As in subscriptions.
    version: u8,
    /// It may still change.
    draft: bool,
    /// Where the JSON Schema is.
    url: String,
    /// A record of it.
    #[schemars(schema_with = "object")]
    sample: Value,
}

fn object(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    json_schema!({"type": "object"})
}

/// A record.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Record(Map<String, Value>);

impl JsonSchema for Record {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Record".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        json_schema!({
            "type": "object",
            "description": "A record of any schema; `$id` and `$version` say which.",
            "examples": [{"$id": "diagnostics", "$version": 2, "severity": "info", "title": "t", "message": "m"}],
        })
    }
}

/// What a record was held against, and what differs.
#[derive(Serialize, JsonSchema)]
#[schemars(extend("examples" = [{"schema": "track", "version": 1, "violations": [{"path": "/age_ms", "message": "\"x\" is not of type \"integer\""}]}]))]
pub(crate) struct Held {
    /// Which schema it says it is of; absent: that cannot be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<&'static str>,
    /// Which version.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u8>,
    /// Empty: it is as it should be.
    violations: Vec<Violated>,
}

/// One thing that is not as it should be.
#[derive(Serialize, JsonSchema)]
struct Violated {
    /// JSON pointer.
    path: String,
    /// What, and what was expected.
    message: String,
}

/// The JSON Schema's own file.
const FILE: &str = "application/schema+json";

pub(crate) async fn list() -> Json<All> {
    let version = |id: SchemaId, version: &watchpost_schema::SchemaVersion| OneVersion {
        version: version.version.number(),
        draft: version.draft,
        url: format!("/schema/{}", watchpost_schema::Schema::file_name(id, version.version)),
        sample: serde_json::from_slice(&sample(id, version.version)).unwrap_or_default(),
    };
    let one = |schema: &watchpost_schema::Schema| One {
        id: schema.id.as_str(),
        title: schema.title,
        summary: schema.summary,
        is_event: schema.id.is_event(),
        versions: schema.versions.iter().map(|v| version(schema.id, v)).collect(),
    };
    Json(All { schemas: SCHEMAS.iter().map(one).collect() })
}

pub(crate) async fn file(At(name): At<String>) -> Result<Response, Problem> {
    let found = SCHEMAS.iter().flat_map(|schema| schema.versions.iter().map(|v| (schema.id, v.version)));
    let known: Option<(SchemaId, Version)> =
        { found }.find(|(id, version)| watchpost_schema::Schema::file_name(*id, *version) == name);
    let Some((id, version)) = known else {
        let detail =
            format!("no schema `{name}`; they are called like event-intrusion-v1.json, see /api/v1/schemas");
        return Err(Problem::not_found(detail));
    };
    Ok(([(header::CONTENT_TYPE, FILE)], Json(json_schema(id, version))).into_response())
}

pub(crate) async fn hold(Body(Record(record)): Body<Record>) -> Json<Held> {
    let record = Value::Object(record);
    let known = identify_value(&record).ok();
    let violations = validate(&record).into_iter();
    Json(Held {
        schema: known.map(|(id, _)| id.as_str()),
        version: known.map(|(_, version)| version.number()),
        violations: violations.map(|v| Violated { path: v.path, message: v.message }).collect(),
    })
}

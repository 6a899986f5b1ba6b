//! An instance's file by paths with `/` between their parts, and values as JSON text. Names may hold dots; a `/` in
//! a name is written `-`, as the reference does; a name that is written so itself goes before. In a list
//! (`Output.handlers` of 2023 is one) a part is a number, or the name of an entry.

use axum::{Extension, Json, extract::State, http::StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use watchpost_runtime::Operation;

use crate::{
    App, Problem,
    auth::Caller,
    document::{current, edit},
    extract::{Asked, At, Body},
    secrets,
};

/// Parts of a path: what there is in an instance's file has some six. Each that is missing would be made, inside the one
/// before.
const MAX_PARTS: usize = 32;

/// Which part.
#[derive(Deserialize, Default, JsonSchema)]
#[serde(default)]
pub(crate) struct Which {
    /// As `Output/handlers/events/enabled`; absent: all.
    path: Option<String>,
}

/// A part of an instance's file.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ReferenceConfig", extend("examples" = [{"path": "Output/handlers/events/enabled", "jsonValue": "false"}]))]
pub(crate) struct Part {
    /// As `Output/handlers/events/enabled`; empty: all of it.
    path: String,
    /// The value as JSON text.
    json_value: String,
}

pub(crate) async fn show(
    State(app): State<App>,
    At(id): At<String>,
    Asked(which): Asked<Which>,
) -> Result<Json<Part>, Problem> {
    let document = Value::Object(secrets::hidden(&current(&app, &id).await?));
    part(&document, which.path)
}

fn part(of: &Value, path: Option<String>) -> Result<Json<Part>, Problem> {
    let path = path.unwrap_or_default();
    let found = parts(&pointer(&path)).try_fold(of, |at, part| match at {
        Value::Array(list) => list.get(index(list, &part)?),
        Value::Object(map) => map.get(&key(map, part)),
        _ => None,
    });
    let found = found.ok_or_else(|| Problem::not_found(format!("there is nothing at `{path}`")))?;
    Ok(Json(Part { json_value: found.to_string(), path }))
}

/// What a part is to be.
fn value(json_value: &str) -> Result<Value, Problem> {
    serde_json::from_str(json_value)
        .map_err(|error| Problem::invalid(format!("/jsonValue: is not JSON: {error}")))
}

pub(crate) async fn change(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At(id): At<String>,
    Body(Part { path, json_value }): Body<Part>,
) -> Result<StatusCode, Problem> {
    let value = value(&json_value)?;
    if pointer(&path).matches('/').count() > MAX_PARTS {
        return Err(Problem::invalid(format!("/path: expected at most {MAX_PARTS} parts with `/` between")));
    }
    edit(&app, &caller, &id, None, |old| {
        let mut new = old.clone();
        match (pointer(&path).as_str(), value) {
            ("", Value::Object(whole)) => new = whole,
            ("", _) => {
                return Err(Problem::invalid("/jsonValue: expected an object in place of the whole file"));
            }
            (pointer, value) => set(&mut new, pointer, value)?,
        }
        Ok(new)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How it is doing, by the same kind of paths.
pub(crate) async fn state(
    State(app): State<App>,
    At(id): At<String>,
    Asked(which): Asked<Which>,
) -> Result<Json<Part>, Problem> {
    let shown = crate::instances::instance(app.server.perform(Operation::Show { instance: id }).await?)?;
    let state = serde_json::to_value(&shown).unwrap_or_default();
    part(&state, which.path)
}

/// Of the state only whether it runs can be set: `state` to `running` or `stopped`, or `running` to true or false.
pub(crate) async fn set_state(
    State(app): State<App>,
    At(instance): At<String>,
    Body(Part { path, json_value }): Body<Part>,
) -> Result<StatusCode, Problem> {
    let value = value(&json_value)?;
    let runs = match (path.trim_matches('/'), &value) {
        ("running", Value::Bool(runs)) => *runs,
        ("state", Value::String(state)) if state == "running" => true,
        ("state", Value::String(state)) if state == "stopped" => false,
        ("running", _) => return Err(Problem::invalid("/jsonValue: expected true or false")),
        ("state", _) => return Err(Problem::invalid("/jsonValue: expected \"running\" or \"stopped\"")),
        (other, _) => {
            app.server.id_of(&instance)?;
            let detail = format!(
                "/path: `{other}` can only be read; `running` (true, false) and `state` (\"running\", \"stopped\") can \
                 be set, and what is configured by .../config"
            );
            return Err(Problem::invalid(detail));
        }
    };
    let operation = if runs { Operation::Start { instance } } else { Operation::Stop { instance } };
    app.server.perform(operation).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// As a JSON pointer.
fn pointer(path: &str) -> String {
    let parts = path.split('/').filter(|part| !part.is_empty());
    parts.map(|part| format!("/{}", part.replace('~', "~0"))).collect()
}

/// The parts of a JSON pointer (RFC 6901).
fn parts(pointer: &str) -> impl Iterator<Item = String> {
    pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~"))
}

/// Which entry of a list a part means: its number, or what it is called. One without a name is called as its address.
fn index(list: &[Value], part: &str) -> Option<usize> {
    let is_called = |entry: &Value| {
        let text = |key: &str| entry[key].as_str().map(|text| text.replace('/', "-"));
        text("name").or_else(|| text("uri")).is_some_and(|name| name == part)
    };
    part.parse().ok().filter(|index| *index < list.len()).or_else(|| list.iter().position(is_called))
}

/// Which key of an object a part means; one that is not there is the part itself.
fn key(map: &Map<String, Value>, part: String) -> String {
    if map.contains_key(&part) {
        return part;
    }
    let same = map.keys().find(|key| key.contains('/') && key.replace('/', "-") == part);
    same.cloned().unwrap_or(part)
}

/// Puts a value where a JSON pointer leads, making what is missing on the way.
///
/// # Errors
/// It leads into a list, and to none of its entries: the list is left as it is.
pub(crate) fn set(document: &mut Map<String, Value>, pointer: &str, value: Value) -> Result<(), Problem> {
    let mut parts = parts(pointer);
    let Some(first) = parts.next() else { return Ok(()) };
    let mut at = document.entry(first).or_insert(Value::Null);
    for part in parts {
        at = match at {
            Value::Array(list) => {
                let length = list.len();
                let Some(index) = index(list, &part) else {
                    let detail = format!(
                        "/path: `{part}` is no entry of a list of {length}; expected its number or name"
                    );
                    return Err(Problem::not_found(detail));
                };
                &mut list[index]
            }
            Value::Object(map) => map.entry(key(map, part)).or_insert(Value::Null),
            other => {
                *other = json!({});
                &mut other[part.as_str()]
            }
        };
    }
    *at = value;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_set_and_what_is_missing_is_made() {
        let mut document = Map::new();
        let mut put = |path: &str, value| set(&mut document, path, value).unwrap();
        put(&pointer("Output/handlers/rtsp:--0.0.0.0:8554-stream1/enabled"), json!(true));
        put(&pointer("Input/uri"), json!("x"));
        put("/list", json!([{"a": 1}]));
        put("/list/0/a", json!(2));
        let wanted = json!({
            "Output": {"handlers": {"rtsp:--0.0.0.0:8554-stream1": {"enabled": true}}},
            "Input": {"uri": "x"}, "list": [{"a": 2}],
        });
        assert_eq!(Value::Object(document), wanted);
    }

    #[test]
    fn a_slash_in_a_name_is_written_as_a_dash() {
        let mut document = Map::from_iter([("handlers".to_owned(), json!({"gate/mqtt": {"enabled": true}}))]);
        set(&mut document, "/handlers/gate-mqtt/enabled", json!(false)).unwrap();
        assert_eq!(document["handlers"], json!({"gate/mqtt": {"enabled": false}}));
        let read = |document: &Map<String, Value>| {
            let path = Some("handlers/gate-mqtt/enabled".to_owned());
            part(&Value::Object(document.clone()), path).unwrap().0.json_value
        };
        assert_eq!(read(&document), "false");
        // Who is called just so goes before.
        document["handlers"]["gate-mqtt"] = json!({"enabled": 1});
        set(&mut document, "/handlers/gate-mqtt/enabled", json!(2)).unwrap();
        assert_eq!(read(&document), "2");
        assert_eq!(document["handlers"]["gate/mqtt"]["enabled"], false);
    }

    #[test]
    fn entries_of_a_list_are_found_by_name_and_none_is_lost() {
        let list = json!([{"uri": "rtsp://0.0.0.0:8554/a"}, {"name": "b/x", "uri": "json:///b.json"}]);
        let mut document = Map::from_iter([("handlers".to_owned(), list)]);
        set(&mut document, "/handlers/rtsp:--0.0.0.0:8554-a/enabled", json!(false)).unwrap();
        set(&mut document, "/handlers/b-x/enabled", json!(true)).unwrap();
        assert!(set(&mut document, "/handlers/new/enabled", json!(true)).is_err());
        let wanted = json!([
            {"uri": "rtsp://0.0.0.0:8554/a", "enabled": false}, {"name": "b/x", "uri": "json:///b.json", "enabled": true},
        ]);
        assert_eq!(document["handlers"], wanted);
        let read = |path: &str| part(&Value::Object(document.clone()), Some(path.to_owned()));
        assert_eq!(read("handlers/b-x/enabled").unwrap().0.json_value, "true");
        assert!(read("handlers/7").is_err() && read("handlers/b-x/none").is_err());
    }
}

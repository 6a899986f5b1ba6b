//! Areas and lines by the reference system's bodies: each becomes an entry of `Zone.Zones` or `Tripwire.Tripwires`.

use axum::{Extension, Json, extract::State, http::StatusCode};
use schemars::{JsonSchema, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    App, Problem,
    auth::Caller,
    document::{current, edit},
    extract::{At, Body},
};

/// A point in parts of the picture.
#[derive(Clone, Copy, Serialize, Deserialize, JsonSchema)]
struct Point {
    #[schemars(range(min = 0.0, max = 1.0))]
    x: f64,
    #[schemars(range(min = 0.0, max = 1.0))]
    y: f64,
}

/// Red, green, blue and opacity, 0 to 1 each.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(transparent)]
struct Color([f64; 4]);

impl JsonSchema for Color {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ReferenceColor".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        json_schema!({
            "type": "array", "minItems": 4, "maxItems": 4, "items": {"type": "number", "minimum": 0, "maximum": 1},
            "description": "Red, green, blue and opacity, 0 to 1 each",
        })
    }
}

/// When an area reports.
#[derive(Clone, Copy, Serialize, Deserialize, JsonSchema)]
enum AreaEvent {
    Enter,
    Exit,
    Both,
}

/// An area.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ReferenceArea", extend("examples" = [{
    "name": "Yard", "coordinates": [{"x": 0.1, "y": 0.1}, {"x": 0.9, "y": 0.1}, {"x": 0.5, "y": 0.9}], "classes": ["Person"],
}]))]
pub(crate) struct Area {
    #[serde(default)]
    name: String,
    #[schemars(length(min = 3, max = 200))]
    coordinates: Vec<Point>,
    /// `Person`, `Vehicle`, `Animal`, `Face`, `Unknown`.
    #[serde(default)]
    classes: Vec<String>,
    #[serde(default)]
    ignore_stationary_objects: bool,
    #[serde(default)]
    area_event: Option<AreaEvent>,
    #[serde(default)]
    color: Option<Color>,
    /// Of loitering, object left and object removed.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 86_400.0))]
    seconds: Option<f64>,
    /// Of crowding.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1000))]
    object_count: Option<u32>,
}

/// A line.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ReferenceLine", extend("examples" = [{
    "name": "Door", "coordinates": [{"x": 0.1, "y": 0.5}, {"x": 0.9, "y": 0.5}], "direction": "Both", "classes": ["Person"],
}]))]
pub(crate) struct Line {
    #[serde(default)]
    name: String,
    #[schemars(length(min = 2, max = 2))]
    coordinates: Vec<Point>,
    /// `Up`, `Down` or `Both`.
    #[serde(default)]
    direction: Option<String>,
    #[serde(default)]
    classes: Vec<String>,
    #[serde(default)]
    color: Option<Color>,
    /// Of tailgating.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 60.0))]
    seconds: Option<f64>,
}

/// What an area or line was made as.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ReferenceMade", extend("examples" = [{"areaId": "8a329a3f-d9fc-e038-3435-676656695b07"}]))]
pub(crate) struct Made {
    #[serde(skip_serializing_if = "Option::is_none")]
    area_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line_id: Option<String>,
}

/// Entries of an instance's file, as they are, by id.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Entries(Map<String, Value>);

impl JsonSchema for Entries {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ReferenceEntries".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        json_schema!({"type": "object", "additionalProperties": {"type": "object"}, "examples": [{}]})
    }
}

pub(super) const ZONES: &str = "/Zone/Zones";
pub(super) const TRIPWIRES: &str = "/Tripwire/Tripwires";

fn with_classes(entry: &mut Map<String, Value>, classes: &[String]) -> Result<(), Problem> {
    const CLASSES: [(&str, &str); 5] = [
        ("Person", "detect_people"),
        ("Animal", "detect_animals"),
        ("Vehicle", "detect_vehicles"),
        ("Face", "detect_faces"),
        ("Unknown", "detect_unknowns"),
    ];
    if let Some(odd) = classes.iter().find(|class| !CLASSES.iter().any(|(name, _)| name == class)) {
        let names: Vec<_> = CLASSES.iter().map(|(name, _)| *name).collect();
        return Err(Problem::invalid(format!(
            "/classes: no class `{odd}`; expected some of {}",
            names.join(", ")
        )));
    }
    for (name, key) in CLASSES {
        // None named: all.
        let wanted = classes.is_empty() || classes.iter().any(|class| class == name);
        entry.insert(key.to_owned(), wanted.into());
    }
    Ok(())
}

fn entry_of_area(kind: &str, area: &Area) -> Result<Map<String, Value>, Problem> {
    let mut entry = Map::new();
    let mut put = |key: &str, value: Value| entry.insert(key.to_owned(), value);
    put("name", area.name.clone().into());
    put("vertices", json!(area.coordinates));
    put("ignore_stationary_objects", area.ignore_stationary_objects.into());
    if let Some(color) = area.color {
        put("color", json!(color));
    }
    let seconds = area.seconds;
    match kind {
        "crossing" => {
            let event = area.area_event.unwrap_or(AreaEvent::Both);
            put("trigger_on_enter", matches!(event, AreaEvent::Enter | AreaEvent::Both).into());
            put("trigger_on_exit", matches!(event, AreaEvent::Exit | AreaEvent::Both).into());
        }
        "intrusion" => drop(put("trigger_on_intrusion", true.into())),
        "loitering" => {
            put("trigger_loitering", true.into());
            seconds.map(|seconds| put("loitering_min_duration", seconds.into()));
        }
        "crowding" => {
            put("trigger_crowding", true.into());
            area.object_count.map(|count| put("crowding_min_count", count.into()));
        }
        "object_left" | "object_removed" => {
            put("trigger_when", kind.into());
            let key = if kind == "object_left" { "left_duration" } else { "removed_duration" };
            seconds.map(|seconds| put(key, seconds.into()));
        }
        odd => {
            let kinds = "crossing, intrusion, loitering, crowding, object_left, object_removed";
            return Err(Problem::not_found(format!("no areas of kind `{odd}`; there are {kinds}")));
        }
    }
    with_classes(&mut entry, &area.classes)?;
    Ok(entry)
}

fn entry_of_line(kind: &str, line: &Line) -> Result<Map<String, Value>, Problem> {
    let mut entry = Map::new();
    entry.insert("name".to_owned(), line.name.clone().into());
    entry.insert("vertices".to_owned(), json!(line.coordinates));
    entry.insert("direction".to_owned(), line.direction.clone().unwrap_or_else(|| "Both".to_owned()).into());
    if let Some(color) = line.color {
        entry.insert("color".to_owned(), json!(color));
    }
    match kind {
        "crossing" => drop(entry.insert("trigger_crossing".to_owned(), true.into())),
        "tailgating" => {
            entry.insert("trigger_tailgating".to_owned(), true.into());
            let elapsed = line.seconds.unwrap_or(1.0);
            entry.insert("tailgating_maximum_crossing_elapsed".to_owned(), elapsed.into());
        }
        odd => {
            return Err(Problem::not_found(format!(
                "no lines of kind `{odd}`; there are crossing, tailgating"
            )));
        }
    }
    with_classes(&mut entry, &line.classes)?;
    Ok(entry)
}

async fn put(
    app: &App,
    caller: &Caller,
    instance: &str,
    (place, id): (&str, &str),
    mut entry: Map<String, Value>,
) -> Result<(), Problem> {
    if !id.parse::<watchpost_model::Id>().is_ok_and(|parsed| !parsed.is_nil()) {
        return Err(Problem::invalid(format!("`{id}` is no UUID")));
    }
    entry.insert("id".to_owned(), id.into());
    edit(app, caller, instance, None, |old| {
        let mut new = old.clone();
        super::config::set(&mut new, &format!("{place}/{id}"), entry.into())?;
        Ok(new)
    })
    .await?;
    Ok(())
}

pub(crate) async fn add_area(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At((instance, kind)): At<(String, String)>,
    Body(area): Body<Area>,
) -> Result<(StatusCode, Json<Made>), Problem> {
    let id = watchpost_model::Id::new_v4().to_string();
    put(&app, &caller, &instance, (ZONES, &id), entry_of_area(&kind, &area)?).await?;
    Ok((StatusCode::CREATED, Json(Made { area_id: Some(id), line_id: None })))
}

pub(crate) async fn put_area(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At((instance, kind, id)): At<(String, String, String)>,
    Body(area): Body<Area>,
) -> Result<StatusCode, Problem> {
    put(&app, &caller, &instance, (ZONES, &id), entry_of_area(&kind, &area)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn add_line(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At((instance, kind)): At<(String, String)>,
    Body(line): Body<Line>,
) -> Result<(StatusCode, Json<Made>), Problem> {
    let id = watchpost_model::Id::new_v4().to_string();
    put(&app, &caller, &instance, (TRIPWIRES, &id), entry_of_line(&kind, &line)?).await?;
    Ok((StatusCode::CREATED, Json(Made { area_id: None, line_id: Some(id) })))
}

pub(crate) async fn put_line(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At((instance, kind, id)): At<(String, String, String)>,
    Body(line): Body<Line>,
) -> Result<StatusCode, Problem> {
    put(&app, &caller, &instance, (TRIPWIRES, &id), entry_of_line(&kind, &line)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn entries(app: &App, instance: &str, place: &str) -> Result<Map<String, Value>, Problem> {
    let document = Value::Object(current(app, instance).await?);
    Ok(document.pointer(place).and_then(Value::as_object).cloned().unwrap_or_default())
}

pub(crate) async fn areas(
    State(app): State<App>,
    At(instance): At<String>,
) -> Result<Json<Entries>, Problem> {
    entries(&app, &instance, ZONES).await.map(Entries).map(Json)
}

pub(crate) async fn lines(
    State(app): State<App>,
    At(instance): At<String>,
) -> Result<Json<Entries>, Problem> {
    entries(&app, &instance, TRIPWIRES).await.map(Entries).map(Json)
}

async fn remove(
    app: &App,
    caller: &Caller,
    instance: &str,
    place: &str,
    id: Option<&str>,
) -> Result<StatusCode, Problem> {
    edit(app, caller, instance, None, |old| {
        let mut new = Value::Object(old.clone());
        let there = new.pointer_mut(place).and_then(Value::as_object_mut);
        match (there, id) {
            (Some(there), Some(id)) => {
                there.shift_remove(id).ok_or_else(|| Problem::not_found(format!("there is no `{id}`")))?;
            }
            (Some(there), None) => there.clear(),
            (None, Some(id)) => return Err(Problem::not_found(format!("there is no `{id}`"))),
            (None, None) => {}
        }
        Ok(new.as_object().cloned().unwrap_or_default())
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn delete_areas(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At(instance): At<String>,
) -> Result<StatusCode, Problem> {
    remove(&app, &caller, &instance, ZONES, None).await
}

pub(crate) async fn delete_area(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At((instance, id)): At<(String, String)>,
) -> Result<StatusCode, Problem> {
    remove(&app, &caller, &instance, ZONES, Some(&id)).await
}

pub(crate) async fn delete_lines(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At(instance): At<String>,
) -> Result<StatusCode, Problem> {
    remove(&app, &caller, &instance, TRIPWIRES, None).await
}

pub(crate) async fn delete_line(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At((instance, id)): At<(String, String)>,
) -> Result<StatusCode, Problem> {
    remove(&app, &caller, &instance, TRIPWIRES, Some(&id)).await
}

//! Areas and lines by what they wait for, and how the analysis is doing. REFERENCE "REST" names both paths and says
//! nothing of their bodies: entities are told in the form in which they are made, figures by the names of the
//! `statistics` record.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};
use watchpost_runtime::Operation;

use super::securt::{TRIPWIRES, ZONES, entries};
use crate::{App, Problem, extract::At, instances::instance};

/// Areas and lines. One that waits for several things stands in several lists.
#[derive(Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ReferenceEntities", extend("examples" = [{
    "crossingAreas": [{"id": "8a329a3f-d9fc-e038-3435-676656695b07", "name": "Yard", "coordinates": [], "classes": ["Person"],
        "ignoreStationaryObjects": false, "areaEvent": "Both"}],
    "intrusionAreas": [], "loiteringAreas": [], "crowdingAreas": [], "objectLeftAreas": [], "objectRemovedAreas": [],
    "crossingLines": [], "tailgatingLines": [],
}]))]
pub(crate) struct Entities {
    crossing_areas: Vec<Entity>,
    intrusion_areas: Vec<Entity>,
    loitering_areas: Vec<Entity>,
    crowding_areas: Vec<Entity>,
    object_left_areas: Vec<Entity>,
    object_removed_areas: Vec<Entity>,
    crossing_lines: Vec<Entity>,
    tailgating_lines: Vec<Entity>,
}

/// An area or a line, as it would be made, with its id.
#[derive(Serialize)]
#[serde(transparent)]
struct Entity(Value);

impl JsonSchema for Entity {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ReferenceEntity".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "object", "required": ["id", "name", "coordinates", "classes"]})
    }
}

/// How the analysis is doing.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ReferenceStats", extend("examples" = [{
    "isRunning": true, "framesProcessed": 1500, "currentFramerate": 25.0, "droppedFramesCount": 0, "trackCount": 3,
    "eventsLastHour": 17,
}]))]
pub(crate) struct Stats {
    is_running: bool,
    /// Of this run of the source.
    frames_processed: u64,
    /// Frames per second that arrive.
    current_framerate: f64,
    /// That could not be waited for.
    dropped_frames_count: u64,
    /// In the last frame.
    track_count: u64,
    events_last_hour: u64,
}

pub(crate) async fn entities(State(app): State<App>, At(id): At<String>) -> Result<Json<Entities>, Problem> {
    let mut all = Entities::default();
    for (key, entry) in entries(&app, &id, ZONES).await? {
        let on = |key: &str| entry[key] == Value::Bool(true);
        let when = entry["trigger_when"].as_str().unwrap_or_default();
        let area = |more: &[(&str, Value)]| entity(&key, &entry, more);
        let seconds = |key: &str| ("seconds", entry[key].clone());
        let event = match (on("trigger_on_enter"), on("trigger_on_exit")) {
            (true, true) => Some("Both"),
            (true, false) => Some("Enter"),
            (false, true) => Some("Exit"),
            (false, false) => None,
        };
        all.crossing_areas.extend(event.map(|event| area(&[("areaEvent", event.into())])));
        all.intrusion_areas.extend(on("trigger_on_intrusion").then(|| area(&[])));
        let loitering = || area(&[seconds("loitering_min_duration")]);
        all.loitering_areas.extend(on("trigger_loitering").then(loitering));
        let crowding = || area(&[("objectCount", entry["crowding_min_count"].clone())]);
        all.crowding_areas.extend(on("trigger_crowding").then(crowding));
        all.object_left_areas.extend((when == "object_left").then(|| area(&[seconds("left_duration")])));
        let removed = || area(&[seconds("removed_duration")]);
        all.object_removed_areas.extend((when == "object_removed").then(removed));
    }
    for (key, entry) in entries(&app, &id, TRIPWIRES).await? {
        let on = |key: &str| entry[key] == Value::Bool(true);
        let direction = ("direction", entry["direction"].clone());
        let crossing = || entity(&key, &entry, std::slice::from_ref(&direction));
        all.crossing_lines.extend(on("trigger_crossing").then(crossing));
        let seconds = ("seconds", entry["tailgating_maximum_crossing_elapsed"].clone());
        let tailgating = || entity(&key, &entry, &[direction.clone(), seconds.clone()]);
        all.tailgating_lines.extend(on("trigger_tailgating").then(tailgating));
    }
    Ok(Json(all))
}

/// In the form in which the paths of `securt.rs` take it; what the file does not say is left out.
fn entity(key: &str, entry: &Value, more: &[(&str, Value)]) -> Entity {
    const CLASSES: [(&str, &str); 5] = [
        ("detect_people", "Person"),
        ("detect_animals", "Animal"),
        ("detect_vehicles", "Vehicle"),
        ("detect_faces", "Face"),
        ("detect_unknowns", "Unknown"),
    ];
    // None mentioned: all.
    let mentioned = CLASSES.iter().any(|(switch, _)| !entry[*switch].is_null());
    let wanted = |switch: &str| !mentioned || entry[switch] == Value::Bool(true);
    let classes: Vec<_> =
        CLASSES.iter().filter(|(switch, _)| wanted(switch)).map(|(_, class)| *class).collect();
    let text = |name: &str, instead: &str| entry[name].as_str().unwrap_or(instead).to_owned();
    let mut told = Map::new();
    told.insert("id".to_owned(), text("id", key).into());
    told.insert("name".to_owned(), text("name", key).into());
    told.insert("coordinates".to_owned(), entry["vertices"].clone());
    told.insert("classes".to_owned(), json!(classes));
    let beside = [
        ("ignoreStationaryObjects", entry["ignore_stationary_objects"].clone()),
        ("color", entry["color"].clone()),
    ];
    for (name, value) in beside.iter().chain(more).filter(|(_, value)| !value.is_null()) {
        told.insert((*name).to_owned(), value.clone());
    }
    Entity(told.into())
}

pub(crate) async fn stats(State(app): State<App>, At(id): At<String>) -> Result<Json<Stats>, Problem> {
    let one = instance(app.server.perform(Operation::Show { instance: id }).await?)?;
    Ok(Json(Stats {
        is_running: one.state.runs(),
        frames_processed: one.analysed,
        current_framerate: one.fps,
        dropped_frames_count: one.skipped,
        track_count: one.tracks,
        events_last_hour: one.events_last_hour,
    }))
}

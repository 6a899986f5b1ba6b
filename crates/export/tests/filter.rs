//! `filter` is checked when it is saved, for every format that takes metadata.

use serde_json::{Value, json};
use watchpost_export::FORMATS;

use crate::common::Sandbox;

/// The example of every metadata format, with this selection and this filter.
fn handlers(selection: &Value, filter: &Value) -> Vec<(&'static str, Value)> {
    let metadata = FORMATS.iter().filter(|format| format.takes_records());
    let handler = |example: &str| {
        let mut handler: Value = serde_json::from_str(example).unwrap();
        handler["sink"] = json!("");
        // Columns of one table only.
        handler["config"]["shape"] = json!("objects");
        match selection {
            Value::String(stream) => {
                handler["sink"] = json!(stream);
                handler["config"].as_object_mut().unwrap().shift_remove("schema_events");
            }
            ids => handler["config"]["schema_events"] = ids.clone(),
        }
        handler["config"]["filter"] = filter.clone();
        handler
    };
    metadata.map(|format| (format.name, handler(format.example))).collect()
}

fn begin_as_expected(format: &str, shown: &[String], expected: &[&str]) {
    assert_eq!(shown.len(), expected.len(), "{format}: {shown:?}");
    for (shown, expected) in shown.iter().zip(expected) {
        assert!(shown.starts_with(&format!("/Output/handlers/x/config/{expected}")), "{format}: {shown}");
    }
}

fn refused(selection: Value, filter: Value, expected: &[&str]) {
    for (format, handler) in handlers(&selection, &filter) {
        begin_as_expected(format, &Sandbox::new().refused(&handler), expected);
    }
}

fn warned(selection: Value, filter: Value, expected: &[&str]) {
    for (format, handler) in handlers(&selection, &filter) {
        let plan = Sandbox::new().plan(&handler).unwrap_or_else(|problems| panic!("{format}: {problems:?}"));
        let shown = plan.warnings.iter().map(|warning| format!("{}: {}", warning.path, warning.message));
        begin_as_expected(format, &shown.collect::<Vec<_>>(), expected);
    }
}

#[test]
fn what_no_filter_can_mean_is_refused_with_the_choices() {
    refused(
        json!(["event-intrusion:2", "crop:2"]),
        json!({"types": ["event-intrusion", "track"], "classes": ["Person", "person"]}),
        &[
            "filter/types/1: nothing of type `track` is exported here; expected one of event-intrusion, crop",
            "filter/classes/1: there is no class `person`; expected one of Person, Animal, Vehicle, Face, Unknown",
        ],
    );
    refused(
        json!("output-tracks"),
        json!({"types": ["track"]}),
        &["filter/types/0: nothing of type `track` is exported here; its objects have no types"],
    );
    refused(
        json!("eventsExport"),
        json!({"types": ["entered"]}),
        &[
            "filter/types/0: nothing of type `entered` is exported here; expected one of area_enter, area_exit",
        ],
    );
    refused(json!("output-tracks"), json!({"min_confidence": 2}), &["filter/min_confidence: greater than 1"]);
    refused(json!("output-tracks"), json!({"max_per_s": 0}), &["filter/max_per_s: lower than 0.0001"]);
    refused(json!("output-tracks"), json!({"colour": 1}), &["filter/colour: unknown field `colour`"]);
    refused(
        json!("output-tracks"),
        json!({"zones": "Door"}),
        &["filter/zones: is the text \"Door\"; expected a list"],
    );
}

#[test]
fn what_takes_nothing_out_is_a_warning() {
    let all = json!({"classes": ["Face"], "zones": ["a"], "min_confidence": 0.5});
    warned(json!(["event-line-crossing:1", "crop:1"]), all, &[]);
    warned(json!("eventsExport"), json!({"types": ["area_enter", "event-*"], "classes": ["Face"]}), &[]);
    warned(
        json!(["track:2", "statistics:2"]),
        json!({"classes": ["Face"], "zones": ["a"]}),
        &["filter/zones: nothing of what is exported has an area or line: this takes nothing out"],
    );
    warned(
        json!("zone_stats"),
        json!({"classes": ["Face"], "max_per_s": 1}),
        &["filter/classes: nothing of what is exported has a class"],
    );
    warned(
        json!("output-detections"),
        json!({"classes": ["lorry"]}),
        &["filter/classes/0: `lorry` is no class; detections with that label pass"],
    );
}

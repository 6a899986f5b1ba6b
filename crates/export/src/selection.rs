//! What an export takes: records by `config.schema_events`, or the stream named by `sink`.

use std::collections::BTreeMap;

use serde_json::Value;
use watchpost_config::{Handler, Problem};
use watchpost_schema::{SchemaId, Version, parse_subscriptions, streams::StreamName, tables::Table};

use crate::{
    format::{Format, Selection},
    settings::{SCHEMA_EVENTS, problem},
};

/// Reads the selection and holds it against what `format` accepts.
pub(crate) fn select(handler: &Handler, format: &Format, problems: &mut Vec<Problem>) -> Option<Selection> {
    let records = records(handler, problems)?;
    let selection = match (records.is_empty(), &handler.sink) {
        (false, None) => Selection::Records(records),
        (true, Some(sink)) => Selection::Stream(stream(handler, sink, problems)?),
        (false, Some(sink)) => {
            let message = format!(
                "`sink` is `{sink}` beside `schema_events`: an export takes either a stream or records"
            );
            problems.push(problem(handler, "/sink", message, "make it \"\", or take `schema_events` out"));
            return None;
        }
        (true, None) => {
            let message = "neither `sink` nor `config.schema_events` says what to export";
            let fix = format!("name a stream ({}) or records such as \"event-intrusion:2\"", names(format));
            problems.push(problem(handler, "/sink", message, fix));
            return None;
        }
    };
    let accepted = match &selection {
        Selection::Records(_) => format.takes_records(),
        Selection::Stream(name) => format.takes_stream(*name),
    };
    if !accepted {
        let message = match &selection {
            Selection::Records(_) => format!("{} does not take records", format.title),
            Selection::Stream(name) => format!("{} does not take the stream `{name}`", format.title),
        };
        problems.push(problem(handler, "/sink", message, format!("expected one of {}", names(format))));
        return None;
    }
    Some(selection)
}

/// The table that tabular shape makes of a selection.
pub(crate) fn table(handler: &Handler, selection: &Selection, problems: &mut Vec<Problem>) -> Option<Table> {
    let (pointer, message, fix) = match selection {
        Selection::Stream(name) => match Table::of_stream(*name) {
            Some(table) => return Some(table),
            None => ("shape", "this stream has no tabular shape".to_owned(), "set `shape` to \"objects\""),
        },
        Selection::Records(ids) => match Table::of_records(&ids.keys().copied().collect::<Vec<_>>()) {
            Ok(table) => return Some(table),
            Err(error) => (SCHEMA_EVENTS, error.to_string(), ""),
        },
    };
    problems.push(problem(handler, &format!("/config/{pointer}"), message, fix));
    None
}

fn records(handler: &Handler, problems: &mut Vec<Problem>) -> Option<BTreeMap<SchemaId, Version>> {
    let wrong = |pointer: &str, message: String| {
        problem(
            handler,
            &format!("/config/{SCHEMA_EVENTS}{pointer}"),
            message,
            "expected a list such as [\"event-intrusion:2\"]",
        )
    };
    let list = match handler.config.get(SCHEMA_EVENTS) {
        None | Some(Value::Null) => return Some(BTreeMap::new()),
        Some(Value::Object(map)) if map.is_empty() => return Some(BTreeMap::new()),
        Some(Value::Array(list)) => list,
        Some(_) => {
            problems.push(wrong("", "is not a list".to_owned()));
            return None;
        }
    };
    let texts: Vec<&str> = list.iter().map(|value| value.as_str().unwrap_or_default()).collect();
    match parse_subscriptions(&texts) {
        Ok(subscriptions) => Some(subscriptions.into_iter().map(|one| (one.id, one.version)).collect()),
        Err(errors) => {
            for (index, error) in errors {
                let message =
                    if list[index].is_string() { error.to_string() } else { "is not a text".to_owned() };
                problems.push(wrong(&format!("/{index}"), message));
            }
            None
        }
    }
}

fn stream(handler: &Handler, sink: &str, problems: &mut Vec<Problem>) -> Option<StreamName> {
    let name = sink.parse::<StreamName>();
    if name.is_err() {
        let fix = format!("expected one of {}", StreamName::ALL.map(StreamName::as_str).join(", "));
        problems.push(problem(handler, "/sink", format!("there is no stream `{sink}`"), fix));
    }
    name.ok()
}

/// The streams that `format` takes.
fn names(format: &Format) -> String {
    let fits = |name: &StreamName| format.takes_stream(*name);
    StreamName::ALL.into_iter().filter(fits).map(StreamName::as_str).collect::<Vec<_>>().join(", ")
}

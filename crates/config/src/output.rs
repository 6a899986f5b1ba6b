//! `Output`: custom exports, exporters, the preprocess command.

use serde_json::{Map, Value};

use crate::{
    instance::{BrokenHandler, Handler, OnFailure, Output, Preprocess, Switch},
    manifest::PREPROCESS,
    object::{Object, as_object, wrong},
    paths::warn_if_meant_absolute,
    problem::Check,
    render, script, split_scheme,
};

/// Exports of one instance; each costs a worker and a cursor.
const MAX_HANDLERS: usize = 256;
/// Longest name of an export: it is a part of cursor and file names.
const MAX_NAME_BYTES: usize = 128;
/// Longest waiting time that makes sense before a child counts as hung: an hour.
const MAX_TIMEOUT_MS: u64 = 3_600_000;

pub(crate) fn output(check: &mut Check<'_>, root: &mut Object<'_>) -> (Output, Vec<BrokenHandler>) {
    let Some(mut object) = root.object(check, "Output") else { return Default::default() };
    let mut output = Output::default();
    let mut broken = Vec::new();
    for (name, path, value) in entries(check, &mut object) {
        if broken.len() + output.handlers.len() == MAX_HANDLERS {
            check.error(
                &object.at("handlers"),
                "has too many exports",
                format!("expected at most {MAX_HANDLERS}"),
            );
            break;
        }
        let (read, problems) = check.apart(|check| entry(check, &name, &path, value));
        match read {
            Some(Entry::Handler(handler)) if problems.is_empty() => output.handlers.push(handler),
            Some(Entry::Exporter(on)) if problems.is_empty() => {
                output.exporters.push((name, on));
                output.exporter_paths.push(path);
            }
            _ => broken.push(BrokenHandler { name, path, problems }),
        }
    }
    output.preprocess = preprocess(check, &mut object);
    output.render = render::render(check, &mut object);
    if let (Some(handler), false) = (
        output.handlers.iter().find(|handler| handler.sink.as_deref() == Some("source")),
        output.render.masks.is_empty(),
    ) {
        let message = "privacy_masks hide a part of the source's own video: it is not passed on as it is but encoded anew";
        check.warn(&handler.path, message, "export output-image, which is encoded anyway");
    }
    exporters(check, &mut object, &mut output);
    let events = output.handlers.iter().find(|handler| handler.sink.as_deref() == Some("eventsExport"));
    if let (Some(handler), Some(_)) = (events, &output.preprocess) {
        let message = "stream objects do not pass the preprocess command: this export is unfiltered";
        check.warn(&handler.path, message, "export records (config.schema_events) to have them filtered");
    }
    object.finish(check, &["temp"]);
    (output, broken)
}

/// Name, JSON pointer and value of each entry of `handlers`, a map or the array of 2023.
fn entries<'v>(check: &mut Check<'_>, object: &mut Object<'v>) -> Vec<(String, String, &'v Value)> {
    let Some(value) = object.value("handlers") else { return Vec::new() };
    let path = object.at("handlers");
    match value {
        Value::Object(map) => {
            let map = Object::new(map, path);
            map.map.iter().map(|(name, value)| (name.clone(), map.at(name), value)).collect()
        }
        Value::Array(items) => {
            let mut entries: Vec<(String, String, &Value)> = Vec::new();
            // One more than there may be: then that is said, and the others need no names.
            for (index, item) in items.iter().take(MAX_HANDLERS + 1).enumerate() {
                let name = item.get("name").or_else(|| item.get("uri")).and_then(Value::as_str);
                let name = name
                    .filter(|name| !name.is_empty())
                    .map_or_else(|| format!("export-{index}"), handler_name);
                let taken = |name: &str| entries.iter().any(|entry| entry.0 == name);
                let mut free = name.clone();
                for number in 2.. {
                    if !taken(&free) {
                        break;
                    }
                    free = format!("{name}-{number}");
                }
                entries.push((free, format!("{path}/{index}"), item));
            }
            entries
        }
        _ => {
            wrong(check, &path, value, "an object of exports by name, or a list of exports");
            Vec::new()
        }
    }
}

/// A name made from a URI: every `/` becomes `-`, because `/` separates parts in the configuration
/// API (REFERENCE "Instance file"). Cut to the length a name may have.
fn handler_name(uri: &str) -> String {
    let name = crate::redact(uri).replace('/', "-").replace(char::is_control, "-");
    let end = (0..=MAX_NAME_BYTES.min(name.len())).rev().find(|end| name.is_char_boundary(*end));
    name[..end.unwrap_or(0)].to_owned()
}

enum Entry {
    Handler(Handler),
    Exporter(Switch),
}

fn entry(check: &mut Check<'_>, name: &str, path: &str, value: &Value) -> Option<Entry> {
    let mut object = as_object(check, value, path.to_owned())?;
    if name.is_empty() || name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control) {
        let fix = format!("expected 1 to {MAX_NAME_BYTES} bytes without control characters");
        check.error(path, "the name of this export cannot be used", fix);
    }
    if name == PREPROCESS {
        check.error(
            path,
            "this name is the preprocess command's",
            "expected another, `preprocessed` for example",
        );
    }
    let enabled = object.bool(check, "enabled");
    let paused = object.bool(check, "paused").unwrap_or(false);
    if ["uri", "sink", "config"].iter().all(|key| !object.map.contains_key(*key))
        && let Some(enabled) = enabled
    {
        object.finish(check, &[]);
        return Some(Entry::Exporter(Switch::new(enabled, paused)));
    }
    let uri = object.text(check, "uri").map(str::trim);
    match uri {
        Some("") => {
            check.error(&object.at("uri"), "is empty", "expected for example \"json:///events.json\"")
        }
        Some(uri) if split_scheme(uri).is_none() => {
            wrong(check, &object.at("uri"), &Value::from(uri), "a URI such as \"json:///events.json\"");
        }
        Some(uri) => warn_if_meant_absolute(check, &object.at("uri"), uri),
        None if object.map.get("uri").is_none_or(Value::is_null) => {
            object.missing(check, "uri", "for example \"json:///events.json\"");
        }
        None => {}
    }
    let sink = object.text(check, "sink").map(str::trim).filter(|sink| !sink.is_empty()).map(str::to_owned);
    let config = match object.object(check, "config") {
        Some(config) => script::lower(check, &config, sink.as_deref()),
        None => Map::new(),
    };
    object.finish(check, &["name"]);
    let (name, uri, path) = (name.to_owned(), uri.unwrap_or_default().to_owned(), path.to_owned());
    let switch = Switch::new(enabled.unwrap_or(true), paused);
    Some(Entry::Handler(Handler { name, uri, sink, switch, config, path }))
}

/// `Output.<name>` with an `enabled` switches an exporter, too; here it counts over `handlers`.
fn exporters(check: &mut Check<'_>, object: &mut Object<'_>, output: &mut Output) {
    let reserved = |name: &str| ["handlers", "render_preset", "temp"].contains(&name);
    let mut names = Vec::new();
    for (name, value) in object.map {
        if reserved(name) || name.starts_with("preprocess_") || value.get("enabled").is_none() {
            continue;
        }
        let Some(mut exporter) = as_object(check, value, object.at(name)) else { continue };
        let enabled = exporter.bool(check, "enabled").unwrap_or(false);
        let on = Switch::new(enabled, exporter.bool(check, "paused").unwrap_or(false));
        exporter.finish(check, &[]);
        if output.handlers.iter().any(|handler| handler.name == *name) {
            check.error(&object.at(name), "has the name of a custom export", "rename one of the two");
            continue;
        }
        match output.exporters.iter().position(|(known, _)| known == name) {
            Some(known) => {
                output.exporters[known].1 = on;
                output.exporter_paths[known] = object.at(name);
            }
            None => {
                output.exporters.push((name.clone(), on));
                output.exporter_paths.push(object.at(name));
            }
        }
        names.push(name);
    }
    object.known(names);
}

fn preprocess(check: &mut Check<'_>, object: &mut Object<'_>) -> Option<Preprocess> {
    let command = object.text(check, "preprocess_cmd").unwrap_or_default().trim().to_owned();
    let failure = [("hold", OnFailure::Hold), ("bypass", OnFailure::Bypass)];
    let preprocess = Preprocess {
        version: object.integer(check, "preprocess_version", 1..=2, "").unwrap_or(1) as u8,
        on_failure: object.choice(check, "preprocess_on_failure", &failure).unwrap_or(OnFailure::Hold),
        acknowledge: object.bool(check, "preprocess_acknowledge").unwrap_or(false),
        validate: object.bool(check, "preprocess_validate").unwrap_or(false),
        timeout_ms: milliseconds(check, object, "preprocess_timeout_ms", 10_000),
        drain_ms: milliseconds(check, object, "preprocess_drain_ms", 1_000),
        command,
    };
    (!preprocess.command.is_empty()).then_some(preprocess)
}

fn milliseconds(check: &mut Check<'_>, object: &mut Object<'_>, key: &'static str, default: u64) -> u64 {
    object.integer(check, key, 1..=MAX_TIMEOUT_MS, "milliseconds").unwrap_or(default)
}

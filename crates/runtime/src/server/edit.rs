//! Changes of an instance's document: pure functions on its JSON, before it is checked, saved and applied.
//!
//! `Output.handlers` may be a map or the older array, and an exporter may be switched in it or beside it
//! (REFERENCE "Instance file"); a change keeps the shape that the user's file has.

use serde_json::{Map, Value, json};
use watchpost_config::Loaded;

use super::operation::{OperationError, SwitchTo};

type Document = Map<String, Value>;

/// Adds the export `name`, or replaces it. A switch that `export` does not mention stays as it was.
pub(crate) fn set_export(
    loaded: &Loaded,
    name: &str,
    mut export: Document,
) -> Result<Document, OperationError> {
    let mut document = loaded.document.clone();
    if exporter(loaded, name) {
        let message = format!("`{name}` is an exporter: switch it on or off, or choose another name");
        return Err(OperationError::invalid(message));
    }
    match handler_path(loaded, name) {
        Some(path) => {
            let Some(old) = document_pointer(&mut document, &path) else { return Err(lost(name)) };
            for key in ["enabled", "paused", "name"] {
                if let (Some(kept), None) = (old.get(key), export.get(key)) {
                    export.insert(key.to_owned(), kept.clone());
                }
            }
            *old = export.into();
        }
        None => match handlers(&mut document)? {
            Value::Array(list) => {
                export.insert("name".to_owned(), name.into());
                list.push(export.into());
            }
            Value::Object(map) => {
                map.insert(name.to_owned(), export.into());
            }
            _ => return Err(lost(name)),
        },
    }
    Ok(document)
}

/// Switches the export or exporter `name`.
pub(crate) fn switch(loaded: &Loaded, name: &str, to: SwitchTo) -> Result<Document, OperationError> {
    let mut document = loaded.document.clone();
    let entry = match handler_path(loaded, name) {
        Some(path) => document_pointer(&mut document, &path).ok_or_else(|| lost(name))?,
        // Also one that is not mentioned yet: that is how an exporter is enabled.
        None => output(&mut document)?.entry(name).or_insert_with(|| json!({})),
    };
    let Value::Object(entry) = entry else { return Err(lost(name)) };
    entry.insert("enabled".to_owned(), (to != SwitchTo::Off).into());
    match to {
        SwitchTo::Paused => {
            entry.insert("paused".to_owned(), true.into());
        }
        SwitchTo::On | SwitchTo::Off => {
            entry.shift_remove("paused");
        }
    }
    Ok(document)
}

/// Gives the custom export `name` the name `to`.
pub(crate) fn rename(loaded: &Loaded, name: &str, to: &str) -> Result<Document, OperationError> {
    let mut document = loaded.document.clone();
    let Some(path) = handler_path(loaded, name) else { return Err(no_export(loaded, name)) };
    if handler_path(loaded, to).is_some() || exporter(loaded, to) {
        let message = format!("there is an export `{to}` already: choose another name");
        return Err(OperationError::invalid(message));
    }
    match handlers(&mut document)? {
        Value::Array(_) => {
            let entry = document_pointer(&mut document, &path).and_then(Value::as_object_mut);
            entry.ok_or_else(|| lost(name))?.insert("name".to_owned(), to.into());
        }
        Value::Object(map) => {
            // Built anew, so that it keeps its place.
            let renamed = std::mem::take(map).into_iter();
            *map =
                renamed.map(|(key, value)| (if key == name { to.to_owned() } else { key }, value)).collect();
        }
        _ => return Err(lost(name)),
    }
    Ok(document)
}

/// Takes the export or exporter `name` out.
pub(crate) fn delete(loaded: &Loaded, name: &str) -> Result<Document, OperationError> {
    let mut document = loaded.document.clone();
    let Some(path) = handler_path(loaded, name) else {
        if !exporter(loaded, name) {
            return Err(no_export(loaded, name));
        }
        output(&mut document)?.shift_remove(name);
        if let Value::Object(map) = handlers(&mut document)? {
            map.shift_remove(name);
        }
        return Ok(document);
    };
    match handlers(&mut document)? {
        Value::Array(list) => {
            let index = path.rsplit('/').next().and_then(|index| index.parse::<usize>().ok());
            let index = index.filter(|index| *index < list.len()).ok_or_else(|| lost(name))?;
            list.remove(index);
        }
        Value::Object(map) => {
            map.shift_remove(name);
        }
        _ => return Err(lost(name)),
    }
    Ok(document)
}

/// That an export of this name is needed and not there; names those that are.
pub(crate) fn no_export(loaded: &Loaded, name: &str) -> OperationError {
    let output = &loaded.instance.output;
    let handlers = output.handlers.iter().map(|handler| handler.name.as_str());
    let exporters = output.exporters.iter().map(|(name, _)| name.as_str());
    let broken = loaded.broken.iter().map(|broken| broken.name.as_str());
    let names: Vec<_> = handlers.chain(exporters).chain(broken).collect();
    let there =
        if names.is_empty() { "it has none".to_owned() } else { format!("it has: {}", names.join(", ")) };
    OperationError::unknown(format!("{} has no export `{name}`; {there}", loaded.instance.name))
}

fn lost(name: &str) -> OperationError {
    OperationError::failed(format!("the entry of `{name}` cannot be found in the instance's document"))
}

/// JSON pointer of a custom export, a broken one too.
fn handler_path(loaded: &Loaded, name: &str) -> Option<String> {
    let handlers = loaded.instance.output.handlers.iter().map(|handler| (&handler.name, &handler.path));
    let broken = loaded.broken.iter().map(|broken| (&broken.name, &broken.path));
    handlers.chain(broken).find(|(known, _)| *known == name).map(|(_, path)| path.clone())
}

fn exporter(loaded: &Loaded, name: &str) -> bool {
    loaded.instance.output.exporters.iter().any(|(known, _)| known == name)
}

fn output(document: &mut Document) -> Result<&mut Document, OperationError> {
    let output = document.entry("Output").or_insert_with(|| json!({}));
    output.as_object_mut().ok_or_else(|| OperationError::invalid("/Output: is no object"))
}

fn handlers(document: &mut Document) -> Result<&mut Value, OperationError> {
    Ok(output(document)?.entry("handlers").or_insert_with(|| json!({})))
}

pub(super) fn document_pointer<'a>(document: &'a mut Document, path: &str) -> Option<&'a mut Value> {
    let (first, rest) = path.strip_prefix('/')?.split_once('/')?;
    document.get_mut(first)?.pointer_mut(&format!("/{rest}"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use watchpost_config::{Base, Switch, load_document};

    use super::*;

    fn loaded(output: Value) -> Loaded {
        let Value::Object(document) = json!({"Input": {"uri": "ndjson://-"}, "Output": output}) else {
            unreachable!()
        };
        load_document(document, Path::new("x.json"), Base::DataFolder).unwrap()
    }

    fn again(document: Document) -> Loaded {
        load_document(document, Path::new("x.json"), Base::DataFolder).unwrap()
    }

    fn shapes() -> [Loaded; 2] {
        let a = json!({"uri": "json:///a.json", "sink": "output-tracks", "enabled": true});
        let b = json!({"uri": "json:///b.json", "sink": "output-tracks", "enabled": true, "mine": 1});
        let named = |name: &str, entry: &Value| {
            let mut entry = entry.clone();
            entry["name"] = name.into();
            entry
        };
        [
            loaded(json!({"handlers": {"a": a, "b/x": b}, "E": {"enabled": true}})),
            loaded(json!({"handlers": [named("a", &a), named("b/x", &b)], "E": {"enabled": true}})),
        ]
    }

    fn names(loaded: &Loaded) -> Vec<&str> {
        loaded.instance.output.handlers.iter().map(|handler| handler.name.as_str()).collect()
    }

    #[test]
    fn exports_are_added_changed_renamed_and_deleted_in_both_shapes_of_handlers() {
        for before in shapes() {
            // In the array `/` cannot stand in a name.
            let second = names(&before)[1].to_owned();
            let export = json!({"uri": "csv:///c.csv", "sink": "output-tracks"});
            let Value::Object(export) = export else { unreachable!() };
            let added = again(set_export(&before, "c", export.clone()).unwrap());
            assert_eq!(names(&added), ["a", second.as_str(), "c"]);
            let changed = again(set_export(&added, &second, export).unwrap());
            assert_eq!(changed.instance.output.handlers[1].uri, "csv:///c.csv");
            let renamed = again(rename(&changed, &second, "d").unwrap());
            assert_eq!(names(&renamed), ["a", "d", "c"]);
            assert!(rename(&renamed, "d", "a").unwrap_err().message.contains("already"));
            let deleted = again(delete(&renamed, "a").unwrap());
            assert_eq!(names(&deleted), ["d", "c"]);
            let error = delete(&deleted, "a").unwrap_err();
            assert!(error.message.contains("it has: d, c, E"), "{error}");
        }
    }

    #[test]
    fn exports_and_exporters_are_switched_and_keep_their_other_keys() {
        for before in shapes() {
            let second = names(&before)[1].to_owned();
            let paused = again(switch(&before, &second, SwitchTo::Paused).unwrap());
            assert_eq!(paused.instance.output.handlers[1].switch, Switch::Paused);
            assert!(Value::Object(paused.document.clone()).to_string().contains("\"mine\":1"));
            let on = again(switch(&paused, &second, SwitchTo::On).unwrap());
            assert_eq!(on.instance.output.handlers[1].switch, Switch::On);
            for (to, is) in [(SwitchTo::Off, Switch::Off), (SwitchTo::Paused, Switch::Paused)] {
                let switched = again(switch(&before, "E", to).unwrap());
                assert_eq!(switched.instance.output.exporters, [("E".to_owned(), is)]);
            }
            let new = again(switch(&before, "F", SwitchTo::On).unwrap());
            assert_eq!(new.instance.output.exporters.len(), 2);
            let gone = again(delete(&new, "E").unwrap());
            assert_eq!(gone.instance.output.exporters, [("F".to_owned(), Switch::On)]);
        }
    }

    #[test]
    fn a_paused_export_that_is_changed_stays_paused() {
        let [before, _] = shapes();
        let paused = again(switch(&before, "a", SwitchTo::Paused).unwrap());
        let Value::Object(export) = json!({"uri": "txt:///a.txt", "sink": "output-tracks"}) else {
            unreachable!()
        };
        let changed = again(set_export(&paused, "a", export).unwrap());
        assert_eq!(changed.instance.output.handlers[0].switch, Switch::Paused);
    }
}

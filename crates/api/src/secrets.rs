//! Secrets go in and never come out: what is read has `***` in their place, and what is written with that keeps
//! what is there.

use serde_json::{Map, Value};
pub(crate) use watchpost_config::HIDDEN;
use watchpost_config::{redact, uri_secrets};

use crate::{Problem, problem::Place};

/// Keys whose values are secrets.
const KEYS: [&str; 6] = ["password", "passphrase", "secret", "token", "api_key", "authorization"];

/// Hides every secret in a document.
pub(crate) fn hide(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(text) if is_secret(key) && !text.is_empty() => *text = HIDDEN.to_owned(),
                    value => hide(value),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(hide),
        Value::String(text) => *text = redact(text),
        _ => {}
    }
}

/// The document with its secrets hidden.
pub(crate) fn hidden(document: &Map<String, Value>) -> Map<String, Value> {
    let mut value = Value::Object(document.clone());
    hide(&mut value);
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn is_secret(key: &str) -> bool {
    KEYS.iter().any(|secret| key.eq_ignore_ascii_case(secret))
}

/// Puts the secrets of `old` where `new` has `***`. A password in an address only goes back to the user and host
/// it is for: else whoever may change an address could have it sent to themselves.
///
/// # Errors
/// Something is hidden that is not in `old`.
pub(crate) fn restore(new: &mut Value, old: &Value) -> Result<(), Problem> {
    let mut known = Vec::new();
    strings(old, &mut known);
    let mut missing = Vec::new();
    put_back(new, Some(old), "", &known, &mut missing);
    if missing.is_empty() {
        return Ok(());
    }
    let problems = missing.into_iter().map(|path| Place {
        path,
        message: format!("`{HIDDEN}` stands for a password that is not known here"),
        fix: "write the password itself".to_owned(),
    });
    let problems: Vec<_> = problems.collect();
    let detail = format!("{}: {}; {}", problems[0].path, problems[0].message, problems[0].fix);
    Err(Problem::invalid(detail).with(problems))
}

fn strings<'a>(value: &'a Value, all: &mut Vec<&'a str>) {
    match value {
        Value::Object(map) => map.values().for_each(|value| strings(value, all)),
        Value::Array(list) => list.iter().for_each(|value| strings(value, all)),
        Value::String(text) if text.contains("://") => all.push(text),
        _ => {}
    }
}

fn put_back(new: &mut Value, old: Option<&Value>, path: &str, known: &[&str], missing: &mut Vec<String>) {
    match new {
        Value::Object(map) => {
            // A password stays with the address it is for.
            let address = |of: Option<&Value>| {
                of.and_then(|of| of.get("uri")?.as_str()).map(|uri| self::address(uri).to_owned())
            };
            let new_address = map.get("uri").and_then(Value::as_str).map(|uri| self::address(uri).to_owned());
            let moved = new_address.is_some() && address(old) != new_address;
            let old = old.filter(|_| !moved);
            for (key, value) in map {
                let path = format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
                let old = old.and_then(|old| old.get(key));
                match (value, old) {
                    (Value::String(text), old) if is_secret(key) && text == HIDDEN => match old {
                        Some(Value::String(secret)) => *text = secret.clone(),
                        _ => missing.push(path),
                    },
                    (value, old) => put_back(value, old, &path, known, missing),
                }
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter_mut().enumerate() {
                let old = old.and_then(|old| old.get(index));
                put_back(value, old, &format!("{path}/{index}"), known, missing);
            }
        }
        Value::String(text) => {
            if let Some(whole) = with_secrets(text, known) {
                *text = whole;
            } else {
                missing.push(path.to_owned());
            }
        }
        _ => {}
    }
}

/// `text` with every hidden secret of its addresses filled in; `None` if one is not known. Each goes back only to the
/// host, and the user or key, that it is for.
fn with_secrets(text: &str, known: &[&str]) -> Option<String> {
    let (mut whole, mut at) = (String::new(), 0);
    for hidden in uri_secrets(text).into_iter().filter(|secret| text[secret.range.clone()] == *HIDDEN) {
        let is_it = |known: &&str| {
            uri_secrets(known).into_iter().find_map(|secret| {
                let value = known.get(secret.range)?;
                (secret.host == hidden.host && secret.what == hidden.what && value != HIDDEN)
                    .then(|| value.to_owned())
            })
        };
        whole.push_str(&text[at..hidden.range.start]);
        whole.push_str(&known.iter().find_map(is_it)?);
        at = hidden.range.end;
    }
    Some(whole + &text[at..])
}

/// Scheme, host and port of an address.
fn address(uri: &str) -> &str {
    let start = uri.find("://").map_or(0, |at| at + 3);
    let authority = host(&uri[start..]);
    let host_at = authority.rfind('@').map_or(start, |at| start + at + 1);
    &uri[host_at..start + authority.len()]
}

fn host(text: &str) -> &str {
    let end = text.find(|c: char| c == '/' || c.is_whitespace() || "'\"?#".contains(c));
    &text[..end.unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_hidden_comes_back_and_goes_nowhere_else() {
        let old =
            json!({"Input": {"uri": "rtsp://me:p@ss@cam/1"}, "x": [{"password": "hush", "topic": "t"}]});
        let mut shown = old.clone();
        hide(&mut shown);
        let text = shown.to_string();
        assert!(!text.contains("p@ss") && !text.contains("hush"), "{text}");
        let mut same = shown.clone();
        restore(&mut same, &old).unwrap();
        assert_eq!(same, old);
        let mut moved = json!({"Input": {"uri": "rtsp://me:***@cam/2"}});
        restore(&mut moved, &old).unwrap();
        assert_eq!(moved["Input"]["uri"], "rtsp://me:p@ss@cam/2");
        for stolen in ["rtsp://me:***@evil/1", "rtsp://you:***@cam/1", "rtsp://me:***@cam:99/1"] {
            assert!(restore(&mut json!({"Input": {"uri": stolen}}), &old).is_err(), "{stolen}");
        }
        assert!(restore(&mut json!({"y": {"password": "***"}}), &old).is_err());
        let old = json!({"a": "http://cam/1?pwd=hush&x=1", "b": "gstreamer:///x ! rtmpsink location='rtmp://tv/live/hush live=1'"});
        let mut shown = old.clone();
        hide(&mut shown);
        assert!(!shown.to_string().contains("hush"), "{shown}");
        restore(&mut shown, &old).unwrap();
        assert_eq!(shown, old);
        let mut other = json!({"a": "http://cam/2?x=2&pwd=***"});
        restore(&mut other, &old).unwrap();
        assert_eq!(other["a"], "http://cam/2?x=2&pwd=hush");
        for stolen in ["http://evil/1?pwd=***", "rtmp://evil/live/***", "http://cam/1?token=***"] {
            assert!(restore(&mut json!({"a": stolen}), &old).is_err(), "{stolen}");
        }
        let old = json!({"a": {"uri": "mqtt://broker/t", "config": {"password": "hush"}}});
        let mut other_topic = json!({"a": {"uri": "mqtt://broker/u", "config": {"password": "***"}}});
        restore(&mut other_topic, &old).unwrap();
        assert_eq!(other_topic["a"]["config"]["password"], "hush");
        let mut elsewhere = json!({"a": {"uri": "mqtt://evil/t", "config": {"password": "***"}}});
        assert!(restore(&mut elsewhere, &old).is_err());
    }
}

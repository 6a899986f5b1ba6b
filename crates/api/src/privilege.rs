//! What only an admin sets: commands, pipelines, and paths outside the data folder (PRODUCT section 14). Others may
//! change everything else of an instance, and leave these as they are.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use watchpost_config::{looks_absolute, split_scheme};

use crate::{
    Problem,
    auth::{Caller, Role},
    problem::Place,
};

/// Refuses what `caller` may not put where `old` has something else.
///
/// # Errors
/// Every place of it, as 403.
pub(crate) fn check(
    caller: &Caller,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
) -> Result<(), Problem> {
    let (mut before, mut after) = (BTreeSet::new(), BTreeSet::new());
    for (document, found) in [(old, &mut before), (new, &mut after)] {
        for part in ["Input", "Output"] {
            if let Some(value) = document.get(part) {
                look(value, part, &format!("/{part}"), found);
            }
        }
    }
    // What is a path may not become a command because an admin has once written the same somewhere.
    let known: BTreeSet<_> = before.iter().map(|place| (place.kind, &place.value)).collect();
    let added: Vec<_> = after.iter().filter(|place| !known.contains(&(place.kind, &place.value))).collect();
    if let Some(open) = added.iter().find(|place| place.kind == Kind::OpenAddress) {
        let message = "everybody who reaches this address could watch".to_owned();
        let fix = "set config.username and config.password, or use 127.0.0.1".to_owned();
        let place = Place { path: open.path.clone(), message, fix };
        return Err(
            Problem::invalid(format!("{}: {}; {}", place.path, place.message, place.fix)).with(vec![place])
        );
    }
    if added.is_empty() || caller.role >= Role::Admin {
        return Ok(());
    }
    let places = added.into_iter().map(|place| Place {
        path: place.path.clone(),
        message: format!("{} is for an admin to set", place.kind.name()),
        fix: "ask an admin, or leave it as it is".to_owned(),
    });
    let places: Vec<_> = places.collect();
    let detail = format!("{}: {}; {}", places[0].path, places[0].message, places[0].fix);
    Err(Problem::new(axum::http::StatusCode::FORBIDDEN, detail).with(places))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Command,
    Pipeline,
    Path,
    /// What Watchpost itself keeps in the data folder: passwords, other instances, logs.
    Own,
    /// RTSP for everybody, without a user.
    OpenAddress,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Command => "a command",
            Self::Pipeline => "a pipeline",
            Self::Path => "a path outside the data folder",
            Self::Own => "a file that Watchpost keeps for itself",
            Self::OpenAddress => "an open address",
        }
    }
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Privileged {
    value: String,
    kind: Kind,
    path: String,
}

fn look(value: &Value, key: &str, path: &str, found: &mut BTreeSet<Privileged>) {
    match value {
        Value::Object(map) => {
            if is_open(map) {
                let value = map.get("uri").map(Value::to_string).unwrap_or_default();
                found.insert(Privileged { value, kind: Kind::OpenAddress, path: format!("{path}/uri") });
            }
            for (key, value) in map {
                let path = format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
                look(value, key, &path, found);
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                look(value, key, &format!("{path}/{index}"), found);
            }
        }
        Value::String(text) => {
            if let Some(kind) = kind(key, text, path) {
                found.insert(Privileged { value: text.clone(), kind, path: path.to_owned() });
            }
        }
        _ => {}
    }
}

/// In the data folder, beside what users put there to be read. Whoever may have it read as a source or certificate
/// would find lines of it in the reasons why it is none.
const OWN: [&str; 8] = [
    "config.json",
    "users.json",
    "audit.log",
    "audit.log.1",
    "control.sock",
    "journal",
    "instances",
    "exporters",
];

/// Whether a relative path or URI leads to one of them, or to a hidden file.
fn is_own(text: &str) -> bool {
    let path = split_scheme(text).map_or(text, |(_, rest)| rest);
    let first = path.split('/').find(|part| !["", "."].contains(part)).unwrap_or_default();
    OWN.contains(&first) || first.starts_with('.')
}

fn kind(key: &str, text: &str, at: &str) -> Option<Kind> {
    if text.is_empty() {
        return None;
    }
    if key.ends_with("_cmd") || key == "command" {
        return Some(Kind::Command);
    }
    let scheme = split_scheme(text).map(|(scheme, _)| scheme).unwrap_or_default();
    if key == "pipeline" || scheme == "gstreamer" || text.trim_start().starts_with("gstreamer:") {
        return Some(Kind::Pipeline);
    }
    let is_address = ["uri", "video_uri"].contains(&key);
    let is_path = key.ends_with("_path") || key == "path" || key == "labels";
    let leads_out = match scheme.as_str() {
        "file" | "v4l2" => true,
        "" => {
            looks_absolute(text).is_some()
                || text.starts_with('/')
                || text.split('/').any(|part| part == "..")
        }
        // Three slashes lead into the data folder, four out of it.
        _ => text.contains(":////") || (text.contains(":///") && text.split('/').any(|part| part == "..")),
    };
    if (is_address || is_path) && leads_out {
        return Some(Kind::Path);
    }
    // Addresses of exports lead into `exports/`; networks have hosts, and not files.
    let is_read = is_path && key != "path" || is_address && at.starts_with("/Input");
    let is_file = scheme.is_empty() || text.contains(":///");
    (is_read && is_file && is_own(text)).then_some(Kind::Own)
}

/// An RTSP export that others than this machine reach, and that asks nobody who they are.
fn is_open(handler: &Map<String, Value>) -> bool {
    let uri = handler.get("uri").and_then(Value::as_str).unwrap_or_default();
    let is_sink = handler.contains_key("sink") || handler.contains_key("config");
    let Some((scheme, rest)) = split_scheme(uri).filter(|_| is_sink) else { return false };
    let config = handler.get("config").and_then(Value::as_object);
    let set =
        |key: &str| config.and_then(|c| c.get(key)).and_then(Value::as_str).is_some_and(|v| !v.is_empty());
    // The older form (REFERENCE "Exports by URI") has the address in its settings, which go before the URI.
    let ip = config.and_then(|config| config.get("ip")?.as_str()).filter(|_| rest.starts_with('/'));
    let host = ip.unwrap_or(rest).trim_start_matches('/').split('/').next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    let host = match host.strip_prefix('[') {
        Some(six) => six.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let here = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    ["rtsp", "rtsps"].contains(&scheme.as_str()) && !here && !(set("username") && set("password"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn caller(role: Role) -> Caller {
        Caller { name: None, role }
    }

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn operators_leave_commands_pipelines_and_paths_alone() {
        let privileged = [
            json!({"Output": {"preprocess_cmd": "./f.py"}}),
            json!({"Input": {"detector_cmd": "python3 x.py"}}),
            json!({"Input": {"uri": "gstreamer:///filesrc location=/etc/passwd ! appsink name=cvdsink"}}),
            json!({"Input": {"uri": "file:///etc/passwd"}}),
            json!({"Input": {"uri": "/etc/passwd"}}),
            json!({"Input": {"uri": "../../x.mp4"}}),
            json!({"Input": {"uri": "v4l2:///dev/video0"}}),
            json!({"Output": {"handlers": {"a": {"uri": "json:////etc/cron.d/x", "sink": ""}}}}),
            json!({"Output": {"handlers": {"a": {"uri": "json:///../../x", "sink": ""}}}}),
            json!({"Output": {"handlers": [{"uri": "rtsp://127.0.0.1/x", "config": {"pipeline": "( x )"}}]}}),
            json!({"Output": {"handlers": {"a": {"uri": "mqtts://h/t", "config": {"certificate_path": "/x"}}}}}),
            json!({"Input": {"uri": "ndjson:///users.json"}}),
            json!({"Input": {"uri": "ndjson:///./config.json"}}),
            json!({"Input": {"uri": "journal/wal"}}),
            json!({"Input": {"uri": "ndjson+post://", "video_uri": "instances/x.json"}}),
            json!({"Output": {"handlers": {"a": {"uri": "mqtts://h/t", "config": {"certificate_path": "users.json"}}}}}),
        ];
        for document in privileged.map(map) {
            let refused = check(&caller(Role::Operator), &Map::new(), &document);
            assert!(refused.is_err(), "{document:?}");
            check(&caller(Role::Admin), &Map::new(), &document).unwrap();
            check(&caller(Role::Operator), &document, &document).unwrap();
        }
        for uri in ["uploads/a.mp4", "ndjson:///mine/users.json", "http://journal/live", "push://"] {
            check(&caller(Role::Operator), &Map::new(), &map(json!({"Input": {"uri": uri}}))).unwrap();
        }
        let plain = json!({
            "DisplayName": "/a/../b", "Input": {"uri": "rtsp://me:pw@cam/../1"},
            "Output": {"handlers": {"a": {"uri": "json:///journal/x.jsonl", "sink": "", "config": {"minify": true}}}},
            "Zone": {"Zones": {"1": {"name": "/etc"}}},
        });
        check(&caller(Role::Operator), &Map::new(), &map(plain)).unwrap();
    }

    #[test]
    fn what_an_admin_has_set_does_not_become_something_else() {
        let before = map(json!({"Input": {"uri": "/srv/clip.sh"}}));
        let same = map(json!({"Input": {"uri": "/srv/clip.sh", "loop": true}}));
        check(&caller(Role::Operator), &before, &same).unwrap();
        let run =
            map(json!({"Input": {"uri": "/srv/clip.sh"}, "Output": {"preprocess_cmd": "/srv/clip.sh"}}));
        assert!(check(&caller(Role::Operator), &before, &run).is_err());
    }

    #[test]
    fn nobody_opens_a_camera_to_everybody_by_the_api() {
        let open = |uri: &str, config: Value| {
            let document = json!({"Output": {"handlers": {"a": {"uri": uri, "sink": "output-image", "config": config}}}});
            check(&caller(Role::Admin), &Map::new(), &map(document))
        };
        assert!(open("rtsp://0.0.0.0:8554/a", json!({})).is_err());
        assert!(open("rtsp:///127.0.0.1", json!({"ip": "0.0.0.0"})).is_err());
        assert!(open("rtsp://[::]:8554/a", json!({})).is_err());
        open("rtsp:///x", json!({"ip": "127.0.0.1"})).unwrap();
        open("rtsp://[::1]:8554/a", json!({})).unwrap();
        open("rtsp://127.0.0.1:8554/a", json!({})).unwrap();
        open("rtsp://0.0.0.0:8554/a", json!({"username": "u", "password": "p"})).unwrap();
    }
}

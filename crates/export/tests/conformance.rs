//! What every format owes (CONTRIBUTING "Add a format"), checked for all of `FORMATS`.

use serde_json::{Value, json};
use watchpost_export::{FORMATS, Format, Outcome};

use crate::common::{Cursor, Sandbox, deliver, deliver_all, outcomes, records};

fn example(format: &Format) -> Value {
    serde_json::from_str(format.example).unwrap_or_else(|error| panic!("{}: {error}", format.name))
}

/// A handler of a file format that takes the records of `common::records`.
fn of_records(format: &Format) -> Value {
    let handler = json!({
        "uri": format!("{}:///out/all.{}", format.name, format.name),
        "sink": "",
        "config": {"schema_events": ["event-intrusion:2"], "append_only": true}
    });
    match format.name {
        // Something in each line by which records can be told apart.
        "txt" => with(handler, "template", json!("{obj.frame_id}")),
        "json" => with(handler, "minify", json!(true)),
        _ => handler,
    }
}

fn with(mut handler: Value, key: &str, value: Value) -> Value {
    handler["config"][key] = value;
    handler
}

fn file_formats() -> impl Iterator<Item = &'static Format> {
    let files = ["json", "csv", "txt"];
    FORMATS.iter().copied().filter(move |format| files.contains(&format.name))
}

/// The `frame_id` of each line of a file.
fn frame_ids(format: &Format, text: &str) -> Vec<u64> {
    match format.name {
        "json" => text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["frame_id"].as_u64().unwrap())
            .collect(),
        "csv" => {
            let mut reader = csv::Reader::from_reader(text.as_bytes());
            reader.records().map(|row| row.unwrap()[0].parse().unwrap()).collect()
        }
        _ => text.lines().map(|line| line.parse().unwrap()).collect(),
    }
}

#[test]
fn names_are_stable_and_everything_is_said() {
    for format in FORMATS {
        assert!(!format.title.is_empty() && !format.summary.is_empty() && !format.accepts.is_empty());
        assert_eq!(format.name, format.name.to_lowercase());
        assert!(format.schemes.contains(&format.name));
        for scheme in format.schemes {
            let found = watchpost_export::format_for(&format!("{scheme}:///x")).unwrap();
            assert_eq!(found.name, format.name, "two formats share {scheme}");
        }
    }
}

#[test]
fn examples_parse_without_warnings_and_use_known_keys() {
    for format in FORMATS {
        let plan = Sandbox::new()
            .plan(&example(format))
            .unwrap_or_else(|problems| panic!("{}: {problems:?}", format.name));
        assert_eq!((plan.format.name, plan.warnings), (format.name, vec![]));
        let schema = serde_json::to_value((format.settings)()).unwrap();
        for key in example(format)["config"].as_object().unwrap().keys() {
            assert!(schema["properties"].get(key).is_some(), "{}: {key} has no schema", format.name);
        }
        for (key, property) in schema["properties"].as_object().unwrap() {
            let described = property.get("description").is_some();
            assert!(described, "{}: {key} is not described", format.name);
        }
    }
}

#[test]
fn unknown_keys_wrong_types_and_bad_templates_are_refused_at_their_place() {
    for format in FORMATS {
        let refused = |handler: &Value| Sandbox::new().refused(handler);
        let unknown = refused(&with(example(format), "colour", json!(1)));
        assert_eq!(unknown.len(), 1, "{}: {unknown:?}", format.name);
        let begin = "/Output/handlers/x/config/colour: unknown key `colour`; expected one of ";
        assert!(unknown[0].starts_with(begin), "{}", unknown[0]);

        if format.takes_records() {
            let wrong = refused(&with(example(format), "when_behind", json!("later")));
            let expected =
                "/Output/handlers/x/config/when_behind: is `later`; expected `keep` or `drop_oldest`";
            assert_eq!(wrong, [expected], "{}", format.name);
        }
        // Only where the address is a path of ours.
        if !example(format)["uri"].as_str().unwrap().starts_with(&format!("{}:///", format.name)) {
            continue;
        }
        let mut bad = example(format);
        let before = match format.name {
            "mqtt" => "mqtt://host/out/".to_owned(),
            name => format!("{name}:///out/"),
        };
        bad["uri"] = json!(format!("{before}{{nope}}.x"));
        let bad = refused(&bad);
        let place = before.len() + 2;
        assert_eq!(bad.len(), 1, "{}: {bad:?}", format.name);
        let begin = format!(
            "/Output/handlers/x/uri: bad dynamic string at character {place}: unknown tag `nope`: expected one of obj.NAME"
        );
        assert!(bad[0].starts_with(&begin), "{}", bad[0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_delivered_before_it_is_in_the_file() {
    for format in file_formats() {
        let sandbox = Sandbox::new();
        let mut receiver = sandbox.receiver(&of_records(format));
        receiver.open(None).await.unwrap();
        let mut cursor = Cursor::default();
        for batch in 0..20 {
            receiver.send(records(batch * 10..batch * 10 + 10)).await.unwrap();
            while cursor.next < batch * 10 + 1 {
                cursor.take(outcomes(receiver.as_mut()).await.unwrap());
                let found = frame_ids(format, &sandbox.read(&format!("out/all.{}", format.name)));
                assert!(found.len() as u64 >= cursor.next, "{}: told before it was written", format.name);
            }
        }
        assert_eq!(cursor.refused, []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_answered_for_is_sent_again_and_neither_doubles_nor_tears() {
    for format in file_formats() {
        let sandbox = Sandbox::new();
        let name = format!("out/all.{}", format.name);
        let mut cursor = Cursor::default();
        // A crash at each stage of a file's life: before its first outcome, after it, in mid-file.
        for round in 0..6_u64 {
            let mut receiver = sandbox.receiver(&of_records(format));
            let first = records(cursor.next..(round + 1) * 100);
            deliver(receiver.as_mut(), &mut cursor, first).await;
            let kept = cursor.clone();
            receiver.send(records(cursor.next..cursor.next + 50)).await.unwrap();
            let lost = outcomes(receiver.as_mut()).await.unwrap();
            assert!(matches!(lost.last(), Some(Outcome::Delivered { .. })));
            // The outcome was never kept, and a torn line is at the end.
            drop(receiver);
            let path = sandbox.exports().join(&name);
            let mut torn = std::fs::read(&path).unwrap();
            torn.extend_from_slice(b"{\"torn");
            std::fs::write(&path, torn).unwrap();
            cursor = if round == 0 { Cursor::default() } else { kept };
        }
        let mut receiver = sandbox.receiver(&of_records(format));
        let rest = records(cursor.next..700);
        deliver_all(receiver.as_mut(), &mut cursor, rest).await;
        let found = frame_ids(format, &sandbox.read(&name));
        assert_eq!(found, (0..700).collect::<Vec<_>>(), "{}", format.name);
        assert_eq!(cursor.refused, []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_flushes_and_what_is_taken_survives_dropped_calls() {
    for format in file_formats() {
        let sandbox = Sandbox::new();
        let mut receiver = sandbox.receiver(&of_records(format));
        receiver.open(None).await.unwrap();
        let mut cursor = Cursor::default();
        for batch in 0..50 {
            receiver.send(records(batch * 20..batch * 20 + 20)).await.unwrap();
            // As a worker does that has something better to do: asks and goes away again.
            let asked = tokio::time::timeout(
                std::time::Duration::from_micros(300 * batch % 2000),
                receiver.outcomes(),
            );
            if let Ok(outcomes) = asked.await {
                cursor.take(outcomes.unwrap());
            }
        }
        cursor.take(receiver.close().await.unwrap());
        assert_eq!(cursor.next, 1000, "{}", format.name);
        let found = frame_ids(format, &sandbox.read(&format!("out/all.{}", format.name)));
        assert_eq!(found, (0..1000).collect::<Vec<_>>(), "{}", format.name);
        let written = receiver.written();
        assert_eq!((written.len(), written[0].count), (1, 1000));
        assert_eq!(written[0].bytes, std::fs::metadata(&written[0].path).unwrap().len());
        assert_eq!(sandbox.files().len(), 1, "nothing is left beside: {:?}", sandbox.files());
        // It may be opened again.
        deliver_all(receiver.as_mut(), &mut cursor, records(1000..1010)).await;
        assert_eq!(cursor.next, 1010);
        // The next run tells what it added to the file, and only that.
        let mut receiver = sandbox.receiver(&of_records(format));
        assert_eq!(receiver.written(), []);
        deliver_all(receiver.as_mut(), &mut cursor, records(1010..1015)).await;
        let added: Vec<_> = receiver.written().iter().map(|file| file.count).collect();
        assert_eq!(added, [5], "{}", format.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_stay_in_the_folder_that_the_uri_names() {
    for format in file_formats() {
        for appends in [true, false] {
            let sandbox = Sandbox::new();
            let mut handler = with(of_records(format), "append_only", json!(appends));
            handler["uri"] =
                json!(format!("{}:///in/{{obj.area.name}}/{{instance.name}}.{{sys.count}}", format.name));
            let mut receiver = sandbox.receiver(&handler);
            let mut deliveries = records(0..3);
            for (delivery, name) in deliveries.iter_mut().zip(["../../../etc", "..", "/"]) {
                let mut value: Value = serde_json::from_slice(&delivery.items[0].json).unwrap();
                value["area"]["name"] = json!(name);
                delivery.items[0].json = value.to_string().into();
            }
            deliver_all(receiver.as_mut(), &mut Cursor::default(), deliveries).await;
            let expected = ["in/_/Gate_East.3", "in/__/Gate_East.2", "in/_________etc/Gate_East.1"];
            let mut expected: Vec<_> = expected.map(str::to_owned).to_vec();
            expected.sort();
            assert_eq!(sandbox.files(), expected, "{} {appends}", format.name);
            let all = std::fs::read_dir(sandbox.folder.path()).unwrap().count();
            assert_eq!(all, 1, "nothing beside exports/");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_made_blocks_with_its_path_and_goes_on_when_it_can() {
    for format in file_formats() {
        let sandbox = Sandbox::new();
        std::fs::create_dir_all(sandbox.exports()).unwrap();
        let in_the_way = sandbox.exports().join("out");
        std::fs::write(&in_the_way, "").unwrap();
        let mut receiver = sandbox.receiver(&of_records(format));
        let error = receiver.open(None).await.unwrap_err().to_string();
        let shown = in_the_way.display();
        assert_eq!(
            error,
            format!(
                "cannot create the folder {shown}: a part of the path is a file: move that file or choose another folder"
            )
        );
        std::fs::remove_file(in_the_way).unwrap();
        let mut cursor = Cursor::default();
        deliver_all(receiver.as_mut(), &mut cursor, records(0..5)).await;
        assert_eq!(cursor.next, 5);
    }
}

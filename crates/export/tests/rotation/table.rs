//! Every combination of what a file format lets one set: what is valid is read back whole, what is not is refused
//! with the key that is wrong.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Value, json};
use watchpost_export::Delivery;
use watchpost_schema::streams::StreamName;

use super::{look_later, numbers_of, text};
use crate::common::{Cursor, Sandbox, deliver, deliver_all, delivery, object, outcomes};

const OBJECTS: u64 = 60;

/// What is set; `None`: the key is absent.
#[derive(Clone, Debug)]
struct Combination {
    format: &'static str,
    append_only: bool,
    minify: Option<bool>,
    rotate: Option<Value>,
    compress: Option<&'static str>,
}

fn all() -> Vec<Combination> {
    let mut all = Vec::new();
    for format in ["json", "csv", "txt"] {
        for append_only in [true, false] {
            for minify in [None, Some(true), Some(false)] {
                for rotate in [None, Some(json!({"bytes": 1024})), Some(json!({"seconds": 10}))] {
                    for compress in [None, Some("gzip"), Some("zstd")] {
                        let rotate = rotate.clone();
                        all.push(Combination { format, append_only, minify, rotate, compress });
                    }
                }
            }
        }
    }
    all
}

impl Combination {
    /// The keys that are wrong, by the rules of PRODUCT section 10 and docs/files.md.
    fn wrong(&self) -> BTreeSet<&'static str> {
        // An unknown key is said first: what is meant by the others is not known then.
        if self.format == "txt" && self.minify.is_some() {
            return BTreeSet::from(["minify"]);
        }
        let is_wrong = [
            ("rotate", !self.append_only && self.rotate.is_some()),
            ("compress", self.rotate.is_none() && self.compress.is_some()),
        ];
        is_wrong.into_iter().filter(|(_, is)| *is).map(|(key, _)| key).collect()
    }

    fn handler(&self) -> Value {
        let name = if self.append_only { "t" } else { "{obj.frame_id|pad:3}" };
        let uri = format!("{0}:///out/{name}.{0}", self.format);
        let mut config = json!({"shape": "objects", "append_only": self.append_only});
        if self.format == "txt" {
            config["template"] = json!("{obj.frame_id} and so many more words that 1024 bytes are full soon");
        }
        for (key, value) in [
            ("minify", self.minify.map(Value::from)),
            ("rotate", self.rotate.clone()),
            ("compress", self.compress.map(Value::from)),
        ] {
            if let Some(value) = value {
                config[key] = value;
            }
        }
        json!({"uri": uri, "sink": "output-tracks", "config": config})
    }
}

/// A second apart, with something nested and something to quote.
fn objects(range: std::ops::Range<u64>) -> Vec<Delivery> {
    let one = |n: u64| {
        let value =
            json!({"frame_id": n, "note": "a \"b\",\nc", "tracks": [{"track_id": n.to_string(), "x": 0.5}]});
        delivery(n, object(StreamName::Tracks, &value))
    };
    range.map(one).collect()
}

/// Ends in the middle twice: once in order, once with lines that were written and never counted.
async fn write(sandbox: &Sandbox, handler: &Value, is_compressed: bool) {
    let mut cursor = Cursor::default();
    deliver_all(sandbox.receiver(handler).as_mut(), &mut cursor, objects(0..25)).await;
    let mut receiver = sandbox.receiver(handler);
    deliver(receiver.as_mut(), &mut cursor, objects(25..40)).await;
    receiver.send(objects(40..50)).await.unwrap();
    outcomes(receiver.as_mut()).await.unwrap();
    drop(receiver);
    let mut receiver = sandbox.receiver(handler);
    deliver(receiver.as_mut(), &mut cursor, objects(40..OBJECTS)).await;
    receiver.kept(cursor.next);
    let until = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    while is_compressed && uncompressed(sandbox) != 1 {
        assert!(
            tokio::time::Instant::now() < until,
            "all but the newest are compressed: {:?}",
            sandbox.files()
        );
        tokio::task::spawn_blocking(look_later).await.unwrap();
    }
    cursor.take(receiver.close().await.unwrap());
    assert_eq!(cursor.refused, []);
}

fn uncompressed(sandbox: &Sandbox) -> usize {
    sandbox.files().iter().filter(|name| !name.ends_with(".gz") && !name.ends_with(".zst")).count()
}

fn check(combination: &Combination, sandbox: &Sandbox) {
    let said = format!("{combination:?}: {:?}", sandbox.files());
    let files = sandbox.files();
    assert_eq!(numbers_of(sandbox, combination.format), (0..OBJECTS).collect::<Vec<_>>(), "{said}");
    match (&combination.rotate, combination.append_only) {
        (Some(_), _) => assert!(files.len() > 3, "{said}"),
        (None, true) => assert_eq!(files.len(), 1, "{said}"),
        (None, false) => assert_eq!(files.len() as u64, OBJECTS, "{said}"),
    }
    let newest = files.iter().find(|name| !name.ends_with(".gz") && !name.ends_with(".zst")).unwrap();
    let text = text(&sandbox.exports().join(newest));
    // A nested value shows it: on one line, or on several.
    let is_minified = !text.contains("\n    ");
    if combination.format != "txt" {
        assert_eq!(is_minified, combination.minify == Some(true), "{said}\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_combination_is_read_back_whole_or_refused_by_its_key() {
    let mut running = tokio::task::JoinSet::new();
    let (mut valid, mut invalid) = (0, 0);
    for combination in all() {
        let (sandbox, handler) = (Arc::new(Sandbox::new()), combination.handler());
        let wrong = combination.wrong();
        if wrong.is_empty() {
            valid += 1;
            running.spawn(async move {
                write(&sandbox, &handler, combination.compress.is_some()).await;
                check(&combination, &sandbox);
            });
            continue;
        }
        invalid += 1;
        let refused = sandbox.refused(&handler);
        let named: BTreeSet<_> = refused
            .iter()
            .map(|problem| {
                let (path, _) = problem.split_once(": ").unwrap();
                path.strip_prefix("/Output/handlers/x/config/").unwrap_or(path)
            })
            .collect();
        assert_eq!(named, wrong, "{combination:?}: {refused:?}");
    }
    assert_eq!((valid, invalid), (56, 106));
    while let Some(done) = running.join_next().await {
        done.unwrap();
    }
}

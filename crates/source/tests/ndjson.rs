//! The user's own detections, alone and beside a video.

use std::{fs, path::Path, time::Instant};

use serde_json::json;
use watchpost_media::testclip::{ClipFormat, make_clip};
use watchpost_model::{ObjectClass, Timestamp};

use crate::common::{self, drain, open, times};

fn line(key: &str, value: u64) -> String {
    let seen =
        json!({"label": "forklift", "confidence": 0.9, "x": 0.1, "y": 0.1, "width": 0.2, "height": 0.2});
    json!({key: value, "detections": [seen]}).to_string()
}

fn write(folder: &Path, name: &str, lines: &[String]) -> String {
    let path = folder.join("data").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, lines.join("\n")).unwrap();
    format!("ndjson:///{name}")
}

fn clip(folder: &Path, frames: u32) {
    make_clip(&folder.join("a.avi"), ClipFormat::MjpegAvi, (160, 120), 25, frames).unwrap();
}

#[test]
fn alone_each_line_is_a_frame_and_labels_have_classes() {
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<_> = (0..3).map(|n| line("timestamp_ms", 1_785_161_453_812 + n * 100)).collect();
    let uri = write(folder.path(), "d/x.ndjson", &lines);
    let mut source = open(folder.path(), json!({"uri": uri, "labels": {"Forklift": "Person"}})).unwrap();
    let (items, notices, early) = drain(&mut *source, 9);
    assert_eq!((times(&items), notices, early), (vec![0, 100, 200], vec![], None));
    let last = &items[2];
    assert_eq!((last.frame.id, last.frame.timestamp), (2, Timestamp(1_785_161_454_012)));
    assert!(last.frame.image.is_none() && last.analyse);
    assert_eq!(last.detections.as_ref().unwrap()[0].class, ObjectClass::Person);
}

#[test]
fn bad_lines_are_named_counted_and_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let bad = r#"{"frame_id": 2, "detections": [{"label": "a", "confidence": NaN}]}"#.to_owned();
    let outside = r#"{"frame_id": 3, "detections": [{"label": "a", "confidence": 2}]}"#.to_owned();
    let lines = [line("frame_id", 1), bad, outside, line("frame_id", 1), line("frame_id", 4)];
    let uri = write(folder.path(), "x.ndjson", &lines);
    let mut source = open(folder.path(), json!({ "uri": uri })).unwrap();
    let (items, notices, early) = drain(&mut *source, 9);
    let ids: Vec<_> = items.iter().map(|item| item.frame.id).collect();
    assert_eq!((ids, early), (vec![1, 3, 4], None));
    assert_eq!(items[1].detections.as_deref(), Some(&[][..]));
    let shown: Vec<_> =
        notices.iter().map(|notice| notice.message.split_once("x.ndjson ").unwrap().1).collect();
    let expected = [
        "line 2: NaN or Infinity at column 61: expected a number",
        "line 3: detections[0]: confidence is 2: expected a number from 0 to 1",
        "line 4: frame_id 1 comes after 3: expected a larger one",
    ];
    assert_eq!(shown, expected);
    assert_eq!(source.status().refused, 3);
}

#[test]
fn a_file_loops_and_plays_in_real_time() {
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<_> = (0..3).map(|n| line("timestamp_ms", n * 100)).collect();
    let uri = write(folder.path(), "x.ndjson", &lines);
    let keys = json!({"uri": uri, "loop": true, "pace": "realtime", "start_time": 1000});
    let (mut source, started) = (open(folder.path(), keys).unwrap(), Instant::now());
    let (items, ..) = drain(&mut *source, 7);
    assert_eq!(times(&items), [0, 100, 200, 300, 400, 500, 600]);
    assert_eq!((items[6].frame.id, items[6].frame.timestamp), (6, Timestamp(1600)));
    assert!(started.elapsed().as_millis() >= 600);
    assert_eq!((source.pass().number, source.pass().first_id), (2, 6));
}

#[test]
fn beside_a_video_lines_go_to_their_frames() {
    let folder = tempfile::tempdir().unwrap();
    clip(folder.path(), 10);
    for key in ["frame_id", "timestamp_ms"] {
        let value = |n| if key == "frame_id" { n } else { n * 40 + 3 };
        let lines: Vec<_> = [1, 2, 5, 7].map(|n| line(key, value(n))).into();
        let uri = write(folder.path(), "x.ndjson", &lines);
        let mut source = open(folder.path(), json!({"uri": uri, "video_uri": "a.avi"})).unwrap();
        let (items, notices, _) = drain(&mut *source, 99);
        assert_eq!(items.len(), 10);
        let matched: Vec<_> = items.iter().filter(|item| item.analyse).map(|item| item.frame.id).collect();
        assert_eq!(matched, [1, 2, 5, 7], "{key}");
        assert!(
            items.iter().all(|item| item.frame.image.is_some() && item.analyse == item.detections.is_some())
        );
        assert_eq!(source.status().unmatched, 6);
        assert_eq!(notices.len(), 1);
        assert!(
            notices[0]
                .message
                .ends_with("has ended before the video: the frames after that are not analysed")
        );
    }
}

#[test]
fn beside_a_looping_video_the_detections_loop_too() {
    let folder = tempfile::tempdir().unwrap();
    clip(folder.path(), 5);
    let lines: Vec<_> = (0..5).map(|n| line("frame_id", n)).collect();
    let uri = write(folder.path(), "x.ndjson", &lines);
    let mut source = open(folder.path(), json!({"uri": uri, "video_uri": "a.avi", "loop": true})).unwrap();
    let (items, notices, _) = drain(&mut *source, 13);
    assert!(items.iter().all(|item| item.analyse) && notices.is_empty());
    assert_eq!(items[12].frame.id, 12);
}

#[test]
fn the_limit_of_the_rate_holds_beside_a_video_too() {
    let folder = tempfile::tempdir().unwrap();
    clip(folder.path(), 25);
    let lines: Vec<_> = (0..25).map(|n| line("frame_id", n)).collect();
    let uri = write(folder.path(), "x.ndjson", &lines);
    let instance =
        json!({"Input": {"uri": uri, "video_uri": "a.avi"}, "SolutionManager": {"frame_rate_limit": 5}});
    let (input, paths) = common::input(folder.path(), instance);
    let (items, ..) =
        drain(&mut *watchpost_source::open(&input, &paths, &watchpost_source::Host::default()).unwrap(), 99);
    assert_eq!((items.len(), items.iter().filter(|item| item.analyse).count()), (25, 5));
}

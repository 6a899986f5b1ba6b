//! Detections that come while the source runs: a followed file, a socket, posts. And recorded ones.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    os::unix::net::UnixStream,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::json;
use watchpost_media::testclip::{ClipFormat, make_clip};
use watchpost_model::ObjectClass;
use watchpost_source::{Body, Host, Inlet, NotTaking, Source};

use crate::common::{LIMIT, drain, input, open, refused, times};

fn line(frame: u64) -> String {
    let seen = json!({"label": "person", "confidence": 0.9, "x": 0.1, "y": 0.1, "width": 0.2, "height": 0.2});
    format!("{}\n", json!({"frame_id": frame, "detections": [seen]}))
}

/// Ids of the next `count` frames.
fn ids(source: &mut dyn Source, count: usize) -> Vec<u64> {
    drain(source, count).0.iter().map(|item| item.frame.id).collect()
}

fn append(path: &Path, text: &str) {
    OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

#[test]
fn a_followed_file_is_read_on_through_half_lines_renaming_and_cutting() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    let path = folder.path().join("data/x.ndjson");
    append(&path, &line(0));
    let mut source = open(folder.path(), json!({"uri": "ndjson:///x.ndjson", "follow": "start"})).unwrap();
    assert_eq!(ids(&mut *source, 1), [0]);
    // Half a line waits for its other half.
    let text = line(1);
    append(&path, &text[..20]);
    assert!(matches!(source.next(Duration::from_millis(300)).unwrap(), watchpost_source::Next::Idle));
    append(&path, &text[20..]);
    assert_eq!(ids(&mut *source, 1), [1]);
    // Renamed: read to its end, then the new one, whose frames go on counting.
    append(&path, &line(2));
    fs::rename(&path, folder.path().join("data/x.ndjson.1")).unwrap();
    append(&path, &(line(0) + &line(1)));
    assert_eq!(ids(&mut *source, 3), [2, 3, 4]);
    // Cut in place: it begins again.
    File::options().write(true).truncate(true).open(&path).unwrap();
    append(&path, &line(0));
    assert_eq!(ids(&mut *source, 1), [5]);
    assert_eq!(source.status().refused, 0);
}

#[test]
fn a_followed_file_may_begin_at_its_end_or_not_exist_yet() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    let path = data.join("x.ndjson");
    let text = line(8);
    append(&path, &(line(0) + &line(1) + &text[..20]));
    let keys = |name: &str| json!({"uri": format!("ndjson:///{name}"), "follow": "end"});
    let mut source = open(folder.path(), keys("x.ndjson")).unwrap();
    append(&path, &text[20..]);
    assert_eq!(ids(&mut *source, 1), [8]);
    let mut source = open(folder.path(), keys("later.ndjson")).unwrap();
    append(&data.join("later.ndjson"), &line(3));
    assert_eq!(ids(&mut *source, 1), [3]);
}

#[test]
fn only_a_file_of_lines_is_followed_and_what_has_no_end_does_not_loop() {
    let folder = tempfile::tempdir().unwrap();
    let said = [
        refused(folder.path(), json!({"uri": "ndjson://-", "follow": "end"})),
        refused(folder.path(), json!({"uri": "ndjson:///x", "follow": "end", "loop": true})),
        refused(folder.path(), json!({"uri": "ndjson+unix:///x", "loop": true})),
        refused(folder.path(), json!({"uri": "ndjson+unix:///no/x"})),
        refused(folder.path(), json!({"uri": "ndjson+post://"})),
    ];
    let expected = [
        "/Input/follow: only a file of JSON lines (ndjson:///path) can be followed: remove Input.follow",
        "/Input/loop: DIR/data/x has no end to begin again at: remove Input.loop",
        "/Input/loop: DIR/data/x has no end to begin again at: remove Input.loop",
        "/Input/uri: DIR/data/no/x: its folder does not exist: make it",
        "/Input/uri: detections can be posted to a server only: start the instance with `watchpost serve`, or \
         give them as ndjson://- or ndjson:///path",
    ];
    assert_eq!(said, expected);
}

#[test]
fn a_socket_takes_one_detector_after_the_other() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    let path = folder.path().join("data/det.sock");
    let keys = json!({"uri": "ndjson+unix:///det.sock"});
    let mut source = open(folder.path(), keys.clone()).unwrap();
    let mut first = UnixStream::connect(&path).unwrap();
    first.write_all((line(5) + "x\n" + &line(6)).as_bytes()).unwrap();
    let mut second = UnixStream::connect(&path).unwrap();
    second.write_all((line(0) + &line(1)).as_bytes()).unwrap();
    let (items, notices, _) = drain(&mut *source, 2);
    assert_eq!(items.iter().map(|item| item.frame.id).collect::<Vec<_>>(), [5, 6]);
    drop(first);
    assert_eq!(ids(&mut *source, 2), [7, 8], "a new connection counts from its own zero");
    assert_eq!(source.status().refused, 1);
    assert!(
        notices[0].message.ends_with("det.sock line 2: not JSON from column 1 on: expected value"),
        "{notices:?}"
    );
    let taken = "/Input/uri: DIR/data/det.sock: another program, or another instance, listens there: choose another path";
    assert_eq!(refused(folder.path(), keys.clone()), taken);
    drop(source);
    assert!(!path.exists());
    // What a killed one left is no obstacle; a file of somebody else is.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    drop(open(folder.path(), keys.clone()).unwrap());
    fs::write(&path, "precious").unwrap();
    let message =
        "/Input/uri: DIR/data/det.sock: is there and is no socket: choose another path, or remove it";
    assert_eq!(refused(folder.path(), keys), message);
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn posts_are_taken_while_the_source_runs_and_refusals_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    let (input, paths) = input(folder.path(), json!({"Input": {"uri": "ndjson+post://"}}));
    let host = Host { inlet: Some(Inlet::default()), ..Host::default() };
    let inlet = host.inlet.clone().unwrap();
    let soon = Duration::from_millis(200);
    assert_eq!(inlet.post(b"{}", Body::Lines, soon), Err(NotTaking));
    let mut source = watchpost_source::open(&input, &paths, &host).unwrap();
    let bad_box = r#"{"frame_id": 2, "detections": [{"label": "a", "confidence": 2}]}"#;
    let body = format!("{}x\n{bad_box}", line(1));
    let posted = inlet.post(body.as_bytes(), Body::Lines, soon).unwrap();
    assert_eq!((posted.accepted, posted.refused, posted.left_bytes), (2, 1, 0));
    let told = [
        (2, "not JSON from column 1 on: expected value".to_owned()),
        (3, "detections[0]: confidence is 2: expected a number from 0 to 1".to_owned()),
    ];
    assert_eq!(posted.told, told);
    let pretty = serde_json::to_string_pretty(&json!({"frame_id": 7, "detections": []})).unwrap();
    assert_eq!(inlet.post(pretty.as_bytes(), Body::Object, soon).unwrap().accepted, 1);
    assert_eq!(ids(&mut *source, 3), [1, 2, 7]);
    // Nobody takes them: what does not fit is given back.
    let many: String = (10..100).map(line).collect();
    let posted = inlet.post(many.as_bytes(), Body::Lines, soon).unwrap();
    assert_eq!(posted.accepted as usize + posted.left_bytes / line(10).len(), 90);
    assert!(posted.left_bytes > 0);
    drop(source);
    assert_eq!(inlet.post(line(0).as_bytes(), Body::Lines, soon), Err(NotTaking));
}

#[test]
fn recorded_detections_stand_alone_or_beside_a_video() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("data/seq/det")).unwrap();
    let mot = "1,-1,33,25,16,48,0.8,-1,-1,-1\n3,-1,33,25,16,48,0.8,-1,-1,-1\n";
    fs::write(folder.path().join("data/seq/det/det.txt"), mot).unwrap();
    let keys = json!({"uri": "mot:///seq/det/det.txt"});
    let nobody_says = refused(folder.path(), keys.clone());
    assert!(nobody_says.contains("boxes are in pixels, and nobody says of how many"), "{nobody_says}");
    let info = "[Sequence]\nframeRate=10\nseqLength=4\nimWidth=160\nimHeight=120\n";
    fs::write(folder.path().join("data/seq/seqinfo.ini"), info).unwrap();
    let (items, ..) = drain(&mut *open(folder.path(), keys).unwrap(), 99);
    assert_eq!(times(&items), [0, 100, 200, 300]);
    let seen: Vec<_> = items.iter().map(|item| item.detections.as_ref().unwrap().len()).collect();
    assert_eq!(seen, [1, 0, 1, 0]);
    assert_eq!(items[0].detections.as_ref().unwrap()[0].class, ObjectClass::Person);

    make_clip(&folder.path().join("a.avi"), ClipFormat::MjpegAvi, (160, 120), 25, 5).unwrap();
    let coco = json!([{"image_id": 1, "category_id": 3, "bbox": [32, 24, 16, 48], "score": 0.8}]);
    fs::write(folder.path().join("data/results.json"), coco.to_string()).unwrap();
    let keys = json!({"uri": "coco:///results.json", "video_uri": "a.avi"});
    let (items, ..) = drain(&mut *open(folder.path(), keys).unwrap(), 99);
    assert_eq!(times(&items), [0, 40, 80, 120, 160]);
    let analysed: Vec<_> = items.iter().filter(|item| item.analyse).map(|item| item.frame.id).collect();
    assert_eq!(analysed, [0, 1]);
    let car = &items[1].detections.as_ref().unwrap()[0];
    assert!(
        (car.rect.x - 0.2).abs() < 1e-6
            && (car.rect.y - 0.2).abs() < 1e-6
            && car.class == ObjectClass::Vehicle
    );
}

#[test]
fn a_source_that_waits_for_a_detector_ends_at_once_when_dropped() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    for keys in [json!({"uri": "ndjson+unix:///a.sock"}), json!({"uri": "ndjson:///a", "follow": "start"})] {
        let source = open(folder.path(), keys).unwrap();
        let began = Instant::now();
        drop(source);
        assert!(began.elapsed() < LIMIT / 10);
    }
}

//! Files, pipelines and cameras: clocks, loops, limits, and what cannot be read.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::json;
use watchpost_media::testclip::{ClipFormat, make_clip};
use watchpost_model::Timestamp;
use watchpost_source::{Next, SOURCES, Yields, find};

use crate::common::{self, drain, open, refused, times};

fn clip(folder: &Path, name: &str, frames: u32) -> PathBuf {
    let path = folder.join(name);
    let format = if name.ends_with("avi") { ClipFormat::MjpegAvi } else { ClipFormat::Mkv };
    make_clip(&path, format, (160, 120), 25, frames).unwrap();
    path
}

#[test]
fn a_bare_path_is_relative_to_the_instance_file_and_times_count_from_start_time() {
    let folder = tempfile::tempdir().unwrap();
    clip(folder.path(), "a ä.avi", 10);
    let mut source =
        open(folder.path(), json!({"uri": "a ä.avi", "start_time": 1_785_161_453_812_i64})).unwrap();
    let info = source.info();
    assert_eq!((info.kind, info.live, info.size.unwrap().width), ("file", false, 160));
    let (items, notices, early) = drain(&mut *source, 99);
    assert_eq!((times(&items), notices, early), ((0..10).map(|n| n * 40).collect(), vec![], None));
    for (n, item) in items.iter().enumerate() {
        assert_eq!(item.frame.id, n as u64);
        assert_eq!(item.frame.timestamp, Timestamp(1_785_161_453_812 + 40 * n as i64));
        assert!(item.analyse && item.detections.is_none() && item.frame.image.is_some());
    }
    assert!(matches!(source.next(Duration::ZERO), Ok(Next::Ended { early: None })));
}

#[test]
fn without_start_time_a_file_begins_at_the_start_of_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = clip(folder.path(), "a.avi", 3);
    let before = now_ms();
    let (items, ..) =
        drain(&mut *open(folder.path(), json!({"uri": format!("file://{}", path.display())})).unwrap(), 9);
    let begin = items[0].frame.timestamp.0;
    assert!((before..before + 30_000).contains(&begin));
    assert_eq!(items[2].frame.timestamp.0, begin + 80);
}

#[test]
fn loops_go_on_counting() {
    let folder = tempfile::tempdir().unwrap();
    clip(folder.path(), "a.avi", 10);
    let mut source = open(folder.path(), json!({"uri": "a.avi", "loop": true, "start_time": 0})).unwrap();
    let (items, ..) = drain(&mut *source, 35);
    assert_eq!(times(&items), (0..35).map(|n| n * 40).collect::<Vec<_>>());
    assert!(items.iter().enumerate().all(|(n, item)| item.frame.id == n as u64));
    assert!(items.iter().enumerate().all(|(n, item)| item.frame.timestamp.0 == 40 * n as i64));
    assert_eq!((source.pass().number, source.pass().first_id), (3, 30));
}

#[test]
fn the_limit_of_the_rate_skips_analysis_and_not_frames() {
    let folder = tempfile::tempdir().unwrap();
    clip(folder.path(), "a.avi", 50);
    let instance = json!({"Input": {"uri": "a.avi"}, "SolutionManager": {"frame_rate_limit": 5}});
    let (input, paths) = common::input(folder.path(), instance);
    let (items, ..) =
        drain(&mut *watchpost_source::open(&input, &paths, &watchpost_source::Host::default()).unwrap(), 99);
    let analysed: Vec<_> = items.iter().filter(|item| item.analyse).map(|item| item.frame.id).collect();
    assert_eq!((items.len(), analysed), (50, (0..10).map(|n| n * 5).collect()));
}

#[test]
fn a_clip_cut_short_is_played_as_far_as_it_goes_and_ends_clearly() {
    let folder = tempfile::tempdir().unwrap();
    let path = clip(folder.path(), "a.avi", 250);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let (items, _, early) = drain(&mut *open(folder.path(), json!({"uri": "a.avi"})).unwrap(), 999);
    assert!((80..200).contains(&items.len()), "{}", items.len());
    assert!(early.as_deref().is_some_and(|why| why.contains("a.avi")), "{early:?}");
}

#[test]
fn what_cannot_be_read_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("text.avi"), "This is a text file, with some words in it.\n".repeat(20)).unwrap();
    fs::write(folder.join("empty.mp4"), "").unwrap();
    let why = |uri: &str| refused(folder, json!({ "uri": uri }));
    let pipeline = |text: &str| why(&format!("gstreamer:///{text}"));
    let all = [
        why("none.mp4"),
        why("text.avi"),
        why("empty.mp4"),
        why("."),
        why("foo://bar"),
        why("mot:///det.txt"),
        why("ndjson:///none.ndjson"),
        why("ndjson://none.ndjson"),
        pipeline("videotestsrc ! ! appsink name=cvdsink"),
        pipeline("videotestsrc ! appsink name=other"),
        pipeline("videotestsrc ! frobnicate ! appsink name=cvdsink"),
        refused(folder, json!({"uri": "a.avi", "video_uri": "b.avi"})),
        refused(folder, json!({"uri": "ndjson://-", "detector_cmd": "./d"})),
    ];
    // GStreamer numbers the elements of a process.
    let all = all.join("\n");
    let unnumbered = |part: &str| part.trim_start_matches(|c: char| c.is_ascii_digit()).to_owned();
    let parts: Vec<_> = all.split("videotestsrc").map(unnumbered).collect();
    insta::assert_snapshot!(parts.join("videotestsrc"));
}

#[test]
fn no_permission_is_said() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.mp4", "a.ndjson"] {
        fs::write(folder.path().join(name), "x").unwrap();
        fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(0o000)).unwrap();
    }
    if fs::File::open(folder.path().join("a.mp4")).is_ok() {
        eprintln!("SKIPPED: root may read everything");
        return;
    }
    let expected = "no permission to read it; give the user Watchpost runs as access (chmod, chown)";
    assert_eq!(refused(folder.path(), json!({"uri": "a.mp4"})), format!("/Input/uri: DIR/a.mp4: {expected}"));
    let uri = format!("ndjson:///{}", folder.path().join("a.ndjson").display());
    assert_eq!(
        refused(folder.path(), json!({ "uri": uri })),
        format!("/Input/uri: DIR/a.ndjson: {expected}")
    );
}

#[test]
fn a_pipeline_of_the_users_own() {
    let folder = tempfile::tempdir().unwrap();
    let uri = "gstreamer:///videotestsrc num-buffers=5 ! video/x-raw,width=64,height=48,framerate=10/1 ! appsink name=cvdsink";
    let (items, ..) = drain(&mut *open(folder.path(), json!({ "uri": uri })).unwrap(), 99);
    assert_eq!(times(&items), [0, 100, 200, 300, 400]);
}

#[test]
fn a_camera_that_cannot_be_reached_is_tried_again_and_blocks_nobody() {
    let folder = tempfile::tempdir().unwrap();
    // Nothing listens on the discard port; the password must not be seen.
    let started = Instant::now();
    let mut source = open(folder.path(), json!({"uri": "rtsp://me:secret@127.0.0.1:9/x"})).unwrap();
    assert!(started.elapsed() < Duration::from_secs(2));
    assert!(source.info().live && !source.status().connected);
    let mut notices = Vec::new();
    while notices.len() < 2 {
        assert!(started.elapsed() < common::LIMIT);
        let asked = Instant::now();
        match source.next(Duration::from_millis(50)).unwrap() {
            Next::Notice(notice) => notices.push(notice.message),
            Next::Idle => assert!(asked.elapsed() < Duration::from_secs(2)),
            other => panic!("{other:?}"),
        }
    }
    assert!(
        notices.iter().all(|notice| notice.contains("trying again in") && !notice.contains("secret")),
        "{notices:?}"
    );
    assert!(source.status().failures >= 2);
}

#[test]
fn a_live_source_that_drops_is_connected_again_and_its_clocks_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let uri = "gstreamer:///videotestsrc is-live=true num-buffers=5 ! video/x-raw,width=64,height=48,framerate=50/1 \
               ! appsink name=cvdsink";
    let before = now_ms();
    let mut source = open(folder.path(), json!({ "uri": uri })).unwrap();
    let (items, notices, early) = drain(&mut *source, 12);
    assert!(source.info().live && early.is_none());
    let titles: Vec<_> = notices.iter().map(|notice| notice.title.as_str()).collect();
    assert_eq!(titles[..2], ["source not connected", "source connected"]);
    for pair in items.windows(2) {
        let (a, b) = (&pair[0].frame, &pair[1].frame);
        assert!(a.id < b.id && a.time < b.time, "{a:?} {b:?}");
    }
    let last = &items[items.len() - 1].frame;
    assert!((before..=now_ms()).contains(&last.timestamp.0));
    // The stream's clock counted on while nothing came: the pauses are in it.
    assert!(last.time.as_whole_ms() >= 200 + 40, "{:?}", last.time);
    assert!(source.status().failures >= 2);
}

fn now_ms() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64
}

#[test]
fn every_kind_of_the_table_is_found_by_its_example() {
    for kind in SOURCES {
        assert_eq!(find(kind.example, "").unwrap().name, kind.name);
        assert!(!kind.summary.is_empty() && kind.name == kind.name.to_lowercase());
    }
    assert_eq!(find("clip.mp4", "").unwrap().name, "file");
    assert_eq!(find("ndjson://-", "").unwrap().yields, Yields::Detections);
}

#[test]
fn the_pedestrian_clip() {
    let clip = std::env::var_os("WATCHPOST_CLIP")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.cache/vtest.avi"), PathBuf::from);
    if !clip.exists() {
        eprintln!("SKIPPED: {} is not there; `make demo` or `make test` fetches it", clip.display());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut source = open(folder.path(), json!({"uri": clip.display().to_string()})).unwrap();
    let (items, _, early) = drain(&mut *source, 9999);
    let size = source.info().size.unwrap();
    assert_eq!((items.len(), early, size.width, size.height), (795, None, 768, 576));
    assert_eq!(source.status().skipped, 0);
}

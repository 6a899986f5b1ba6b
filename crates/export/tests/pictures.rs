//! Picture exports write files that can be read.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use watchpost_export::{Moment, Output, Picture, PictureSink, VideoOutput, Written};
use watchpost_media::{EncodePace, Encoder};
use watchpost_model::{Frame, Image, PixelFormat, Plane, Size, StreamTime, Timestamp};

use crate::common::Sandbox;

fn sink(sandbox: &Sandbox, handler: &Value) -> Box<dyn PictureSink> {
    match sandbox.plan(handler).unwrap_or_else(|problems| panic!("{problems:?}")).output {
        Output::Pictures(make) => make(),
        Output::Receiver(_) | Output::Video(_) => panic!("no picture export"),
    }
}

/// Frame `id` at 25 frames a second, 64 x 48, with an event in every tenth.
fn picture(id: u64) -> Picture {
    let size = Size { width: 64, height: 48 };
    let plane = |width: usize, height: usize, value: u8| {
        Plane::new(Arc::new(vec![value; width * height]), 0, width, height, width).unwrap()
    };
    let planes = vec![plane(64, 48, (id * 9 % 256) as u8), plane(32, 24, 128), plane(32, 24, 128)];
    let image = Image { format: PixelFormat::I420, size, planes };
    let event = json!({"frame_id": id, "location": {"x": 0.25, "y": 0.25, "width": 0.5, "height": 0.5}});
    let frame = Frame {
        id,
        time: StreamTime::from_ms(id as f64 * 40.0),
        timestamp: Timestamp(1_782_909_296_789 + id as i64 * 40),
        size: Some(size),
        image: Some(image.clone()),
    };
    let events = if id.is_multiple_of(10) { vec![Bytes::from(event.to_string())] } else { Vec::new() };
    Picture {
        frame,
        shown: image,
        frame_keys: Bytes::from(json!({"frame_id": id}).to_string()),
        events,
        again: false,
    }
}

/// A video export as the runtime runs it: an encoder, and a look at every frame.
fn record(sandbox: &Sandbox, handler: &Value, frames: u64) -> Vec<Written> {
    record_by(&video(sandbox, handler), frames)
}

fn video(sandbox: &Sandbox, handler: &Value) -> VideoOutput {
    match sandbox.plan(handler).unwrap_or_else(|problems| panic!("{problems:?}")).output {
        Output::Video(output) => output,
        Output::Receiver(_) | Output::Pictures(_) => panic!("no video export"),
    }
}

fn record_by(output: &VideoOutput, frames: u64) -> Vec<Written> {
    let size = Size { width: 64, height: 48 };
    let encoder = Encoder::start(output.video.encoder(size, None, EncodePace::Fast)).unwrap();
    let mut sink = (output.make)();
    sink.begin(encoder.stream()).unwrap();
    for id in 0..frames {
        let Picture { frame, shown, events, .. } = picture(id);
        encoder.push(&shown, frame.time).unwrap();
        sink.look(&Moment { time: frame.time, timestamp: frame.timestamp, events }).unwrap();
    }
    encoder.finish().unwrap();
    sink.finish().unwrap()
}

fn run(sandbox: &Sandbox, handler: &Value, frames: u64) -> Vec<Written> {
    let mut sink = sink(sandbox, handler);
    for id in 0..frames {
        sink.push(&picture(id)).unwrap();
    }
    sink.finish().unwrap()
}

#[test]
fn jpg_by_frames_time_and_events() {
    for (when, expected) in [
        (json!({"every_frames": 20}), vec![0, 20, 40]),
        (json!({"every_s": 1.0}), vec![0, 25, 50]),
        (json!({"events": true}), vec![0, 10, 20, 30, 40, 50]),
    ] {
        let sandbox = Sandbox::new();
        let handler = json!({"uri": "jpg:///p/{obj.frame_id|pad:3}.jpg", "sink": "output-image", "config": {"when": when}});
        let written = run(&sandbox, &handler, 60);
        let expected: Vec<_> = expected.iter().map(|id| format!("p/{id:03}.jpg")).collect();
        assert_eq!(sandbox.files(), expected);
        assert_eq!(written.len(), expected.len());
        let file = std::fs::read(sandbox.exports().join("p/000.jpg")).unwrap();
        assert!(file.starts_with(&[0xFF, 0xD8]) && file.ends_with(&[0xFF, 0xD9]), "a JPEG file");
    }
}

#[test]
fn jpg_counts_pass_over_what_is_there() {
    let sandbox = Sandbox::new();
    let config = json!({"when": {"events": true}, "crop": "event"});
    let handler = json!({"uri": "jpg:///{sys.count}.jpg", "sink": "output-image", "config": config});
    run(&sandbox, &handler, 20);
    run(&sandbox, &handler, 20);
    assert_eq!(sandbox.files(), ["1.jpg", "2.jpg", "3.jpg", "4.jpg"]);
}

#[test]
fn mp4_is_a_file_of_all_frames_and_is_not_overwritten() {
    let sandbox = Sandbox::new();
    let handler = json!({"uri": "mp4:///v/a.mp4", "sink": "output-image", "config": {}});
    let written = record(&sandbox, &handler, 50);
    assert_eq!((written.len(), written[0].count), (1, 50));
    assert_eq!(written[0].path, sandbox.exports().join("v/a.mp4"));
    assert_eq!(&std::fs::read(&written[0].path).unwrap()[4..8], b"ftyp");
    let again = record(&sandbox, &handler, 1);
    assert_eq!((again[0].path.clone(), again[0].count), (sandbox.exports().join("v/a-00001.mp4"), 1));
    assert!(record(&sandbox, &handler, 0).is_empty(), "no picture, no file");
}

/// Frames of a file, and the luma of its first.
fn look(path: &std::path::Path) -> (usize, u8) {
    let out = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(path)
        .args(["-f", "rawvideo", "-pix_fmt", "yuv420p", "-"])
        .output()
        .expect("ffmpeg (Debian package ffmpeg) is needed by this test");
    assert!(out.stderr.is_empty(), "{}", String::from_utf8_lossy(&out.stderr));
    (out.stdout.len() / (64 * 48 * 3 / 2), out.stdout[0])
}

#[test]
fn segments_follow_one_another_without_a_frame_missing() {
    let sandbox = Sandbox::new();
    for (overwrite, name) in [("number", "n"), ("replace", "r")] {
        let config = json!({"segment": {"seconds": 4}, "overwrite": overwrite});
        let handler = json!({"uri": format!("mp4:///{name}.mp4"), "sink": "output-image", "config": config});
        let written = record(&sandbox, &handler, 250);
        let counts: Vec<_> = written.iter().map(|file| file.count).collect();
        assert_eq!(counts, [100, 100, 50], "{overwrite}");
        let names =
            ["", "-00001", "-00002"].map(|number| sandbox.exports().join(format!("{name}{number}.mp4")));
        assert_eq!(
            written.iter().map(|file| &file.path).collect::<Vec<_>>(),
            names.iter().collect::<Vec<_>>()
        );
        let decoded: Vec<_> = names.iter().map(|path| look(path).0).collect();
        assert_eq!(decoded, [100, 100, 50]);
    }
}

#[test]
fn clips_begin_before_their_event_and_hold_it() {
    let sandbox = Sandbox::new();
    // Key frames at 0, 50, 100, ...; an event in every tenth frame would make one clip of all.
    let config = json!({"clip": {"before_s": 1, "after_s": 1}});
    let handler = json!({"uri": "mp4:///c.mp4", "sink": "output-image", "config": config});
    let plan = sandbox.plan(&handler).unwrap_or_else(|problems| panic!("{problems:?}"));
    let Output::Video(output) = plan.output else { panic!("no video export") };
    let size = Size { width: 64, height: 48 };
    let encoder = Encoder::start(output.video.encoder(size, None, EncodePace::Fast)).unwrap();
    let mut sink = (output.make)();
    sink.begin(encoder.stream()).unwrap();
    for id in 0..400 {
        let Picture { frame, shown, .. } = picture(id);
        encoder.push(&shown, frame.time).unwrap();
        let events = if [3, 110, 120, 300].contains(&id) { vec![Bytes::from("{}")] } else { Vec::new() };
        sink.look(&Moment { time: frame.time, timestamp: frame.timestamp, events }).unwrap();
    }
    encoder.finish().unwrap();
    let written = sink.finish().unwrap();
    let found: Vec<_> = written.iter().map(|file| (look(&file.path), file.count)).collect();
    // From the key frame before the second before the event, to a second after the last of one clip.
    let expected = [(0, 3 + 25), (50, 120 + 25), (250, 300 + 25)];
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (((frames, luma), count), (first, last)) in found.into_iter().zip(expected) {
        assert_eq!((frames as u64, count), (last - first + 1, last - first + 1));
        let wanted = (first * 9 % 256) as u8;
        assert!(luma.abs_diff(wanted) < 4, "it begins with frame {first}: {luma} instead of {wanted}");
    }
}

#[test]
fn png_holds_the_same_pixels() {
    let sandbox = Sandbox::new();
    let config =
        json!({"when": {"every_frames": 20}, "crop": {"x": 0.5, "y": 0.5, "width": 0.5, "height": 0.5}});
    let handler = json!({"uri": "png:///{obj.frame_id}.png", "sink": "output-image", "config": config});
    run(&sandbox, &handler, 30);
    assert_eq!(sandbox.files(), ["0.png", "20.png"]);
    let out = std::process::Command::new("ffprobe")
        .args(["-v", "error", "-of", "csv=p=0", "-show_entries", "stream=codec_name,width,height,pix_fmt"])
        .arg(sandbox.exports().join("20.png"))
        .output()
        .expect("ffprobe (Debian package ffmpeg) is needed by this test");
    assert_eq!(String::from_utf8_lossy(&out.stdout).trim(), "png,32,24,rgb24");
}

#[test]
fn retention_keeps_so_many_pictures() {
    let sandbox = Sandbox::new();
    let handler = json!({
        "uri": "jpg:///p/{obj.frame_id|pad:4}.jpg", "sink": "output-image",
        "config": {"when": {"every_frames": 1}, "retention": {"files": 7}},
    });
    let mut sink = sink(&sandbox, &handler);
    for id in 0..60 {
        sink.push(&picture(id)).unwrap();
    }
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    // Pictures of the last batch are written at the end.
    while !(5..=7).contains(&sandbox.files().len()) {
        assert!(std::time::Instant::now() < until, "{:?}", sandbox.files());
        std::thread::park_timeout(std::time::Duration::from_millis(20));
    }
    sink.finish().unwrap();
    assert!(sandbox.files().contains(&"p/0059.jpg".to_owned()));
}

#[test]
fn retention_keeps_so_many_videos_and_their_numbers_go_up() {
    for config in [
        json!({"segment": {"seconds": 1}, "codec": {"keyframe_s": 0.4}, "retention": {"files": 3}}),
        json!({"clip": {"before_s": 0, "after_s": 0}, "codec": {"keyframe_s": 0.2}, "retention": {"files": 3}}),
    ] {
        let sandbox = Sandbox::new();
        std::fs::create_dir_all(sandbox.exports()).unwrap();
        std::fs::write(sandbox.exports().join("theirs.mp4"), "of somebody else").unwrap();
        let handler = json!({"uri": "mp4:///a.mp4", "sink": "output-image", "config": config});
        let of_export = |files: &[String]| files.iter().filter(|name| name.starts_with("a")).count();
        let mut last = 0;
        for turn in 1..=5 {
            let output = video(&sandbox, &handler);
            let written = record_by(&output, 60);
            assert!(!written.is_empty(), "turn {turn}");
            let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
            while of_export(&sandbox.files()) > 3 {
                assert!(std::time::Instant::now() < until, "turn {turn}: {:?}", sandbox.files());
                std::thread::park_timeout(std::time::Duration::from_millis(20));
            }
            last += written.len();
        }
        let files = sandbox.files();
        // A file that was ready for a segment that never came has counted too.
        let left = of_export(&files);
        assert!((2..=3).contains(&left), "{files:?}");
        let kept: Vec<String> = (last - left..last).map(|number| format!("a-{number:05}.mp4")).collect();
        assert_eq!(files[..left], kept, "the newest are left, those of one run before those of the next");
        assert_eq!(files[left..], ["theirs.mp4"]);
    }
    let error = |config: Value| {
        let handler = json!({"uri": "mp4:///a.mp4", "sink": "output-image", "config": config});
        Sandbox::new().plan(&handler).map(|_| ()).unwrap_err()[0].to_string()
    };
    assert!(error(json!({"retention": {}})).contains("/config/retention: has no bound"));
}

#[test]
fn retention_leaves_the_video_that_is_being_written() {
    let sandbox = Sandbox::new();
    let handler = json!({"uri": "mp4:///a.mp4", "sink": "output-image", "config": {
        "segment": {"seconds": 1}, "codec": {"keyframe_s": 0.4}, "retention": {"bytes": 1}}});
    let output = video(&sandbox, &handler);
    let size = Size { width: 64, height: 48 };
    let encoder = Encoder::start(output.video.encoder(size, None, EncodePace::Fast)).unwrap();
    let mut sink = (output.make)();
    sink.begin(encoder.stream()).unwrap();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    let mut id = 0;
    // As long as no file has gone, and some frames more: the last two are the open ones.
    while sandbox.files().first().is_none_or(|first| first == "a.mp4") || id < 100 {
        assert!(std::time::Instant::now() < until, "{:?}", sandbox.files());
        let Picture { frame, shown, .. } = picture(id);
        encoder.push(&shown, frame.time).unwrap();
        sink.look(&Moment { time: frame.time, timestamp: frame.timestamp, events: Vec::new() }).unwrap();
        id += 1;
    }
    encoder.finish().unwrap();
    let written = sink.finish().unwrap();
    let frames: u64 = written.iter().map(|file| file.count).sum();
    assert_eq!(frames, id, "no file lost a frame by it: {written:?}");
}

//! Picture exports write files that can be read.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::sync::Arc;

use bytes::Bytes;
use common::Sandbox;
use serde_json::{Value, json};
use watchpost_export::{Moment, Output, Picture, PictureSink, Written};
use watchpost_media::{EncodePace, Encoder};
use watchpost_model::{Frame, Image, PixelFormat, Plane, Size, StreamTime, Timestamp};

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
    let plan = sandbox.plan(handler).unwrap_or_else(|problems| panic!("{problems:?}"));
    let Output::Video(output) = plan.output else { panic!("no video export") };
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

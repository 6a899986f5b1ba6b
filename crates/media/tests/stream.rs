//! One encoded video, outputs that come and go: nobody disturbs anybody.

use std::time::Duration;

use watchpost_media::{
    DecodeOptions, Decoder, EncodePace, Encoder, EncoderSettings, Location, MediaErrorKind, Mp4Writer, Next,
    Overwrite, Rate,
    testclip::{ClipFormat, make_clip},
};
use watchpost_model::{PixelFormat, StreamTime};

use crate::common::{SIZE, frame_times, picture, probe};

fn settings(fps: u32) -> EncoderSettings {
    EncoderSettings::new(SIZE, Rate::new(fps, 1).unwrap(), EncodePace::Fast)
}

fn push(encoder: &Encoder, frames: std::ops::Range<u64>, fps: u64) {
    for n in frames {
        let pts = StreamTime::from_nanos(n * 1_000_000_000 / fps);
        encoder.push(&picture(PixelFormat::I420, SIZE, n), pts).unwrap();
    }
}

#[test]
fn outputs_that_come_and_go_do_not_disturb_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let encoder = Encoder::start(settings(25)).unwrap();
    let start = |name: &str| {
        Mp4Writer::start(&folder.path().join(name), Overwrite::Number, encoder.stream()).unwrap()
    };
    let first = start("first.mp4");
    push(&encoder, 0..60, 25);
    // Twenty at once: one key frame is enough for all of them.
    let crowd: Vec<_> = (0..20).map(|_| start("crowd.mp4")).collect();
    assert_eq!(encoder.stream().outputs(), 21);
    push(&encoder, 60..120, 25);
    // They are told to end while frames are still to be encoded; those come with the next ones.
    let leave = |writer: Mp4Writer| {
        writer.end_after(StreamTime::from_nanos(119 * 40_000_000));
        writer.finish().unwrap()
    };
    let left = std::thread::scope(|scope| {
        let leaving = scope.spawn(|| crowd.into_iter().map(leave).collect::<Vec<_>>());
        push(&encoder, 120..200, 25);
        leaving.join().unwrap()
    });
    assert_eq!(encoder.stream().outputs(), 1);
    encoder.finish().unwrap();
    let first = first.finish().unwrap();
    assert_eq!((first.frames, encoder.skipped()), (200, 0));
    let (frames, duration, _) = probe(&first.path);
    assert_eq!((frames, (duration * 1000.0).round()), (200, 8000.0));
    let times = frame_times(&first.path);
    assert!(times.windows(2).all(|pair| (pair[1].0 - pair[0].0 - 0.04).abs() < 0.002), "no gap");
    let keys = times.iter().filter(|(_, is_key)| *is_key).count();
    // Every 2 s of 8 s, and one for the crowd.
    assert!((4..=6).contains(&keys), "{keys} key frames");
    for file in left {
        // From the key frame they asked for up to when they left.
        assert!((50..=140).contains(&file.frames), "{file:?}");
        assert_eq!(probe(&file.path).0, file.frames);
    }
}

#[test]
fn one_file_follows_another_without_a_frame_missing_or_doubled() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.mp4");
    let encoder = Encoder::start(settings(25)).unwrap();
    let first = Mp4Writer::start(&path, Overwrite::Number, encoder.stream()).unwrap();
    let limit = (Some(StreamTime::from_ms(4000.0)), None);
    let second = first.start_next(&path, Overwrite::Number, encoder.stream(), limit).unwrap();
    push(&encoder, 0..250, 25);
    assert!(first.has_ended());
    let first = first.finish().unwrap();
    encoder.finish().unwrap();
    let second = second.finish().unwrap();
    assert_eq!((first.frames, second.frames), (100, 150));
    assert_eq!((probe(&first.path).0, probe(&second.path).0), (100, 150));
}

#[test]
fn the_source_s_own_video_is_passed_on_frame_by_frame_over_loops() {
    let folder = tempfile::tempdir().unwrap();
    for (name, format) in [("a.mp4", ClipFormat::Mp4), ("a.mkv", ClipFormat::Mkv)] {
        let clip = folder.path().join(name);
        make_clip(&clip, format, (320, 240), 25, 60).unwrap();
        let mut decoder = Decoder::open(&DecodeOptions::new(Location::File(clip.clone()))).unwrap();
        let stream = decoder.encoded().expect("H.264 can be passed on");
        assert_eq!(stream.size(), Some(SIZE));
        let writer = Mp4Writer::start(&folder.path().join("out.mp4"), Overwrite::Number, &stream).unwrap();
        stream.keep_last();
        for turn in 0..3 {
            let mut frames = 0;
            loop {
                match decoder.next(Duration::from_secs(10)).unwrap() {
                    Next::Frame(_) => frames += 1,
                    Next::Ended => break,
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!(frames, 60);
            if turn < 2 {
                decoder.rewind().unwrap();
            }
        }
        drop(decoder);
        let summary = writer.finish().unwrap();
        assert_eq!(summary.frames, 180, "{name}");
        let (frames, duration, size) = probe(&summary.path);
        assert_eq!((frames, size.as_str()), (180, "320x240"), "{name}");
        assert!((duration - 7.2).abs() < 0.1, "{name}: {duration}");
        let times = frame_times(&summary.path);
        assert!(times.windows(2).all(|pair| pair[1].0 > pair[0].0), "{name}: time runs on");
    }
}

#[test]
fn video_without_times_is_refused_and_other_codecs_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("a.mp4");
    make_clip(&clip, ClipFormat::Mp4, (320, 240), 25, 60).unwrap();
    let raw = folder.path().join("a.h264");
    let done = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(&clip)
        .args(["-c", "copy"])
        .arg(&raw)
        .status()
        .expect("ffmpeg (Debian package ffmpeg) is needed by this test");
    assert!(done.success());
    let decoder = Decoder::open(&DecodeOptions::new(Location::File(raw.clone()))).unwrap();
    let error = decoder.encoded().unwrap().error().expect("a raw stream has no times");
    assert_eq!(error.kind, MediaErrorKind::BadSetting);
    assert!(error.message.contains("a.h264") && error.message.contains("ffmpeg"), "{error}");

    let clip = folder.path().join("a.avi");
    make_clip(&clip, ClipFormat::MjpegAvi, (320, 240), 25, 30).unwrap();
    let decoder = Decoder::open(&DecodeOptions::new(Location::File(clip))).unwrap();
    assert!(decoder.encoded().is_none());
    assert_eq!(decoder.encoded_codec().as_deref(), Some("JPEG"));
}

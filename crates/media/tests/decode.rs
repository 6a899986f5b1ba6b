//! Decoding real files, broken files and pipelines of users.

use std::{path::Path, time::Duration};

use watchpost_media::{
    DecodeOptions, Decoder, Feed, FeedError, FeedKind, Location, MediaErrorKind, Next,
    testclip::{ClipFormat, make_clip},
};
use watchpost_model::{PixelFormat, Timestamp};

use crate::common;

const WAIT: Duration = Duration::from_secs(10);

fn open(location: Location) -> Decoder {
    Decoder::open(&DecodeOptions::new(location)).unwrap()
}

fn refused(location: Location) -> watchpost_media::MediaError {
    match Decoder::open(&DecodeOptions::new(location)) {
        Ok(_) => panic!("opened"),
        Err(error) => error,
    }
}

/// All frames' times in ms, and how it ended.
fn drain(decoder: &mut Decoder) -> (Vec<u64>, Next) {
    let mut times = Vec::new();
    loop {
        match decoder.next(WAIT).unwrap() {
            Next::Frame(frame) => times.push(frame.pts.as_whole_ms()),
            Next::TimedOut => panic!("timed out after {} frames", times.len()),
            end => return (times, end),
        }
    }
}

fn clip(folder: &Path, name: &str, format: ClipFormat, frames: u32) -> std::path::PathBuf {
    let path = folder.join(name);
    make_clip(&path, format, (320, 240), 25, frames).unwrap();
    path
}

#[test]
fn every_frame_of_a_file_with_its_time() {
    let folder = tempfile::tempdir().unwrap();
    for (name, format) in
        [("a.mp4", ClipFormat::Mp4), ("b.avi", ClipFormat::MjpegAvi), ("c ä%20.mkv", ClipFormat::Mkv)]
    {
        let path = clip(folder.path(), name, format, 50);
        let mut decoder = open(Location::File(path));
        let info = decoder.info().clone();
        assert_eq!((info.size.width, info.size.height), (320, 240));
        assert_eq!(info.fps.map(|fps| fps.as_f64().round()), Some(25.0), "{name}");
        assert!(!info.codec.is_empty() && info.seekable && !info.live, "{info:?}");
        assert!(info.duration.is_some_and(|d| (1900..=2100).contains(&d.as_whole_ms())), "{info:?}");
        let (times, end) = drain(&mut decoder);
        assert!(matches!(end, Next::Ended), "{end:?}");
        assert_eq!(times, (0..50).map(|n| n * 40).collect::<Vec<u64>>(), "{name}");
        assert_eq!(decoder.skipped(), 0);
    }
}

#[test]
fn loops_go_on_counting() {
    let folder = tempfile::tempdir().unwrap();
    let path = clip(folder.path(), "a.mp4", ClipFormat::Mp4, 25);
    let mut decoder = open(Location::Uri(format!("file://{}", path.display())));
    let mut all = Vec::new();
    for _ in 0..4 {
        let (times, end) = drain(&mut decoder);
        assert!(matches!(end, Next::Ended), "{end:?}");
        all.extend(times);
        decoder.rewind().unwrap();
    }
    assert_eq!(all, (0..100).map(|n| n * 40).collect::<Vec<u64>>());
}

#[test]
fn rewinding_in_the_middle() {
    let folder = tempfile::tempdir().unwrap();
    let path = clip(folder.path(), "a.mp4", ClipFormat::Mp4, 100);
    let mut decoder = open(Location::File(path));
    for _ in 0..20 {
        assert!(matches!(decoder.next(WAIT).unwrap(), Next::Frame(_)));
    }
    decoder.rewind().unwrap();
    let (times, end) = drain(&mut decoder);
    assert!(matches!(end, Next::Ended), "{end:?}");
    assert_eq!(times.len(), 100);
}

#[test]
fn realtime_takes_its_time_and_skips_what_is_late() {
    let folder = tempfile::tempdir().unwrap();
    let path = clip(folder.path(), "a.mp4", ClipFormat::Mp4, 25);
    let started = std::time::Instant::now();
    let mut decoder = Decoder::open(&DecodeOptions::new(Location::File(path)).realtime()).unwrap();
    let (times, _) = drain(&mut decoder);
    assert!(started.elapsed() > Duration::from_millis(850), "{:?}", started.elapsed());
    assert!(times.len() as u64 + decoder.skipped() == 25, "{} + {}", times.len(), decoder.skipped());
}

#[test]
fn realtime_loops_keep_the_pace() {
    let folder = tempfile::tempdir().unwrap();
    let path = clip(folder.path(), "a.mp4", ClipFormat::Mp4, 10);
    let mut decoder = Decoder::open(&DecodeOptions::new(Location::File(path)).realtime()).unwrap();
    let started = std::time::Instant::now();
    let mut all = Vec::new();
    for _ in 0..3 {
        let (times, end) = drain(&mut decoder);
        assert!(matches!(end, Next::Ended), "{end:?}");
        all.extend(times);
        decoder.rewind().unwrap();
    }
    assert!(started.elapsed() > Duration::from_millis(900), "{:?}", started.elapsed());
    assert!(all.is_sorted() && *all.last().unwrap() == 29 * 40, "{all:?}");
    assert!(all.len() as u64 + decoder.skipped() >= 30, "{} + {}", all.len(), decoder.skipped());
}

#[test]
fn what_cannot_be_read_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let error = refused(Location::File(at("none.mp4")));
    assert_eq!(error.kind, MediaErrorKind::NotFound);
    assert!(error.message.ends_with("none.mp4: no such file; check the path"), "{error}");

    std::fs::write(at("text.avi"), "This is a text file, with some words in it.\n".repeat(20)).unwrap();
    let error = refused(Location::File(at("text.avi")));
    assert_eq!(error.kind, MediaErrorKind::NotVideo, "{error:?}");
    assert!(error.message.starts_with("not a video: ") && error.message.contains("text.avi"), "{error}");

    std::fs::write(at("empty.mp4"), "").unwrap();
    assert!(refused(Location::File(at("empty.mp4"))).message.contains("is empty"));
    std::fs::write(at("noise.mp4"), (0..40_000u32).map(|n| ((n * n) >> 3) as u8).collect::<Vec<_>>())
        .unwrap();
    assert_eq!(refused(Location::File(at("noise.mp4"))).kind, MediaErrorKind::NotVideo);
    assert!(refused(Location::File(folder.path().into())).message.contains("is a folder"));

    let error = refused(Location::Uri("gopher://host/x".into()));
    assert_eq!(error.kind, MediaErrorKind::MissingElement, "{error}");
    let error = refused(Location::Uri("rtsp://admin:secret@127.0.0.1:9/cam".into()));
    assert_eq!(error.kind, MediaErrorKind::Network, "{error:?}");
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
}

#[test]
fn a_clip_cut_short_gives_its_frames_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    for (name, format) in [("a.avi", ClipFormat::MjpegAvi), ("b.mkv", ClipFormat::Mkv)] {
        let path = folder.path().join(name);
        make_clip(&path, format, (320, 240), 25, 250).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let (times, end) = drain(&mut open(Location::File(path)));
        assert!((80..200).contains(&times.len()), "{name}: {}", times.len());
        assert!(matches!(&end, Next::EndedEarly(why) if why.contains(name)), "{name}: {end:?}");
    }
}

#[test]
fn pipelines_of_users_in_any_raw_format() {
    for (format, expected) in [
        ("I420", PixelFormat::I420),
        ("NV12", PixelFormat::Nv12),
        ("GRAY8", PixelFormat::Gray8),
        ("BGR", PixelFormat::I420),
        ("YUY2", PixelFormat::I420),
    ] {
        let text = format!(
            "gstreamer:///videotestsrc pattern=white num-buffers=5 ! video/x-raw,format={format},width=321,height=241 \
             ! appsink name=cvdsink"
        );
        let mut decoder = open(Location::Pipeline(text));
        let Next::Frame(frame) = decoder.next(WAIT).unwrap() else { panic!("no frame") };
        assert_eq!(frame.image.format, expected);
        assert!(frame.image.luma().row(240, 321).iter().all(|y| (230..=255).contains(y)), "{format}");
        let (times, end) = drain(&mut decoder);
        assert!(times.len() == 4 && matches!(end, Next::Ended), "{format}: {times:?} {end:?}");
    }
    assert_eq!(
        refused(Location::Pipeline("videotestsrc ! x ! appsink name=cvdsink".into())).kind,
        MediaErrorKind::MissingElement
    );
}

#[test]
fn a_hundred_decoders_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = clip(folder.path(), "a.mp4", ClipFormat::Mp4, 25);
    let count = |what: &str| std::fs::read_dir(format!("/proc/self/{what}")).unwrap().count();
    let cycle = |n: u32| {
        for _ in 0..n {
            let mut decoder = open(Location::File(path.clone()));
            assert!(matches!(decoder.next(WAIT).unwrap(), Next::Frame(_)));
        }
    };
    cycle(5);
    let (threads, files) = (count("task"), count("fd"));
    cycle(100);
    // Other tests of this file run beside this one: leave them some.
    assert!(count("task") < threads + 60, "{threads} threads became {}", count("task"));
    assert!(count("fd") < files + 60, "{files} files became {}", count("fd"));
}

/// Pushed one after the other; what comes out: sizes, times in ms, captured.
fn pushed(feed: &Feed, units: Vec<(FeedKind, Vec<u8>)>) -> (Decoder, Vec<(u32, u64, Option<Timestamp>)>) {
    let outlet = feed.open();
    let count = units.len();
    let pushing = {
        let feed = feed.clone();
        std::thread::spawn(move || {
            for (n, (kind, data)) in units.into_iter().enumerate() {
                let at = Timestamp(1_785_161_453_000 + n as i64 * 40);
                feed.push(kind, data, Some(at), WAIT).unwrap();
            }
        })
    };
    let mut decoder = open(Location::Pushed(outlet));
    let mut seen = Vec::new();
    while seen.len() < count {
        match decoder.next(WAIT).unwrap() {
            Next::Frame(frame) => {
                seen.push((frame.image.size.width, frame.pts.as_whole_ms(), frame.captured))
            }
            end => panic!("{end:?} after {} of {count}", seen.len()),
        }
    }
    pushing.join().unwrap();
    (decoder, seen)
}

#[test]
fn pushed_pictures_become_frames_with_the_times_they_were_taken_at() {
    let picture = |n| common::picture(PixelFormat::I420, common::SIZE, n);
    let feed = Feed::default();
    assert_eq!(feed.push(FeedKind::Jpeg, vec![], None, Duration::ZERO), Err(FeedError::Closed));
    // More than may wait: nothing is left out.
    let jpegs = (0..30).map(|n| (FeedKind::Jpeg, watchpost_media::jpeg(&picture(n), None, 80).unwrap()));
    let (decoder, seen) = pushed(&feed, jpegs.collect());
    let times: Vec<_> =
        (0..30).map(|n| (320, n * 40, Some(Timestamp(1_785_161_453_000 + n as i64 * 40)))).collect();
    assert_eq!(seen, times);
    assert!(decoder.info().live && decoder.skipped() == 0, "{:?}", decoder.info());
    drop(decoder);
    let pngs = (0..3).map(|n| (FeedKind::Png, watchpost_media::png(&picture(n), None).unwrap()));
    assert_eq!(pushed(&feed, pngs.collect()).1.len(), 3);
}

#[test]
fn pushed_access_units_are_decoded_and_passed_on() {
    for (kind, codec) in [(FeedKind::H264, "libx264"), (FeedKind::H265, "libx265")] {
        let units = common::access_units(kind == FeedKind::H265, codec, 40);
        assert!(units.iter().all(|unit| kind.fits(unit)) && units.len() == 40, "{codec}: {}", units.len());
        let feed = Feed::default();
        let (decoder, seen) = pushed(&feed, units.into_iter().map(|unit| (kind, unit)).collect());
        assert!(seen.iter().all(|(width, ..)| *width == 320));
        assert!(seen.windows(2).all(|pair| pair[0].1 < pair[1].1), "{seen:?}");
        assert!(decoder.encoded().is_some(), "{:?}", decoder.encoded_codec());
    }
}

#[test]
fn another_kind_ends_what_is_open_and_comes_after_it() {
    let feed = Feed::default();
    let picture = common::picture(PixelFormat::I420, common::SIZE, 1);
    let jpeg = watchpost_media::jpeg(&picture, None, 80).unwrap();
    let outlet = feed.open();
    feed.push(FeedKind::Jpeg, jpeg, None, WAIT).unwrap();
    let mut decoder = open(Location::Pushed(outlet.clone()));
    assert!(matches!(decoder.next(WAIT), Ok(Next::Frame(_))));
    feed.push(FeedKind::Png, watchpost_media::png(&picture, None).unwrap(), None, WAIT).unwrap();
    let error = loop {
        match decoder.next(WAIT) {
            Ok(Next::Frame(_)) => {}
            Ok(end) => panic!("{end:?}"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind, MediaErrorKind::Disconnected);
    drop(decoder);
    let mut decoder = open(Location::Pushed(outlet.clone()));
    assert!(matches!(decoder.next(WAIT), Ok(Next::Frame(_))), "the picture of the other kind");
    outlet.close();
    assert_eq!(refused(Location::Pushed(outlet)).kind, MediaErrorKind::Disconnected);
}

//! One encode, several files; what is pushed is what is in them.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use watchpost_media::{
    EncodePace, Encoder, EncoderSettings, MediaErrorKind, Mp4Writer, Overwrite, Pushed, Rate, jpeg,
};
use watchpost_model::{PixelFormat, Rect, Size, StreamTime};

use crate::common::{SIZE, picture, probe};

fn rate(fps: u32) -> Rate {
    Rate::new(fps, 1).unwrap()
}

fn settings(fps: u32) -> EncoderSettings {
    EncoderSettings::new(SIZE, rate(fps), EncodePace::Fast)
}

fn push(encoder: &Encoder, frames: std::ops::Range<u64>, fps: u64) {
    for n in frames {
        let pts = StreamTime::from_nanos(n * 1_000_000_000 / fps);
        assert_eq!(encoder.push(&picture(PixelFormat::I420, SIZE, n), pts).unwrap(), Pushed::Taken);
    }
}

#[test]
fn frames_and_duration_are_exactly_those_pushed() {
    let folder = tempfile::tempdir().unwrap();
    for (fps, frames) in [(10, 1), (10, 7), (25, 100), (30, 151)] {
        let encoder = Encoder::start(settings(fps)).unwrap();
        let writer =
            Mp4Writer::start(&folder.path().join("out.mp4"), Overwrite::Number, encoder.stream()).unwrap();
        push(&encoder, 0..frames, u64::from(fps));
        encoder.finish().unwrap();
        let summary = writer.finish().unwrap();
        assert_eq!((summary.frames, encoder.encoded(), encoder.skipped()), (frames, frames, 0));
        let expected = frames as f64 / f64::from(fps);
        assert!((summary.duration.as_secs() - expected).abs() < 1e-6, "{:?}", summary.duration);
        assert_eq!(std::fs::metadata(&summary.path).unwrap().len(), summary.bytes);
        let (counted, duration, _) = probe(&summary.path);
        assert_eq!(counted, frames);
        assert!((duration - expected).abs() < 0.002, "{duration} instead of {expected}");
    }
}

#[test]
fn gaps_and_uneven_frames_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let encoder = Encoder::start(settings(30)).unwrap();
    let writer =
        Mp4Writer::start(&folder.path().join("out.mp4"), Overwrite::Number, encoder.stream()).unwrap();
    // A camera that stalls: from a frame to the next 33 ms, 400 ms, 700 ms, 5 s.
    let mut pts = 0;
    for n in 0..120u64 {
        encoder.push(&picture(PixelFormat::I420, SIZE, n), StreamTime::from_ms(pts as f64)).unwrap();
        pts += match n % 40 {
            7 => 400,
            15 => 700,
            16 | 39 => 5000,
            _ => 33,
        };
    }
    encoder.finish().unwrap();
    let summary = writer.finish().unwrap();
    assert_eq!((summary.frames, probe(&summary.path).0), (120, 120));
}

#[test]
fn two_files_of_one_encoder_the_second_begun_later() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.mp4");
    let encoder = Encoder::start(settings(25)).unwrap();
    let first = Mp4Writer::start(&path, Overwrite::Number, encoder.stream()).unwrap();
    push(&encoder, 0..60, 25);
    let second = Mp4Writer::start(&path, Overwrite::Number, encoder.stream()).unwrap();
    push(&encoder, 60..110, 25);
    // The first leaves, the second goes on.
    let first = first.finish().unwrap();
    push(&encoder, 110..150, 25);
    encoder.finish().unwrap();
    let second = second.finish().unwrap();
    assert_eq!(encoder.encoded(), 150);
    assert!(first.frames > 60 && first.frames <= 110, "{first:?}");
    assert_eq!(probe(&first.path).0, first.frames);
    // It begins with the key frame it asked for: at most what waited in the encoder comes before.
    assert!(second.frames >= 85 && second.frames < 150, "{second:?}");
    let (frames, duration, _) = probe(&second.path);
    assert_eq!(frames, second.frames);
    assert!((duration - frames as f64 / 25.0).abs() < 0.002, "{duration}");
    assert_eq!(second.path, folder.path().join("out-00001.mp4"));
}

#[test]
fn a_file_cut_off_while_it_grows_plays_to_its_last_second() {
    let folder = tempfile::tempdir().unwrap();
    let encoder = Encoder::start(EncoderSettings { pace: EncodePace::Live, ..settings(25) }).unwrap();
    let writer =
        Mp4Writer::start(&folder.path().join("out.mp4"), Overwrite::Number, encoder.stream()).unwrap();
    let copy = folder.path().join("copy.mp4");
    for n in 0..250u64 {
        // As a camera would, only faster: the next frame comes when the last one is encoded.
        let picture = picture(PixelFormat::I420, SIZE, n);
        while encoder.push(&picture, StreamTime::from_nanos((n + 1) * 40_000_000)).unwrap() == Pushed::Skipped
        {
            std::thread::yield_now();
        }
        wait(|| encoder.encoded() > n);
        if n >= 50 && n % 37 == 0 {
            wait(|| writer.frames() > n.saturating_sub(2));
            // What the kernel has now is what kill -9 would leave; the pieces must catch up first.
            wait_for_frames(writer.path(), &copy, n.saturating_sub(25));
        }
    }
    encoder.finish().unwrap();
    assert_eq!(probe(&writer.finish().unwrap().path).0, 250);
}

/// Copies a growing file until at least `frames` of it can be decoded, without any complaint.
fn wait_for_frames(growing: &Path, copy: &Path, frames: u64) {
    wait(|| {
        std::fs::copy(growing, copy).unwrap();
        probe(copy).0 >= frames
    });
}

fn wait(condition: impl Fn() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !condition() {
        assert!(std::time::Instant::now() < deadline, "it never came true");
        std::thread::park_timeout(std::time::Duration::from_millis(2));
    }
}

#[test]
fn size_rate_and_pixel_format_are_converted() {
    let folder = tempfile::tempdir().unwrap();
    for format in [PixelFormat::I420, PixelFormat::Nv12, PixelFormat::Gray8] {
        let wanted = EncoderSettings {
            size: Size { width: 160, height: 120 },
            fps: rate(10),
            resample: true,
            ..settings(10)
        };
        let encoder = Encoder::start(wanted).unwrap();
        let writer =
            Mp4Writer::start(&folder.path().join("out.mp4"), Overwrite::Number, encoder.stream()).unwrap();
        for n in 0..100u64 {
            // Odd sizes, and a camera that changes its own half-way.
            let size = if n < 50 { Size { width: 321, height: 241 } } else { SIZE };
            encoder.push(&picture(format, size, n), StreamTime::from_nanos(n * 20_000_000)).unwrap();
        }
        encoder.finish().unwrap();
        let summary = writer.finish().unwrap();
        let (frames, duration, size) = probe(&summary.path);
        assert_eq!(size, "160x120");
        assert!((19..=21).contains(&frames) && (1.8..2.2).contains(&duration), "{frames} {duration}");
    }
}

#[test]
fn a_full_disk_is_an_error_and_nothing_hangs() {
    // /dev/full takes no byte.
    let encoder = Encoder::start(settings(25)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let good =
        Mp4Writer::start(&folder.path().join("good.mp4"), Overwrite::Number, encoder.stream()).unwrap();
    let bad = Mp4Writer::start(Path::new("/dev/full"), Overwrite::Replace, encoder.stream()).unwrap();
    push(&encoder, 0..300, 25);
    encoder.finish().unwrap();
    let error = bad.finish().unwrap_err();
    assert_eq!(error.kind, MediaErrorKind::DiskFull, "{error:?}");
    assert_eq!(good.finish().unwrap().frames, 300);
}

#[test]
fn nothing_pushed_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let encoder = Encoder::start(settings(25)).unwrap();
    let path: PathBuf = folder.path().join("out.mp4");
    let writer = Mp4Writer::start(&path, Overwrite::Number, encoder.stream()).unwrap();
    encoder.finish().unwrap();
    assert_eq!(writer.finish().unwrap().frames, 0);
    assert!(!path.exists());
    assert!(encoder.push(&picture(PixelFormat::I420, SIZE, 0), StreamTime::ZERO).is_err());
}

#[test]
fn dropping_in_any_order_ends_at_once() {
    let folder = tempfile::tempdir().unwrap();
    for turn in 0..3 {
        let encoder = Encoder::start(settings(25)).unwrap();
        let writer =
            Mp4Writer::start(&folder.path().join("out.mp4"), Overwrite::Number, encoder.stream()).unwrap();
        push(&encoder, 0..30, 25);
        match turn {
            0 => drop(encoder),
            1 => drop(writer),
            _ => {
                drop(encoder);
                // What came before the encoder went is there.
                assert!(writer.finish().unwrap().frames <= 30);
            }
        }
    }
}

#[test]
fn jpegs_have_the_crop_s_size_and_colours() {
    for format in [PixelFormat::I420, PixelFormat::Nv12, PixelFormat::Gray8] {
        let image = picture(format, Size { width: 321, height: 241 }, 0);
        let whole = jpeg(&image, None, 90).unwrap();
        assert!(whole.starts_with(&[0xff, 0xd8]) && whole.ends_with(&[0xff, 0xd9]));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jpg");
        std::fs::write(&path, &whole).unwrap();
        assert_eq!(probe_still(&path), "321x241");
        std::fs::write(&path, jpeg(&image, Some(Rect::new(0.5, 0.5, 0.25, 0.9)), 90).unwrap()).unwrap();
        assert_eq!(probe_still(&path), "81x121");
        for crop in [Rect::new(2.0, 0.0, 1.0, 1.0), Rect::new(0.0, f32::NAN, 1.0, 1.0), Rect::default()] {
            assert!(jpeg(&image, Some(crop), 90).is_err(), "{crop:?}");
        }
    }
}

fn probe_still(path: &Path) -> String {
    let out = Command::new("ffprobe")
        .args(["-v", "error", "-of", "csv=p=0:s=x", "-show_entries", "stream=width,height"])
        .arg(path)
        .output()
        .expect("ffprobe (Debian package ffmpeg) is needed by this test");
    assert!(out.stderr.is_empty(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

//! From pixels to an event with its picture: motion, tracker, areas and lines, crops, all together.

use std::{
    io::Write,
    process::{Command, Stdio},
    sync::Arc,
};

use watchpost_model::{
    Crop, EventKind, Frame, Image, LineDirection, PixelFormat, Plane, Record, Rect, Size, StreamTime,
    Timestamp,
};

use crate::stage::{Stage, all_triggers, area, line};

const SIZE: Size = Size { width: 640, height: 360 };
const WALKER: (usize, usize) = (26, 66);
const STEP_MS: f64 = 100.0;
/// Luma of the walker's coat, and of the paving behind at least.
const COAT: u8 = 40;
const PAVING: u8 = 110;

/// Noise that repeats: a hash of place and time, 0..`steps`.
fn noise(x: usize, y: usize, t: usize, steps: u32) -> u8 {
    let mut h = (x as u32).wrapping_mul(0x9E37_79B1) ^ (y as u32).wrapping_mul(0x85EB_CA77);
    h ^= (t as u32).wrapping_mul(0xC2B2_AE3D);
    h = (h ^ (h >> 15)).wrapping_mul(0x2C1B_3C6D);
    h = (h ^ (h >> 12)).wrapping_mul(0x297A_2D39);
    ((h >> 16) % steps) as u8
}

/// Where the walker is in frame `t`: from the upper left down to the right, after 3 s of nobody.
fn walker(t: usize) -> Option<(usize, usize)> {
    let step = t.checked_sub(30)?;
    let (left, top) = (100 + step * 6, 60 + step * 2);
    (left + WALKER.0 < 600).then_some((left, top))
}

/// Frame `t` of a camera that looks at noisy paving.
fn frame(t: usize) -> Frame {
    let (width, height) = (SIZE.width as usize, SIZE.height as usize);
    let mut bytes = vec![128_u8; width * height * 3 / 2];
    for (at, luma) in bytes[..width * height].iter_mut().enumerate() {
        let (x, y) = (at % width, at / width);
        let inside = walker(t).is_some_and(|(left, top)| {
            (left..left + WALKER.0).contains(&x) && (top..top + WALKER.1).contains(&y)
        });
        *luma = if inside { COAT + noise(x / 6, y / 6, 3, 12) } else { PAVING + noise(x / 5, y / 5, 1, 30) };
        *luma += noise(x, y, t, 4);
    }
    let bytes = Arc::new(bytes);
    let plane = |offset, w, h| Plane::new(bytes.clone(), offset, w, h, w).unwrap();
    let luma = width * height;
    let planes = vec![
        plane(0, width, height),
        plane(luma, width / 2, height / 2),
        plane(luma * 5 / 4, width / 2, height / 2),
    ];
    Frame {
        id: t as u64,
        time: StreamTime::from_ms(t as f64 * STEP_MS),
        timestamp: Timestamp(t as i64 * 100),
        size: Some(SIZE),
        image: Some(Image { format: PixelFormat::I420, size: SIZE, planes }),
    }
}

/// The luma of every pixel of a JPEG file, as ffmpeg decodes it.
fn decoded(jpeg: &[u8]) -> Vec<u8> {
    let mut ffmpeg = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "mjpeg", "-i", "-", "-f", "rawvideo", "-pix_fmt", "gray", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("ffmpeg: {error}; scripts/setup.sh test installs it"));
    ffmpeg.stdin.take().unwrap().write_all(jpeg).unwrap();
    let output = ffmpeg.wait_with_output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn who_walks_through_the_picture_is_an_event_with_a_picture_of_them() {
    let mut stage = Stage::new(vec![area(1, all_triggers())], vec![line(LineDirection::Both)]);
    for t in 0..130 {
        let analysis = stage.securt.process(&frame(t), None);
        stage.keep(analysis);
    }
    stage.stop();
    let story = stage.story();
    for what in ["down", "area-enter", "intrusion", "area-exit", "intrusion-end"] {
        assert_eq!(story.iter().filter(|told| *told == what).count(), 1, "{what} in {story:?}");
    }
    assert!(stage.open.is_empty());
    let tracks: std::collections::HashSet<_> =
        stage.events().iter().map(|event| event.subjects[0].track_id).collect();
    assert_eq!(tracks.len(), 1, "one walker, one track");

    for group in stage.said.iter().flat_map(|said| &said.groups) {
        let Record::Event(event) = &group.records[0] else { continue };
        if let EventKind::LineCrossing { .. } | EventKind::AreaEnter(_) = event.kind {
            let (left, top) = walker(group.at.frame_id as usize).unwrap();
            let iou = event.subjects[0].rect.iou(&rect_at(left, top));
            assert!(iou > 0.6, "frame {}: {iou}", group.at.frame_id);
        }
    }
    let crops: Vec<&Crop> =
        stage.records().filter_map(|r| if let Record::Crop(crop) = r { Some(crop) } else { None }).collect();
    assert!(!crops.is_empty());
    for crop in crops {
        assert!(tracks.contains(&crop.track_id));
        assert!(stage.events().iter().any(|event| Some(event.id) == crop.event_id));
        let (left, top) = walker((crop.taken_at.as_ms() / STEP_MS).round() as usize).unwrap();
        assert!(crop.rect.iou(&rect_at(left, top)) > 0.6, "{:?}", crop.rect);
        let luma = decoded(&crop.jpeg);
        assert!(luma.len() >= WALKER.0 * WALKER.1, "{} pixels", luma.len());
        let dark = luma.iter().filter(|&&value| value < 75).count() as f32 / luma.len() as f32;
        assert!((0.2..=1.0).contains(&dark), "the walker's coat fills {dark} of the picture");
    }
}

fn rect_at(left: usize, top: usize) -> Rect {
    let (width, height) = (SIZE.width as f32, SIZE.height as f32);
    let parts = |x: usize, y: usize| (x as f32 / width, y as f32 / height);
    let ((x, y), (w, h)) = (parts(left, top), parts(WALKER.0, WALKER.1));
    Rect::new(x, y, w, h)
}

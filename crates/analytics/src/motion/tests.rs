#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use watchpost_model::{PixelFormat, Plane, Size};

use super::*;

const WIDTH: usize = 640;
const HEIGHT: usize = 360;

/// Noise that repeats: a hash of place and time, -1..1.
fn noise(x: usize, y: usize, t: usize) -> f32 {
    let mut h = (x as u32).wrapping_mul(0x9E37_79B1)
        ^ (y as u32).wrapping_mul(0x85EB_CA77)
        ^ (t as u32).wrapping_mul(0xC2B2_AE3D);
    h = (h ^ (h >> 15)).wrapping_mul(0x2C1B_3C6D);
    h = (h ^ (h >> 12)).wrapping_mul(0x297A_2D39);
    ((h ^ (h >> 15)) & 0xFFFF) as f32 / 32768.0 - 1.0
}

/// A scene with paving, walls and coarse texture.
fn scene(x: isize, y: isize) -> f32 {
    let (ux, uy) = (x.max(0) as usize, y.max(0) as usize);
    let paving = if (ux / 40 + uy / 30) % 2 == 0 { 96.0 } else { 124.0 };
    paving + 18.0 * noise(ux / 5, uy / 5, 1) + if ux > 500 { 40.0 } else { 0.0 }
}

fn image(value: impl Fn(usize, usize) -> f32) -> Image {
    let data: Vec<u8> =
        (0..WIDTH * HEIGHT).map(|i| value(i % WIDTH, i / WIDTH).clamp(0.0, 255.0) as u8).collect();
    let plane = Plane::new(Arc::new(data), 0, WIDTH, HEIGHT, WIDTH).unwrap();
    let size = Size { width: WIDTH as u32, height: HEIGHT as u32 };
    Image { format: PixelFormat::Gray8, size, planes: vec![plane] }
}

/// Runs `frames` frames at 10 per second; counts what is found after the first two seconds.
fn found(frames: usize, value: impl Fn(usize, usize, usize) -> f32) -> Vec<Vec<MotionBlob>> {
    found_with(MotionSettings::default(), frames, value)
}

fn found_with(
    settings: MotionSettings,
    frames: usize,
    value: impl Fn(usize, usize, usize) -> f32,
) -> Vec<Vec<MotionBlob>> {
    let mut detector = MotionDetector::new(settings);
    (0..frames)
        .map(|t| {
            let image = image(|x, y| value(t, x, y));
            detector.detect(&image, StreamTime::from_ms(t as f64 * 100.0))
        })
        .skip(20)
        .collect()
}

fn nothing_in(found: &[Vec<MotionBlob>]) {
    let objects: Vec<_> = found.iter().enumerate().filter(|(_, blobs)| !blobs.is_empty()).collect();
    assert!(objects.is_empty(), "{} frames with objects, first {:?}", objects.len(), objects[0].1[0].rect);
}

#[test]
fn sensor_noise_and_blocks_are_no_object() {
    nothing_in(&found(60, |t, x, y| {
        scene(x as isize, y as isize) + 8.0 * noise(x, y, t) + 4.0 * noise(x / 8, y / 8, t)
    }));
}

#[test]
fn light_that_fades_or_jumps_is_no_object() {
    nothing_in(&found(60, |t, x, y| {
        scene(x as isize, y as isize) * (1.0 - 0.3 * (t as f32 / 8.0).sin()) + 2.0 * noise(x, y, t)
    }));
    nothing_in(&found(60, |t, x, y| {
        scene(x as isize, y as isize) * if t > 35 { 1.5 } else { 1.0 } + 2.0 * noise(x, y, t)
    }));
}

#[test]
fn a_camera_that_shakes_is_no_object() {
    for reach in [1, 2] {
        let found = &found(60, |t, x, y| {
            let shift = |seed: usize| {
                if t < 22 { 0 } else { (noise(t, seed, 9) * (reach as f32 + 0.49)).round() as isize }
            };
            scene(x as isize + shift(1), y as isize + shift(2)) + 2.0 * noise(x, y, t)
        });
        // Now and then a patch that the moving medians have worn smooth may flash for a frame; a track
        // takes a second of them.
        let flashes = found.iter().filter(|blobs| !blobs.is_empty()).count();
        assert!(flashes <= 2, "shaken by {reach}: {flashes} of {} frames with objects", found.len());
    }
}

#[test]
fn a_soft_shadow_that_passes_is_no_object() {
    nothing_in(&found(60, |t, x, y| {
        let (dx, dy) = ((x as f32 - t as f32 * 10.0) / 70.0, (y as f32 - 180.0) / 60.0);
        let dark = (1.3 - (dx * dx + dy * dy).sqrt()).clamp(0.0, 0.6) / 0.6;
        scene(x as isize, y as isize) * (1.0 - 0.35 * dark) + 2.0 * noise(x, y, t)
    }));
}

#[test]
fn a_lamp_that_flickers_is_learnt() {
    let found = found(160, |t, x, y| {
        let lamp = (300..330).contains(&x) && (100..120).contains(&y) && t % 3 == 0;
        scene(x as isize, y as isize) + if lamp { 40.0 } else { 0.0 } + 2.0 * noise(x, y, t)
    });
    nothing_in(&found[100..]);
}

#[test]
fn what_moves_is_found_where_it_is() {
    let found = found(60, |t, x, y| {
        let left = t * 8;
        let inside = (left..left + 24).contains(&x) && (150..210).contains(&y);
        if inside {
            40.0 + 20.0 * noise(x / 6, y / 6, 3)
        } else {
            scene(x as isize, y as isize) + 3.0 * noise(x, y, t)
        }
    });
    for (index, blobs) in found.iter().enumerate() {
        let t = index + 20;
        assert_eq!(blobs.len(), 1, "frame {t}");
        let truth = Rect::new((t * 8) as f32 / 640.0, 150.0 / 360.0, 24.0 / 640.0, 60.0 / 360.0);
        assert!(blobs[0].rect.iou(&truth) > 0.7, "frame {t}: {:?} for {truth:?}", blobs[0].rect);
    }
}

#[test]
fn with_fewer_pixels_what_is_large_is_still_found_and_what_is_small_is_not() {
    let settings = MotionSettings { max_pixels: Some(4_000), ..MotionSettings::default() };
    for (width, height, expected) in [(60, 120, true), (8, 12, false)] {
        let moving = |t: usize, x: usize, y: usize| {
            let left = t * 6;
            let inside = (left..left + width).contains(&x) && (150..150 + height).contains(&y);
            if inside { 30.0 } else { 110.0 + 3.0 * noise(x, y, t) }
        };
        let seen = found_with(settings, 60, moving).iter().filter(|blobs| !blobs.is_empty()).count();
        assert_eq!(seen > 30, expected, "{width} x {height}: in {seen} frames");
        let all = found(60, moving).iter().filter(|blobs| !blobs.is_empty()).count();
        assert!(all > 30, "without a limit both are: {all}");
    }
}

#[test]
fn who_stood_there_from_the_start_leaves_no_ghost() {
    let found = found(160, |t, x, y| {
        let left = 200 + t.saturating_sub(60) * 8;
        let inside = (left..left + 24).contains(&x) && (150..210).contains(&y);
        if inside { 30.0 + 20.0 * noise(x / 6, y / 6, 3) } else { 110.0 + 3.0 * noise(x, y, t) }
    });
    for blobs in &found[50..90] {
        assert!(blobs.len() <= 1, "{:?}", blobs.iter().map(|b| b.rect).collect::<Vec<_>>());
    }
}

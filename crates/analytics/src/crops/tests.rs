#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use watchpost_model::{PixelFormat, Plane, Size};

use super::*;

fn image(width: usize, height: usize, contrast: u8) -> Image {
    let mut data = vec![128_u8; width * height * 3 / 2];
    for (i, value) in data[..width * height].iter_mut().enumerate() {
        *value = 100 + if (i % width + i / width).is_multiple_of(2) { contrast } else { 0 };
    }
    let data: Arc<Vec<u8>> = Arc::new(data);
    let luma = width * height;
    let plane = |offset, w, h| Plane::new(data.clone(), offset, w, h, w).unwrap();
    let planes = vec![
        plane(0, width, height),
        plane(luma, width / 2, height / 2),
        plane(luma * 5 / 4, width / 2, height / 2),
    ];
    Image { format: PixelFormat::I420, size: Size { width: width as u32, height: height as u32 }, planes }
}

/// Width and height out of a JPEG file's start of frame.
fn jpeg_size(file: &[u8]) -> (usize, usize) {
    let at = file.windows(2).position(|w| w == [0xFF, 0xC0]).unwrap();
    let number = |i: usize| usize::from(file[i]) << 8 | usize::from(file[i + 1]);
    (number(at + 7), number(at + 5))
}

#[test]
fn only_a_clearly_better_picture_replaces_the_best() {
    let mut shots = BestShots::default();
    let (track, event) = (Id::from_u128(1), Id::from_u128(2));
    let rect = Rect::new(0.4, 0.4, 0.1, 0.2);
    let seen = |shots: &mut BestShots, contrast, rect: &Rect, occluded, ms| {
        shots.consider(track, &image(640, 360, contrast), rect, occluded, StreamTime::from_ms(ms));
        shots.crop(track, event).unwrap().taken_at.as_ms()
    };
    assert_eq!(seen(&mut shots, 6, &rect, true, 0.0), 0.0);
    assert_eq!(seen(&mut shots, 6, &rect, false, 100.0), 100.0);
    assert_eq!(seen(&mut shots, 6, &rect, false, 200.0), 100.0);
    assert_eq!(seen(&mut shots, 30, &rect, true, 300.0), 100.0);
    assert_eq!(seen(&mut shots, 12, &rect, false, 400.0), 400.0);
    assert_eq!(seen(&mut shots, 12, &Rect::new(0.0, 0.4, 0.1, 0.2), false, 500.0), 400.0);
    shots.forget(track);
    assert!(shots.crop(track, event).is_none());
    assert_eq!(shots.bytes, 0);
}

#[test]
fn large_crops_are_made_smaller() {
    let mut shots = BestShots::default();
    let track = Id::from_u128(1);
    shots.consider(track, &image(1920, 1080, 9), &Rect::new(0.1, 0.1, 0.5, 0.8), false, StreamTime::ZERO);
    let crop = shots.crop(track, track).unwrap();
    let (width, height) = jpeg_size(&crop.jpeg);
    assert!(width.max(height) <= 640 && height > 400, "{width}x{height}");
    assert!((0.0..=1.0).contains(&crop.confidence));
}

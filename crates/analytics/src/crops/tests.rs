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

#[test]
fn a_mask_hides_its_part_of_every_crop_whatever_its_size() {
    let track = Id::from_u128(1);
    let points = |corners: &[(f32, f32)]| corners.iter().map(|(x, y)| Point::new(*x, *y)).collect::<Vec<_>>();
    // The right half of the frame, and a triangle that lies elsewhere.
    let masks = vec![
        points(&[(0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)]),
        points(&[(0.0, 0.0), (0.05, 0.0), (0.0, 0.05)]),
    ];
    for (width, height) in [(640, 360), (1920, 1080), (322, 182)] {
        let rect = Rect::new(0.3, 0.3, 0.4, 0.4);
        let image = image(width, height, 60);
        let bare = Picture::copy(&image, &rect, &[]).unwrap();
        let masked = Picture::copy(&image, &rect, &masks).unwrap();
        let (wide, _) = masked.size();
        for (at, (before, after)) in bare.luma().iter().zip(masked.luma()).enumerate() {
            match at % wide {
                x if x + 2 < wide / 2 => assert_eq!(before, after, "{x} of {wide}"),
                x if x > wide / 2 + 1 => assert!(*before >= 100 && *after == 30, "{x} of {wide}"),
                _ => {}
            }
        }
    }
    let mut shots = BestShots::masked(masks);
    let rect = Rect::new(0.6, 0.4, 0.1, 0.2);
    shots.consider(track, &image(640, 360, 20), &rect, false, StreamTime::ZERO);
    assert!(shots.crop(track, track).is_some());
    shots.set_masks(Vec::new());
    assert!(shots.crop(track, track).is_none(), "what was taken with other masks is gone");
}

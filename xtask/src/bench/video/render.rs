//! Drawing on the planes of a 1080p picture, against supervision's annotators on pixels.

use std::{sync::Arc, time::Instant};

use anyhow::ensure;
use watchpost_media::{Color, Overlay, OverlayArea, OverlayBox, OverlayLine, Renderer};
use watchpost_model::{Image, PixelFormat, Plane, Point, Rect, Size};

use super::super::{
    Bed, median, peers,
    report::{Better, Figure},
};

const OBJECTS: usize = 50;
/// Points of a trail: 3 s at 10 frames a second, as the pipeline keeps them.
const TRAIL: usize = 30;
const SIZE: Size = Size { width: 1920, height: 1080 };

pub fn run(bed: &Bed) -> anyhow::Result<Vec<Figure>> {
    let frames = if bed.quick { 50 } else { 300 };
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..bed.rounds() {
        ours.push(draw(frames)?);
        let arguments = [OBJECTS.to_string(), frames.to_string()];
        theirs.push(peers::number(&bed.python, "render_supervision.py", &[&arguments[0], &arguments[1]])?);
    }
    Ok(vec![Figure {
        what: "drawing boxes, labels and trails of 50 objects, an area and a line at 1080p, one core".into(),
        value: median(ours),
        unit: "ms",
        peer: Some(("Python supervision's annotators".into(), median(theirs))),
        better: Better::Less,
        target: "1 ms",
    }])
}

/// Milliseconds of the middle one of so many frames, the copy of the picture included.
fn draw(frames: usize) -> anyhow::Result<f64> {
    let image = gray()?;
    let mut renderer = Renderer::new();
    let mut times_ms = Vec::with_capacity(frames);
    for frame in 0..TRAIL + frames {
        let overlay = overlay(frame);
        let start = Instant::now();
        let drawn = renderer.draw(&image, &overlay);
        if frame >= TRAIL {
            times_ms.push(start.elapsed().as_secs_f64() * 1000.0);
        }
        let changed = |at: usize| drawn.planes[at].bytes() != image.planes[at].bytes();
        ensure!(frame > 0 || (changed(0) && changed(1)), "nothing was drawn");
    }
    Ok(median(times_ms))
}

fn gray() -> anyhow::Result<Image> {
    let (width, height) = (SIZE.width as usize, SIZE.height as usize);
    let plane = |width: usize, height: usize, value: u8| {
        Plane::new(Arc::new(vec![value; width * height]), 0, width, height, width)
    };
    let planes =
        [plane(width, height, 96), plane(width / 2, height / 2, 128), plane(width / 2, height / 2, 128)];
    let planes: Option<Vec<_>> = planes.into_iter().collect();
    ensure!(planes.is_some(), "a picture of {width}x{height} has no planes");
    Ok(Image { format: PixelFormat::I420, size: SIZE, planes: planes.unwrap_or_default() })
}

/// Objects that walk through the picture, each at its own pace; the same as in `render_supervision.py`.
fn overlay(frame: usize) -> Overlay {
    let place = |index: usize, frame: usize| {
        let x = (index * 37 % 100) as f32 / 100.0 + frame as f32 * 0.001 * (1 + index % 3) as f32;
        Rect::new(x % 0.95, (index * 61 % 100) as f32 / 100.0 * 0.85, 0.03, 0.1)
    };
    let colors = [(86, 180, 233), (230, 159, 0), (0, 190, 140), (204, 121, 167), (240, 228, 66)];
    let boxes = (0..OBJECTS).map(|index| {
        let (r, g, b) = colors[index % colors.len()];
        OverlayBox {
            rect: place(index, frame),
            framed: true,
            color: Color::new(r, g, b),
            label: format!("Person {index:04x}"),
            trail: (frame.saturating_sub(TRAIL)..frame)
                .map(|frame| place(index, frame).bottom_center())
                .collect(),
        }
    });
    let corners = [(0.1, 0.3), (0.5, 0.3), (0.5, 0.9), (0.1, 0.9)].map(|(x, y)| Point::new(x, y));
    let area =
        OverlayArea { vertices: corners.to_vec(), color: Color::ALERT, label: "Yard".into(), active: false };
    let line = OverlayLine {
        vertices: [Point::new(0.2, 0.95), Point::new(0.8, 0.9)],
        color: Color::ALERT,
        label: "Gate".into(),
        active: false,
    };
    Overlay { areas: vec![area], lines: vec![line], boxes: boxes.collect(), ..Overlay::default() }
}

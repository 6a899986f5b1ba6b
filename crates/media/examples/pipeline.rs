//! Decode → draw → encode → MP4 of one file, with timings: `pipeline IN OUT.mp4 [PICTURE.jpg]`;
//! with `live` at the end frames that come too fast are skipped.
//! Also times drawing alone: 50 objects on a 1080p picture.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::panic)]

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use watchpost_media::{
    Color, DecodeOptions, Decoder, EncodePace, Encoder, EncoderSettings, Flash, Location, Mp4Writer, Next,
    Overlay, OverlayArea, OverlayBox, OverlayLine, Overwrite, Rate, Renderer, jpeg,
};
use watchpost_model::{Image, ObjectClass, PixelFormat, Plane, Point, Rect, Size};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    time_drawing();
    let [_, input, output, rest @ ..] = &args[..] else { return };
    let started = Instant::now();
    let mut decoder = Decoder::open(&DecodeOptions::new(Location::File(input.into()))).unwrap();
    let info = decoder.info().clone();
    println!("{info:?}");
    let pace =
        if args.last().is_some_and(|last| last == "live") { EncodePace::Live } else { EncodePace::Fast };
    let settings = EncoderSettings::new(info.size, info.fps.unwrap_or(Rate::DEFAULT), pace);
    println!("at most {} kbit/s", settings.max_kbps());
    let encoder = Encoder::start(settings).unwrap();
    let writer = Mp4Writer::start(Path::new(output), Overwrite::Replace, encoder.stream()).unwrap();
    let mut renderer = Renderer::new();
    let mut count = 0;
    loop {
        match decoder.next(Duration::from_secs(5)).unwrap() {
            Next::Frame(frame) => {
                let drawn = renderer.draw(&frame.image, &overlay(8, count));
                if let (100, Some(path)) = (count, rest.first()) {
                    std::fs::write(path, jpeg(&drawn, None, 92).unwrap()).unwrap();
                }
                encoder.push(&drawn, frame.pts).unwrap();
                count += 1;
            }
            Next::TimedOut => panic!("stuck"),
            end => {
                println!("{end:?}");
                break;
            }
        }
    }
    encoder.finish().unwrap();
    let summary = writer.finish().unwrap();
    let seconds = started.elapsed().as_secs_f64();
    println!("{summary:?}\n{count} frames in {seconds:.2} s: {:.0} fps", f64::from(count) / seconds);
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap());
}

fn time_drawing() {
    let size = Size { width: 1920, height: 1080 };
    let plane = |width: usize, height: usize, fill: u8| {
        Plane::new(Arc::new(vec![fill; width * height]), 0, width, height, width).unwrap()
    };
    let image = Image {
        format: PixelFormat::I420,
        size,
        planes: vec![plane(1920, 1080, 90), plane(960, 540, 128), plane(960, 540, 128)],
    };
    let mut renderer = Renderer::new();
    for objects in [0, 50] {
        let overlay = overlay(objects, 0);
        let mut times: Vec<Duration> = (0..300)
            .map(|_| {
                let started = Instant::now();
                std::hint::black_box(renderer.draw(&image, &overlay));
                started.elapsed()
            })
            .collect();
        times.sort();
        println!(
            "1080p, {objects} objects: best {:?}, median {:?}, p99 {:?}",
            times[0], times[150], times[297]
        );
    }
}

fn overlay(objects: u32, frame: u32) -> Overlay {
    let at = |x: f32, y: f32| Point::new(x, y);
    let boxes = (0..objects).map(|n| {
        let class = ObjectClass::ALL[n as usize % 5];
        let (x, y) = (0.02 + (n % 10) as f32 * 0.095, 0.12 + (n / 10) as f32 * 0.17);
        OverlayBox {
            framed: true,
            rect: Rect::new(x, y, 0.05, 0.13),
            color: Color::of_class(class),
            label: format!("{class} {}", 60 + n % 40),
            trail: (0..12)
                .map(|step| at(x + 0.025 - step as f32 * 0.004, y + 0.13 + step as f32 * 0.003))
                .collect(),
        }
    });
    Overlay {
        masks: Vec::new(),
        areas: vec![OverlayArea {
            vertices: vec![at(0.1, 0.45), at(0.6, 0.4), at(0.75, 0.9), at(0.2, 0.95)],
            color: Color::new(0, 170, 120),
            label: "Front yard".into(),
            active: false,
        }],
        lines: vec![OverlayLine {
            vertices: [at(0.62, 0.35), at(0.95, 0.8)],
            color: Color::new(255, 200, 0),
            label: "Gate".into(),
            active: false,
        }],
        boxes: boxes.collect(),
        flashes: if objects > 1 {
            vec![Flash {
                rect: Rect::new(0.5, 0.12, 0.05, 0.13),
                color: Color::ALERT,
                label: "Intrusion: Front yard".into(),
            }]
        } else {
            Vec::new()
        },
        timestamp: format!("2026-07-01 12:00:{:02}", frame % 60),
    }
}

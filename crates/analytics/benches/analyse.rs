//! Time per frame of motion, tracks and zones together.

#![allow(missing_docs)]

use std::{hint::black_box, sync::Arc};

use criterion::{Criterion, criterion_group, criterion_main};
use watchpost_analytics::{IdSource, Securt, Settings};
use watchpost_model::{
    Anchor, Area, AreaTriggers, ClassFilter, Frame, Id, Image, PixelFormat, Plane, Point, Size, SizeLimits,
    StreamTime, Timestamp,
};

/// Two seconds of a textured scene with sensor noise in which twelve boxes walk.
fn footage(width: usize, height: usize) -> Vec<Image> {
    let hash = |x: usize, y: usize, t: usize| {
        let h = (x as u32).wrapping_mul(0x9E37_79B1)
            ^ (y as u32).wrapping_mul(0x85EB_CA77)
            ^ (t as u32).wrapping_mul(0xC2B2_AE3D);
        let h = (h ^ (h >> 15)).wrapping_mul(0x2C1B_3C6D);
        (h >> 24) as i32
    };
    let frame = |t: usize| {
        let mut data = vec![128_u8; width * height * 3 / 2];
        for y in 0..height {
            for x in 0..width {
                let scene = 90 + hash(x / 16, y / 16, 0) / 6;
                data[y * width + x] = (scene + hash(x, y, t + 1) / 64) as u8;
            }
        }
        for walker in 0..12 {
            let (wide, high) = (width / 40, height / 9);
            let left = (walker * width / 12 + t * width / 400) % (width - wide);
            let top = (walker % 4) * height / 5 + height / 20;
            for y in top..top + high {
                for x in left..left + wide {
                    data[y * width + x] = (30 + hash(x / 8, y / 8, walker) / 8) as u8;
                }
            }
        }
        let size = Size { width: width as u32, height: height as u32 };
        let data: Arc<Vec<u8>> = Arc::new(data);
        let luma = width * height;
        let plane = |offset, w, h| Plane::new(data.clone(), offset, w, h, w);
        let planes = [
            plane(0, width, height),
            plane(luma, width / 2, height / 2),
            plane(luma * 5 / 4, width / 2, height / 2),
        ];
        Image { format: PixelFormat::I420, size, planes: planes.into_iter().flatten().collect() }
    };
    (0..20).map(frame).collect()
}

/// An area of the whole picture that waits for what is left or removed.
fn area_of_things() -> Area {
    let after = Some(StreamTime::from_secs(4.0));
    Area {
        id: Id::from_u128(1),
        name: "all".to_owned(),
        color: [1.0; 4],
        vertices: [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)].map(|(x, y)| Point::new(x, y)).to_vec(),
        classes: ClassFilter::ALL,
        anchor: Anchor::BottomCenter,
        sizes: SizeLimits::default(),
        ignore_stationary: false,
        enter_activation_delay: StreamTime::ZERO,
        triggers: AreaTriggers { object_left: after, object_removed: after, ..AreaTriggers::default() },
        schedule: None,
    }
}

fn analyse(criterion: &mut Criterion) {
    for (width, height, things) in [(768, 576, false), (1920, 1080, false), (1920, 1080, true)] {
        let footage = footage(width, height);
        let areas = if things { vec![area_of_things()] } else { Vec::new() };
        let mut securt = Securt::new(Settings { areas, ids: IdSource::Seeded(1), ..Settings::default() });
        let mut id = 0_u64;
        let what = if things { ", objects left and removed" } else { "" };
        criterion.bench_function(&format!("analyse {width}x{height}{what}"), |bencher| {
            bencher.iter(|| {
                // To and fro, so that nobody jumps.
                let turn = (id % 38) as usize;
                let image = footage[if turn < 20 { turn } else { 38 - turn }].clone();
                let time = StreamTime::from_ms(id as f64 * 40.0);
                let frame =
                    Frame { id, time, timestamp: Timestamp(0), size: Some(image.size), image: Some(image) };
                id += 1;
                black_box(securt.process(&frame, None))
            });
        });
    }
}

criterion_group!(benches, analyse);
criterion_main!(benches);

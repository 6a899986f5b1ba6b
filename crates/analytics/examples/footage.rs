//! Runs raw I420 footage through the solution and prints events, tracks and timings as text.
//!
//! ```text
//! ffmpeg -i clip.avi -f rawvideo -pix_fmt yuv420p clip.yuv
//! cargo run --release -p watchpost-analytics --example footage -- clip.yuv 768 576 10 zones.txt > out.txt
//! ```
//! `zones.txt` holds a line per zone: `area NAME X Y X Y X Y ...` or `line NAME X Y X Y`, in parts of
//! the frame. Output lines begin with `event`, `track`, `detection` or `timing`.

#![allow(clippy::print_stdout)]

use std::{
    error::Error,
    fs::File,
    io::{BufReader, Read},
    sync::Arc,
    time::{Duration, Instant},
};

use watchpost_analytics::{Analysis, IdSource, Securt, Settings};
use watchpost_model::{
    Anchor, Area, AreaTriggers, ClassFilter, EventKind, Frame, Id, Image, Line, LineDirection, LineTriggers,
    PixelFormat, Plane, Point, Record, Size, SizeLimits, StreamTime, Timestamp, ZoneRef,
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, path, width, height, rate, rest @ ..] = arguments.as_slice() else {
        return Err("usage: footage FILE WIDTH HEIGHT FRAMES_PER_SECOND [ZONES]".into());
    };
    let size = Size { width: width.parse()?, height: height.parse()? };
    let rate: f64 = rate.parse()?;
    let (areas, lines) = match rest {
        [zones, ..] => zones_of(&std::fs::read_to_string(zones)?)?,
        [] => (Vec::new(), Vec::new()),
    };
    let mut securt = Securt::new(Settings { areas, lines, ids: IdSource::Seeded(1), ..Settings::default() });
    let mut file = BufReader::new(File::open(path)?);
    let mut times = Vec::new();
    for id in 0_u64.. {
        let Some(image) = next_image(&mut file, size)? else { break };
        let ms = id as f64 * 1000.0 / rate;
        let frame = Frame {
            id,
            time: StreamTime::from_ms(ms),
            timestamp: Timestamp(ms as i64),
            size: Some(size),
            image: Some(image),
        };
        let start = Instant::now();
        let analysis = securt.process(&frame, None);
        times.push(start.elapsed());
        print(id, &analysis);
    }
    print(times.len() as u64, &securt.stop());
    times.sort();
    let mean = times.iter().sum::<Duration>() / times.len().max(1) as u32;
    println!("timing mean {mean:?} median {:?} max {:?}", times[times.len() / 2], times[times.len() - 1]);
    Ok(())
}

fn next_image(file: &mut impl Read, size: Size) -> Result<Option<Image>, Box<dyn Error>> {
    let (w, h) = (size.width as usize, size.height as usize);
    let (cw, ch) = (w.div_ceil(2), h.div_ceil(2));
    let mut data = vec![0; w * h + 2 * cw * ch];
    if file.read_exact(&mut data).is_err() {
        return Ok(None);
    }
    let data: Arc<Vec<u8>> = Arc::new(data);
    let plane = |offset, width, rows| {
        Plane::new(data.clone(), offset, width, rows, width).ok_or("frame shorter than its planes")
    };
    let planes = vec![plane(0, w, h)?, plane(w * h, cw, ch)?, plane(w * h + cw * ch, cw, ch)?];
    Ok(Some(Image { format: PixelFormat::I420, size, planes }))
}

fn print(frame: u64, analysis: &Analysis) {
    for record in analysis.groups.iter().flat_map(|group| &group.records) {
        let Record::Event(event) = record else { continue };
        let zone = match &event.kind {
            EventKind::LineCrossing { line, direction } => format!("{} {direction:?}", line.name),
            EventKind::Tailgating { line, interval, .. } => {
                format!("{} after {:.1} s", line.name, interval.as_secs())
            }
            EventKind::ObjectLeftRemoved { area, state } => format!("{} {state:?}", area.name),
            EventKind::AreaEnter(ZoneRef { name, .. })
            | EventKind::AreaExit(ZoneRef { name, .. })
            | EventKind::Intrusion(ZoneRef { name, .. })
            | EventKind::Loitering(ZoneRef { name, .. })
            | EventKind::Crowd(ZoneRef { name, .. }) => name.clone(),
            EventKind::IntrusionEnd { area, duration, .. }
            | EventKind::LoiteringEnd { area, duration, .. } => {
                format!("{} after {:.1} s", area.name, duration.as_secs())
            }
            _ => String::new(),
        };
        let who: Vec<String> =
            event.subjects.iter().map(|s| s.track_id.to_string()[..8].to_owned()).collect();
        // The variant's name: everything before its fields.
        let kind = format!("{:?}", event.kind);
        let kind = kind.split([' ', '(']).next().unwrap_or_default();
        println!("event {frame} {kind} {} {zone}", who.join(","));
    }
    for track in &analysis.tracks {
        let (rect, id) = (track.rect, track.id.to_string());
        println!(
            "track {frame} {} {:?} {:.4} {:.4} {:.4} {:.4} {}",
            &id[..8],
            track.phase,
            rect.x,
            rect.y,
            rect.width,
            rect.height,
            track.is_moving
        );
    }
    for seen in &analysis.detections {
        let rect = seen.rect;
        println!(
            "detection {frame} {:.4} {:.4} {:.4} {:.4} {:.2}",
            rect.x, rect.y, rect.width, rect.height, seen.confidence
        );
    }
}

fn zones_of(text: &str) -> Result<(Vec<Area>, Vec<Line>), Box<dyn Error>> {
    let (mut areas, mut lines) = (Vec::new(), Vec::new());
    for (index, row) in text.lines().enumerate() {
        let words: Vec<&str> = row.split_whitespace().collect();
        let [kind, name, numbers @ ..] = words.as_slice() else { continue };
        let numbers: Vec<f32> = numbers.iter().map(|n| n.parse()).collect::<Result<_, _>>()?;
        let vertices: Vec<Point> = numbers.chunks_exact(2).map(|p| Point::new(p[0], p[1])).collect();
        let (id, name) = (Id::from_u128(index as u128 + 1), (*name).to_owned());
        match (*kind, vertices.as_slice()) {
            ("area", _) => areas.push(Area {
                id,
                name,
                color: [1.0; 4],
                vertices,
                classes: ClassFilter::ALL,
                anchor: Anchor::BottomCenter,
                sizes: SizeLimits::default(),
                ignore_stationary: false,
                enter_activation_delay: StreamTime::from_ms(200.0),
                triggers: AreaTriggers {
                    enter: true,
                    exit: true,
                    intrusion: true,
                    loitering: Some(StreamTime::from_secs(5.0)),
                    crowding: Some(3),
                    object_left: Some(StreamTime::from_secs(5.0)),
                    object_removed: Some(StreamTime::from_secs(5.0)),
                },
                schedule: None,
            }),
            ("line", &[a, b]) => lines.push(Line {
                id,
                name,
                color: [1.0; 4],
                vertices: [a, b],
                classes: ClassFilter::ALL,
                anchor: Anchor::BottomCenter,
                sizes: SizeLimits::default(),
                direction: LineDirection::Both,
                cross_bandwidth: 0.03,
                cooldown_bandwidth: 0.07,
                triggers: LineTriggers { crossing: true, tailgating: Some(StreamTime::from_secs(1.0)) },
                schedule: None,
            }),
            _ => return Err(format!("{row}: expected `area NAME ...` or `line NAME X Y X Y`").into()),
        }
    }
    Ok((areas, lines))
}

//! Scripted detections: objects that walk along straight lines, as lines of JSON for an `ndjson` source.

use std::ops::Range;

use serde_json::{Value, json};

/// An object that walks from one place to another.
#[derive(Clone, Debug)]
pub struct Walker {
    /// Its track id.
    pub track_id: String,
    /// First frame it is seen in.
    pub from_frame: u64,
    /// First frame it is no longer seen in.
    pub to_frame: u64,
    /// Where its feet are at first: x, y in 0..1.
    pub start: (f64, f64),
    /// And at last.
    pub end: (f64, f64),
}

impl Walker {
    fn detection(&self, frame: u64) -> Option<Value> {
        if !(self.from_frame..self.to_frame).contains(&frame) {
            return None;
        }
        let part = (frame - self.from_frame) as f64 / (self.to_frame - self.from_frame) as f64;
        let x = self.start.0 + (self.end.0 - self.start.0) * part;
        let y = self.start.1 + (self.end.1 - self.start.1) * part;
        Some(json!({
            "label": "person", "confidence": 0.9, "track_id": self.track_id,
            "x": x - 0.02, "y": y - 0.1, "width": 0.04, "height": 0.1,
        }))
    }
}

/// A scene without end: every `every` frames somebody walks from left to right through the middle.
#[derive(Clone, Copy, Debug)]
pub struct Script {
    /// Frames a second of stream time.
    pub fps: u64,
    /// Frames between two walkers.
    pub every: u64,
    /// Frames that each is seen for.
    pub walk: u64,
}

impl Script {
    /// One line for `frame`, with its line end.
    pub fn line(&self, frame: u64) -> String {
        let newest = frame / self.every;
        let oldest = frame.saturating_sub(self.walk) / self.every;
        let detections: Vec<_> =
            (oldest..=newest).filter_map(|number| self.walker(number).detection(frame)).collect();
        let timestamp_ms = 1_700_000_000_000 + frame * 1000 / self.fps;
        let line = json!({"frame_id": frame, "timestamp_ms": timestamp_ms, "detections": detections});
        format!("{line}\n")
    }

    fn walker(&self, number: u64) -> Walker {
        let from_frame = number * self.every;
        let y = 0.3 + 0.05 * (number % 10) as f64;
        Walker {
            track_id: format!("walker-{number}"),
            from_frame,
            to_frame: from_frame + self.walk,
            start: (0.1, y),
            end: (0.9, y),
        }
    }
}

/// Somebody who stands at the left edge for the first 15 of `frames`, in which their track is established, and in the
/// middle from then on: ten frames a second, a line each.
pub fn walk(track: &str, frames: Range<u64>) -> String {
    let line = |frame| {
        let x = if frame < frames.start + 15 { 0.01 } else { 0.45 };
        let person = json!({"label": "person", "confidence": 0.9, "track_id": track,
            "x": x, "y": 0.4, "width": 0.05, "height": 0.2});
        format!("{}\n", json!({"frame_id": frame, "timestamp_ms": frame * 100, "detections": [person]}))
    };
    frames.clone().map(line).collect()
}

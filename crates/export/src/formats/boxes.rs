//! The formats of benchmarks, MOTChallenge and COCO: a line for each box of a frame, in pixels.

use std::borrow::Cow;

use garde::Validate;
use schemars::JsonSchema;
use serde::Deserialize;
use watchpost_config::Problem;

use crate::{
    common::Shape,
    format::{Format, Plan, Request},
    metadata::{self, FileSettings},
    receiver::Item,
    settings::problem,
};

/// Size of the frames that boxes are given in.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct FrameSize {
    /// Pixels in a row, 1 to 65 535.
    #[garde(range(min = 1, max = 65_535))]
    pub width: u32,
    /// Rows, 1 to 65 535.
    #[garde(range(min = 1, max = 65_535))]
    pub height: u32,
}

/// The objects of `output-tracks` and `output-detections`, as far as these formats go.
#[derive(Debug, Deserialize)]
pub(crate) struct Frame<'a> {
    pub frame_id: u64,
    frame_width: Option<u32>,
    frame_height: Option<u32>,
    #[serde(default, borrow)]
    tracks: Vec<Seen<'a>>,
    #[serde(default, borrow)]
    detections: Vec<Seen<'a>>,
}

/// A track or a detection; its box in parts of the frame.
#[derive(Debug, Deserialize)]
pub(crate) struct Seen<'a> {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
    pub confidence: f64,
    #[serde(borrow)]
    pub label: Cow<'a, str>,
    #[serde(borrow)]
    track_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    external_id: Option<Cow<'a, str>>,
}

impl<'a> Frame<'a> {
    /// Reads an object of a stream.
    ///
    /// # Errors
    /// It is none.
    pub fn read(item: &'a Item) -> Result<Self, String> {
        serde_json::from_slice(&item.json)
            .map_err(|error| format!("not an object of tracks or detections: {error}"))
    }

    pub fn seen(&self) -> impl Iterator<Item = &Seen<'a>> {
        self.tracks.iter().chain(&self.detections)
    }

    /// In pixels of which the boxes are told: `wanted`, else the picture's own.
    ///
    /// # Errors
    /// Nobody says.
    pub fn size(&self, wanted: Option<FrameSize>) -> Result<FrameSize, String> {
        let own = self.frame_width.zip(self.frame_height).map(|(width, height)| FrameSize { width, height });
        wanted.or(own).ok_or_else(|| {
            "the source has no pictures, so nobody says how many pixels a frame has: set `frame_size`"
                .to_owned()
        })
    }
}

impl Seen<'_> {
    /// Left, top, width and height in pixels, counted from 0.
    pub fn pixels(&self, size: FrameSize) -> [f64; 4] {
        let (width, height) = (f64::from(size.width), f64::from(size.height));
        // Thousandths: finer than any detector, and exact enough to come back as the same box.
        [self.x * width, self.y * height, self.width * width, self.height * height]
            .map(|value| (value * 1000.0).round() / 1000.0)
    }

    /// The number of its track: the user's own where that is one, else 53 bits of the track's id (what a
    /// double keeps exactly; two of a million tracks share one with a chance of 1 in 18 000). `None`: it
    /// has no track.
    pub fn number(&self) -> Option<u64> {
        /// 2^53.
        const LIMIT: u64 = 1 << 53;
        let own = self.external_id.as_deref().or(self.track_id.as_deref())?;
        if let Some(number) = own.parse::<u64>().ok().filter(|number| (1..LIMIT).contains(number)) {
            return Some(number);
        }
        let text = self.track_id.as_deref().unwrap_or(own);
        let bits = match text.parse::<watchpost_model::Id>() {
            Ok(id) => id.as_u128() as u64 ^ (id.as_u128() >> 64) as u64,
            // FNV-1a (Fowler, Noll, Vo): a text of the user's own, the same number in each run.
            Err(_) => text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            }),
        };
        Some((bits % LIMIT).max(1))
    }
}

/// Makes a plan; boxes are exported as they are.
pub(crate) fn plan<T: FileSettings>(
    format: &'static Format,
    request: &Request<'_>,
) -> Result<Plan, Vec<Problem>> {
    let plan = metadata::plan::<T>(format, request)?;
    if plan.common.shape == Some(Shape::Tabular) {
        let message = format!("{} has a shape of its own", format.title);
        return Err(vec![problem(request.handler, "/config/shape", message, "remove it")]);
    }
    Ok(plan)
}

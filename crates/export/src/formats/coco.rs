//! COCO results (cocodataset.org, "Results format"): what evaluation tools of detectors read.
//!
//! One result a line: `{"image_id", "category_id", "bbox": [left, top, width, height], "score"}` and, where
//! there is a track, `"track_id"`. `jq -s . FILE` makes the list of it that some tools want.

use std::collections::BTreeMap;

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchpost_schema::coco;
use watchpost_template::Counts;

use super::boxes::{self, Frame, FrameSize};
use crate::{
    files::{Content, Head, Rolling},
    format::{DataKind, Format, InstanceInfo},
    metadata::{Data, FileSettings},
    receiver::Item,
};

/// See the module.
pub static FORMAT: Format = Format {
    name: "coco",
    title: "COCO",
    summary: "Detections or tracks as COCO results, one a line, in pixels",
    schemes: &["coco"],
    accepts: &[DataKind::Boxes],
    viewers: false,
    example: r#"{"uri": "coco:///results.jsonl", "sink": "output-detections", "config": {"frame_size": {"width": 1920, "height": 1080}, "categories": {"forklift": 91}}}"#,
    settings: crate::settings::schema::<Settings>,
    plan: |request| boxes::plan::<Settings>(&FORMAT, request),
};

/// Keys of `config`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// In pixels of which boxes are told. Absent: those of the source's pictures.
    #[garde(dive)]
    frame_size: Option<FrameSize>,
    /// `category_id` of labels, for words that COCO does not have or that your dataset numbers otherwise.
    /// Absent: COCO's own numbers of its 80 words; `Person` is 1, `Vehicle` 3, and what has none 0.
    #[garde(skip)]
    categories: BTreeMap<String, u64>,
}

impl FileSettings for Settings {
    fn appends(&self, _constant: bool) -> bool {
        true
    }

    /// A benchmark's file is one file.
    fn rolling(&self) -> Rolling {
        Rolling::default()
    }

    fn content(&self, _data: Data, _instance: &InstanceInfo) -> Box<dyn Content> {
        let lower = |(label, id): (&String, &u64)| (label.to_lowercase(), *id);
        let categories = self.categories.iter().map(lower).collect();
        Box::new(Results { size: self.frame_size, categories })
    }
}

struct Results {
    size: Option<FrameSize>,
    categories: BTreeMap<String, u64>,
}

#[derive(Serialize)]
struct One {
    image_id: u64,
    category_id: u64,
    bbox: [f64; 4],
    score: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    track_id: Option<u64>,
}

impl Results {
    fn category(&self, label: &str) -> u64 {
        let label = label.to_lowercase();
        let own = self.categories.get(&label).copied();
        own.or_else(|| coco::category_id(&label)).unwrap_or(match label.as_str() {
            "vehicle" => 3,
            _ => 0,
        })
    }
}

impl Content for Results {
    fn write(
        &mut self,
        _head: &Head,
        item: &Item,
        _time_ms: i64,
        _counts: &mut Counts,
        out: &mut Vec<u8>,
    ) -> Result<u64, String> {
        let frame = Frame::read(item)?;
        let mut lines = 0;
        for seen in frame.seen() {
            let one = One {
                image_id: frame.frame_id,
                category_id: self.category(&seen.label),
                bbox: seen.pixels(frame.size(self.size)?),
                score: seen.confidence,
                track_id: seen.number(),
            };
            serde_json::to_writer(&mut *out, &one).map_err(|error| error.to_string())?;
            out.push(b'\n');
            lines += 1;
        }
        Ok(lines)
    }
}

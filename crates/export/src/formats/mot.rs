//! MOTChallenge text: what evaluation tools of trackers read (Dendorfer et al., "MOTChallenge: A Benchmark
//! for Single-Camera Multiple Target Tracking", 2020, section 3.4).
//!
//! `frame,id,left,top,width,height,confidence,-1,-1,-1`, frames and pixels counted from 1.

use std::io::Write as _;

use garde::Validate;
use schemars::JsonSchema;
use serde::Deserialize;
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
    name: "mot",
    title: "MOTChallenge",
    summary: "Tracks or detections as benchmarks of trackers read them, one box a line, in pixels",
    schemes: &["mot"],
    accepts: &[DataKind::Boxes],
    viewers: false,
    example: r#"{"uri": "mot:///tracks.txt", "sink": "output-tracks", "config": {"frame_size": {"width": 1920, "height": 1080}}}"#,
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
        Box::new(Lines { size: self.frame_size })
    }
}

struct Lines {
    size: Option<FrameSize>,
}

impl Content for Lines {
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
            let [left, top, width, height] = seen.pixels(frame.size(self.size)?);
            let id = seen.number().map_or_else(|| "-1".to_owned(), |number| number.to_string());
            let (left, top, confidence) = (left + 1.0, top + 1.0, seen.confidence);
            // Writing into memory does not fail.
            let _written = writeln!(
                out,
                "{},{id},{left:.3},{top:.3},{width:.3},{height:.3},{confidence},-1,-1,-1",
                frame.frame_id + 1
            );
            lines += 1;
        }
        Ok(lines)
    }
}

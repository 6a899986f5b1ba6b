//! `statistics`: how an instance runs, every 5 s of stream time.

pub(crate) mod v1;
pub(crate) mod v2;

use crate::convert::{Rule, value};

const fn number(v1: &'static str, v2: &'static str) -> Rule {
    Rule::Mapped { v1, v2, down: value::to_text, up: value::text_to_number }
}

const fn size(key: &'static str) -> Rule {
    Rule::Mapped { v1: key, v2: key, down: value::size_to_text, up: value::text_to_size }
}

/// How versions 1 and 2 correspond: the former has every value as text.
pub(crate) const RULES: &[&[Rule]] = &[&[
    Rule::Mapped {
        v1: "start_time",
        v2: "started_at",
        down: value::datetime_to_unix_text,
        up: value::unix_text_to_datetime,
    },
    number("frames_processed", "frames_processed"),
    number("dropped_frames_count", "frames_dropped"),
    number("current_framerate", "framerate"),
    number("source_framerate", "source_framerate"),
    number("latency", "latency_ms"),
    number("input_queue_size", "input_queue_size"),
    Rule::Same("format"),
    size("resolution"),
    size("source_resolution"),
]];

//! `Input.detector_*`: the user's own detector.

use crate::{
    instance::{Detector, DetectorFormat},
    object::Object,
    problem::Check,
};

/// A detector on a slow processor may need seconds for a frame; one that needs longer has hung.
const TIMEOUT_MS: u64 = 10_000;
/// Loading a model from a slow disk takes this long at most, like the start of an exporter.
const START_TIMEOUT_MS: u64 = 60_000;
/// Bounds of both: shorter would kill on a busy machine, longer hides that nothing comes.
const TIMEOUTS_MS: std::ops::RangeInclusive<u64> = 100..=3_600_000;
/// Narrower pictures show nothing; the upper end is GStreamer's own bound.
const WIDTHS: std::ops::RangeInclusive<u64> = 16..=32_767;

/// Reads all keys; those of a detector without a command have no effect, and are said to.
pub(crate) fn detector(check: &mut Check<'_>, object: &mut Object<'_>) -> Option<Detector> {
    const KEYS: [&str; 5] = [
        "detector_fps",
        "detector_width",
        "detector_format",
        "detector_timeout_ms",
        "detector_start_timeout_ms",
    ];
    let command = object.text(check, "detector_cmd").filter(|command| !command.trim().is_empty());
    let fps = object.number(check, KEYS[0], 0.0..=1000.0, "frames per second");
    let width = object.integer(check, KEYS[1], WIDTHS, "pixels");
    let formats = [
        ("BGR", DetectorFormat::Bgr),
        ("RGB", DetectorFormat::Rgb),
        ("GRAY8", DetectorFormat::Gray8),
        ("I420", DetectorFormat::I420),
    ];
    let format = object.choice(check, KEYS[2], &formats);
    let timeout_ms = object.integer(check, KEYS[3], TIMEOUTS_MS, "ms");
    let start_timeout_ms = object.integer(check, KEYS[4], TIMEOUTS_MS, "ms");
    let Some(command) = command else {
        for key in KEYS.iter().filter(|key| object.map.contains_key(**key)) {
            check.warn(&object.at(key), "has no effect without `detector_cmd`", "set it, or remove this");
        }
        return None;
    };
    Some(Detector {
        command: command.to_owned(),
        fps: fps.filter(|fps| *fps > 0.0),
        width: width.map(|width| width as u32),
        format: format.unwrap_or_default(),
        timeout_ms: timeout_ms.unwrap_or(TIMEOUT_MS),
        start_timeout_ms: start_timeout_ms.unwrap_or(START_TIMEOUT_MS),
    })
}

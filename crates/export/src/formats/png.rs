//! PNG files: single pictures without loss, now and then or with events.

use watchpost_config::Problem;

use super::stills::{self, Coding, StillSettings};
use crate::{
    format::{DataKind, Format, Plan, Request},
    settings,
};

/// See the module.
pub static FORMAT: Format = Format {
    name: "png",
    title: "PNG",
    summary: "Single pictures as PNG files, at intervals or with events",
    schemes: &["png"],
    accepts: &[DataKind::Pictures],
    viewers: false,
    example: r#"{"uri": "png:///pictures/{sys.count|pad:6}.png", "sink": "output-image", "config": {"when": {"every_s": 10}, "crop": {"x": 0.5, "y": 0, "width": 0.5, "height": 1}}}"#,
    settings: settings::own_schema::<StillSettings>,
    plan,
};

fn plan(request: &Request<'_>) -> Result<Plan, Vec<Problem>> {
    let mut problems = Vec::new();
    let settings = settings::read_own::<StillSettings>(request.handler, &mut problems);
    stills::plan(&FORMAT, request, settings.map(|still| (still, Coding::Png)), problems)
}

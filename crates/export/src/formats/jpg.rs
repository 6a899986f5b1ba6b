//! JPEG files: single pictures, now and then or with events.

use garde::Validate;
use schemars::JsonSchema;
use serde::Deserialize;
use watchpost_config::Problem;

use super::stills::{self, Coding, StillSettings};
use crate::{
    format::{DataKind, Format, Plan, Request},
    settings,
};

/// See the module.
pub static FORMAT: Format = Format {
    name: "jpg",
    title: "JPG",
    summary: "Single pictures as JPEG files, at intervals or with events",
    schemes: &["jpg"],
    accepts: &[DataKind::Pictures],
    viewers: false,
    example: r#"{"uri": "jpg:///pictures/{sys.count|pad:6}.jpg", "sink": "output-image", "config": {"quality": 85, "when": {"every_s": 10}}}"#,
    settings: settings::schema_of_both::<StillSettings, Settings>,
    plan,
};

/// Keys of `config` beside those of all single pictures.
#[derive(Clone, Debug, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// JPEG quality: 1 is small, 100 is good.
    #[garde(range(min = 1, max = 100))]
    quality: u8,
}

impl Default for Settings {
    fn default() -> Self {
        Self { quality: 90 }
    }
}

fn plan(request: &Request<'_>) -> Result<Plan, Vec<Problem>> {
    let mut problems = Vec::new();
    let settings = settings::read_both::<StillSettings, Settings>(request.handler, &mut problems);
    let settings = settings.map(|(still, own)| (still, Coding::Jpeg(own.quality)));
    stills::plan(&FORMAT, request, settings, problems)
}

//! Settings that all metadata formats share (PRODUCT section 10).

use std::collections::BTreeMap;

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchpost_config::{Handler, Problem};
use watchpost_schema::{SchemaId, Version};

use crate::{files::Retention, filter::Filter, format::Selection, settings::problem};

/// The common keys of a handler's `config`, beside `schema_events`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
pub struct Common {
    /// What one exported object is. Absent: `tabular` for CSV and TXT, `objects` for JSON.
    #[garde(skip)]
    pub shape: Option<Shape>,
    /// Pictures of what a stream's objects speak of. Records have theirs by subscribing to `crop`.
    #[garde(skip)]
    pub crops: Crops,
    /// Only the first moment in each step of this many seconds of stream time, 0.001 to 86 400: one object of a
    /// stream, or all records of one frame. Absent: all.
    #[garde(inner(range(min = 0.001, max = 86_400.0)))]
    pub every_s: Option<f64>,
    /// What of the selection is taken, and how much; every condition has to be met.
    #[garde(dive)]
    pub filter: Filter,
    /// What happens to what waits when the receiver cannot keep up.
    #[garde(skip)]
    pub when_behind: WhenBehind,
    /// How far the receiver may fall behind with `drop_oldest`; the first bound that is reached counts.
    #[garde(dive)]
    pub behind_max: Option<BehindMax>,
    /// `schedule`, in its time zone: read apart ([`crate::schedule`]), for formats of pictures have it too.
    #[garde(skip)]
    #[serde(skip)]
    pub schedule: Option<watchpost_model::Schedule>,
    /// How much stays of what the export has written: files per object, files that were rotated out, files of an
    /// earlier day, crops on disk. Absent: all of it.
    #[garde(dive)]
    pub retention: Option<Retention>,
    /// Each object of `output-detections` carries the rendered picture too, as `image`; a file with `crops: disk`.
    #[garde(skip)]
    pub output_image: bool,
}

/// What one exported object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// The record or stream object as it is.
    Objects,
    /// A flat row of fixed columns for each event, track or detection.
    Tabular,
}

/// Where the pictures of a stream's objects go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Crops {
    /// Left out.
    #[default]
    None,
    /// Base64 inside the object.
    Inline,
    /// Files in a folder beside, named by the object. In `exports/<export>-crops/`, with `retention`.
    Disk,
}

/// What happens to waiting deliveries when the receiver cannot keep up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhenBehind {
    /// They wait, up to the bound of the instance's log.
    #[default]
    Keep,
    /// Beyond `behind_max` the oldest are dropped, and counted.
    DropOldest,
}

/// How far a receiver may fall behind; the first bound that is reached counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
pub struct BehindMax {
    /// Records or objects that wait.
    #[garde(inner(range(min = 1)))]
    pub records: Option<u64>,
    /// Their size in bytes.
    #[garde(inner(range(min = 1)))]
    pub bytes: Option<u64>,
    /// Age of the oldest, in seconds.
    #[garde(inner(range(min = 0.001)))]
    pub seconds: Option<f64>,
}

impl Common {
    /// Holds the keys against what is exported.
    pub(crate) fn check(
        &self,
        handler: &Handler,
        selection: &Selection,
        problems: &mut Vec<Problem>,
        warnings: &mut Vec<Problem>,
    ) {
        self.filter.check(handler, selection, problems, warnings);
        let thins_events = |ids: &BTreeMap<SchemaId, Version>| ids.keys().any(|id| id.is_event());
        if self.every_s.is_some() && matches!(selection, Selection::Records(ids) if thins_events(ids)) {
            let message = "takes out events that happen between two steps";
            let fix = "set `filter.max_per_s` to bound a flood, or take `every_s` out";
            warnings.push(problem(handler, "/config/every_s", message, fix));
        }
    }

    /// What each key may hold but not in these combinations: the key, and what is wrong.
    pub(crate) fn conflicts(&self) -> Vec<(&'static str, &'static str)> {
        let bounded = self.behind_max.is_some_and(|max| max != BehindMax::default());
        let mut conflicts = Vec::new();
        if self.when_behind == WhenBehind::DropOldest && !bounded {
            conflicts.push((
                "when_behind",
                "`drop_oldest` needs a bound: add `behind_max` with `records`, `bytes` or `seconds`",
            ));
        }
        if self.when_behind == WhenBehind::Keep && bounded {
            conflicts.push(("behind_max", "has no effect with `keep`: set `when_behind` to `drop_oldest`"));
        }
        if self.retention == Some(Retention::default()) {
            conflicts.push(("retention", "has no bound: set `age_days`, `bytes` or `files`"));
        }
        conflicts
    }
}

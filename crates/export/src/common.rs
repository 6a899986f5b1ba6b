//! Settings that all metadata formats share (PRODUCT section 10).

use garde::Validate;
use schemars::JsonSchema;
use serde::Deserialize;

/// The common keys of a handler's `config`, beside `schema_events`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
pub struct Common {
    /// `objects`: as they are; `tabular`: flat rows with fixed columns. Absent: tabular for CSV and
    /// TXT, objects otherwise.
    #[garde(skip)]
    pub shape: Option<Shape>,
    /// Pictures of what a stream's objects speak of: left out, inside them, or as files beside.
    #[garde(skip)]
    pub crops: Crops,
    /// At most one object of the stream per this many seconds of stream time; absent: all.
    #[garde(inner(range(min = 0.001, max = 86_400.0)))]
    pub every_s: Option<f64>,
    /// What happens to what waits when the receiver cannot keep up.
    #[garde(skip)]
    pub when_behind: WhenBehind,
    /// How far it may fall behind with `drop_oldest`.
    #[garde(dive)]
    pub behind_max: Option<BehindMax>,
    /// Each detections object carries the rendered picture.
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Crops {
    /// Left out.
    #[default]
    None,
    /// Base64 inside the object.
    Inline,
    /// Files in a folder beside, named by the object.
    Disk,
}

/// What happens to waiting deliveries when the receiver cannot keep up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
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
    /// Waiting deliveries.
    #[garde(inner(range(min = 1)))]
    pub records: Option<u64>,
    /// Bytes of waiting deliveries.
    #[garde(inner(range(min = 1)))]
    pub bytes: Option<u64>,
    /// Age of the oldest waiting delivery, in seconds.
    #[garde(inner(range(min = 0.001)))]
    pub seconds: Option<f64>,
}

impl Common {
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
        conflicts
    }
}

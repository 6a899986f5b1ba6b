//! Areas and lines, with the options of REFERENCE "Analytics".

use crate::{ClassFilter, Id, Point, Schedule, StreamTime};

/// A polygon and what happens in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Area {
    /// Stable over renames.
    pub id: Id,
    /// As shown to people.
    pub name: String,
    /// RGBA, 0..1 each.
    pub color: [f32; 4],
    /// 3 or more corners; the last is joined to the first.
    pub vertices: Vec<Point>,
    /// Which classes may trigger it.
    pub classes: ClassFilter,
    /// The point of an object's box that must be inside.
    pub anchor: Anchor,
    /// Objects outside these limits do not count.
    pub sizes: SizeLimits,
    /// Objects that stand still do not count.
    pub ignore_stationary: bool,
    /// An object must be inside this long before it counts as entered (`enter_activation_delay`).
    pub enter_activation_delay: StreamTime,
    /// What it reports.
    pub triggers: AreaTriggers,
    /// When it is armed; `None`: always.
    pub schedule: Option<Schedule>,
}

/// What an area reports. Each switch is independent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AreaTriggers {
    /// `event-area-enter`.
    pub enter: bool,
    /// `event-area-exit`.
    pub exit: bool,
    /// `event-intrusion` and its end.
    pub intrusion: bool,
    /// `event-loitering` and its end, after this long inside.
    pub loitering: Option<StreamTime>,
    /// `event-crowd-detection`, from this many objects on.
    pub crowding: Option<u32>,
    /// `event-object-left-removed` (left), after this long.
    pub object_left: Option<StreamTime>,
    /// `event-object-left-removed` (removed), after this long.
    pub object_removed: Option<StreamTime>,
}

/// Which point of an object's box stands for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Anchor {
    /// The middle of the box.
    Center,
    /// The middle of its lower edge.
    #[default]
    BottomCenter,
}

/// Limits on the size of objects, in parts of the frame; both ends are included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SizeLimits {
    /// Smallest width.
    pub min_width: f32,
    /// Largest width.
    pub max_width: f32,
    /// Smallest height.
    pub min_height: f32,
    /// Largest height.
    pub max_height: f32,
}

impl Default for SizeLimits {
    /// Everything passes.
    fn default() -> Self {
        Self { min_width: 0.0, max_width: 1.0, min_height: 0.0, max_height: 1.0 }
    }
}

/// A line of two ends and what happens when it is crossed.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Stable over renames.
    pub id: Id,
    /// As shown to people.
    pub name: String,
    /// RGBA, 0..1 each.
    pub color: [f32; 4],
    /// From where to where.
    pub vertices: [Point; 2],
    /// Which classes may trigger it.
    pub classes: ClassFilter,
    /// The point of an object's box that must cross.
    pub anchor: Anchor,
    /// Objects outside these limits do not count.
    pub sizes: SizeLimits,
    /// Which way counts.
    pub direction: LineDirection,
    /// An object has crossed when it is this far beyond the line (`cross_bandwidth`, parts of the frame).
    pub cross_bandwidth: f32,
    /// It may cross again once it has been this far away (`cooldown_bandwidth`) and 3 s have passed.
    pub cooldown_bandwidth: f32,
    /// What it reports.
    pub triggers: LineTriggers,
    /// When it is armed; `None`: always.
    pub schedule: Option<Schedule>,
}

/// What a line reports. Each switch is independent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LineTriggers {
    /// `event-line-crossing`.
    pub crossing: bool,
    /// `event-tailgating`: two crossings at most this far apart.
    pub tailgating: Option<StreamTime>,
}

/// Which way across a line counts.
///
/// Down is the side that lies to the right of somebody who walks from the first vertex to the
/// second, seen on the screen: for a line drawn from left to right, the lower side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LineDirection {
    /// Towards the upper side.
    Up,
    /// Towards the lower side.
    Down,
    /// Either way.
    #[default]
    Both,
}

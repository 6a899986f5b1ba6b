//! What an instance chooses.

use watchpost_model::{Area, Id, Line, ObjectClass, Point};

use crate::IdSource;

/// What a [`crate::Securt`] is to do.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Areas, in the order in which their events of one frame are reported.
    pub areas: Vec<Area>,
    /// Lines; their events come before those of areas.
    pub lines: Vec<Line>,
    /// The class of objects found by motion (`Input.motion_class`).
    pub motion_class: ObjectClass,
    /// Privacy masks, polygons in parts of the frame: crops do not show what lies in them. The analysis sees it.
    pub masks: Vec<Vec<Point>>,
    /// Noise control off: every locked track, attribute and crop is reported
    /// (`SolutionManager.enable_debug`).
    pub debug: bool,
    /// The motion detector's own settings.
    pub motion: MotionSettings,
    /// Where ids come from.
    pub ids: IdSource,
    /// In which the user's own ids of tracks (`track_id`) are names: the instance's id. A track's id follows
    /// from the two, so that it is the same after a restart, and another in another instance.
    pub track_namespace: Id,
}

/// How the motion detector sees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MotionSettings {
    /// How little contrast makes an object.
    pub sensitivity: Sensitivity,
    /// Smallest object, in parts of the frame's area; a person far away in a wide view is 0.001.
    pub min_area: f32,
    /// How many pixels of a frame are looked at at most (`SolutionManager.input_pixel_limit`); a larger frame is
    /// reduced. Some 65 000 are looked at anyway, so only a lower limit changes anything.
    pub max_pixels: Option<u64>,
}

impl Default for MotionSettings {
    fn default() -> Self {
        Self { sensitivity: Sensitivity::Medium, min_area: 0.0004, max_pixels: None }
    }
}

/// How little contrast makes an object (`movementSensitivity` of REFERENCE "REST").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sensitivity {
    /// Noisy or windy scenes.
    Low,
    /// Most scenes.
    #[default]
    Medium,
    /// Clean pictures of low contrast.
    High,
}

impl Sensitivity {
    /// The least difference to the background, in steps of luma, that counts.
    pub(crate) const fn min_contrast(self) -> u8 {
        match self {
            Self::Low => 26,
            Self::Medium => 16,
            Self::High => 10,
        }
    }
}

//! `Output.render_preset`, `render_presets` and `privacy_masks`: what is drawn into exported pictures.

use watchpost_model::Point;

use crate::{
    object::{Object, as_object},
    problem::Check,
    zone_parts,
    zones::MAX_VERTICES,
};

/// Presets and masks of one instance; more than anybody keeps apart.
const MAX_PRESETS: usize = 64;
const MAX_MASKS: usize = 64;

/// What is drawn over exported pictures (`sink: "output-image"`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Render {
    /// `None`: clean pictures, but for the masks.
    pub draws: Option<Draws>,
    /// Polygons that are filled whatever the preset is: nobody sees what is behind them.
    pub masks: Vec<Vec<Point>>,
}

/// What a preset draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draws {
    /// A box around each object.
    pub boxes: bool,
    /// Its class and short name.
    pub labels: bool,
    /// Where it was in the last seconds.
    pub trails: bool,
    /// Areas with their names.
    pub areas: bool,
    /// Lines with their names.
    pub lines: bool,
    /// A thick frame and a word where an event happens.
    pub flashes: bool,
    /// Date and time at which the frame was taken, in the instance's time zone.
    pub timestamp: bool,
}

impl Default for Draws {
    /// The preset `Default`.
    fn default() -> Self {
        Self {
            boxes: true,
            labels: true,
            trails: true,
            areas: true,
            lines: true,
            flashes: true,
            timestamp: false,
        }
    }
}

pub(crate) fn render(check: &mut Check<'_>, object: &mut Object<'_>) -> Render {
    let own = presets(check, object);
    let name = object.text(check, "render_preset").unwrap_or_default();
    let draws = match name.to_ascii_lowercase().as_str() {
        "" | "none" => None,
        "default" => Some(Draws::default()),
        _ => {
            let known = own.iter().find(|(own, _)| own == name).map(|(_, draws)| *draws);
            if known.is_none() {
                let mut choices = vec!["\"Default\"".to_owned(), "\"NONE\"".to_owned(), "\"\"".to_owned()];
                choices.extend(own.iter().map(|(name, _)| format!("\"{name}\"")));
                let message = format!("no preset \"{name}\" here: pictures are exported clean");
                let fix = format!("expected one of {}, or define it in render_presets", choices.join(", "));
                check.warn(&object.at("render_preset"), message, fix);
            }
            known
        }
    };
    Render { draws, masks: masks(check, object) }
}

/// The user's own presets: what they do not say is as in `Default`.
fn presets(check: &mut Check<'_>, object: &mut Object<'_>) -> Vec<(String, Draws)> {
    let Some(map) = object.object(check, "render_presets") else { return Vec::new() };
    if map.map.len() > MAX_PRESETS {
        let message = format!("has {} presets", map.map.len());
        check.error(&map.path, message, format!("expected at most {MAX_PRESETS}"));
        return Vec::new();
    }
    let mut presets = Vec::new();
    for (name, value) in map.map {
        if ["", "none", "default"].contains(&name.to_ascii_lowercase().as_str()) {
            check.error(
                &map.at(name),
                "is the name of a preset that is there already",
                "choose another name",
            );
            continue;
        }
        let Some(mut preset) = as_object(check, value, map.at(name)) else { continue };
        let default = Draws::default();
        let mut one = |key, absent| preset.bool(check, key).unwrap_or(absent);
        let draws = Draws {
            boxes: one("boxes", default.boxes),
            labels: one("labels", default.labels),
            trails: one("trails", default.trails),
            areas: one("areas", default.areas),
            lines: one("lines", default.lines),
            flashes: one("flashes", default.flashes),
            timestamp: one("timestamp", default.timestamp),
        };
        preset.finish(check, &[]);
        presets.push((name.clone(), draws));
    }
    presets
}

fn masks(check: &mut Check<'_>, object: &mut Object<'_>) -> Vec<Vec<Point>> {
    let path = object.at("privacy_masks");
    let Some(items) = object.list(check, "privacy_masks") else { return Vec::new() };
    if items.len() > MAX_MASKS {
        check.error(&path, format!("has {} masks", items.len()), format!("expected at most {MAX_MASKS}"));
        return Vec::new();
    }
    let mut masks = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let Some(mut mask) = as_object(check, item, format!("{path}/{index}")) else { continue };
        masks.push(zone_parts::vertices(check, &mut mask, 3..=MAX_VERTICES));
        mask.finish(check, &[]);
    }
    masks
}

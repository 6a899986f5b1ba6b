//! Labels as masks of coverage: shaped and rasterised once, then kept for a while.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use cosmic_text::{Attrs, Buffer, Color, Family, FontSystem, Metrics, Shaping, SwashCache};
use parking_lot::Mutex;

/// Longest label in characters; more would cover the picture.
const MAX_CHARS: usize = 80;

/// Labels in each of the two generations that are kept. A label at 1080p has some 4 kB.
const MAX_KEPT: usize = 512;

/// Glyph images kept; beyond that all are made anew.
const MAX_GLYPHS: usize = 4096;

/// A rasterised label.
#[derive(Debug)]
pub(super) struct Mask {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Coverage, row by row.
    pub(super) cover: Vec<u8>,
}

/// One for the process: the fonts of a system are many, and labels repeat over instances.
static LABELS: LazyLock<Mutex<Labels>> = LazyLock::new(|| Mutex::new(Labels::new()));

/// The masks of several labels at `px` pixels; `None` for those that are empty or without a font.
pub(super) fn masks<'a>(labels: impl Iterator<Item = &'a str>, px: u32) -> Vec<Option<Arc<Mask>>> {
    let mut kept = LABELS.lock();
    labels.map(|label| kept.get(label, px)).collect()
}

/// Two generations: what was not asked for while a whole generation filled is dropped.
struct Labels {
    rasteriser: Option<Rasteriser>,
    young: HashMap<u32, HashMap<String, Arc<Mask>>>,
    old: HashMap<u32, HashMap<String, Arc<Mask>>>,
    young_count: usize,
}

impl Labels {
    fn new() -> Self {
        let rasteriser = Rasteriser::new();
        if rasteriser.is_none() {
            tracing::warn!(
                "no font is installed: boxes are drawn without text; install the Debian package fonts-dejavu-core"
            );
        }
        Self { rasteriser, young: HashMap::new(), old: HashMap::new(), young_count: 0 }
    }

    fn get(&mut self, label: &str, px: u32) -> Option<Arc<Mask>> {
        let rasteriser = self.rasteriser.as_mut()?;
        if label.is_empty() {
            return None;
        }
        if let Some(mask) = self.young.get(&px).and_then(|labels| labels.get(label)) {
            return Some(Arc::clone(mask));
        }
        let kept = self.old.get_mut(&px).and_then(|labels| labels.remove(label));
        let mask = match kept {
            Some(mask) => mask,
            None => Arc::new(rasteriser.draw(label, px)),
        };
        if self.young_count >= MAX_KEPT {
            self.old = std::mem::take(&mut self.young);
            self.young_count = 0;
        }
        self.young.entry(px).or_default().insert(label.to_owned(), Arc::clone(&mask));
        self.young_count += 1;
        Some(mask)
    }
}

/// Whether there is a font.
pub(super) fn has_font() -> bool {
    Rasteriser::new().is_some()
}

struct Rasteriser {
    fonts: FontSystem,
    glyphs: SwashCache,
}

impl Rasteriser {
    /// `None` if the system has no font.
    fn new() -> Option<Self> {
        let mut fonts = FontSystem::new();
        fonts.db().faces().next()?;
        let has = |family: &str| {
            fonts.db().faces().any(|face| face.families.iter().any(|(name, _)| name == family))
        };
        let family = ["DejaVu Sans", "Noto Sans", "Liberation Sans"].into_iter().find(|family| has(family));
        if let Some(family) = family {
            fonts.db_mut().set_sans_serif_family(family);
        }
        Some(Self { fonts, glyphs: SwashCache::new() })
    }

    fn draw(&mut self, label: &str, px: u32) -> Mask {
        let label: String =
            label.chars().take(MAX_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect();
        let line_height = (px as f32 * 1.25).ceil();
        let mut buffer = Buffer::new(&mut self.fonts, Metrics::new(px as f32, line_height));
        let attrs = Attrs::new().family(Family::SansSerif);
        buffer.set_text(&label, &attrs, Shaping::Advanced, None);
        buffer.shape_until_scroll(&mut self.fonts, false);
        let width = buffer.layout_runs().map(|run| run.line_w).fold(0.0, f32::max).ceil() as usize + 1;
        let height = line_height as usize;
        let mut cover = vec![0; width * height];
        buffer.draw(&mut self.fonts, &mut self.glyphs, Color::rgb(255, 255, 255), |x, y, _, _, color| {
            if let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y))
                && x < width
                && y < height
            {
                let pixel = &mut cover[y * width + x];
                *pixel = (*pixel).max(color.a());
            }
        });
        if self.glyphs.image_cache.len() > MAX_GLYPHS {
            self.glyphs = SwashCache::new();
        }
        Mask { width, height, cover }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_drawn_once_and_the_number_kept_is_bounded() {
        let one =
            masks(["Person"].into_iter(), 16).remove(0).expect("fonts-dejavu-core is installed by setup");
        assert!(one.width > 30 && one.height == 20, "{}x{}", one.width, one.height);
        assert!(one.cover.iter().filter(|cover| **cover > 128).count() > 50);
        let again = masks(["Person"].into_iter(), 16).remove(0).unwrap();
        assert!(Arc::ptr_eq(&one, &again));
        for n in 0..3 * MAX_KEPT {
            masks([format!("label {n}").as_str(), "Person"].into_iter(), 16);
        }
        let labels = LABELS.lock();
        let count =
            |map: &HashMap<u32, HashMap<String, Arc<Mask>>>| map.values().map(HashMap::len).sum::<usize>();
        assert!(count(&labels.young) + count(&labels.old) <= 2 * MAX_KEPT);
        drop(labels);
        assert!(masks(["", "日本語 🦀 \u{0} مرحبا", &"x".repeat(10_000)].into_iter(), 16)[0].is_none());
    }
}

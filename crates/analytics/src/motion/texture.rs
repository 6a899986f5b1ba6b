//! Shadows and ghosts: foreground that is no object, told by what lies under it.

use super::{background::Background, blobs::Blob, reduce::Plane8};

/// A shadow keeps more than this share of the light, in 1/256; what is darker is an object.
const DARKEST_SHADOW: i32 = 110;
/// A patch of light adds at most this share of light, in 1/256.
const BRIGHTEST_PATCH: i32 = 400;
/// Light scales texture; what is left over after scaling may be this much, in steps of luma.
const TEXTURE_LEFT: i32 = 7;
/// Neighbours at this distance show the texture.
const REACH: usize = 2;
/// A blob is light and no object if this share of its pixels has kept its texture.
const LIGHT_SHARE: f32 = 0.6;

/// Whether `blob` is the scene itself under other light: a shadow or a patch of light.
pub(crate) fn is_light(blob: &Blob, background: &Plane8, now: &Plane8) -> bool {
    let kept: u32 = blob
        .runs
        .iter()
        .filter(|run| (REACH..now.height - REACH).contains(&usize::from(run.y)))
        .map(|run| {
            let from = usize::from(run.from).max(REACH);
            let to = usize::from(run.to).min(now.width - REACH);
            (from..to).filter(|&x| keeps_texture(background, now, usize::from(run.y) * now.width + x)).count()
                as u32
        })
        .sum();
    kept as f32 > LIGHT_SHARE * blob.pixels as f32
}

fn keeps_texture(background: &Plane8, now: &Plane8, pixel: usize) -> bool {
    let (b, n) = (i32::from(background.data[pixel]), i32::from(now.data[pixel]));
    let ratio = n * 256 / b.max(1);
    if !(DARKEST_SHADOW..=BRIGHTEST_PATCH).contains(&ratio) {
        return false;
    }
    let rows = REACH * now.width;
    [pixel - REACH, pixel + REACH, pixel - rows, pixel + rows].into_iter().all(|q| {
        let expected = (i32::from(background.data[q]) * ratio) >> 8;
        (i32::from(now.data[q]) - expected).abs() <= TEXTURE_LEFT
    })
}

/// Whether `blob` is the hole that something left when it went: its outline is an edge of the
/// background and not of the picture.
pub(crate) fn is_ghost(blob: &Blob, background: &Plane8, now: &Plane8) -> bool {
    let Outline { then, today, sides } = outline(blob, background, now);
    sides >= 8 && then > 2 * today && then > 14 * sides
}

/// What the outline of a blob says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edges {
    /// It is an edge of the picture: something has come.
    Appeared,
    /// It is an edge of the background: something has gone.
    Vanished,
    /// It is as much the one as the other.
    Unclear,
}

/// Compares the edges along the outline of `blob`.
pub(crate) fn edges(blob: &Blob, background: &Plane8, now: &Plane8) -> Edges {
    let Outline { then, today, .. } = outline(blob, background, now);
    // Light that has changed leaves edges in both, and a floor of stones has some everywhere.
    match () {
        () if today > 2 * then => Edges::Appeared,
        () if then > 2 * today => Edges::Vanished,
        () => Edges::Unclear,
    }
}

/// Sums of the steps of luma across a blob's sides.
struct Outline {
    then: i32,
    today: i32,
    sides: i32,
}

fn outline(blob: &Blob, background: &Plane8, now: &Plane8) -> Outline {
    let (mut then, mut today, mut sides) = (0, 0, 0);
    for run in &blob.runs {
        let row = usize::from(run.y) * now.width;
        for x in [usize::from(run.from), usize::from(run.to)] {
            if x >= 2 && x + 1 < now.width {
                then += i32::from(background.data[row + x - 2].abs_diff(background.data[row + x + 1]));
                today += i32::from(now.data[row + x - 2].abs_diff(now.data[row + x + 1]));
                sides += 1;
            }
        }
    }
    Outline { then, today, sides }
}

/// Makes the picture under `blob` the background.
pub(crate) fn forget(blob: &Blob, background: &mut Background, now: &Plane8) {
    for run in &blob.runs {
        let from = usize::from(run.from).saturating_sub(2);
        let to = (usize::from(run.to) + 2).min(now.width);
        background.replace(&now.data, usize::from(run.y), from, to);
    }
}

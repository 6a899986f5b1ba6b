//! Puts together what the background broke apart, without knowing how large things are where.
//!
//! Only what stands above one another is merged here: a person in front of a fence or a white wall
//! breaks into head, trunk and legs. Beside one another stand different people; parts that a post
//! has cut are put together by the tracker, which knows who was there.

use super::blobs::Blob;

/// Of the narrower of two parts, this share must lie above or under the other.
const MIN_OVERLAP: f32 = 0.5;
/// The gap between two parts, as a share of the height of both together.
const MAX_GAP: f32 = 0.2;
/// What is this much taller than wide is no person.
const MAX_SLENDERNESS: f32 = 5.0;

/// Merges parts, then drops what has fewer than `min_pixels`.
pub(crate) fn merge(blobs: &mut Vec<Blob>, min_pixels: u32) {
    // Sorted by their left edge, only neighbours are compared: cost stays in line with their number.
    blobs.sort_by_key(|blob| (blob.left, blob.top));
    let mut index = 0;
    while index < blobs.len() {
        let right = blobs[index].right;
        let partner = (index + 1..blobs.len())
            .take_while(|&other| blobs[other].left < right)
            .find(|&other| belong_together(&blobs[index], &blobs[other]));
        match partner {
            Some(other) => {
                let part = blobs.remove(other);
                blobs[index].absorb(part);
            }
            None => index += 1,
        }
    }
    blobs.retain(|blob| blob.pixels >= min_pixels && blob.width() >= 2 && blob.height() >= 3);
}

fn belong_together(a: &Blob, b: &Blob) -> bool {
    let overlap = (a.right.min(b.right) - a.left.max(b.left)) as f32;
    let narrower = a.width().min(b.width()) as f32;
    let height = (a.bottom.max(b.bottom) - a.top.min(b.top)) as f32;
    let width = (a.right.max(b.right) - a.left.min(b.left)) as f32;
    let gap = (a.top.max(b.top) - a.bottom.min(b.bottom)) as f32;
    if overlap < MIN_OVERLAP * narrower || height > MAX_SLENDERNESS * width {
        return false;
    }
    // Two whole people, one behind the other, are both large: parts differ, or are of one height.
    gap <= (MAX_GAP * height).max(2.0)
        && !(a.height() as f32 > 0.45 * height && b.height() as f32 > 0.45 * height)
}

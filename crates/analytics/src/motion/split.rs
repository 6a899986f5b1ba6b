//! Takes apart what stands side by side in one blob: two people who walk together.
//!
//! A blob is cut where its columns hold few pixels, if what is left and right of there is about as tall
//! as the whole. A walker's legs and arms are wide too, but their columns are fullest in the middle.

use super::blobs::{Blob, Run};

/// Narrower blobs, in parts of their height, are one person.
const MIN_WIDTH: f32 = 0.55;
/// A cut is made where columns hold at most this share of the lower of the two sides' fullest ones.
const VALLEY: f32 = 0.45;
/// Either side must be this share of the blob's height, and this share of its width.
const SIDE_HEIGHT: f32 = 0.65;
const SIDE_WIDTH: f32 = 0.28;
/// More parts than this are a crowd or a hedge; what is left stays one.
const MAX_PARTS: usize = 8;

/// Replaces each blob by the parts that stand side by side in it.
pub(crate) fn split(blobs: &mut Vec<Blob>) {
    let mut index = 0;
    let limit = blobs.len() + MAX_PARTS;
    while index < blobs.len() {
        match cut(&blobs[index]) {
            Some(column) if blobs.len() < limit => {
                let (left, right) = halves(&blobs[index], column);
                blobs[index] = left;
                blobs.push(right);
            }
            _ => index += 1,
        }
    }
}

/// The column, in reduced pixels, at which the right part begins.
fn cut(blob: &Blob) -> Option<i32> {
    let (width, height) = (blob.width() as usize, blob.height() as f32);
    if width < 8 || (width as f32) < MIN_WIDTH * height {
        return None;
    }
    let mut counts = vec![0_u32; width];
    for run in &blob.runs {
        for column in run.from..run.to {
            counts[(i32::from(column) - blob.left) as usize] += 1;
        }
    }
    let margin = ((SIDE_WIDTH * width as f32) as usize).max(3);
    let column = (margin..width - margin).min_by_key(|&c| counts[c - 1] + counts[c] + counts[c + 1])?;
    let highest = |part: &[u32]| part.iter().max().copied().unwrap_or(0);
    let lower = highest(&counts[..column]).min(highest(&counts[column..]));
    if counts[column] as f32 > VALLEY * lower as f32 {
        return None;
    }
    let at = blob.left + column as i32;
    let (left, right) = halves(blob, at);
    let tall = |part: &Blob| part.height() as f32 >= SIDE_HEIGHT * height;
    (tall(&left) && tall(&right)).then_some(at)
}

fn halves(blob: &Blob, column: i32) -> (Blob, Blob) {
    let column = column as u16;
    let left =
        blob.runs.iter().filter(|run| run.from < column).map(|run| Run { to: run.to.min(column), ..*run });
    let right =
        blob.runs.iter().filter(|run| run.to > column).map(|run| Run { from: run.from.max(column), ..*run });
    (Blob::of(left.collect()), Blob::of(right.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(picture: &[&str]) -> Blob {
        let mut runs = Vec::new();
        for (y, row) in picture.iter().enumerate() {
            for (x, _) in row.bytes().enumerate().filter(|(_, b)| *b == b'#') {
                runs.push(Run { y: y as u16, from: x as u16, to: x as u16 + 1 });
            }
        }
        Blob::of(runs)
    }

    #[test]
    fn two_who_hold_hands_are_two_and_a_walker_is_one() {
        let couple = [
            "...##......##...",
            "..####....####..",
            "..############..",
            "..####....####..",
            "..####....####..",
            "..####....####..",
        ];
        let mut blobs = vec![blob(&couple)];
        split(&mut blobs);
        assert_eq!(blobs.len(), 2);
        assert_eq!(blobs[0].pixels + blobs[1].pixels, blob(&couple).pixels);
        let walker = [
            ".....##.....",
            "....####....",
            "..########..",
            "....####....",
            "...##..##...",
            "..##....##..",
            ".##......##.",
        ];
        let mut blobs = vec![blob(&walker)];
        split(&mut blobs);
        assert_eq!(blobs.len(), 1);
    }
}

//! A camera that shakes: by how many reduced pixels the picture is shifted against the background.

use super::reduce::Plane8;

/// The furthest shift that is looked for, in reduced pixels (12 pixels of a 1080p picture).
const REACH: usize = 2;

/// Sums of rows and of columns: a shift moves them, and comparing them costs next to nothing.
#[derive(Debug, Default)]
pub(crate) struct Profile {
    columns: Vec<u32>,
    rows: Vec<u32>,
}

impl Profile {
    pub fn take(&mut self, plane: &Plane8) {
        self.columns.clear();
        self.columns.resize(plane.width, 0);
        self.rows.clear();
        for y in 0..plane.height {
            let row = plane.row(y);
            self.rows.push(row.iter().map(|&v| u32::from(v)).sum());
            for (sum, &value) in self.columns.iter_mut().zip(row) {
                *sum += u32::from(value);
            }
        }
    }

    /// By how much (right, down) the picture of `self` is shifted against that of `still`.
    pub fn shift_against(&self, still: &Self) -> (isize, isize) {
        (best_shift(&self.columns, &still.columns), best_shift(&self.rows, &still.rows))
    }
}

fn best_shift(now: &[u32], still: &[u32]) -> isize {
    if now.len() != still.len() || now.len() < 8 * REACH {
        return 0;
    }
    let inner = REACH..now.len() - REACH;
    let mean = |profile: &[u32]| profile.iter().map(|&v| i64::from(v)).sum::<i64>() / profile.len() as i64;
    let light = mean(now) - mean(still);
    let error = |shift: isize| -> i64 {
        let moved = now[(inner.start as isize + shift) as usize..].iter();
        still[inner.clone()]
            .iter()
            .zip(moved)
            .map(|(&s, &n)| (i64::from(n) - i64::from(s) - light).abs())
            .sum()
    };
    let still_error = error(0);
    let reach = REACH as isize;
    let (best, least) =
        (-reach..=reach).map(|shift| (shift, error(shift))).min_by_key(|&(_, error)| error).unwrap_or((0, 0));
    // Objects that move change the profiles too: only a shift that explains most of the change counts.
    if least * 10 < still_error * 7 { best } else { 0 }
}

/// Moves `plane` back by a shift, repeating its border.
pub(crate) fn unshift(plane: &mut Plane8, (right, down): (isize, isize), spare: &mut Vec<u8>) {
    spare.clear();
    spare.extend_from_slice(&plane.data);
    let (w, h) = (plane.width as isize, plane.height as isize);
    for y in 0..h {
        let from = (y + down).clamp(0, h - 1) * w;
        for x in 0..w {
            plane.data[(y * w + x) as usize] = spare[(from + (x + right).clamp(0, w - 1)) as usize];
        }
    }
}

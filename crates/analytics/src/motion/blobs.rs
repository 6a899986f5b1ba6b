//! Connected components of a mask, by runs.

/// Pixels `from..to` of row `y`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub y: u16,
    pub from: u16,
    pub to: u16,
}

/// A connected component, or several that were merged. Bounds are in reduced pixels; `right` and
/// `bottom` lie just outside.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Blob {
    pub left: i32,
    pub top: i32,
    pub right: i32,
    pub bottom: i32,
    /// Set pixels.
    pub pixels: u32,
    pub runs: Vec<Run>,
}

impl Blob {
    /// The blob that `runs` make up.
    pub fn of(runs: Vec<Run>) -> Self {
        let mut blob =
            Self { left: i32::MAX, top: i32::MAX, right: 0, bottom: 0, pixels: 0, runs: Vec::new() };
        for run in &runs {
            blob.left = blob.left.min(i32::from(run.from));
            blob.right = blob.right.max(i32::from(run.to));
            blob.top = blob.top.min(i32::from(run.y));
            blob.bottom = blob.bottom.max(i32::from(run.y) + 1);
            blob.pixels += u32::from(run.to - run.from);
        }
        blob.runs = runs;
        blob
    }

    pub fn width(&self) -> i32 {
        self.right - self.left
    }

    pub fn height(&self) -> i32 {
        self.bottom - self.top
    }

    /// Takes over the pixels of `other`.
    pub fn absorb(&mut self, other: Self) {
        self.left = self.left.min(other.left);
        self.top = self.top.min(other.top);
        self.right = self.right.max(other.right);
        self.bottom = self.bottom.max(other.bottom);
        self.pixels += other.pixels;
        self.runs.extend(other.runs);
    }
}

/// Finds components; keeps its buffers between frames.
#[derive(Debug, Default)]
pub(crate) struct Labeller {
    runs: Vec<Run>,
    parents: Vec<u32>,
    blob_of_root: Vec<u32>,
}

/// More runs than this are no picture but noise: a 340-wide plane of stripes has fewer.
const MAX_RUNS: usize = 40_000;

impl Labeller {
    /// The 8-connected components of `mask` with at least `min_pixels`, from top to bottom.
    pub fn blobs(&mut self, mask: &[u8], width: usize, min_pixels: u32) -> Vec<Blob> {
        self.runs.clear();
        self.parents.clear();
        let mut above = 0..0;
        for (y, row) in mask.chunks_exact(width).enumerate() {
            let first = self.runs.len();
            push_runs(row, y as u16, &mut self.runs);
            if self.runs.len() > MAX_RUNS {
                return Vec::new();
            }
            self.parents.extend(first as u32..self.runs.len() as u32);
            let mut candidate = above.start;
            for here in first..self.runs.len() {
                let run = self.runs[here];
                while candidate < above.end && self.runs[candidate].to < run.from {
                    candidate += 1;
                }
                let mut other = candidate;
                while other < above.end && self.runs[other].from <= run.to {
                    self.join(other as u32, here as u32);
                    other += 1;
                }
            }
            above = first..self.runs.len();
        }
        self.collect(min_pixels)
    }

    fn collect(&mut self, min_pixels: u32) -> Vec<Blob> {
        let mut groups: Vec<Vec<Run>> = Vec::new();
        self.blob_of_root.clear();
        self.blob_of_root.resize(self.runs.len(), u32::MAX);
        for index in 0..self.runs.len() {
            let root = self.root(index as u32) as usize;
            if self.blob_of_root[root] == u32::MAX {
                self.blob_of_root[root] = groups.len() as u32;
                groups.push(Vec::new());
            }
            groups[self.blob_of_root[root] as usize].push(self.runs[index]);
        }
        groups.into_iter().map(Blob::of).filter(|blob| blob.pixels >= min_pixels).collect()
    }

    fn root(&mut self, mut index: u32) -> u32 {
        while self.parents[index as usize] != index {
            let up = self.parents[self.parents[index as usize] as usize];
            self.parents[index as usize] = up;
            index = up;
        }
        index
    }

    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        self.parents[a.max(b) as usize] = a.min(b);
    }
}

fn push_runs(row: &[u8], y: u16, runs: &mut Vec<Run>) {
    let mut x = 0;
    while x < row.len() {
        // Most of a picture is background: skip it eight pixels at a time.
        if let Some(eight) = row.get(x..x + 8)
            && eight.iter().fold(0, |all, &v| all | v) == 0
        {
            x += 8;
            continue;
        }
        if row[x] == 0 {
            x += 1;
            continue;
        }
        let from = x;
        while x < row.len() && row[x] != 0 {
            x += 1;
        }
        runs.push(Run { y, from: from as u16, to: x as u16 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_u_is_one_blob_and_its_dot_another() {
        let picture = ["#.....#..", "#.....#..", "#..#..#..", "#.....#..", "######..."];
        let mask: Vec<u8> = picture.iter().flat_map(|row| row.bytes().map(|b| u8::from(b == b'#'))).collect();
        let blobs = Labeller::default().blobs(&mask, 9, 1);
        assert_eq!(blobs.len(), 2);
        assert_eq!((blobs[0].left, blobs[0].right, blobs[0].bottom, blobs[0].pixels), (0, 7, 5, 14));
        assert_eq!((blobs[1].left, blobs[1].top, blobs[1].pixels), (3, 2, 1));
    }
}

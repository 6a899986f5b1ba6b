//! Morphology on masks of 0 and 1, a byte a pixel.

/// Scratch planes, so that a frame allocates nothing.
#[derive(Debug)]
pub(crate) struct Morphology {
    width: usize,
    height: usize,
    spare: Vec<u8>,
}

impl Morphology {
    pub fn new(width: usize, height: usize) -> Self {
        Self { width, height, spare: vec![0; width * height] }
    }

    /// Keeps a pixel if at least `votes` of the nine around it are set: noise goes, pinholes fill.
    pub fn majority(&mut self, mask: &mut [u8], votes: u8) {
        let w = self.width;
        for (row, out) in mask.chunks_exact(w).zip(self.spare.chunks_exact_mut(w)) {
            for x in 1..w - 1 {
                out[x] = row[x - 1] + row[x] + row[x + 1];
            }
            out[0] = row[0] + row[1];
            out[w - 1] = row[w - 1] + row[w - 2];
        }
        for y in 0..self.height {
            let above = &self.spare[y.saturating_sub(1) * w..][..w];
            let here = &self.spare[y * w..][..w];
            let below = &self.spare[(y + 1).min(self.height - 1) * w..][..w];
            let out = &mut mask[y * w..][..w];
            for x in 0..w {
                out[x] = u8::from(above[x] + here[x] + below[x] >= votes);
            }
        }
    }

    /// Closes gaps of up to 2 × `radius` rows within a column: what breaks a person in parts lies
    /// between head, trunk and legs.
    pub fn close_columns(&mut self, mask: &mut [u8], radius: usize) {
        for _ in 0..radius {
            self.neighbours_of_column(mask, |a, b, c| a | b | c);
        }
        for _ in 0..radius {
            self.neighbours_of_column(mask, |a, b, c| a & b & c);
        }
    }

    /// Closes gaps of up to two pixels within a row.
    pub fn close_rows(&mut self, mask: &mut [u8]) {
        self.neighbours_of_row(mask, |a, b, c| a | b | c);
        self.neighbours_of_row(mask, |a, b, c| a & b & c);
    }

    fn neighbours_of_column(&mut self, mask: &mut [u8], join: impl Fn(u8, u8, u8) -> u8) {
        let w = self.width;
        self.spare.copy_from_slice(mask);
        for y in 0..self.height {
            let above = &self.spare[y.saturating_sub(1) * w..][..w];
            let here = &self.spare[y * w..][..w];
            let below = &self.spare[(y + 1).min(self.height - 1) * w..][..w];
            let out = &mut mask[y * w..][..w];
            for x in 0..w {
                out[x] = join(above[x], here[x], below[x]);
            }
        }
    }

    fn neighbours_of_row(&mut self, mask: &mut [u8], join: impl Fn(u8, u8, u8) -> u8) {
        let w = self.width;
        self.spare.copy_from_slice(mask);
        for (row, out) in self.spare.chunks_exact(w).zip(mask.chunks_exact_mut(w)) {
            for x in 1..w - 1 {
                out[x] = join(row[x - 1], row[x], row[x + 1]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_goes_and_gaps_close() {
        let (w, h) = (20, 20);
        let mut mask = vec![0; w * h];
        mask[5 * w + 5] = 1;
        for y in 8..18 {
            for x in 8..14 {
                mask[y * w + x] = u8::from(y != 12 && y != 13);
            }
        }
        let mut morphology = Morphology::new(w, h);
        morphology.majority(&mut mask, 4);
        assert_eq!(mask[5 * w + 5], 0);
        morphology.close_columns(&mut mask, 2);
        assert_eq!((mask[12 * w + 10], mask[13 * w + 10]), (1, 1));
    }
}

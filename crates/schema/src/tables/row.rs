//! The rows of one object: the cells of its frame stay from row to row, the others are written anew.

use super::Cell;
use crate::streams::FRAME_KEYS;

const FRAME: usize = FRAME_KEYS.len();

/// Cells of a table with so many columns.
pub(super) struct Row<'a, const COLUMNS: usize>([Cell<'a>; COLUMNS]);

impl<'a, const COLUMNS: usize> Row<'a, COLUMNS> {
    /// A row that begins with the cells of a frame.
    pub(super) fn of(frame: [Cell<'a>; FRAME]) -> Self {
        let mut row = [const { Cell::Empty }; COLUMNS];
        for (cell, of_frame) in row.iter_mut().zip(frame) {
            *cell = of_frame;
        }
        Self(row)
    }

    /// The row with `own` as the cells behind the frame's.
    pub(super) fn with<const OWN: usize>(&mut self, own: [Cell<'a>; OWN]) -> &[Cell<'a>] {
        const { assert!(FRAME + OWN == COLUMNS) };
        for (cell, own) in self.0[FRAME..].iter_mut().zip(own) {
            *cell = own;
        }
        &self.0
    }
}

//! One moment of a source: its clocks and, for video, its picture.

use std::{fmt, sync::Arc};

use crate::{StreamTime, Timestamp};

/// One moment of a source. Cheap to clone: pixels are shared.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Counts analysed and skipped frames of the source alike, from 0; goes on counting over loops.
    pub id: u64,
    /// The stream's clock.
    pub time: StreamTime,
    /// The wall clock the frame was taken at.
    pub timestamp: Timestamp,
    /// Picture size; `None` where there is no picture (bare detections).
    pub size: Option<Size>,
    /// The decoded picture; `None` where there is none.
    pub image: Option<Image>,
}

/// Width and height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Size {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// How an [`Image`]'s planes hold its pixels. Chroma is 4:2:0, 8 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PixelFormat {
    /// Three planes: Y, U, V; U and V at half width and height, rounded up.
    I420,
    /// Two planes: Y, then U and V interleaved.
    Nv12,
    /// One plane: Y.
    Gray8,
}

/// A decoded picture. Cloning shares the pixels.
#[derive(Clone, Debug)]
pub struct Image {
    /// Layout of `planes`.
    pub format: PixelFormat,
    /// Size of the luma plane.
    pub size: Size,
    /// As many as `format` says, Y first.
    pub planes: Vec<Plane>,
}

impl Image {
    /// The luma plane.
    pub fn luma(&self) -> &Plane {
        &self.planes[0]
    }
}

/// Rows of bytes, the memory of which belongs to whoever decoded them.
#[derive(Clone)]
pub struct Plane {
    data: Arc<dyn AsRef<[u8]> + Send + Sync>,
    offset: usize,
    /// Bytes from the start of a row to the start of the next.
    pub stride: usize,
    /// Rows.
    pub rows: usize,
}

impl Plane {
    /// A plane that starts `offset` bytes into `data`.
    ///
    /// # Errors
    /// Returns `None` if `data` is too short for `rows` of `stride` bytes; the last row may lack
    /// its padding as long as `row_bytes` of it are there.
    pub fn new(
        data: Arc<dyn AsRef<[u8]> + Send + Sync>,
        offset: usize,
        stride: usize,
        rows: usize,
        row_bytes: usize,
    ) -> Option<Self> {
        let needed = rows.checked_sub(1)?.checked_mul(stride)?.checked_add(row_bytes)?.checked_add(offset)?;
        (row_bytes <= stride && needed <= (*data).as_ref().len()).then_some(Self {
            data,
            offset,
            stride,
            rows,
        })
    }

    /// The bytes from the first row on, padding included.
    pub fn bytes(&self) -> &[u8] {
        &(*self.data).as_ref()[self.offset..]
    }

    /// The first `length` bytes of row `index`.
    pub fn row(&self, index: usize, length: usize) -> &[u8] {
        let start = index * self.stride;
        &self.bytes()[start..start + length]
    }
}

impl fmt::Debug for Plane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plane")
            .field("stride", &self.stride)
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

//! From a picture back to a buffer, without copying pixels.

use std::sync::{Arc, LazyLock};

use gstreamer as gst;
use gstreamer_video as gst_video;
use parking_lot::Mutex;
use watchpost_model::{Image, PixelFormat, Plane, Size};

use crate::{MediaError, MediaErrorKind, Rate, decode::plane_extent};

/// A plane as GStreamer's memory: keeps the picture alive as long as the encoder needs it.
struct PlaneMemory {
    plane: Plane,
    length: usize,
}

impl AsRef<[u8]> for PlaneMemory {
    fn as_ref(&self) -> &[u8] {
        &self.plane.bytes()[..self.length]
    }
}

/// `image` as a buffer that shares its planes. Gray becomes I420 with chroma that says "no colour":
/// x264enc takes no gray, and luma needs no change.
pub(crate) fn buffer(image: &Image) -> Result<gst::Buffer, MediaError> {
    let failed = |what: &str| {
        let message = "a picture does not fit its own layout; this is a defect of whoever made it";
        MediaError::new(MediaErrorKind::Internal, message, format!("{what}: {image:?}"))
    };
    let mut buffer = gst::Buffer::new();
    let mut offsets = Vec::with_capacity(3);
    let mut strides = Vec::with_capacity(3);
    let mut filled = 0;
    let chroma = if image.format == PixelFormat::Gray8 { gray_chroma(image.size) } else { Vec::new() };
    let writable = buffer.get_mut().ok_or_else(|| failed("buffer"))?;
    for (index, plane) in image.planes.iter().chain(&chroma).enumerate() {
        let (rows, row_bytes) = plane_extent(layout(image.format), image.size, index);
        let length = rows.saturating_sub(1) * plane.stride + row_bytes;
        if plane.rows < rows || plane.bytes().len() < length {
            return Err(failed("plane"));
        }
        offsets.push(filled);
        strides.push(i32::try_from(plane.stride).map_err(|_| failed("stride"))?);
        writable.append_memory(gst::Memory::from_slice(PlaneMemory { plane: plane.clone(), length }));
        filled += length;
    }
    let Size { width, height } = image.size;
    let flags = gst_video::VideoFrameFlags::empty();
    let format = gst_format(image.format);
    gst_video::VideoMeta::add_full(writable, flags, format, width, height, &offsets, &strides)
        .map_err(|error| failed(&error.to_string()))?;
    Ok(buffer)
}

/// The caps of [`buffer`]'s result.
pub(crate) fn caps(format: PixelFormat, size: Size, fps: Rate) -> Option<gst::Caps> {
    gst_video::VideoInfo::builder(gst_format(format), size.width, size.height)
        .fps(fps.to_gst())
        .build()
        .and_then(|info| info.to_caps())
        .ok()
}

const fn layout(format: PixelFormat) -> PixelFormat {
    match format {
        PixelFormat::Gray8 => PixelFormat::I420,
        other => other,
    }
}

pub(crate) const fn gst_format(format: PixelFormat) -> gst_video::VideoFormat {
    match format {
        PixelFormat::Nv12 => gst_video::VideoFormat::Nv12,
        PixelFormat::I420 | PixelFormat::Gray8 => gst_video::VideoFormat::I420,
    }
}

/// Two planes of 128, made once for a size.
fn gray_chroma(size: Size) -> Vec<Plane> {
    type Cached = Option<(Size, Arc<Vec<u8>>)>;
    static LAST: LazyLock<Mutex<Cached>> = LazyLock::new(|| Mutex::new(None));
    let (rows, row_bytes) = plane_extent(PixelFormat::I420, size, 1);
    let mut last = LAST.lock();
    let data = match &*last {
        Some((cached, data)) if *cached == size => Arc::clone(data),
        _ => {
            let data = Arc::new(vec![128; rows * row_bytes]);
            *last = Some((size, Arc::clone(&data)));
            data
        }
    };
    (0..2).filter_map(|_| Plane::new(data.clone(), 0, row_bytes, rows, row_bytes)).collect()
}

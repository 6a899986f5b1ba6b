//! From a sample to a picture that shares the decoder's memory.

use std::sync::Arc;

use gstreamer as gst;
use gstreamer_video as gst_video;
use watchpost_model::{Image, PixelFormat, Plane, Size};

use crate::{MediaError, MediaErrorKind};

/// Threads that one conversion may use, where a source's format must be converted at all.
const CONVERSION_THREADS: u32 = 2;

/// Makes pictures of samples; converts those whose format is not I420, NV12 or GRAY8.
pub(super) struct PictureMaker {
    info: Option<gst_video::VideoInfo>,
    converter: Option<gst_video::VideoConverter>,
}

impl PictureMaker {
    pub(super) const fn new() -> Self {
        Self { info: None, converter: None }
    }

    /// What the samples are, from the first one on.
    pub(super) fn info(&self) -> Option<&gst_video::VideoInfo> {
        self.info.as_ref()
    }

    /// The picture in `buffer`.
    pub(super) fn make(&mut self, caps: &gst::CapsRef, buffer: gst::Buffer) -> Result<Image, MediaError> {
        let failed = |what: &str| {
            let message = format!("the decoder gave a picture that cannot be read ({what})");
            MediaError::new(MediaErrorKind::Internal, message, caps)
        };
        let parsed;
        let info = match &self.info {
            Some(info) if info.is_same(caps) => info,
            _ => {
                parsed = gst_video::VideoInfo::from_caps(caps).map_err(|_| failed("no raw video"))?;
                self.converter = None;
                &*self.info.insert(parsed)
            }
        };
        if let Some(format) = shared_format(info.format()) {
            return share(info, format, buffer).ok_or_else(|| failed("too short"));
        }
        let target = gst_video::VideoInfo::builder(gst_video::VideoFormat::I420, info.width(), info.height())
            .build()
            .map_err(|_| failed("size"))?;
        if self.converter.is_none() {
            let mut config = gst_video::VideoConverterConfig::new();
            config.set_threads(CONVERSION_THREADS);
            let made = gst_video::VideoConverter::new(info, &target, Some(config));
            self.converter = Some(made.map_err(|_| failed("cannot be converted to I420"))?);
        }
        let source = gst_video::VideoFrame::from_buffer_readable(buffer, info).map_err(|_| failed("map"))?;
        let room = gst::Buffer::with_size(target.size()).map_err(|_| failed("memory"))?;
        let mut converted =
            gst_video::VideoFrame::from_buffer_writable(room, &target).map_err(|_| failed("memory"))?;
        if let Some(converter) = &self.converter {
            converter.frame(&source, &mut converted);
        }
        share(&target, PixelFormat::I420, converted.into_buffer()).ok_or_else(|| failed("conversion"))
    }
}

/// Compares by what matters for reading pixels.
trait SameAs {
    fn is_same(&self, caps: &gst::CapsRef) -> bool;
}

impl SameAs for gst_video::VideoInfo {
    fn is_same(&self, caps: &gst::CapsRef) -> bool {
        caps.structure(0).is_some_and(|s| {
            s.get::<&str>("format") == Ok(self.format().to_str().as_str())
                && s.get::<i32>("width").ok() == i32::try_from(self.width()).ok()
                && s.get::<i32>("height").ok() == i32::try_from(self.height()).ok()
        })
    }
}

fn shared_format(format: gst_video::VideoFormat) -> Option<PixelFormat> {
    match format {
        gst_video::VideoFormat::I420 | gst_video::VideoFormat::Yv12 => Some(PixelFormat::I420),
        gst_video::VideoFormat::Nv12 => Some(PixelFormat::Nv12),
        gst_video::VideoFormat::Gray8 => Some(PixelFormat::Gray8),
        _ => None,
    }
}

fn share(info: &gst_video::VideoInfo, format: PixelFormat, buffer: gst::Buffer) -> Option<Image> {
    let count = if format == PixelFormat::I420 { 3 } else { info.n_planes() as usize };
    let meta = buffer.meta::<gst_video::VideoMeta>();
    let layout: Vec<(usize, i32)> = match &meta {
        Some(meta) => meta.offset().iter().copied().zip(meta.stride().iter().copied()).collect(),
        None => info.offset().iter().copied().zip(info.stride().iter().copied()).collect(),
    };
    let size = Size { width: info.width(), height: info.height() };
    let data: Arc<dyn AsRef<[u8]> + Send + Sync> = Arc::new(buffer.into_mapped_buffer_readable().ok()?);
    let planes = (0..count).map(|index| {
        // YV12 is I420 with its chroma planes the other way round.
        let swapped = if info.format() == gst_video::VideoFormat::Yv12 { [0, 2, 1][index] } else { index };
        let (offset, stride) = *layout.get(swapped)?;
        let (rows, row_bytes) = plane_extent(format, size, index);
        Plane::new(Arc::clone(&data), offset, usize::try_from(stride).ok()?, rows, row_bytes)
    });
    Some(Image { format, size, planes: planes.collect::<Option<_>>()? })
}

/// Rows, and bytes of pixels in each, of one plane.
pub(crate) fn plane_extent(format: PixelFormat, size: Size, plane: usize) -> (usize, usize) {
    let (width, height) = (size.width as usize, size.height as usize);
    match (format, plane) {
        (_, 0) => (height, width),
        (PixelFormat::Nv12, _) => (height.div_ceil(2), width.div_ceil(2) * 2),
        (_, _) => (height.div_ceil(2), width.div_ceil(2)),
    }
}

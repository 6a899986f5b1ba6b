//! Pictures as bytes for a program outside: in its layout, at most so wide, without padding.

use gstreamer as gst;
use gstreamer_video as gst_video;
use watchpost_model::{Image, PixelFormat, Size};

use crate::{MediaError, MediaErrorKind, encode::wrap};

/// Threads that one conversion may use.
const CONVERSION_THREADS: u32 = 2;

/// How the bytes are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RawFormat {
    /// Blue, green, red.
    Bgr,
    /// Red, green, blue.
    Rgb,
    /// Brightness.
    Gray8,
    /// A plane of brightness, then U and V at half size, rounded up.
    I420,
}

impl RawFormat {
    /// GStreamer's name of it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bgr => "BGR",
            Self::Rgb => "RGB",
            Self::Gray8 => "GRAY8",
            Self::I420 => "I420",
        }
    }

    const fn gst(self) -> gst_video::VideoFormat {
        match self {
            Self::Bgr => gst_video::VideoFormat::Bgr,
            Self::Rgb => gst_video::VideoFormat::Rgb,
            Self::Gray8 => gst_video::VideoFormat::Gray8,
            Self::I420 => gst_video::VideoFormat::I420,
        }
    }
}

/// A picture as bytes.
pub struct RawPicture {
    /// Its size.
    pub size: Size,
    /// Bytes from a row to the next of the first plane; nothing is between rows.
    pub stride: usize,
    memory: gst::buffer::MappedBuffer<gst::buffer::Readable>,
}

impl AsRef<[u8]> for RawPicture {
    fn as_ref(&self) -> &[u8] {
        &self.memory
    }
}

/// Makes [`RawPicture`]s.
pub struct RawConverter {
    format: RawFormat,
    max_width: Option<u32>,
    made: Option<Made>,
}

/// For pictures of one format and size.
struct Made {
    of: (PixelFormat, Size),
    input: gst_video::VideoInfo,
    output: gst_video::VideoInfo,
    converter: gst_video::VideoConverter,
}

impl RawConverter {
    /// Pictures wider than `max_width` are scaled down to it and keep their shape.
    pub const fn new(format: RawFormat, max_width: Option<u32>) -> Self {
        Self { format, max_width, made: None }
    }

    /// The bytes of `image`.
    ///
    /// # Errors
    /// No memory, or a picture that does not fit its own layout.
    pub fn convert(&mut self, image: &Image) -> Result<RawPicture, MediaError> {
        crate::init()?;
        let failed = |what: &str| {
            let message = "a picture cannot be converted for the detector";
            MediaError::new(MediaErrorKind::Internal, message, format!("{what}: {image:?}"))
        };
        let of = (image.format, image.size);
        let made = match &mut self.made {
            Some(made) if made.of == of => made,
            slot => slot
                .insert(make(self.format, self.max_width, of).map_err(|error| failed(&error.to_string()))?),
        };
        let buffer = wrap::buffer(image)?;
        let source =
            gst_video::VideoFrame::from_buffer_readable(buffer, &made.input).map_err(|_| failed("map"))?;
        let room = gst::Buffer::with_size(made.output.size()).map_err(|_| failed("memory"))?;
        let mut target =
            gst_video::VideoFrame::from_buffer_writable(room, &made.output).map_err(|_| failed("memory"))?;
        made.converter.frame(&source, &mut target);
        let memory = target.into_buffer().into_mapped_buffer_readable().map_err(|_| failed("map"))?;
        let size = Size { width: made.output.width(), height: made.output.height() };
        Ok(RawPicture { size, stride: made.output.stride()[0] as usize, memory })
    }
}

fn make(
    format: RawFormat,
    max_width: Option<u32>,
    (pixels, size): (PixelFormat, Size),
) -> Result<Made, gst::glib::BoolError> {
    let target = scaled(size, max_width);
    let input = gst_video::VideoInfo::builder(wrap::gst_format(pixels), size.width, size.height).build()?;
    let (width, height) = (target.width as usize, target.height as usize);
    let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
    // Without padding: a program can take all bytes as one array.
    let (strides, offsets) = match format {
        RawFormat::Bgr | RawFormat::Rgb => (vec![width * 3], vec![0]),
        RawFormat::Gray8 => (vec![width], vec![0]),
        RawFormat::I420 => (
            vec![width, half_width, half_width],
            vec![0, width * height, width * height + half_width * half_height],
        ),
    };
    let strides: Vec<i32> = strides.into_iter().map(|stride| stride as i32).collect();
    let bytes = match format {
        RawFormat::I420 => width * height + 2 * half_width * half_height,
        _ => strides[0] as usize * height,
    };
    let output = gst_video::VideoInfo::builder(format.gst(), target.width, target.height)
        .stride(&strides)
        .offset(&offsets)
        .size(bytes)
        .build()?;
    let mut config = gst_video::VideoConverterConfig::new();
    config.set_threads(CONVERSION_THREADS);
    let converter = gst_video::VideoConverter::new(&input, &output, Some(config))?;
    Ok(Made { of: (pixels, size), input, output, converter })
}

fn scaled(size: Size, max_width: Option<u32>) -> Size {
    match max_width.filter(|max| *max < size.width) {
        None => size,
        Some(width) => {
            let height = (f64::from(size.height) * f64::from(width) / f64::from(size.width)).round() as u32;
            Size { width, height: height.max(1) }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use watchpost_model::Plane;

    use super::*;

    /// Left half black, right half white, in an odd size with padding.
    fn picture(size: Size) -> Image {
        let (width, height) = (size.width as usize, size.height as usize);
        let stride = width + 5;
        let mut luma = vec![16_u8; stride * height];
        for row in luma.chunks_mut(stride) {
            row[width / 2..].fill(235);
        }
        let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
        let plane = |data: Vec<u8>, stride, rows, row_bytes| {
            Plane::new(Arc::new(data), 0, stride, rows, row_bytes).unwrap()
        };
        let chroma = || plane(vec![128; half_width * half_height], half_width, half_height, half_width);
        let planes = vec![plane(luma, stride, height, width), chroma(), chroma()];
        Image { format: PixelFormat::I420, size, planes }
    }

    #[test]
    fn every_layout_is_without_padding_and_in_its_own_order() {
        let image = picture(Size { width: 45, height: 31 });
        for (format, stride, bytes) in [
            (RawFormat::Bgr, 135, 135 * 31),
            (RawFormat::Rgb, 135, 135 * 31),
            (RawFormat::Gray8, 45, 45 * 31),
            (RawFormat::I420, 45, 45 * 31 + 2 * 23 * 16),
        ] {
            let raw = RawConverter::new(format, None).convert(&image).unwrap();
            assert_eq!((raw.stride, raw.as_ref().len()), (stride, bytes), "{format:?}");
            let last_of_row = raw.as_ref()[stride - 1];
            assert!(last_of_row >= 235 && raw.as_ref()[0] <= 16, "{format:?}");
        }
    }

    #[test]
    fn wide_pictures_are_scaled_down_and_keep_their_shape() {
        let image = picture(Size { width: 640, height: 360 });
        let mut converter = RawConverter::new(RawFormat::Bgr, Some(320));
        let raw = converter.convert(&image).unwrap();
        assert_eq!((raw.size, raw.as_ref().len()), (Size { width: 320, height: 180 }, 320 * 180 * 3));
        let narrow = converter.convert(&picture(Size { width: 200, height: 100 })).unwrap();
        assert_eq!(narrow.size, Size { width: 200, height: 100 });
    }
}

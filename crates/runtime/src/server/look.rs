//! The last picture of an instance, as a file. Encoded for who asks, outside the instance's own threads, and once
//! for all who ask the same.

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::Semaphore;
use watchpost_media::{RawConverter, RawFormat};
use watchpost_model::{Image, PixelFormat, Plane, Size};

use super::{OperationError, Server};
use crate::glance::Shot;

/// Pictures encoded at the same time: viewers share what analysis and encoders leave of the machine.
static ENCODING: Semaphore = Semaphore::const_new(1);
/// Enough to look at; a quarter of the bytes of the best.
const QUALITY: u8 = 80;
/// How long a viewer waits for the next picture before it is told that there is none.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long one who wants it rendered waits for the first that is.
const FIRST_RENDERED: Duration = Duration::from_millis(700);

/// What somebody wants to see.
#[derive(Clone, Copy, Debug, Default)]
pub struct Look {
    /// With boxes, areas and lines, as `render_preset` says, and not clean.
    pub rendered: bool,
    /// Pixels in a row, at most.
    pub max_width: Option<u32>,
    /// The frame seen last: wait for another.
    pub after: Option<u64>,
}

/// A picture to be looked at.
#[derive(Clone, Debug)]
pub struct Looked {
    /// A JPEG file.
    pub jpeg: Bytes,
    /// Which frame it is.
    pub frame_id: u64,
    /// Stream clock, ms.
    pub frame_time_ms: f64,
    /// Wall clock it was taken at, Unix ms.
    pub timestamp_ms: i64,
    /// The source's size.
    pub size: Size,
    /// What is in it.
    pub boxes: Vec<SeenBox>,
}

/// Something in a picture.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SeenBox {
    /// Its track.
    #[schemars(with = "String", extend("format" = "uuid"))]
    pub track_id: watchpost_model::Id,
    /// `Person`, `Vehicle`, ...
    pub object_class: String,
    /// Left edge, in parts of the width.
    pub x: f64,
    /// Upper edge, in parts of the height.
    pub y: f64,
    /// In parts of the width.
    pub width: f64,
    /// In parts of the height.
    pub height: f64,
    /// 0 to 1.
    pub confidence: f64,
}

impl Server {
    /// The last picture of an instance; `None` if there is none yet, or no other than the one seen last comes
    /// within 5 s.
    ///
    /// # Errors
    /// No such instance, or the picture cannot be encoded.
    pub async fn look(&self, instance: &str, look: Look) -> Result<Option<Looked>, OperationError> {
        let glance = self.find(instance)?.view().glance().clone();
        let mut shots = glance.watch(look.rendered);
        if let Some(after) = look.after {
            let is_other = |shot: &Option<Arc<Shot>>| shot.as_ref().is_some_and(|s| s.frame.id != after);
            match tokio::time::timeout(PATIENCE, shots.wait_for(is_other)).await {
                Ok(Ok(_)) => {}
                _ => return Ok(None),
            }
        }
        let masked = shots.borrow().as_ref().is_some_and(|shot| shot.masked);
        if look.rendered || masked {
            let is_rendered = |shot: &Option<Arc<Shot>>| shot.as_ref().is_some_and(|s| s.rendered.is_some());
            // Who does not draw, or stands still, is shown as it is.
            let _in_vain = tokio::time::timeout(FIRST_RENDERED, shots.wait_for(is_rendered)).await;
        }
        let Some(shot) = shots.borrow().clone() else { return Ok(None) };
        let rendered = shot.rendered.as_ref().filter(|_| look.rendered || shot.masked);
        let image = rendered.or(shot.frame.image.as_ref().filter(|_| !shot.masked));
        let Some(image) = image.cloned() else { return Ok(None) };
        let size = shot.frame.size.unwrap_or(image.size);
        let key = (look.rendered || shot.masked, look.max_width.unwrap_or(0).min(size.width));
        let jpeg = match shot.jpeg(key) {
            Some(jpeg) => jpeg,
            None => {
                let _turn = ENCODING.acquire().await.map_err(OperationError::failed)?;
                match shot.jpeg(key) {
                    Some(jpeg) => jpeg,
                    None => {
                        let max_width = look.max_width;
                        let encoded = tokio::task::spawn_blocking(move || encode(&image, max_width)).await;
                        let jpeg =
                            encoded.map_err(OperationError::failed)?.map_err(OperationError::failed)?;
                        shot.keep_jpeg(key, jpeg.clone());
                        jpeg
                    }
                }
            }
        };
        let boxes = shot.boxes.iter().map(|boxed| SeenBox {
            track_id: boxed.track_id,
            object_class: boxed.class.clone(),
            x: boxed.rect.x.into(),
            y: boxed.rect.y.into(),
            width: boxed.rect.width.into(),
            height: boxed.rect.height.into(),
            confidence: boxed.confidence.into(),
        });
        Ok(Some(Looked {
            jpeg,
            frame_id: shot.frame.id,
            frame_time_ms: shot.frame.time.as_ms(),
            timestamp_ms: shot.frame.timestamp.0,
            size,
            boxes: boxes.collect(),
        }))
    }
}

/// A JPEG file of `image`, at most so wide.
pub(super) fn encode(image: &Image, max_width: Option<u32>) -> Result<Bytes, watchpost_media::MediaError> {
    let smaller = max_width.filter(|width| *width < image.size.width).map(|width| shrink(image, width));
    let smaller = smaller.transpose()?.flatten();
    watchpost_media::jpeg(smaller.as_ref().unwrap_or(image), None, QUALITY).map(Bytes::from)
}

/// As a `data:` URL, for answers that are JSON.
pub(super) fn data_url(jpeg: &[u8]) -> String {
    format!("data:image/jpeg;base64,{}", STANDARD.encode(jpeg))
}

fn shrink(image: &Image, width: u32) -> Result<Option<Image>, watchpost_media::MediaError> {
    let gray = image.format == PixelFormat::Gray8;
    let format = if gray { RawFormat::Gray8 } else { RawFormat::I420 };
    let raw = RawConverter::new(format, Some(width)).convert(image)?;
    let size = raw.size;
    let (w, h) = (size.width as usize, size.height as usize);
    let (half_w, half_h) = (w.div_ceil(2), h.div_ceil(2));
    let data: Arc<dyn AsRef<[u8]> + Send + Sync> = Arc::new(raw);
    let luma = Plane::new(data.clone(), 0, w, h, w);
    let chroma = |offset| Plane::new(data.clone(), offset, half_w, half_h, half_w);
    let planes = if gray {
        luma.map(|luma| vec![luma])
    } else {
        luma.zip(chroma(w * h)).zip(chroma(w * h + half_w * half_h)).map(|((y, u), v)| vec![y, u, v])
    };
    let format = if gray { PixelFormat::Gray8 } else { PixelFormat::I420 };
    Ok(planes.map(|planes| Image { format, size, planes }))
}

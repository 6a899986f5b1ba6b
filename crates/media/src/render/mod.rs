//! Boxes, areas, lines and labels drawn straight onto the planes of a picture.

mod canvas;
mod overlay;
mod pool;
mod text;

use std::sync::Arc;

use watchpost_model::{Image, Plane, Point, Rect, Size};

use canvas::{Canvas, Ink, OPAQUE, PlaneMut, Scratch};
pub use overlay::{Color, Flash, Overlay, OverlayArea, OverlayBox, OverlayLine};
use pool::{Pool, PooledBytes};
use text::Mask;

use crate::decode::plane_extent;

/// Rows begin at multiples of this, as vector instructions like it.
const ROW_ALIGNMENT: usize = 32;

/// Parts of 256 that fillings cover.
const AREA: u16 = 40;
const AREA_ACTIVE: u16 = 96;
const LABEL: u16 = 216;
const TRAIL: u16 = 160;

/// Whether this system has any font to draw labels with.
pub(crate) fn has_font() -> bool {
    text::has_font()
}

/// Draws overlays. One for each stream: it keeps the buffers of drawn pictures for reuse.
#[derive(Default)]
pub struct Renderer {
    pool: Arc<Pool>,
}

impl Renderer {
    /// A renderer without buffers yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// `image` with `overlay` drawn on it. `image` itself stays as it is: others may be reading it.
    /// An image whose planes do not fit its size is given back as it is.
    pub fn draw(&mut self, image: &Image, overlay: &Overlay) -> Image {
        self.try_draw(image, overlay).unwrap_or_else(|| image.clone())
    }

    fn try_draw(&self, image: &Image, overlay: &Overlay) -> Option<Image> {
        let (mut bytes, layout) = self.copy(image)?;
        let mut planes = Vec::with_capacity(layout.len());
        let mut rest = bytes.bytes_mut();
        for PlaneLayout { stride, rows, .. } in &layout {
            let (data, after) = rest.split_at_mut(stride * rows);
            planes.push(PlaneMut { data, stride: *stride });
            rest = after;
        }
        let chroma = planes.split_off(1);
        let luma = planes.pop()?;
        Painter::new(Canvas { size: image.size, luma, chroma, scratch: Scratch::default() }).paint(overlay);

        let data: Arc<PooledBytes> = Arc::new(bytes);
        let mut offset = 0;
        let planes = layout.into_iter().map(|PlaneLayout { stride, rows, row_bytes }| {
            let plane = Plane::new(data.clone(), offset, stride, rows, row_bytes);
            offset += stride * rows;
            plane
        });
        Some(Image { format: image.format, size: image.size, planes: planes.collect::<Option<_>>()? })
    }

    /// A copy of the pixels, and how it lies.
    fn copy(&self, image: &Image) -> Option<(PooledBytes, Vec<PlaneLayout>)> {
        let mut layout = Vec::with_capacity(image.planes.len());
        for (index, plane) in image.planes.iter().enumerate() {
            let (rows, row_bytes) = plane_extent(image.format, image.size, index);
            let needed = rows.checked_sub(1)? * plane.stride + row_bytes;
            if row_bytes > plane.stride || plane.bytes().len() < needed {
                return None;
            }
            layout.push(PlaneLayout { stride: row_bytes.next_multiple_of(ROW_ALIGNMENT), rows, row_bytes });
        }
        let mut bytes = self.pool.take(layout.iter().map(|plane| plane.stride * plane.rows).sum());
        let mut rest = bytes.bytes_mut();
        for (plane, PlaneLayout { stride, rows, row_bytes }) in image.planes.iter().zip(&layout) {
            let (target, after) = rest.split_at_mut(stride * rows);
            // Rows that lie alike go at once.
            match plane.bytes().get(..stride * rows).filter(|_| plane.stride == *stride) {
                Some(all) => target.copy_from_slice(all),
                None => {
                    for (row, target) in target.chunks_exact_mut(*stride).enumerate() {
                        target[..*row_bytes].copy_from_slice(plane.row(row, *row_bytes));
                    }
                }
            }
            rest = after;
        }
        Some((bytes, layout))
    }
}

/// Where a plane lies in a drawn picture; all in bytes but `rows`.
struct PlaneLayout {
    stride: usize,
    rows: usize,
    row_bytes: usize,
}

/// Draws one overlay on one canvas.
struct Painter<'a> {
    canvas: Canvas<'a>,
    width: f32,
    height: f32,
    /// Width of strokes, in pixels: 2, and more on large pictures.
    thick: i32,
    /// Height of letters, in pixels.
    text_px: u32,
}

impl<'a> Painter<'a> {
    fn new(canvas: Canvas<'a>) -> Self {
        let Size { width, height } = canvas.size;
        Self {
            width: width as f32,
            height: height as f32,
            thick: ((height + 240) / 480).clamp(2, 8) as i32,
            text_px: (height / 45).clamp(12, 48),
            canvas,
        }
    }

    fn paint(&mut self, overlay: &Overlay) {
        let ink = self.ink(Color::DARK);
        for mask in &overlay.masks {
            let corners: Vec<[f32; 2]> = mask.iter().map(|point| self.point(*point)).collect();
            self.canvas.polygon(&corners, ink, OPAQUE);
        }
        for area in &overlay.areas {
            self.area(area);
        }
        for line in &overlay.lines {
            self.line(line);
        }
        for object in &overlay.boxes {
            self.trail(object);
        }
        for object in overlay.boxes.iter().filter(|object| object.framed) {
            let ink = self.ink(object.color);
            self.canvas.frame(self.pixels(object.rect), self.thick, ink);
        }
        for flash in &overlay.flashes {
            let ink = self.ink(flash.color);
            let thick = self.thick * 2;
            let [left, top, right, bottom] = self.pixels(flash.rect);
            self.canvas.frame([left - thick, top - thick, right + thick, bottom + thick], thick, ink);
        }
        self.labels(overlay);
    }

    /// Labels last, so that no frame hides one; rasterised together, for one look into the cache.
    fn labels(&mut self, overlay: &Overlay) {
        let mut labels: Vec<(&str, Color, [i32; 2])> = Vec::new();
        for area in overlay.areas.iter().filter(|area| area.vertices.len() > 2) {
            let top = area.vertices.iter().copied().reduce(|a, b| if b.y < a.y { b } else { a });
            let [x, y] = self.point(top.unwrap_or_default());
            labels.push((&area.label, area.color, [x as i32, y as i32]));
        }
        for line in &overlay.lines {
            let [x, y] = self.point(line.vertices[0]);
            labels.push((&line.label, line.color, [x as i32, y as i32]));
        }
        for object in &overlay.boxes {
            let [left, top, ..] = self.pixels(object.rect);
            labels.push((&object.label, object.color, [left, top]));
        }
        for flash in &overlay.flashes {
            let [left, top, ..] = self.pixels(flash.rect);
            labels.push((&flash.label, flash.color, [left - self.thick * 2, top - self.thick * 2]));
        }
        labels.push((&overlay.timestamp, Color::DARK, [0, 0]));
        let masks = text::masks(labels.iter().map(|(label, ..)| *label), self.text_px);
        for ((_, color, at), mask) in labels.iter().zip(masks) {
            if let Some(mask) = mask {
                self.label(&mask, *color, *at);
            }
        }
    }

    /// A label that stands on `at`, moved to where it is whole.
    fn label(&mut self, mask: &Mask, color: Color, [left, bottom]: [i32; 2]) {
        let pad = self.text_px as i32 / 4;
        let (width, height) = (mask.width as i32 + 2 * pad, mask.height as i32);
        let left = left.min(self.canvas.size.width as i32 - width).max(0);
        let top = (bottom - height).min(self.canvas.size.height as i32 - height).max(0);
        let paper = self.ink(color);
        self.canvas.fill([left, top, left + width, top + height], paper, LABEL);
        let text = if color.is_light() { Color::DARK } else { Color::new(255, 255, 255) };
        let ink = self.ink(text);
        self.canvas.mask(&mask.cover, mask.width, [left + pad, top], ink);
    }

    fn area(&mut self, area: &OverlayArea) {
        let corners: Vec<[f32; 2]> = area.vertices.iter().map(|point| self.point(*point)).collect();
        if corners.len() < 3 {
            return;
        }
        let ink = self.ink(area.color);
        self.canvas.polygon(&corners, ink, if area.active { AREA_ACTIVE } else { AREA });
        for (index, from) in corners.iter().enumerate() {
            let to = corners[(index + 1) % corners.len()];
            self.canvas.stroke(*from, to, self.thick as f32, ink, OPAQUE);
        }
    }

    fn line(&mut self, line: &OverlayLine) {
        let ink = self.ink(line.color);
        let [from, to] = line.vertices.map(|point| self.point(point));
        let thick = self.thick as f32 * if line.active { 3.0 } else { 1.5 };
        self.canvas.stroke(from, to, thick, ink, OPAQUE);
    }

    fn trail(&mut self, object: &OverlayBox) {
        let ink = self.ink(object.color);
        for pair in object.trail.windows(2) {
            let (from, to) = (self.point(pair[0]), self.point(pair[1]));
            self.canvas.stroke(from, to, self.thick as f32, ink, TRAIL);
        }
    }

    fn ink(&self, color: Color) -> Ink {
        Ink::new(color, self.canvas.size)
    }

    /// In pixels; far outside is cut to near outside, so that no sum overflows.
    fn point(&self, point: Point) -> [f32; 2] {
        let bounded = |part: f32| if part.is_finite() { part.clamp(-1.0, 2.0) } else { 0.0 };
        [bounded(point.x) * self.width, bounded(point.y) * self.height]
    }

    fn pixels(&self, rect: Rect) -> [i32; 4] {
        let [left, top] = self.point(Point::new(rect.x, rect.y));
        let [right, bottom] = self.point(Point::new(rect.x + rect.width, rect.y + rect.height));
        // Even corners: a frame's colour then lies exactly on its chroma samples.
        [left, top, right, bottom].map(|edge| edge.round() as i32 & !1)
    }
}

#[cfg(test)]
mod tests;

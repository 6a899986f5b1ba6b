//! Finds what moves: adaptive background subtraction on a small luma plane.
//!
//! A frame goes through these steps, each in its own file: reduce, undo the camera's shake, follow
//! the light, compare with the background, clean the mask, find blobs, drop shadows and ghosts, merge
//! fragments, learn.

mod background;
mod blobs;
mod fragments;
mod light;
mod mask;
mod reduce;
mod scene;
mod shake;
mod split;
mod stillness;
mod texture;
mod vanished;

use watchpost_model::{Image, Rect, StreamTime};

use self::{reduce::Reducer, scene::Scene};
use crate::settings::MotionSettings;

pub(crate) use self::{blobs::Blob, texture::Edges, vanished::Vanished};

/// What moves, seen in one frame.
#[derive(Clone, Debug)]
pub(crate) struct MotionBlob {
    /// In parts of the frame.
    pub rect: Rect,
    /// By contrast, 0..1.
    pub confidence: f32,
    /// Its pixels.
    pub blob: Blob,
    /// Whether it lies still; only where that is watched.
    pub rest: Option<Rest>,
}

/// What lies still, and whether it came or is the place of something that went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rest {
    /// Share of its pixels that have not changed for a second.
    pub still: f32,
    pub edges: Edges,
}

/// What is to be found besides what moves. Costs nothing where nobody asks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Watch {
    /// Whether blobs lie still ([`MotionBlob::rest`]).
    pub rest: bool,
    /// What has gone from the scene, and for how long that is asked.
    pub vanished: Option<StreamTime>,
}

/// Finds what moves in the frames of one camera.
#[derive(Debug)]
pub(crate) struct MotionDetector {
    settings: MotionSettings,
    watch: Watch,
    /// What lies here must not be learnt.
    held: Vec<Rect>,
    scene: Option<Scene>,
}

impl MotionDetector {
    pub fn new(settings: MotionSettings) -> Self {
        Self { settings, watch: Watch::default(), held: Vec::new(), scene: None }
    }

    /// What to look for from the next frame on.
    pub fn watch(&mut self, watch: Watch) {
        self.watch = watch;
    }

    /// The places of which what lies there must not become background, from the next frame on.
    pub fn hold(&mut self, places: Vec<Rect>) {
        self.held = places;
    }

    /// What has gone from the scene and not come back.
    pub fn vanished(&self) -> Vec<Vanished> {
        self.scene.iter().flat_map(Scene::vanished).collect()
    }

    /// Whether the picture within `rect` has been as it is for longer than `span`: who was followed there has not
    /// gone but become part of the scene. Spans above 50 s count as that.
    pub fn is_unchanged(&self, rect: &Rect, span: StreamTime) -> bool {
        self.scene.as_ref().is_some_and(|scene| scene.is_unchanged(rect, span))
    }

    /// Width and height of a reduced pixel in parts of the frame; nothing before the first frame.
    pub fn pixel_size(&self) -> Option<(f32, f32)> {
        self.scene.as_ref().map(Scene::pixel_size)
    }

    /// What moves in `image`, at `time` on the stream's clock. A picture of another size than the
    /// last starts anew.
    pub fn detect(&mut self, image: &Image, time: StreamTime) -> Vec<MotionBlob> {
        if self.scene.as_ref().is_none_or(|scene| scene.source() != image.size) {
            let reducer = Reducer::new(image.size, self.settings.max_pixels);
            let (width, height) = reducer.reduced();
            if width < 16 || height < 16 {
                return Vec::new();
            }
            self.scene = Some(Scene::new(reducer, width, height, self.settings));
        }
        let (settings, watch) = (self.settings, self.watch);
        self.scene
            .as_mut()
            .map_or_else(Vec::new, |scene| scene.detect(image, time, settings, watch, &self.held))
    }
}

#[cfg(test)]
mod tests;

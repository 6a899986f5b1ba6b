//! The scene of one camera: the state of every step from a frame to its blobs.

use watchpost_model::{Image, Rect, Size, StreamTime};

use super::{
    MotionBlob, Rest, Watch,
    background::{Background, HELD},
    blobs::{Blob, Labeller},
    fragments,
    light::light_change,
    mask::Morphology,
    reduce::{Plane8, Reducer},
    shake::{Profile, unshift},
    split,
    stillness::Stillness,
    texture,
    vanished::{Places, Vanished},
};
use crate::settings::MotionSettings;

/// The background learns at this pace, whatever the frame rate.
const LEARN_EVERY: StreamTime = StreamTime::from_nanos(200_000_000);
/// After so many pictures, `LEARN_EVERY` apart, the scene is taken anew from their median: the first
/// is early enough to see something, the last late enough for those who stood there to have gone.
const MEDIANS_AT: [usize; 3] = [4, 12, 25];
/// Foreground above this share of the picture is no object: the camera was turned, or a lamp went on.
const MOST_FOREGROUND: f32 = 0.6;
/// So long may that last before the scene is learnt anew.
const BLIND_FOR: StreamTime = StreamTime::from_nanos(1_000_000_000);
/// A pixel that has changed between object and background in half of the last updates flickers.
const FLICKERS: u8 = 120;
/// What was in the scene for less than this is not missed when it goes: it may only have stood there when the
/// camera was switched on, as people do who talk for half a minute.
const SETTLED_AFTER: StreamTime = StreamTime::from_nanos(30_000_000_000);
/// A blob that overlaps a held place by this share is what lies there.
const HELD_SHARE: f32 = 0.4;
/// What has not changed is unchanged in this share of its box; the rest may be its shadow.
const UNCHANGED_SHARE: f32 = 0.6;
/// Gaps of up to twice so many reduced rows are closed.
const CLOSE_ROWS: usize = 3;

/// Everything that depends on the picture's size.
#[derive(Debug)]
pub(super) struct Scene {
    reducer: Reducer,
    now: Plane8,
    background: Background,
    mask: Vec<u8>,
    objects: Vec<u8>,
    /// The mask at the last update, and how often each pixel has changed lately, 0..255.
    mask_before: Vec<u8>,
    flicker: Vec<u8>,
    spare: Vec<u8>,
    morphology: Morphology,
    labeller: Labeller,
    profile: Profile,
    still_profile: Profile,
    learning: Learning,
    learned_at: Option<StreamTime>,
    blind_since: Option<StreamTime>,
    /// Since when the scene is known.
    following_since: Option<StreamTime>,
    stillness: Option<Stillness>,
    gone: Places,
}

/// How well the scene is known.
#[derive(Debug)]
enum Learning {
    /// Pictures are gathered for medians.
    Starting(Vec<Vec<u8>>),
    /// The scene is known and follows slowly.
    Following,
}

impl Scene {
    pub fn new(reducer: Reducer, width: usize, height: usize, settings: MotionSettings) -> Self {
        Self {
            reducer,
            now: Plane8::new(width, height),
            background: Background::new(width, height, settings.sensitivity.min_contrast()),
            mask: vec![0; width * height],
            objects: vec![0; width * height],
            mask_before: vec![0; width * height],
            flicker: vec![0; width * height],
            spare: Vec::new(),
            morphology: Morphology::new(width, height),
            labeller: Labeller::default(),
            profile: Profile::default(),
            still_profile: Profile::default(),
            learning: Learning::Starting(Vec::new()),
            learned_at: None,
            blind_since: None,
            following_since: None,
            stillness: None,
            gone: Places::default(),
        }
    }

    /// What moves in `image`.
    pub fn detect(
        &mut self,
        image: &Image,
        time: StreamTime,
        settings: MotionSettings,
        watch: Watch,
        held: &[Rect],
    ) -> Vec<MotionBlob> {
        self.reducer.reduce(image, &mut self.now);
        if watch.rest != self.stillness.is_some() {
            self.stillness = watch.rest.then(|| Stillness::new(self.now.data.len()));
        }
        let known = match &self.learning {
            Learning::Starting(pictures) => pictures.len() >= MEDIANS_AT[0],
            Learning::Following => true,
        };
        let mut found = Vec::new();
        if known {
            found = self.foreground(time, settings, watch);
        }
        // A clock that jumps back (a loop) is a reason to go on, not to wait for the old time.
        if self.learned_at.is_none_or(|at| time < at || time.since(at) >= LEARN_EVERY) {
            self.learned_at = Some(time);
            if let Some(stillness) = &mut self.stillness {
                stillness.update(&self.now.data);
            }
            self.gone.update(&self.now, watch.vanished.unwrap_or_default(), time);
            self.learn(&found, held, time);
        }
        found
    }

    /// Size of the pictures this was made for.
    pub fn source(&self) -> Size {
        self.reducer.source()
    }

    /// What has gone and not come back.
    pub fn vanished(&self) -> impl Iterator<Item = Vanished> + '_ {
        self.gone.list()
    }

    /// Whether the picture within `rect` has been as it is for longer than `span`.
    pub fn is_unchanged(&self, rect: &Rect, span: StreamTime) -> bool {
        let Some(stillness) = &self.stillness else { return false };
        let (x, y) = self.pixel_size();
        let (width, height) = (self.now.width, self.now.height);
        let column = |part: f32| ((part / x).round().max(0.0) as usize).min(width);
        let row = |part: f32| ((part / y).round().max(0.0) as usize).min(height);
        let within = (column(rect.x), row(rect.y), column(rect.x + rect.width), row(rect.y + rect.height));
        let updates = (span.as_nanos() / LEARN_EVERY.as_nanos() + 2).min(250) as u8;
        stillness.share_within(within, width, updates) > UNCHANGED_SHARE
    }

    /// What the whole factor cuts off at the right and lower edge of the picture must not stretch
    /// the rest, so this is not quite one over the reduced size.
    pub fn pixel_size(&self) -> (f32, f32) {
        let (source, factor) = (self.reducer.source(), self.reducer.factor() as f32);
        (factor / source.width as f32, factor / source.height as f32)
    }

    /// Follows the light, undoes the camera's shake, and compares with the background; returns how
    /// many pixels differ. A shift that leaves more of them than no shift was none.
    fn compare(&mut self) -> usize {
        self.profile.take(&self.now);
        let shift = self.profile.shift_against(&self.still_profile);
        if let Some(change) = light_change(&self.background.picture, &self.now) {
            self.background.retone(change.gain, change.offset);
            if let Some(stillness) = &mut self.stillness {
                stillness.retone(change.gain, change.offset);
            }
        }
        self.background.compare(&self.now.data, &mut self.mask);
        let set = count(&self.mask);
        if shift == (0, 0) {
            return set;
        }
        unshift(&mut self.now, shift, &mut self.spare);
        self.background.compare(&self.now.data, &mut self.mask);
        let unshifted = count(&self.mask);
        if unshifted <= set {
            return unshifted;
        }
        std::mem::swap(&mut self.now.data, &mut self.spare);
        self.background.compare(&self.now.data, &mut self.mask);
        set
    }

    fn foreground(&mut self, time: StreamTime, settings: MotionSettings, watch: Watch) -> Vec<MotionBlob> {
        let set = self.compare();
        if set as f32 > MOST_FOREGROUND * self.mask.len() as f32 {
            let since = *self.blind_since.get_or_insert(time);
            if time < since || time.since(since) >= BLIND_FOR {
                self.blind_since = None;
                self.learning = Learning::Starting(Vec::new());
                self.following_since = None;
                self.gone.clear();
            }
            return Vec::new();
        }
        self.blind_since = None;
        let (width, height) = (self.now.width, self.now.height);
        self.morphology.majority(&mut self.mask, 4);
        self.morphology.close_columns(&mut self.mask, CLOSE_ROWS);
        self.morphology.close_rows(&mut self.mask);
        let min_pixels = ((settings.min_area * (width * height) as f32) as u32).max(6);
        let fragments = self.labeller.blobs(&self.mask, width, (min_pixels / 4).max(4));
        let mut blobs = Vec::with_capacity(fragments.len());
        for blob in fragments {
            if texture::is_light(&blob, &self.background.picture, &self.now) {
                continue;
            }
            if blob.pixels >= min_pixels && texture::is_ghost(&blob, &self.background.picture, &self.now) {
                let settled = self.following_since.is_some_and(|since| time.since(since) >= SETTLED_AFTER);
                if watch.vanished.is_some() && settled {
                    let (confidence, pixel) = (self.confidence(&blob), self.pixel_size());
                    let scene = &self.background.picture;
                    self.gone.note(&blob, confidence, scene, time, |blob| rect_of(blob, pixel));
                }
                texture::forget(&blob, &mut self.background, &self.now);
                continue;
            }
            blobs.push(blob);
        }
        fragments::merge(&mut blobs, min_pixels);
        split::split(&mut blobs);
        blobs.into_iter().map(|blob| self.seen(blob)).collect()
    }

    fn seen(&self, blob: Blob) -> MotionBlob {
        let rest = self.stillness.as_ref().map(|stillness| Rest {
            still: stillness.share_of(&blob, &self.now),
            edges: texture::edges(&blob, &self.background.picture, &self.now),
        });
        MotionBlob { rect: rect_of(&blob, self.pixel_size()), confidence: self.confidence(&blob), blob, rest }
    }

    fn confidence(&self, blob: &Blob) -> f32 {
        let contrast: u32 = blob
            .runs
            .iter()
            .map(|run| {
                let row = usize::from(run.y) * self.now.width;
                let range = row + usize::from(run.from)..row + usize::from(run.to);
                let pixels = self.now.data[range.clone()].iter().zip(&self.background.picture.data[range]);
                pixels.map(|(n, b)| u32::from(n.abs_diff(*b))).sum::<u32>()
            })
            .sum();
        0.3 + 0.7 * (contrast as f32 / blob.pixels.max(1) as f32 / 64.0).min(1.0)
    }

    fn learn(&mut self, found: &[MotionBlob], held: &[Rect], time: StreamTime) {
        let restart = match &mut self.learning {
            Learning::Starting(pictures) => {
                pictures.push(self.now.data.clone());
                if MEDIANS_AT.contains(&pictures.len()) {
                    self.background.take_median(pictures);
                }
                pictures.len() >= MEDIANS_AT[MEDIANS_AT.len() - 1]
            }
            Learning::Following => {
                self.mark_objects(found, held);
                self.background.learn(&self.now.data, &self.objects);
                false
            }
        };
        if restart {
            self.learning = Learning::Following;
            self.following_since = Some(time);
        }
        self.still_profile.take(&self.background.picture);
    }

    /// Marks what is under or beside an object: it must not be learnt as background, unless it
    /// flickers, for then it is a lamp or a flag whose range should widen.
    fn mark_objects(&mut self, found: &[MotionBlob], held: &[Rect]) {
        self.objects.fill(0);
        let marked = found.iter().flat_map(|seen| {
            let is_held = held.iter().any(|place| place.iou(&seen.rect) > HELD_SHARE);
            let mark = if is_held { HELD } else { 1 };
            seen.blob.runs.iter().map(move |run| (run, mark))
        });
        for (run, mark) in marked {
            let row = usize::from(run.y) * self.now.width;
            let from = usize::from(run.from).saturating_sub(2);
            let to = (usize::from(run.to) + 2).min(self.now.width);
            self.objects[row + from..row + to].fill(mark);
        }
        let masks = self.mask.iter().zip(&self.mask_before);
        for ((flicker, object), (&now, &before)) in self.flicker.iter_mut().zip(&mut self.objects).zip(masks)
        {
            *flicker = (*flicker - *flicker / 16).saturating_add((now ^ before) * 16);
            *object *= u8::from(*flicker < FLICKERS);
        }
        self.mask_before.copy_from_slice(&self.mask);
    }
}

/// Where a blob is, in parts of the frame.
fn rect_of(blob: &Blob, (x, y): (f32, f32)) -> Rect {
    let (left, top) = (blob.left as f32 * x, blob.top as f32 * y);
    Rect::new(left, top, blob.width() as f32 * x, blob.height() as f32 * y)
}

fn count(mask: &[u8]) -> usize {
    mask.chunks(255).map(|part| usize::from(part.iter().sum::<u8>())).sum()
}

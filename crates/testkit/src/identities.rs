//! Whether each person in the demo's clip keeps one track (`demo/identities.json`), and whether boxes hold still.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    path::Path,
};

use serde_json::Value;

/// The clip's width divided by its height.
const ASPECT: f64 = 768.0 / 576.0;
/// A box whose lower edge moves by more than this share of its height from one frame to the next has jumped:
/// people here walk at most 0.08 of their height in that time.
const JUMP: f64 = 0.2;
/// A box that grows or shrinks by more than this factor from one frame to the next breathes.
const BREATH: f64 = 1.15;
/// A box this near to the border, in parts of the frame, is cut by it and must change.
const BORDER: f64 = 0.005;

/// One row of `output-tracks`: a track in a frame; lengths in parts of the frame.
#[derive(Clone, Debug)]
struct Row {
    track: String,
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

impl Row {
    fn feet(&self) -> (f64, f64) {
        (self.left + self.width / 2.0, self.top + self.height)
    }

    /// How far its feet are from `point`, in heights of the box.
    fn distance(&self, point: (f64, f64)) -> f64 {
        let (x, y) = self.feet();
        ((x - point.0) * ASPECT).hypot(y - point.1) / self.height
    }

    fn at_border(&self) -> bool {
        let (right, bottom) = (self.left + self.width, self.top + self.height);
        self.left.min(self.top) < BORDER || right.max(bottom) > 1.0 - BORDER
    }
}

/// The rows of a tracks table by frame.
#[derive(Debug, Default)]
pub struct Tracks(BTreeMap<i64, Vec<Row>>);

impl Tracks {
    /// Reads a table as the `output-tracks` handler writes it.
    pub fn read(path: &Path) -> Self {
        let mut frames: BTreeMap<i64, Vec<Row>> = BTreeMap::new();
        for row in csv::Reader::from_path(path).unwrap().deserialize() {
            let row: HashMap<String, String> = row.unwrap();
            let number = |column: &str| -> f64 { row[column].parse().unwrap() };
            frames.entry(row["frame_id"].parse().unwrap()).or_default().push(Row {
                track: row["track_id"].clone(),
                left: number("x"),
                top: number("y"),
                width: number("width"),
                height: number("height"),
            });
        }
        Self(frames)
    }
}

/// How well people keep their tracks.
#[derive(Debug, Default)]
pub struct Identities {
    lines: Vec<String>,
    /// How many stays are listed.
    pub stays: usize,
    /// How many checkpoints they have.
    pub checkpoints: usize,
    /// Of these, with a track's feet within reach.
    pub covered: usize,
    /// A stay's checkpoint with another track than the one before it that has one.
    pub switches: usize,
    /// A stay's checkpoints without a track between two that have one count as one.
    pub fragments: usize,
    /// Stays with one track only, and at every checkpoint.
    pub whole: usize,
    /// Tracks that have followed more than one stay.
    pub shared: usize,
}

impl fmt::Display for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            writeln!(f, "{line}")?;
        }
        let Self { stays, checkpoints, covered, switches, fragments, whole, shared, .. } = self;
        writeln!(
            f,
            "{stays} stays, {whole} of them whole; {covered} of {checkpoints} checkpoints covered; identity \
             switches {switches}, fragments {fragments}, tracks with more than one person {shared}"
        )
    }
}

/// One person in the picture, from coming to going.
struct Stay {
    person: String,
    /// Frame, and the feet in parts of the frame.
    checkpoints: Vec<(i64, (f64, f64))>,
}

/// Gives each checkpoint the track whose feet are nearest, one to one in each frame and within the list's reach.
/// No track is preferred for having been right before, so two people who swap tracks are seen to.
pub fn compare(list: &Path, tracks: &Tracks) -> Identities {
    let list: Value = serde_json::from_slice(&std::fs::read(list).unwrap()).unwrap();
    let reach = list["reach_heights"].as_f64().unwrap();
    let stays: Vec<Stay> = list["stays"].as_array().unwrap().iter().map(stay).collect();
    let frames: BTreeSet<i64> = stays.iter().flat_map(|s| s.checkpoints.iter().map(|c| c.0)).collect();
    let mut owners: HashMap<(usize, i64), &str> = HashMap::new();
    for frame in frames {
        let rows = tracks.0.get(&frame).map_or(&[][..], Vec::as_slice);
        let mut pairs: Vec<(f64, usize, &str)> = Vec::new();
        for (index, stay) in stays.iter().enumerate() {
            for (_, point) in stay.checkpoints.iter().filter(|c| c.0 == frame) {
                let near = rows.iter().map(|row| (row.distance(*point), index, row.track.as_str()));
                pairs.extend(near.filter(|pair| pair.0 <= reach));
            }
        }
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut taken = BTreeSet::new();
        for (_, stay, track) in pairs {
            if !owners.contains_key(&(stay, frame)) && taken.insert(track) {
                owners.insert((stay, frame), track);
            }
        }
    }
    let mut report = Identities { stays: stays.len(), ..Identities::default() };
    for (index, stay) in stays.iter().enumerate() {
        let owners: Vec<_> =
            stay.checkpoints.iter().map(|c| (c.0, owners.get(&(index, c.0)).copied())).collect();
        report.add(&stay.person, &owners);
    }
    let mut followed: HashMap<&str, BTreeSet<usize>> = HashMap::new();
    for ((stay, _), track) in &owners {
        followed.entry(track).or_default().insert(*stay);
    }
    report.shared = followed.values().filter(|stays| stays.len() > 1).count();
    report
}

impl Identities {
    fn add(&mut self, person: &str, owners: &[(i64, Option<&str>)]) {
        let (mut last, mut gap, mut line) = (None, false, String::new());
        let (switches, fragments, covered) = (self.switches, self.fragments, self.covered);
        for (frame, owner) in owners {
            self.checkpoints += 1;
            let Some(track) = *owner else {
                line += &format!(" {frame}:-");
                gap = true;
                continue;
            };
            self.covered += 1;
            if last.is_some() && gap {
                self.fragments += 1;
            }
            if last.is_some_and(|last| last != track) {
                self.switches += 1;
                line += " |";
            }
            line += &format!(" {frame}:{}", &track[track.len().saturating_sub(4)..]);
            (last, gap) = (Some(track), false);
        }
        let (switches, fragments) = (self.switches - switches, self.fragments - fragments);
        let covered = self.covered - covered;
        if switches + fragments == 0 && covered == owners.len() {
            self.whole += 1;
        } else {
            self.lines.push(format!(
                "{person}: {covered} of {} covered, {switches} switches, {fragments} fragments:{line}",
                owners.len()
            ));
        }
    }
}

fn stay(stay: &Value) -> Stay {
    let checkpoints = stay["checkpoints"].as_array().unwrap().iter();
    Stay {
        person: stay["person"].as_str().unwrap().to_owned(),
        checkpoints: checkpoints
            .map(|c| (c[0].as_i64().unwrap(), (c[1].as_f64().unwrap(), c[2].as_f64().unwrap())))
            .collect(),
    }
}

/// How much boxes flicker, jump and breathe from frame to frame.
#[derive(Debug, Default)]
pub struct Flicker {
    /// Tracks in the table.
    pub tracks: usize,
    /// Pairs of a track's frames that follow one another.
    pub steps: usize,
    /// Frames without a row between a track's first and last.
    pub missing: i64,
    /// Steps in which the lower edge's middle moves by more than a fifth of the box's height.
    pub jumps: usize,
    /// Steps in which width or height changes by more than 15 %, away from the border.
    pub breaths: usize,
}

impl fmt::Display for Flicker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tracks, steps, missing, jumps, breaths } = self;
        writeln!(
            f,
            "{tracks} tracks, {steps} steps: missing frames {missing}, jumps {jumps}, changes of size {breaths}"
        )
    }
}

/// Measures flicker over a whole run. Merges count as everything else: the table does not tell them apart.
pub fn flicker(tracks: &Tracks) -> Flicker {
    let mut report = Flicker::default();
    let mut last: HashMap<&str, (i64, &Row)> = HashMap::new();
    for (frame, rows) in &tracks.0 {
        for row in rows {
            let Some((before, old)) = last.insert(&row.track, (*frame, row)) else { continue };
            report.steps += 1;
            report.missing += frame - before - 1;
            report.jumps += usize::from(row.distance(old.feet()) > JUMP);
            let ratio = |a: f64, b: f64| a.max(b) / a.min(b).max(1e-6);
            let size = ratio(row.width, old.width).max(ratio(row.height, old.height));
            report.breaths += usize::from(size > BREATH && !row.at_border() && !old.at_border());
        }
    }
    report.tracks = last.len();
    report
}

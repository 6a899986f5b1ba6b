//! Recorded detections in the field's formats, turned into what lines of JSON would say.
//!
//! A whole file is read at once: rows of one frame may stand anywhere in it.

mod coco;
mod mot;
mod recording;

use std::{io::Read as _, path::Path};

use crate::{
    SourceError,
    ndjson::{Line, Read, Setup, open_file},
};
use mot::Sequence;
use recording::{MAX_FRAMES, Recording, rect, unknown_size};

/// Largest file, in bytes: some millions of boxes. It is held in memory while it is read.
const MAX_BYTES: u64 = 512 << 20;
/// Frames a second where nobody says: as for lines of JSON without times.
const DEFAULT_RATE: f64 = 25.0;

/// Which format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// MOTChallenge text: det.txt, gt.txt, a tracker's results.
    Mot,
    /// COCO JSON: results, or a dataset with images and categories.
    Coco,
}

impl Recording {
    /// A line for every frame: in one that is not listed, nothing was seen.
    fn lines(self, rate: Option<f64>) -> impl Iterator<Item = Read> {
        let rate = rate.or(self.rate).unwrap_or(DEFAULT_RATE);
        let mut frames = self.frames;
        let (last, more) = self.refused_more;
        let refused = self.refused.into_iter().map(|(number, why)| Read::Refused(number, why));
        let more = (0..more).map(move |_| Read::Refused(last, "as those before it".to_owned()));
        refused.chain(more).chain((0..self.length).map(move |frame| {
            let detections = frames.remove(&frame).unwrap_or_default();
            let timestamp_ms = Some(frame as f64 * 1000.0 / rate);
            Read::Line(
                frame + 1,
                Line { frame_id: Some(frame), timestamp_ms, detections, refused: Vec::new() },
            )
        }))
    }
}

/// Reads the file at `path`.
///
/// # Errors
/// It cannot be read, is none of its kind, or nobody says how many pixels its frames have.
pub(crate) fn read(
    kind: Kind,
    path: &Path,
    setup: &Setup,
) -> Result<impl Iterator<Item = Read> + Send + use<>, SourceError> {
    let refused = |why: String| SourceError::new(setup.pointer, format!("{}: {why}", path.display()));
    let mut text = Vec::new();
    let file = open_file(path, setup.pointer)?;
    file.take(MAX_BYTES + 1).read_to_end(&mut text).map_err(|error| refused(error.to_string()))?;
    if text.len() as u64 > MAX_BYTES {
        return Err(refused(format!("longer than {} MiB: split it", MAX_BYTES >> 20)));
    }
    let recording = match kind {
        Kind::Mot => {
            let sequence = Sequence::beside(path);
            let size =
                setup.size.or(sequence.size).ok_or_else(|| refused(unknown_size("its seqinfo.ini")))?;
            mot::parse(&text, size, &sequence, &setup.labels)
        }
        Kind::Coco => coco::parse(&text, setup.size, &setup.labels).map_err(refused)?,
    };
    Ok(recording.lines(setup.rate))
}

#[cfg(test)]
#[path = "../../tests/corpus/recording.rs"]
mod check;

#[cfg(test)]
mod tests {
    #[test]
    fn the_corpus_replays() {
        watchpost_testkit::replay("recording", super::check::check);
    }
}

//! Whether a file is shorter than its own container says: some demuxers end such a file as if
//! nothing were wrong.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
};

/// Boxes looked at; a fragmented file has two for every fragment, and the last one counts.
const MAX_BOXES: usize = 1 << 20;

/// Bytes that are missing at the end of an AVI or MP4 file; `None` for complete files and for
/// other containers.
pub(super) fn missing_bytes(path: &Path) -> Option<u64> {
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    let mut head = [0; 16];
    file.read_exact(&mut head).ok()?;
    let promised = match (&head[..4], &head[4..8], &head[8..12]) {
        // RIFF (Microsoft Multimedia Programming Interface 1.0): the size counts from byte 8. An
        // AVI over 1 GB has several; only the first is looked at.
        (b"RIFF", size, b"AVI ") => {
            // A recording that was never closed has 0 here, which promises nothing.
            u64::from(u32::from_le_bytes(size.try_into().ok()?)) + 8
        }
        (_, b"ftyp", _) => end_of_boxes(&mut file, length)?,
        _ => return None,
    };
    promised.checked_sub(length).filter(|missing| *missing > 0)
}

/// Where the last box of an MP4 file ends (ISO/IEC 14496-12, section 4.2).
fn end_of_boxes(file: &mut File, length: u64) -> Option<u64> {
    let mut at = 0;
    for _ in 0..MAX_BOXES {
        // A box may promise to end anywhere, the last number there is included.
        if at > length.saturating_sub(8) {
            break;
        }
        file.seek(SeekFrom::Start(at)).ok()?;
        let mut head = [0; 8];
        file.read_exact(&mut head).ok()?;
        let size = match u32::from_be_bytes([head[0], head[1], head[2], head[3]]) {
            // To the end of the file.
            0 => return Some(length),
            1 => {
                let mut size = [0; 8];
                file.read_exact(&mut size).ok()?;
                u64::from_be_bytes(size)
            }
            size => u64::from(size),
        };
        if size < 8 {
            return None;
        }
        at = at.checked_add(size)?;
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testclip::{ClipFormat, make_clip};

    #[test]
    fn cut_files_are_known() {
        let folder = tempfile::tempdir().unwrap();
        for (name, format) in [("a.avi", ClipFormat::MjpegAvi), ("a.mp4", ClipFormat::Mp4)] {
            let path = folder.path().join(name);
            make_clip(&path, format, (64, 48), 25, 25).unwrap();
            assert_eq!(missing_bytes(&path), None, "{name}");
            let bytes = std::fs::read(&path).unwrap();
            std::fs::write(&path, &bytes[..bytes.len() - 500]).unwrap();
            assert_eq!(missing_bytes(&path), Some(500), "{name}");
        }
    }

    #[test]
    fn boxes_of_any_size_are_survived() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mp4");
        let ftyp = [&16_u32.to_be_bytes()[..], b"ftypisom", &[0; 4]].concat();
        let mdat = |size: u64| [&1_u32.to_be_bytes()[..], b"mdat", &size.to_be_bytes()].concat();
        for (size, missing) in [
            (0, None),
            (7, None),
            (8, Some(0)),
            (16, Some(0)),
            (100, Some(84)),
            (u64::MAX - 16, Some(u64::MAX - 32)),
            (u64::MAX - 15, None),
            (u64::MAX, None),
        ] {
            std::fs::write(&path, [ftyp.clone(), mdat(size)].concat()).unwrap();
            assert_eq!(missing_bytes(&path), missing.filter(|missing| *missing > 0), "{size}");
        }
    }
}

//! What RTMP carries, as FLV has it (Adobe Flash Video File Format 10.1, annex E).

use std::{fs::File, io::Write};

/// Tag types (section E.4.1).
pub(super) const AUDIO: u8 = 8;
pub(super) const VIDEO: u8 = 9;

/// A file of tags.
pub(super) struct Writer(File);

impl Writer {
    /// Writes the file's header: sound and video may come (section E.2).
    pub fn start(mut file: File) -> std::io::Result<Self> {
        file.write_all(b"FLV\x01\x05\0\0\0\x09\0\0\0\0")?;
        Ok(Self(file))
    }

    /// Writes a tag and its length behind it (sections E.3, E.4.1).
    pub fn write(&mut self, kind: u8, time_ms: u32, data: &[u8]) -> std::io::Result<()> {
        // RTMP's messages are no longer than 24 bits say.
        let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
        let [_, length_bytes @ ..] = length.to_be_bytes();
        let [high, time @ ..] = time_ms.to_be_bytes();
        let mut tag = Vec::with_capacity(data.len() + 15);
        tag.push(kind);
        tag.extend(length_bytes);
        tag.extend(time);
        tag.extend([high, 0, 0, 0]);
        tag.extend(data);
        tag.extend((length + 11).to_be_bytes());
        self.0.write_all(&tag)
    }
}

/// Whether a video message is a key frame; `None` if it is no frame but a codec's parameters or an end (section
/// E.4.3.1; codecs by name: Enhanced RTMP v1).
pub(super) fn frame(video: &[u8]) -> Option<bool> {
    const AVC: u8 = 7;
    let (first, second) = (*video.first()?, video.get(1));
    let is_key = first >> 4 & 7 == 1;
    let is_frame = match first & 15 {
        // Coded frames, with or without a composition time.
        kind if first & 0x80 != 0 => kind == 1 || kind == 3,
        AVC => second == Some(&1),
        _ => true,
    };
    is_frame.then_some(is_key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_told_from_parameters() {
        for (video, expected) in [
            (&[0x17, 1, 0, 0, 0][..], Some(true)),
            (&[0x27, 1], Some(false)),
            (&[0x17, 0], None),
            (&[0x17, 2], None),
            (&[0x17], None),
            (&[0x91, b'h', b'v', b'c', b'1'], Some(true)),
            (&[0x90], None),
            (&[0xa3], Some(false)),
            (&[], None),
        ] {
            assert_eq!(frame(video), expected, "{video:?}");
        }
    }
}

//! Bytes into lines of detections, with a bound on what is kept of one.

use watchpost_config::LabelTable;

use super::{Read, parse_line};

/// Longest line that is read, in bytes: a frame of 10 000 detections with attributes fits. What is
/// longer is skipped aloud, and never held in memory.
pub const MAX_LINE_BYTES: usize = 16 << 20;

/// Takes chunks as they come; gives each line once it is whole.
pub(super) struct Lines<'l> {
    labels: &'l LabelTable,
    kept: Vec<u8>,
    /// The line that is coming in is over the bound.
    too_long: bool,
    /// Of the last line given, from 1.
    number: u64,
}

impl<'l> Lines<'l> {
    pub fn new(labels: &'l LabelTable) -> Self {
        Self { labels, kept: Vec::new(), too_long: false, number: 0 }
    }

    /// Of the last line given, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Gives the lines that end in `chunk`; `false` as soon as nobody takes them any more.
    pub fn push(&mut self, mut chunk: &[u8], take: &mut dyn FnMut(Read) -> bool) -> bool {
        while let Some(end) = memchr::memchr(b'\n', chunk) {
            self.keep(&chunk[..end]);
            chunk = &chunk[end + 1..];
            if !self.give(take) {
                return false;
            }
        }
        self.keep(chunk);
        true
    }

    /// There is no more: what has no line end is a line too.
    pub fn finish(&mut self, take: &mut dyn FnMut(Read) -> bool) -> bool {
        (self.kept.is_empty() && !self.too_long) || self.give(take)
    }

    /// Forgets what has no line end, and counts from 1 again.
    pub fn restart(&mut self) {
        self.kept.clear();
        (self.too_long, self.number) = (false, 0);
    }

    fn keep(&mut self, part: &[u8]) {
        if self.too_long || self.kept.len() + part.len() > MAX_LINE_BYTES {
            self.too_long = true;
            self.kept = Vec::new();
        } else {
            self.kept.extend_from_slice(part);
        }
    }

    fn give(&mut self, take: &mut dyn FnMut(Read) -> bool) -> bool {
        self.number += 1;
        let line = self.kept.trim_ascii();
        let read = match () {
            () if std::mem::take(&mut self.too_long) => {
                Read::Refused(self.number, format!("longer than {} MiB: skipped", MAX_LINE_BYTES >> 20))
            }
            () if line.is_empty() => return true,
            () => match parse_line(line, self.labels) {
                Ok(line) => Read::Line(self.number, line),
                Err(error) => Read::Refused(self.number, error.0),
            },
        };
        self.kept.clear();
        // A rare giant does not keep its memory for ever.
        self.kept.shrink_to(256 << 10);
        take(read)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(chunks: &[&[u8]]) -> Vec<String> {
        let labels = LabelTable::default();
        let (mut lines, mut found) = (Lines::new(&labels), Vec::new());
        let mut take = |read: Read| {
            found.push(match read {
                Read::Line(number, line) => format!("{number} frame {:?}", line.frame_id),
                Read::Refused(number, why) => format!("{number} {why}"),
                other => format!("{other:?}"),
            });
            true
        };
        for chunk in chunks {
            assert!(lines.push(chunk, &mut take));
        }
        assert!(lines.finish(&mut take));
        found
    }

    #[test]
    fn a_bad_line_is_named_and_the_rest_goes_on() {
        let text = b"{\"frame_id\": 1, \"detections\": []}\r\n\nx\n{\"frame_id\": 2, \"detections\": []}";
        let expected = ["1 frame Some(1)", "3 not JSON from column 1 on: expected value", "4 frame Some(2)"];
        assert_eq!(lines(&[text]), expected);
    }

    #[test]
    fn a_line_of_100_mb_is_passed_over() {
        let mut chunks = vec![&[b'x'; 1_000_000][..]; 100];
        chunks.push(b"\n{\"frame_id\": 1, \"detections\": []}\n");
        assert_eq!(lines(&chunks), ["1 longer than 16 MiB: skipped", "2 frame Some(1)"]);
    }

    proptest! {
        #[test]
        fn where_chunks_end_does_not_matter(cut in 0_usize..70) {
            let text = b"{\"frame_id\": 1, \"detections\": []}\nnonsense\n{\"frame_id\": 2, \"detections\": []}";
            let (first, second) = text.split_at(cut.min(text.len()));
            prop_assert_eq!(lines(&[first, second]), lines(&[text]));
        }
    }
}

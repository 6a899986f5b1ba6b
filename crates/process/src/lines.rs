//! Bytes into lines, with a bound on what is kept.

/// How much of a line over the bound is shown, in bytes.
const SAMPLE_BYTES: usize = 200;

/// What a [`Splitter`] found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// A line without its newline.
    Line(&'a [u8]),
    /// The end of the output, without a newline behind it.
    Unfinished(&'a [u8]),
    /// A line over the bound: its first bytes and its whole length.
    TooLong { start: &'a [u8], bytes: u64 },
}

impl Piece<'_> {
    /// Bytes it took in the stream.
    pub(crate) fn len(&self) -> usize {
        match self {
            Piece::Line(line) => line.len() + 1,
            Piece::Unfinished(line) => line.len(),
            Piece::TooLong { bytes, .. } => usize::try_from(*bytes).unwrap_or(usize::MAX),
        }
    }
}

/// Splits a stream of chunks at newlines; keeps at most `max_bytes` of one line.
#[derive(Debug)]
pub(crate) struct Splitter {
    kept: Vec<u8>,
    /// Length so far of a line found too long; `kept` holds its start.
    skipping: Option<u64>,
    max_bytes: usize,
}

impl Splitter {
    pub(crate) fn new(max_bytes: usize) -> Splitter {
        Splitter { kept: Vec::new(), skipping: None, max_bytes }
    }

    /// Takes the next chunk and gives every line that ends in it.
    pub(crate) fn push(&mut self, mut chunk: &[u8], mut found: impl FnMut(Piece<'_>)) {
        while let Some(end) = memchr::memchr(b'\n', chunk) {
            let (line, rest) = (&chunk[..end], &chunk[end + 1..]);
            if self.kept.is_empty() && self.skipping.is_none() && line.len() <= self.max_bytes {
                found(Piece::Line(line));
            } else {
                self.keep(line);
                self.give(&mut found, true);
            }
            chunk = rest;
        }
        self.keep(chunk);
    }

    /// The stream has ended.
    pub(crate) fn finish(&mut self, mut found: impl FnMut(Piece<'_>)) {
        if !self.kept.is_empty() {
            self.give(&mut found, false);
        }
    }

    fn keep(&mut self, part: &[u8]) {
        match &mut self.skipping {
            Some(bytes) => *bytes += part.len() as u64,
            None if self.kept.len() + part.len() > self.max_bytes => {
                let bytes = self.kept.len() + part.len();
                self.kept.extend_from_slice(&part[..part.len().min(SAMPLE_BYTES)]);
                self.kept.truncate(SAMPLE_BYTES);
                self.kept.shrink_to_fit();
                self.skipping = Some(bytes as u64);
            }
            None => self.kept.extend_from_slice(part),
        }
    }

    fn give(&mut self, found: &mut impl FnMut(Piece<'_>), finished: bool) {
        match self.skipping.take() {
            Some(bytes) => found(Piece::TooLong { start: &self.kept, bytes }),
            None if finished => found(Piece::Line(&self.kept)),
            None => found(Piece::Unfinished(&self.kept)),
        }
        self.kept.clear();
        // A rare giant does not keep its memory for ever.
        self.kept.shrink_to(64 * 1024);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn owned(piece: &Piece<'_>) -> String {
        match piece {
            Piece::Line(line) => format!("line {line:?}"),
            Piece::Unfinished(line) => format!("unfinished {line:?}"),
            Piece::TooLong { start, bytes } => format!("long {start:?} {bytes}"),
        }
    }

    proptest! {
        /// However the stream is cut into chunks, the lines are those of the whole, and nothing over the
        /// bound is kept.
        #[test]
        fn chunks_do_not_matter(
            text in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'a'), any::<u8>()], 0..600),
            cuts in prop::collection::vec(1usize..90, 1..20),
            max_bytes in 1usize..40,
        ) {
            let mut expected: Vec<String> = Vec::new();
            let mut lines: Vec<&[u8]> = text.split(|b| *b == b'\n').collect();
            let last = lines.pop().unwrap();
            let long = |l: &[u8]| owned(&Piece::TooLong { start: l, bytes: l.len() as u64 });
            for line in lines {
                expected.push(if line.len() > max_bytes { long(&line[..line.len()]) } else { owned(&Piece::Line(line)) });
            }
            if !last.is_empty() {
                expected.push(if last.len() > max_bytes { long(last) } else { owned(&Piece::Unfinished(last)) });
            }
            let mut splitter = Splitter::new(max_bytes);
            let mut got = Vec::new();
            let (mut rest, mut cuts) = (text.as_slice(), cuts.iter().cycle());
            while !rest.is_empty() {
                let (chunk, next) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
                splitter.push(chunk, |piece| got.push(owned(&piece)));
                prop_assert!(splitter.kept.len() <= max_bytes.max(SAMPLE_BYTES));
                rest = next;
            }
            splitter.finish(|piece| got.push(owned(&piece)));
            // A sample is cut at SAMPLE_BYTES; lines here may be longer.
            let cut = |all: Vec<String>| -> Vec<String> { all.into_iter().map(|s| if s.starts_with("long") { s.rsplit(' ').next().unwrap().to_owned() } else { s }).collect() };
            prop_assert_eq!(cut(got), cut(expected));
        }
    }
}

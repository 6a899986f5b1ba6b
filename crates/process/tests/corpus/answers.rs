//! What must hold for any output of a child that answers; shared by the fuzz target and the plain test.

use super::{Answer, answer};
use crate::lines::{Piece, Splitter};

/// Of a line; what is over it is cut.
const MAX_LINE_BYTES: usize = 256;

/// `data`: two bytes, into chunks of which sizes the output is cut, and the output.
pub(crate) fn check(data: &[u8]) {
    let Some((cuts, output)) = data.split_first_chunk::<2>() else { return };
    let whole = answers([output]);
    // However it comes in, the answers are the same: one too many or too few would be a record lost or sent twice.
    let mut sizes = cuts.iter().map(|size| usize::from(*size).max(1)).cycle();
    let mut rest = output;
    let chunks = std::iter::from_fn(|| {
        let (chunk, left) = rest.split_at(sizes.next()?.min(rest.len()));
        rest = left;
        (!chunk.is_empty()).then_some(chunk)
    });
    assert_eq!(answers(chunks), whole);
    // What an answer is, read plainly: a line that is `OK`, or begins with `ERROR`.
    let lines: Vec<&[u8]> = output.split(|byte| *byte == b'\n').collect();
    let plain = lines[..lines.len() - 1].iter().filter(|line| {
        let (short, trimmed) = (line.len() <= MAX_LINE_BYTES, line.trim_ascii_end());
        line.starts_with(b"ERROR ") || (short && [&b"OK"[..], b"ERROR"].contains(&trimmed))
    });
    assert_eq!(whole.len(), plain.count());
    for answer in &whole {
        let Answer::Error(reason) = answer else { continue };
        // A byte that is no UTF-8 takes three.
        assert!(reason.len() <= 3 * MAX_LINE_BYTES && !reason.contains('\n'), "{reason:?}");
    }
}

fn answers<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Answer> {
    let mut splitter = Splitter::new(MAX_LINE_BYTES);
    let mut found = Vec::new();
    let mut take = |piece: Piece<'_>| found.extend(answer(&piece));
    for chunk in chunks {
        splitter.push(chunk, &mut take);
    }
    // What comes last without a newline is no answer: it may be half of one, and its message goes again.
    found
}

//! What a child says of the messages it was sent: a line each, in order (PRODUCT 9).

use crate::lines::Piece;

/// A child's answer to a message (PRODUCT 9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// `OK`: it is delivered.
    Ok,
    /// `ERROR text`: it is to be sent again.
    Error(String),
}

/// The answer that a line is; `None`: it is talk.
pub(crate) fn answer(piece: &Piece<'_>) -> Option<Answer> {
    let line = match piece {
        Piece::Line(line) => line.trim_ascii_end(),
        Piece::TooLong { start, .. } if start.starts_with(b"ERROR ") => start,
        Piece::TooLong { .. } | Piece::Unfinished(_) => return None,
    };
    match line {
        b"OK" => Some(Answer::Ok),
        b"ERROR" => Some(Answer::Error(String::new())),
        _ => line
            .strip_prefix(b"ERROR ")
            .map(|text| Answer::Error(String::from_utf8_lossy(text.trim_ascii()).into_owned())),
    }
}

#[cfg(test)]
#[path = "../tests/corpus/answers.rs"]
mod check;

#[cfg(test)]
mod tests {
    #[test]
    fn the_corpus_replays() {
        watchpost_testkit::replay("child_answers", super::check::check);
    }
}

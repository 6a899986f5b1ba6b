//! The text of a JSON value, known to be one, without reading it: a number keeps the digits it was written with.

use std::borrow::Cow;

/// `json` without the white space between its parts; Python, for one, writes some, and a line end would end a record.
pub(crate) fn one_line(json: &str) -> Cow<'_, str> {
    if !json.contains([' ', '\t', '\r', '\n']) {
        return json.into();
    }
    let mut line = String::with_capacity(json.len());
    let mut texts = Texts::default();
    for c in json.chars() {
        if texts.is_in(c) || !matches!(c, ' ' | '\t' | '\r' | '\n') {
            line.push(c);
        }
    }
    line.into()
}

/// How deep objects and lists stand in one another; 0: `json` is neither.
pub(crate) fn levels(json: &str) -> usize {
    let (mut level, mut most, mut texts) = (0_usize, 0, Texts::default());
    // Only what is long enough need be looked through: all but a few values are one number or text.
    if !json.starts_with(['{', '[']) {
        return 0;
    }
    for c in json.chars().filter(|c| !texts.is_in(*c)) {
        match c {
            '{' | '[' => {
                level += 1;
                most = most.max(level);
            }
            '}' | ']' => level = level.saturating_sub(1),
            _ => {}
        }
    }
    most
}

/// Whether the characters seen so far end within a text.
#[derive(Default)]
struct Texts {
    open: bool,
    escaped: bool,
}

impl Texts {
    /// Whether `c`, the next one, is of a text, its quotes included.
    fn is_in(&mut self, c: char) -> bool {
        let was_open = self.open;
        match c {
            _ if self.escaped => self.escaped = false,
            '\\' if self.open => self.escaped = true,
            '"' => self.open = !self.open,
            _ => {}
        }
        was_open || self.open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_goes_and_what_is_written_stays() {
        let json = "{ \"a b\" : [1.50,\r\n 1e400 , \" \\\" [ \"],\t\"c\":{} }";
        assert_eq!(one_line(json), "{\"a b\":[1.50,1e400,\" \\\" [ \"],\"c\":{}}");
        assert_eq!(levels(json), 2);
        assert_eq!((levels("7"), levels("\"[[\""), levels("[[{}],[]]")), (0, 0, 3));
    }
}

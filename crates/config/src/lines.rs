//! Where in a text each JSON value stands: JSON pointer to line.
//!
//! serde_json says where a text stops being JSON, but a parsed value no longer knows its place.
//! So the text, known to be JSON by then, is scanned once more for nothing but keys and newlines.

use std::collections::HashMap;

/// The line of every value of one text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines {
    of: HashMap<String, u32>,
    twice: Vec<String>,
    /// Of all pointers together.
    bytes: usize,
}

/// Pointers are kept up to so many bytes: of a file of thousands of areas they are some megabytes. A long key with many
/// values in it would take its length for each of them; what is beyond has the line of what is around it.
const MAX_BYTES: usize = 64 << 20;

impl Lines {
    /// Scans `text`, which must be JSON: for anything else the lines mean nothing (but nothing breaks).
    pub fn scan(text: &str) -> Self {
        let mut scan = Scan {
            text,
            bytes: text.as_bytes(),
            at: 0,
            line: 1,
            path: String::new(),
            lines: Self::default(),
        };
        scan.value(0);
        scan.lines
    }

    fn note(&mut self, path: &str, line: u32) {
        if self.bytes + path.len() > MAX_BYTES {
            return;
        }
        self.bytes += path.len();
        if self.of.insert(path.to_owned(), line).is_some() {
            self.twice.push(path.to_owned());
        }
    }

    /// The line of the value at `path`, or of the nearest one around it (for a key that is missing).
    pub fn of(&self, path: &str) -> Option<u32> {
        let mut path = path;
        loop {
            if let Some(line) = self.of.get(path) {
                return Some(*line);
            }
            path = &path[..path.rfind('/')?];
        }
    }

    /// Pointers of keys that stand twice in the same object; of these JSON parsers keep the last.
    pub fn twice(&self) -> &[String] {
        &self.twice
    }
}

/// `key` as a part of a JSON pointer (RFC 6901 section 3).
pub(crate) fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// serde_json refuses deeper nesting, so a text that it took never comes here.
const MAX_DEPTH: usize = 128;

struct Scan<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    line: u32,
    path: String,
    lines: Lines,
}

impl Scan<'_> {
    fn value(&mut self, depth: usize) {
        self.space();
        self.lines.note(&self.path, self.line);
        match self.bytes.get(self.at) {
            Some(b'{') if depth < MAX_DEPTH => self.members(depth, true),
            Some(b'[') if depth < MAX_DEPTH => self.members(depth, false),
            Some(b'"') => {
                self.string();
            }
            _ => self.scalar(),
        }
    }

    fn members(&mut self, depth: usize, object: bool) {
        self.at += 1;
        let (length, close) = (self.path.len(), if object { b'}' } else { b']' });
        for index in 0_usize.. {
            self.space();
            match self.bytes.get(self.at) {
                None => return,
                Some(byte) if *byte == close => {
                    self.at += 1;
                    return;
                }
                Some(_) => {}
            }
            let start = self.at;
            let name = if object {
                let key = self.string();
                self.space();
                self.skip(b':');
                escape(&key)
            } else {
                index.to_string()
            };
            self.path.push('/');
            self.path.push_str(&name);
            self.value(depth + 1);
            self.path.truncate(length);
            self.space();
            self.skip(b',');
            if self.at == start {
                return; // Not JSON: no progress would be made.
            }
        }
    }

    fn string(&mut self) -> String {
        let start = self.at;
        self.skip(b'"');
        while let Some(byte) = self.bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'"' => break,
                _ => {}
            }
        }
        self.at = self.at.min(self.bytes.len());
        self.text.get(start..self.at).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    fn scalar(&mut self) {
        while self.bytes.get(self.at).is_some_and(|byte| !b",]}\n \t\r".contains(byte)) {
            self.at += 1;
        }
    }

    fn space(&mut self) {
        while let Some(byte) = self.bytes.get(self.at).filter(|byte| byte.is_ascii_whitespace()) {
            self.line += u32::from(*byte == b'\n');
            self.at += 1;
        }
    }

    fn skip(&mut self, byte: u8) {
        self.at += usize::from(self.bytes.get(self.at) == Some(&byte));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn finds_lines_of_members_items_and_missing_keys() {
        let lines = Lines::scan("{\n \"a\": [1,\n  {\"b/c\": \"}\\\"\"}],\n\n \"d\": -1e3,\n \"e\": null\n}");
        assert_eq!(lines.of(""), Some(1));
        assert_eq!(lines.of("/a"), Some(2));
        assert_eq!(lines.of("/a/1/b~1c"), Some(3));
        assert_eq!(lines.of("/d"), Some(5));
        assert_eq!(lines.of("/e"), Some(6));
        assert_eq!(lines.of("/a/1/missing"), Some(3));
        assert!(lines.twice().is_empty());
    }

    #[test]
    fn a_key_that_stands_twice_is_found() {
        assert_eq!(Lines::scan("{\"a\": {\"b\": 1,\n\"b\": 2}}").twice(), ["/a/b"]);
    }

    #[test]
    fn a_long_key_of_many_values_takes_no_more_memory_than_the_bound() {
        let text = format!("{{\"{}\":[{}0]}}", "k".repeat(1 << 20), "0,\n".repeat(10_000));
        let lines = Lines::scan(&text);
        assert!(lines.of.keys().map(String::len).sum::<usize>() <= MAX_BYTES);
        assert_eq!(lines.of(&format!("/{}/9999", "k".repeat(1 << 20))), Some(1), "the line of the list");
    }

    proptest! {
        #[test]
        fn anything_at_all_ends(text in "[\\[\\]{}\",: \n\\\\a1é]{0,60}") {
            Lines::scan(&text);
        }
    }
}

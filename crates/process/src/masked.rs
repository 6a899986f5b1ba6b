//! Secrets that a child was given, in what it says: a program that prints its settings, or a library that prints the
//! address it could not reach, is no reason for a password to stand in a log.

use std::ops::Range;

/// In place of a secret.
pub(crate) const HIDDEN: &str = "***";

/// The end of a cut line that may be the beginning of a secret is hidden from this length on: nearly every line ends
/// in the first letter of something.
pub(crate) const BEGUN_MIN_BYTES: usize = 4;

/// What is never shown of a child's words.
#[derive(Clone, Default)]
pub struct Secrets {
    /// As they may stand in a line, longest first: one may hold another.
    forms: Vec<String>,
}

/// How many: the values are nobody's business.
impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} forms", self.forms.len())
    }
}

impl Secrets {
    /// Of these values, one line each. A value is known as it is, as JSON and Python write it in quotes, and as it
    /// stands in an address (RFC 3986 section 2.1). What else a program makes of it, such as a hash or Base64 together
    /// with a user's name, is not.
    pub fn new<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        let mut forms = Vec::new();
        for value in values.into_iter().map(str::trim).filter(|value| !value.is_empty()) {
            forms.extend([value.to_owned(), quoted(value), percent_encoded(value)]);
        }
        forms.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then(a.cmp(b)));
        forms.dedup();
        Self { forms }
    }

    /// `text` without them. `cut`: more text followed, so that its end may be the beginning of one.
    pub(crate) fn mask(&self, text: String, cut: bool) -> String {
        let mut hidden: Vec<Range<usize>> = self.forms.iter().flat_map(|form| places(&text, form)).collect();
        if cut {
            hidden.extend(self.forms.iter().filter_map(|form| begun(&text, form)).map(|at| at..text.len()));
        }
        if hidden.is_empty() {
            return text;
        }
        // Two may overlap: what is left of the second would show a part of it.
        hidden.sort_unstable_by_key(|range| range.start);
        let (mut shown, mut at) = (String::with_capacity(text.len()), 0);
        for range in hidden {
            if range.start > at || shown.is_empty() {
                shown.push_str(&text[at..range.start]);
                shown.push_str(HIDDEN);
            }
            at = at.max(range.end);
        }
        shown.push_str(&text[at..]);
        shown
    }
}

/// Where `form` stands in `text`, also where it overlaps itself.
fn places(text: &str, form: &str) -> impl Iterator<Item = Range<usize>> {
    let step = form.chars().next().map_or(1, char::len_utf8);
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = from + text.get(from..)?.find(form)?;
        from = start + step;
        Some(start..start + form.len())
    })
}

/// Where at the end of `text` the beginning of `form` may stand.
fn begun(text: &str, form: &str) -> Option<usize> {
    // Of a character that was cut through, this is left.
    let text = text.trim_end_matches(char::REPLACEMENT_CHARACTER);
    let lengths = form.char_indices().map(|(at, _)| at).rev();
    let begun =
        lengths.filter(|length| *length >= BEGUN_MIN_BYTES).find(|length| text.ends_with(&form[..*length]));
    begun.map(|length| text.len() - length)
}

/// Backslashes and quotes as JSON and most languages escape them.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte.into()),
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
#[path = "../tests/corpus/masked.rs"]
mod check;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus_replays() {
        watchpost_testkit::replay("child_secrets", check::check);
    }

    #[test]
    fn a_secret_is_hidden_however_it_is_written() {
        let secrets = Secrets::new(["p/w \"x\"", "", "  ", "abcd1234", "7"]);
        let masked = |text: &str| secrets.mask(text.to_owned(), false);
        assert_eq!(masked("login with p/w \"x\" failed"), "login with *** failed");
        assert_eq!(masked(r#"{"token":"p/w \"x\""}"#), r#"{"token":"***"}"#);
        assert_eq!(masked("http://me:p%2Fw%20%22x%22@host/"), "http://me:***@host/");
        assert_eq!(masked("abcd1234 exit 17"), "*** exit 1***", "however short it is");
        assert_eq!(Secrets::default().mask("all of it".into(), true), "all of it");
        assert_eq!(format!("{secrets:?}").matches("abcd").count(), 0);
    }

    #[test]
    fn nor_is_the_half_of_one_shown_where_a_line_was_cut() {
        let secrets = Secrets::new(["hunter2hunter2"]);
        assert_eq!(secrets.mask("token=hunter2hun".into(), true), "token=***");
        assert_eq!(secrets.mask("token=hunter2hun".into(), false), "token=hunter2hun");
        assert_eq!(secrets.mask("a hunt".into(), true), "a ***");
        assert_eq!(secrets.mask("a hun".into(), true), "a hun");
        let cut_through = String::from_utf8_lossy(b"passw\xC3").into_owned();
        assert_eq!(Secrets::new(["passw\u{f6}rt"]).mask(cut_through, true), "***");
    }

    #[test]
    fn where_two_overlap_nothing_of_either_is_left() {
        assert_eq!(Secrets::new(["abcd", "cdef"]).mask("xabcdefx".into(), false), "x***x");
        assert_eq!(Secrets::new(["aba"]).mask("xababax".into(), false), "x***x");
        assert_eq!(Secrets::new(["aba"]).mask("aba aba".into(), false), "*** ***");
    }
}

//! A quick way through JSON as we write it: compact, no escapes, every key once.
//!
//! Nearly all that becomes rows is written by this program, and reading it with serde_json costs three
//! times as much as making the rows. A [`Scanner`] gives up (`None`) at whatever it is not sure of,
//! valid or not: white space, escapes, repeated keys, odd nesting. The caller then asks serde_json,
//! which is the judge; what a scanner does accept, serde_json reads the same (a property test).

/// Nesting beyond this is left to serde_json; our own is three deep.
const MAX_DEPTH: usize = 8;

/// A place in JSON text.
pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

/// What can be read by a [`Scanner`].
pub(crate) trait Scan<'a>: Default {
    /// The value that begins here; `None`: ask serde_json.
    fn scan(scanner: &mut Scanner<'a>) -> Option<Self>;
}

/// All of `text` as one value; `None`: ask serde_json.
pub(crate) fn scan<'a, T: Scan<'a>>(text: &'a str) -> Option<T> {
    let mut scanner = Scanner { text, at: 0 };
    let value = T::scan(&mut scanner)?;
    (scanner.at == text.len()).then_some(value)
}

impl<'a> Scanner<'a> {
    #[inline]
    fn next(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    #[inline]
    fn take(&mut self) -> Option<u8> {
        let byte = self.next()?;
        self.at += 1;
        Some(byte)
    }

    #[inline]
    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.take()? == byte).then_some(())
    }

    /// Calls `member` at the value of each member of an object, with the key.
    fn object(&mut self, member: impl FnMut(&mut Self, &'a str) -> Option<()>) -> Option<()> {
        if self.has_members()? { self.members(member) } else { Some(()) }
    }

    /// Whether the object that begins here has a member; then it stands at the first key.
    #[inline]
    pub(crate) fn has_members(&mut self) -> Option<bool> {
        self.expect(b'{')?;
        if self.next()? == b'}' {
            return self.expect(b'}').map(|()| false);
        }
        Some(true)
    }

    /// As [`Self::object`], from a key on.
    pub(crate) fn members(&mut self, mut member: impl FnMut(&mut Self, &'a str) -> Option<()>) -> Option<()> {
        loop {
            let key = self.string()?;
            self.expect(b':')?;
            member(self, key)?;
            if !self.goes_on()? {
                return Some(());
            }
        }
    }

    /// Behind a member: whether another one follows.
    #[inline]
    pub(crate) fn goes_on(&mut self) -> Option<bool> {
        match self.take()? {
            b',' => Some(true),
            b'}' => Some(false),
            _ => None,
        }
    }

    /// Steps over `key`, which is written with its quotes and colon, if it is what comes next.
    #[inline]
    pub(crate) fn is_at(&mut self, key: &str) -> bool {
        let is = self.text.as_bytes()[self.at..].starts_with(key.as_bytes());
        if is {
            self.at += key.len();
        }
        is
    }

    /// Calls `item` at each value of a list.
    pub(crate) fn list(&mut self, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.expect(b'[')?;
        if self.next()? == b']' {
            return self.expect(b']');
        }
        loop {
            item(self)?;
            match self.take()? {
                b',' => {}
                b']' => return Some(()),
                _ => return None,
            }
        }
    }

    /// A string, without its quotes.
    #[inline]
    pub(crate) fn string(&mut self) -> Option<&'a str> {
        self.expect(b'"')?;
        let rest = self.text.get(self.at..)?;
        let end = plain(rest.as_bytes());
        self.at += end;
        self.expect(b'"')?;
        rest.get(..end)
    }

    /// Any value, as written.
    #[inline]
    pub(crate) fn value(&mut self) -> Option<&'a str> {
        let start = self.at;
        self.skip(MAX_DEPTH)?;
        self.text.get(start..self.at)
    }

    fn skip(&mut self, depth: usize) -> Option<()> {
        let inner = depth.checked_sub(1)?;
        match self.next()? {
            b'"' => self.string().map(drop),
            b'{' => self.object(|scanner, _key| scanner.skip(inner)),
            b'[' => self.list(|scanner| scanner.skip(inner)),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            _ => self.number(),
        }
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.text.get(self.at..)?.starts_with(word).then(|| self.at += word.len())
    }

    /// RFC 8259 section 6.
    fn number(&mut self) -> Option<()> {
        if self.next()? == b'-' {
            self.at += 1;
        }
        if self.next()? == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.next()? == b'.' {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.next()?, b'e' | b'E') {
            self.at += 1;
            if matches!(self.next()?, b'+' | b'-') {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(())
    }

    /// At least one.
    #[inline]
    fn digits(&mut self) -> Option<()> {
        let rest = &self.text.as_bytes()[self.at..];
        let digits = until(rest, no_digits, |byte| !byte.is_ascii_digit());
        self.at += digits;
        (digits > 0).then_some(())
    }
}

/// How many bytes of `rest` are plain text: up to the first quote, backslash or control character.
#[inline]
fn plain(rest: &[u8]) -> usize {
    until(rest, marks, |byte| matches!(byte, b'"' | b'\\' | ..b' '))
}

/// How many bytes of `rest` come before the first that `ends`, eight at once: `ends_of` sets the top bit of the first
/// byte (from the low end) of a word that does, and may set more behind it.
#[inline]
fn until(rest: &[u8], ends_of: impl Fn(u64) -> u64, ends: impl Fn(u8) -> bool) -> usize {
    let (words, tail) = rest.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let found = ends_of(u64::from_le_bytes(*word));
        if found != 0 {
            return index * 8 + (found.trailing_zeros() / 8) as usize;
        }
    }
    let in_words = rest.len() - tail.len();
    tail.iter().position(|byte| ends(*byte)).map_or(rest.len(), |at| in_words + at)
}

const ONES: u64 = u64::from_le_bytes([1; 8]);
const TOPS: u64 = u64::from_le_bytes([0x80; 8]);

/// What is no digit. A digit less `'0'` is below ten: more than nine, or a top bit of its own, reaches the top bit.
const fn no_digits(word: u64) -> u64 {
    let values = word ^ u64::from_le_bytes([b'0'; 8]);
    (((values & !TOPS) + (0x80 - 10) * ONES) | values) & TOPS
}

/// What is no plain text, by the borrow of a subtraction ("Bit Twiddling Hacks", zero byte in a word).
const fn marks(word: u64) -> u64 {
    let quotes = word ^ u64::from_le_bytes([b'"'; 8]);
    let slashes = word ^ u64::from_le_bytes([b'\\'; 8]);
    let controls = word.wrapping_sub(u64::from_le_bytes([b' '; 8])) & !word;
    ((quotes.wrapping_sub(ONES) & !quotes) | (slashes.wrapping_sub(ONES) & !slashes) | controls) & TOPS
}

/// A struct of fields that may all be missing, with both ways to read it: by a [`Scanner`], or by serde. The quickest to
/// read are those that stand here in the order in which they are written.
macro_rules! fields {
    ($(#[$doc:meta])* $visible:vis struct $name:ident { $($(#[$comment:meta])* $key:literal => $field:ident: $type:ty,)+ }) => {
        $(#[$doc])*
        #[derive(Default)]
        #[cfg_attr(test, derive(Debug, PartialEq))]
        #[allow(dead_code, reason = "what is skipped is read by nobody")]
        $visible struct $name<'a> {
            $($(#[$comment])* $field: $type,)+
            _borrows: std::marker::PhantomData<&'a str>,
        }

        // Not derived: of a key that comes twice the last value stands, as for whoever else reads the record.
        impl<'de: 'a, 'a> serde::Deserialize<'de> for $name<'a> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Read<'a>(std::marker::PhantomData<&'a str>);

                impl<'de: 'a, 'a> serde::de::Visitor<'de> for Read<'a> {
                    type Value = $name<'a>;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("a JSON object")
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<$name<'a>, A::Error> {
                        let mut read = $name::default();
                        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
                            match &*key {
                                $($key => read.$field = map.next_value()?,)+
                                _ => { map.next_value::<serde::de::IgnoredAny>()?; }
                            }
                        }
                        Ok(read)
                    }
                }
                deserializer.deserialize_map(Read(std::marker::PhantomData))
            }
        }

        impl<'a> $crate::tables::scan::Scan<'a> for $name<'a> {
            fn scan(scanner: &mut $crate::tables::scan::Scanner<'a>) -> Option<Self> {
                let mut read = Self::default();
                /// Which keys have come up.
                #[derive(Default)]
                struct Seen { $($field: bool,)+ }
                let mut seen = Seen::default();
                if !scanner.has_members()? {
                    return Some(read);
                }
                // Keys come as we write them, nearly always: in this order, though not all of them.
                $(if scanner.is_at(concat!('"', $key, "\":")) {
                    seen.$field = true;
                    read.$field = $crate::tables::scan::Scan::scan(scanner)?;
                    if !scanner.goes_on()? {
                        return Some(read);
                    }
                })+
                scanner.members(|scanner, key| {
                    match key {
                        $($key => {
                            if std::mem::replace(&mut seen.$field, true) {
                                return None;
                            }
                            read.$field = $crate::tables::scan::Scan::scan(scanner)?;
                        })+
                        _ => { scanner.value()?; }
                    }
                    Some(())
                })?;
                Some(read)
            }
        }
    };
}
pub(crate) use fields;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;
    use crate::{
        SchemaId, sample,
        tables::{detections, events, tracks},
    };

    /// Whether the scanner takes `text`; if so, serde_json must read the same.
    fn scans<'a, T: Scan<'a> + Deserialize<'a> + PartialEq + std::fmt::Debug>(text: &'a str) -> bool {
        let scanned = scan::<T>(text);
        if scanned.is_some() {
            assert_eq!(scanned, serde_json::from_str(text).ok(), "{text}");
        }
        scanned.is_some()
    }

    fn any_scans(text: &str) -> [bool; 3] {
        [
            scans::<events::Record<'_>>(text),
            scans::<tracks::Record<'_>>(text),
            scans::<detections::Object<'_>>(text),
        ]
    }

    /// What streams' objects look like.
    const OBJECTS: [&str; 3] = [
        r#"{"frame_id":1,"frame_time":2.5,"system_date":"x","events":[{"id":"a","type":"intrusion","zone_id":"b","extra":{"bbox":{"x":0.1,"y":0.2,"width":1,"height":1},"track_id":"t","class":"Person","duration":3}}]}"#,
        r#"{"frame_id":1,"system_timestamp":-7,"tracks":[{"track_id":"a","x":1,"y":2,"width":3,"height":4,"is_moving":true},{}]}"#,
        r#"{"frame_id":1,"instance_id":"i","detections":[{"label":"Person","x":1e-3,"confidence":0.30}]}"#,
    ];

    fn texts() -> Vec<String> {
        let records = SchemaId::ALL.iter().flat_map(|id| id.versions().map(|version| sample(*id, version)));
        let records = records.map(|bytes| String::from_utf8(bytes).unwrap());
        records.chain(OBJECTS.map(str::to_owned)).collect()
    }

    #[test]
    fn plain_text_ends_where_it_ends() {
        for filler in ["a", "ä", "~", "\u{7f}", "!", "#", "[", "]", "ÿ"] {
            for length in 0..20 {
                let text = filler.repeat(length);
                assert_eq!(plain(text.as_bytes()), text.len());
                for mark in ["\"", "\\", "\0", "\u{1f}", "\n"] {
                    let marked = format!("{text}{mark}{filler}{mark}aaaaaaaaa");
                    assert_eq!(plain(marked.as_bytes()), text.len(), "{marked:?}");
                }
            }
        }
    }

    #[test]
    fn digits_end_where_they_end() {
        for digits in
            (0..20).map(|length| "0918273645546372819".get(..length).unwrap_or("00000000000000000000"))
        {
            for end in ["", ",", "}", ".", "e", "/", ":", "\0", "p", "\u{80}", "ÿ"] {
                let text = format!("{digits}{end}12345678");
                let expected = if end.is_empty() { digits.len() + 8 } else { digits.len() };
                assert_eq!(
                    until(text.as_bytes(), no_digits, |byte| !byte.is_ascii_digit()),
                    expected,
                    "{text:?}"
                );
            }
        }
    }

    #[test]
    fn everything_of_our_own_is_scanned() {
        for text in texts().iter().filter(|text| !text.contains('\\')) {
            let [events, tracks, detections] = any_scans(text);
            let of_its_table = match text.as_str() {
                text if text.contains(r#""$id":"event-"#) || text.contains(r#""events":[{"#) => events,
                text if text.contains(r#""$id":"track""#) || text.contains(r#""tracks":["#) => tracks,
                _ => detections,
            };
            assert!(of_its_table, "{text}");
        }
    }

    #[test]
    fn what_is_unclear_is_left_to_serde() {
        for text in [
            "",
            "{",
            "[]",
            "{} ",
            r#"{"a":1,}"#,
            r#"{ "a":1}"#,
            r#"{"a":01}"#,
            r#"{"a":1.}"#,
            r#"{"a":-}"#,
            r#"{"a":nul}"#,
            r#"{"a":truefalse}"#,
            r#"{"a":[[[[[[[[[1]]]]]]]]]}"#,
            r#"{"$id":null}"#,
            r#"{"$id":"a\u0062"}"#,
            "{\"$id\":\"a\tb\"}",
            r#"{"$id":"a","$id":"b"}"#,
        ] {
            assert!(!scans::<events::Record<'_>>(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn both_ways_read_the_same(
            mut text in prop::sample::select(texts()),
            changes in prop::collection::vec((any::<prop::sample::Index>(), 0..4_usize, prop::sample::select(vec![
                "", ",", ":", "{", "}", "[", "]", "\"", "\\", " ", "null", "true", "0", "-", ".5", "1e999", "E+1", "[]",
                "{}", "[{}]", "\"ä\"", "\n", "\"location\":{},", "\"events\":[1],", "\"frame_id\":null,", "\"x\":1,",
            ])), 0..4),
        ) {
            for (index, removed, inserted) in changes {
                // Where something can be put with a chance to stay valid: behind a mark.
                let marks: Vec<usize> = text.match_indices([',', ':', '{', '[']).map(|(at, _)| at + 1).collect();
                let Some(start) = marks.get(index.index(marks.len().max(1))).copied() else { continue };
                let end = (start + removed).min(text.len());
                if text.is_char_boundary(end) {
                    text.replace_range(start..end, inserted);
                }
            }
            any_scans(&text);
        }
    }
}

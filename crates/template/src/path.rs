//! Paths that stay where their literal beginning says.
//!
//! Three things keep a rendered path inside: only literals make separators; a component that holds a
//! value is never empty, `.` or `..`; and a literal `..` may stand only before the first tag, where it
//! belongs to the folder that the author named. Lengths are settled at parse by the worst case, so
//! rendering has nothing left to refuse.

use std::{borrow::Cow, ops::Range, path::PathBuf};

use crate::{ParseError, Part, Scope, Template, parse::position};

/// Longest name in a folder on Linux file systems (`NAME_MAX`).
pub const MAX_COMPONENT_BYTES: usize = 255;
/// Longest path, its closing NUL included (Linux `PATH_MAX`).
pub const MAX_PATH_BYTES: usize = 4096;
/// Longest value within a path: two fit into a name with room for words between them, and people's
/// names for zones and cameras are shorter.
pub const MAX_VALUE_BYTES: usize = 120;
/// Shortest a value may be cut to: some of it, and [`MARK_BYTES`].
const MIN_VALUE_BYTES: usize = 16;
/// `~` and eight hexadecimal digits that stand for what was cut, so two long values that differ in
/// their ends do not write over each other's files.
const MARK_BYTES: usize = 9;

impl Template {
    /// The path for this object, relative or absolute as the template's own beginning is. It lies
    /// within [`Self::literal_root`], each name has at most [`MAX_COMPONENT_BYTES`].
    ///
    /// # Errors
    /// Only for a template that [`Self::parse_path`] would have refused.
    pub fn render_path(&self, scope: &mut Scope<'_>) -> Result<PathBuf, ParseError> {
        if let Some(fault) = &self.path_fault {
            return Err(fault.clone());
        }
        let mut path = PathBuf::new();
        if matches!(self.parts.first(), Some(Part::Literal(text)) if text.starts_with('/')) {
            path.push("/");
        }
        let mut component = Component::default();
        for part in &self.parts {
            match part {
                Part::Tag(tag) => component.push_value(&tag.text(scope)),
                Part::Literal(text) => {
                    let mut names = text.split('/');
                    component.text.push_str(names.next().unwrap_or_default());
                    for name in names {
                        path.extend(std::mem::take(&mut component).finish());
                        component.text.push_str(name);
                    }
                }
            }
        }
        path.extend(component.finish());
        Ok(path)
    }

    /// The folder that the template's literal beginning names: everything up to the last `/` before
    /// the first tag. Empty for the folder that relative paths start from.
    pub fn literal_root(&self) -> &str {
        let Some(Part::Literal(text)) = self.parts.first() else { return "" };
        match text.rfind('/') {
            Some(0) => "/",
            Some(end) => &text[..end],
            None => "",
        }
    }
}

/// One name of a path while it is put together.
#[derive(Default)]
struct Component {
    text: String,
    values: Vec<Range<usize>>,
}

impl Component {
    fn push_value(&mut self, value: &str) {
        let start = self.text.len();
        self.text.push_str(&cut(&clean(value), MAX_VALUE_BYTES));
        self.values.push(start..self.text.len());
    }

    /// The name, or `None` for a literal one that means nothing (`a//b`, `a/./b`).
    fn finish(mut self) -> Option<String> {
        if self.values.is_empty() {
            return (!matches!(self.text.as_str(), "" | ".")).then_some(self.text);
        }
        if self.text.len() > MAX_COMPONENT_BYTES {
            self.shorten();
        }
        Some(match self.text.as_str() {
            "" | "." => "_".to_owned(),
            ".." => "__".to_owned(),
            _ => self.text,
        })
    }

    /// Cuts every value to an equal share of what the literals leave.
    fn shorten(&mut self) {
        let values: usize = self.values.iter().map(Range::len).sum();
        let share = (MAX_COMPONENT_BYTES - (self.text.len() - values)) / self.values.len();
        for range in self.values.drain(..).rev() {
            let shorter = cut(&self.text[range.clone()], share).into_owned();
            self.text.replace_range(range, &shorter);
        }
    }
}

/// A value without anything that separates, climbs, hides or that file systems reserve.
fn clean(value: &str) -> String {
    let mut cleaned = String::with_capacity(value.len().min(4 * MAX_VALUE_BYTES));
    for c in value.chars() {
        let kept = match c {
            // Names have to work on shares too: Windows reserves all of these.
            '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' => '_',
            // Dots climb only in a row.
            '.' if cleaned.ends_with('.') => {
                cleaned.pop();
                cleaned.push('_');
                '_'
            }
            c if c.is_control() || is_invisible(c) => '_',
            c => c,
        };
        cleaned.push(kept);
    }
    cleaned
}

/// Characters that are not controls to Unicode but turn text around or break lines.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}

/// At most `limit` bytes of `text`, with a mark where something was cut.
fn cut(text: &str, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit {
        return Cow::Borrowed(text);
    }
    let mut end = limit - MARK_BYTES;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    // FNV-1a: stable over releases, which the standard library's hasher is not.
    let hash =
        text.bytes().fold(0x811C_9DC5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    Cow::Owned(format!("{}~{hash:08x}", &text[..end]))
}

/// Why `parts` cannot name a file.
pub(crate) fn fault(parts: &[Part], source: &str) -> Option<ParseError> {
    let end = position(source, source.len());
    let at = |needle: &str| source.find(needle).map_or(end, |byte| position(source, byte));
    let error = |position, message: String| Some(ParseError { position, message });

    // One entry per name: its literal text and the number of values in it.
    let mut names = vec![(String::new(), 0_usize)];
    let mut names_before_tag = usize::MAX;
    for part in parts {
        let Part::Literal(text) = part else {
            names_before_tag = names_before_tag.min(names.len());
            if let Some(name) = names.last_mut() {
                name.1 += 1;
            }
            continue;
        };
        if let Some(control) = text.chars().find(|c| c.is_control()) {
            let message = format!("control character U+{:04X} in a path", control as u32);
            return error(at(&control.to_string()), message);
        }
        let mut split = text.split('/');
        if let (Some(name), Some(more)) = (names.last_mut(), split.next()) {
            name.0.push_str(more);
        }
        names.extend(split.map(|name| (name.to_owned(), 0)));
    }
    if names.iter().skip(names_before_tag).any(|(literal, values)| *values == 0 && literal == "..") {
        let first_tag = source.find('{').unwrap_or(0);
        let byte = source[first_tag..].find("/..").map_or(first_tag, |found| first_tag + found + 1);
        return error(position(source, byte), CLIMBS.to_owned());
    }
    if let Some((literal, 0)) = names.last()
        && matches!(literal.as_str(), "" | "." | "..")
    {
        return error(end, "this names a folder: expected a file name at the end".to_owned());
    }
    for (literal, values) in &names {
        if literal.len() + values * MIN_VALUE_BYTES > MAX_COMPONENT_BYTES {
            return error(
                end,
                format!(
                    "a name in this path can grow past {MAX_COMPONENT_BYTES} bytes: use shorter words or fewer tags between two `/`"
                ),
            );
        }
    }
    let longest = |(literal, values): &(String, usize)| {
        1 + (literal.len() + values * MAX_VALUE_BYTES).min(MAX_COMPONENT_BYTES)
    };
    if names.iter().map(longest).sum::<usize>() > MAX_PATH_BYTES {
        return error(
            end,
            format!("this path can grow past {MAX_PATH_BYTES} bytes: use fewer folders or tags"),
        );
    }
    None
}

const CLIMBS: &str = "`..` after a tag: a path may leave a folder only in its literal beginning";

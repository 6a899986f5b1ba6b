//! What may follow a `|`.

use std::borrow::Cow;

/// Widest `pad`: a file name has to hold it.
const MAX_PAD: usize = 64;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Filter {
    /// Zeros to the left, after the sign, up to this many characters.
    Pad(usize),
    /// Lower case.
    Lower,
    /// Lower case, everything but letters and digits one `-`.
    Slug,
    /// Stands in for a value that is missing.
    Default(String),
}

const CHOICES: &str = "pad:WIDTH, lower, slug, default:TEXT";

impl Filter {
    /// Reads what stands between two `|`. The error lists the valid choices.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (name, argument) = match text.split_once(':') {
            Some((name, argument)) => (name.trim(), Some(argument)),
            None => (text.trim(), None),
        };
        match (name, argument) {
            ("pad", Some(width)) => match width.trim().parse() {
                Ok(width @ 1..=MAX_PAD) => Ok(Self::Pad(width)),
                _ => Err(format!("`pad:{width}`: expected a width from 1 to {MAX_PAD}, as in `pad:6`")),
            },
            ("pad", None) => Err(format!("`pad` needs a width from 1 to {MAX_PAD}, as in `pad:6`")),
            ("lower", None) => Ok(Self::Lower),
            ("slug", None) => Ok(Self::Slug),
            ("lower" | "slug", Some(_)) => Err(format!("`{name}` takes no value: write `|{name}`")),
            ("default", Some(value)) => Ok(Self::Default(value.to_owned())),
            ("default", None) => Err("`default` needs a text, as in `default:none`".to_owned()),
            _ => Err(format!("unknown filter `{name}`: expected one of {CHOICES}")),
        }
    }

    /// Applies it to a value; `None` is a missing one.
    pub(crate) fn apply<'v>(&'v self, value: Option<Cow<'v, str>>) -> Option<Cow<'v, str>> {
        match (self, value) {
            (Self::Default(text), None) => Some(Cow::Borrowed(text)),
            (Self::Default(_), value) => value,
            (_, None) => None,
            (Self::Pad(width), Some(text)) => Some(pad(text, *width)),
            (Self::Lower, Some(text)) => Some(Cow::Owned(text.to_lowercase())),
            (Self::Slug, Some(text)) => Some(Cow::Owned(slug(&text))),
        }
    }
}

fn pad(text: Cow<'_, str>, width: usize) -> Cow<'_, str> {
    let lacking = width.saturating_sub(text.chars().count());
    if lacking == 0 {
        return text;
    }
    let zeros = "0".repeat(lacking);
    Cow::Owned(match text.strip_prefix('-') {
        Some(digits) if digits.starts_with(|c: char| c.is_ascii_digit()) => format!("-{zeros}{digits}"),
        _ => format!("{zeros}{text}"),
    })
}

/// Letters and digits of any script stay: a zone named in Greek must not become an empty name.
fn slug(text: &str) -> String {
    let mut slug = String::with_capacity(text.len());
    for c in text.chars().flat_map(char::to_lowercase) {
        if c.is_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    slug
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filtered(filter: &str, value: Option<&str>) -> Option<String> {
        let filter = Filter::parse(filter).unwrap();
        filter.apply(value.map(Cow::Borrowed)).map(Cow::into_owned)
    }

    #[test]
    fn filters_change_what_they_say() {
        assert_eq!(filtered("pad:6", Some("42")).unwrap(), "000042");
        assert_eq!(filtered("pad:6", Some("-42")).unwrap(), "-00042");
        assert_eq!(filtered("pad:2", Some("1234")).unwrap(), "1234");
        assert_eq!(filtered(" lower ", Some("ÄB")).unwrap(), "äb");
        assert_eq!(filtered("slug", Some("  Gate 3 / Süd!")).unwrap(), "gate-3-süd");
        assert_eq!(filtered("default:x y", None).unwrap(), "x y");
        assert_eq!(filtered("default:x", Some("")).unwrap(), "");
        assert_eq!(filtered("pad:6", None), None);
    }

    #[test]
    fn errors_list_the_choices() {
        let error = |text| Filter::parse(text).unwrap_err();
        assert_eq!(
            error("upper"),
            "unknown filter `upper`: expected one of pad:WIDTH, lower, slug, default:TEXT"
        );
        assert_eq!(error("pad"), "`pad` needs a width from 1 to 64, as in `pad:6`");
        assert_eq!(error("pad:0"), "`pad:0`: expected a width from 1 to 64, as in `pad:6`");
        assert_eq!(error("lower:1"), "`lower` takes no value: write `|lower`");
    }
}

//! `{settings.NAME}` in an exporter's command.

use std::collections::BTreeMap;

use super::settings::is_name;
use crate::{Setting, SettingKind, SettingValue, object::one_of, problem::Check};

const OPEN: &str = "{settings.";

/// Replaces every `{settings.NAME}` in words that are already split, so that one setting, whatever
/// stands in it, never becomes two arguments, and no shell ever sees it (PRODUCT section 9). What a
/// setting holds is not searched again. A name that `settings` lacks, or that is a secret, stays as
/// it is written: [`crate::Manifest::parse`] refuses both.
pub fn substitute(words: Vec<String>, settings: &BTreeMap<String, SettingValue>) -> Vec<String> {
    let replace = |word: String| {
        let mut replaced = String::with_capacity(word.len());
        for piece in pieces(&word) {
            match piece {
                Piece::Literal(text) => replaced.push_str(text),
                Piece::Setting { name, text } => match settings.get(name) {
                    None | Some(SettingValue::Secret(_)) => replaced.push_str(text),
                    Some(value) => replaced.push_str(&value.to_string()),
                },
            }
        }
        replaced
    };
    words.into_iter().map(replace).collect()
}

/// Checks a command's length and the settings it refers to.
pub(crate) fn check(check: &mut Check<'_>, command: &str, max_bytes: usize, settings: &[Setting]) {
    const PATH: &str = "/command";
    if command.is_empty() || command.len() > max_bytes || command.contains('\0') {
        check.error(PATH, "is empty, too long or holds a NUL", format!("expected 1 to {max_bytes} bytes"));
    }
    for piece in pieces(command) {
        let Piece::Setting { name, text } = piece else { continue };
        match settings.iter().find(|setting| setting.name == name) {
            None => {
                let usable = settings
                    .iter()
                    .filter(|setting| setting.kind != SettingKind::Secret && is_name(&setting.name));
                let names: Vec<_> = usable.map(|setting| format!("{OPEN}{}}}", setting.name)).collect();
                check.error(PATH, format!("`{text}` is no setting"), format!("expected {}", one_of(&names)));
            }
            Some(setting) if setting.kind == SettingKind::Secret => {
                let message =
                    format!("`{text}` is a secret, and every user of the machine can read arguments");
                let fix = format!("read WATCHPOST_SETTING_{} in the program", name.to_ascii_uppercase());
                check.error(PATH, message, fix);
            }
            Some(_) => {}
        }
    }
}

enum Piece<'a> {
    Literal(&'a str),
    Setting { name: &'a str, text: &'a str },
}

/// Literal text and references in turn. Every other brace is literal.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(OPEN) {
        let (literal, reference) = rest.split_at(start);
        pieces.push(Piece::Literal(literal));
        let Some(end) = reference.find('}') else {
            rest = reference;
            break;
        };
        pieces.push(Piece::Setting { name: &reference[OPEN.len()..end], text: &reference[..=end] });
        rest = &reference[end + 1..];
    }
    pieces.push(Piece::Literal(rest));
    pieces
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn map(settings: &[(&str, &str)]) -> BTreeMap<String, SettingValue> {
        settings
            .iter()
            .map(|(name, text)| ((*name).to_owned(), SettingValue::Text((*text).to_owned())))
            .collect()
    }

    #[test]
    fn replaces_inside_words_once_and_leaves_other_braces() {
        let words = vec!["--out={settings.a}/{settings.b}".into(), "{x} {settings.c} {settings.a".into()];
        let replaced = substitute(words, &map(&[("a", "{settings.b} '\"; rm"), ("b", "")]));
        assert_eq!(replaced, ["--out={settings.b} '\"; rm/", "{x} {settings.c} {settings.a"]);
    }

    #[test]
    fn a_secret_never_gets_into_an_argument() {
        let secret = BTreeMap::from([("t".to_owned(), SettingValue::Secret("hush".into()))]);
        assert_eq!(substitute(vec!["{settings.t}".into()], &secret), ["{settings.t}"]);
    }

    proptest! {
        #[test]
        fn one_setting_never_becomes_two_arguments(
            value in any::<String>(),
            before in "[a-z \\-=']{0,8}",
            after in "[a-z \\-=']{0,8}",
        ) {
            let words = vec![format!("{before}{{settings.a}}{after}"), "end".to_owned()];
            let replaced = substitute(words, &map(&[("a", &value)]));
            prop_assert_eq!(replaced, [format!("{before}{value}{after}"), "end".to_owned()]);
        }
    }
}

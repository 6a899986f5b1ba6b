//! What must hold of secrets in any words of a child; shared by the fuzz target and the plain test.

use super::{BEGUN_MIN_BYTES, HIDDEN, Secrets};

/// `data`: secrets, one a line; behind a NUL what the child says, of which a part may be cut off.
pub(crate) fn check(data: &[u8]) {
    let at = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
    let (Ok(secrets), said) = (std::str::from_utf8(&data[..at]), data.get(at + 1..).unwrap_or_default())
    else {
        return;
    };
    let secrets: Vec<&str> = secrets.lines().take(8).collect();
    let masks = Secrets::new(secrets.iter().copied());
    let whole = String::from_utf8_lossy(said).into_owned();
    // Where there are none before, each one is ours.
    if whole.contains('*') || secrets.iter().any(|secret| secret.contains('*')) {
        return;
    }
    let plain: Vec<&str> =
        secrets.iter().map(|secret| secret.trim()).filter(|secret| !secret.is_empty()).collect();
    let shown = masks.mask(whole.clone(), false);
    for secret in &plain {
        assert!(!shown.contains(secret), "{shown:?} shows {secret:?}");
        for form in [secret.replace('\\', "\\\\").replace('"', "\\\""), percent(secret)] {
            assert!(!shown.contains(&form), "{shown:?} shows {form:?}");
        }
    }
    nothing_else_is_hidden(&whole, &shown, &plain);
    let cut = masks.mask(whole, true);
    let end = cut.trim_end_matches('\u{FFFD}');
    for secret in &plain {
        let begun =
            secret.char_indices().map(|(at, _)| &secret[..at]).filter(|begun| begun.len() >= BEGUN_MIN_BYTES);
        for begun in begun {
            assert!(!end.ends_with(begun), "{cut:?} ends with the beginning of {secret:?}");
        }
    }
}

/// What was not a part of a secret in any form is there as it was.
fn nothing_else_is_hidden(whole: &str, shown: &str, secrets: &[&str]) {
    let mut is_secret = vec![false; whole.len()];
    for secret in secrets {
        let quoted = secret.replace('\\', "\\\\").replace('"', "\\\"");
        for form in [(*secret).to_owned(), quoted, percent(secret)] {
            for (at, _) in whole.char_indices().filter(|(at, _)| whole[*at..].starts_with(&form)) {
                is_secret[at..at + form.len()].fill(true);
            }
        }
    }
    let rest: Vec<u8> =
        whole.bytes().zip(is_secret).filter(|(_, secret)| !secret).map(|(byte, _)| byte).collect();
    assert_eq!(shown.replace(HIDDEN, "").into_bytes(), rest, "{whole:?} is shown as {shown:?}");
}

/// RFC 3986 section 2.1.
fn percent(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

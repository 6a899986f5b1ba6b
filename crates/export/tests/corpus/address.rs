//! What must hold for any address that an export is given; shared by the fuzz target and the plain test.

use std::path::{Component, Path};

use watchpost_config::{Base, Paths, Root, split_scheme};

use super::Address;

/// `data`: the address.
pub(crate) fn check(data: &[u8]) {
    let Ok(uri) = std::str::from_utf8(data) else { return };
    path(uri);
    match Address::parse(uri) {
        Ok(address) => is_read_as_meant(uri, &address),
        Err((message, fix)) => {
            assert!(!message.is_empty() && !fix.is_empty());
            // A password is what stands between the first `:` and the last `@`, if a `/` in it was not encoded, too.
            let login = split_scheme(uri).and_then(|(_, rest)| rest.rsplit_once('@')).map(|(login, _)| login);
            let Some((_, password)) = login.and_then(|login| login.split_once(':')) else { return };
            // Of letters with a digit among them: such words are not in our own messages.
            let telling = |part: &&str| {
                let plain = part.chars().all(|c| c.is_ascii_alphanumeric());
                part.len() > 5 && plain && part.contains(|c: char| c.is_ascii_digit())
            };
            for part in password.split(['/', ':']).filter(telling) {
                assert!(uri.matches(part).count() > 1 || !message.contains(part), "{message}");
            }
        }
    }
}

fn is_read_as_meant(uri: &str, address: &Address) {
    let shown = address.to_string();
    assert!(address.port > 0 && !address.host.is_empty());
    assert!(!address.host.contains(|c: char| c.is_whitespace() || c.is_control()), "{shown:?}");
    let again = Address::parse(&shown).unwrap_or_else(|(message, _)| panic!("{shown}: {message}"));
    assert_eq!((&again.host, again.port, again.tls), (&address.host, address.port, address.tls));
    assert_eq!((again.username, again.password), (None, None), "{shown} shows who");
    let topic: String = uri.chars().skip(address.topic_at).collect();
    assert_eq!(address.topic.as_deref().unwrap_or_default(), topic, "where the topic begins");
    let login = uri.split_once("://").and_then(|(_, rest)| rest.split('/').next()?.rsplit_once('@'));
    let (user, password) = login.map_or((None, None), |(login, _)| match login.split_once(':') {
        Some((user, password)) => (Some(user), Some(password).filter(|password| !password.is_empty())),
        None => (Some(login), None),
    });
    for (written, read) in [(user, &address.username), (password, &address.password)] {
        assert_eq!(written.map(plain), read.clone());
    }
}

/// Percent-decoding, plainly (RFC 3986 section 2.1).
fn plain(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, behind @ ..] = rest {
        let digits = behind.get(..2).filter(|_| *first == b'%').and_then(|two| {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            Some(digit(two[0])? * 16 + digit(two[1])?)
        });
        bytes.push(digits.map_or(*first, |value| value as u8));
        rest = if digits.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// A path never leaves the data folder unsaid (PRODUCT 14: outside it only an admin may set it).
fn path(uri: &str) {
    let paths = Paths::new(Path::new("/data"), Path::new("/data/instances/a.json"), Base::DataFolder);
    let own = [Root::Data, Root::Exports].map(|root| paths.own(uri, root).ok());
    for found in own.into_iter().flatten().chain([paths.bare(uri)]) {
        assert!(
            !found.path.components().any(|part| matches!(part, Component::ParentDir | Component::CurDir))
        );
        assert_eq!(found.outside, !found.path.starts_with("/data"), "{found:?}");
    }
}

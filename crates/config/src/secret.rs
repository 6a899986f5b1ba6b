//! Secrets in addresses: found, so that what is shown or logged has `***` in their place, and so that what is written back
//! with that keeps them.

use std::ops::Range;

/// In place of a secret.
pub const HIDDEN: &str = "***";

/// Keys behind the `?` of an address whose values let somebody in: cameras and web services have many ways.
const KEYS: [&str; 14] = [
    "accesstoken",
    "apikey",
    "auth",
    "authorization",
    "key",
    "pass",
    "passphrase",
    "passwd",
    "password",
    "pwd",
    "secret",
    "sig",
    "signature",
    "token",
];

/// A secret in an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UriSecret<'t> {
    /// Where it stands in the text.
    pub range: Range<usize>,
    /// Host and port that it is for.
    pub host: &'t str,
    /// What it is.
    pub what: SecretKind<'t>,
}

/// Kinds of secrets in addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretKind<'t> {
    /// Of `scheme://user:password@host`.
    Password {
        /// The user.
        user: &'t str,
    },
    /// Of `?key=value`.
    Value {
        /// The key, as written.
        key: &'t str,
    },
    /// Of `rtmp://host/application/key`: whoever has it may publish. It may hold slashes and a query.
    StreamKey,
}

/// `text` with every secret of every address in it replaced by `***`, in URIs and in pipelines alike (PRODUCT section 14:
/// secrets are never logged or returned).
pub fn redact(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    for secret in uri_secrets(text) {
        shown.push_str(&text[at..secret.range.start]);
        shown.push_str(HIDDEN);
        at = secret.range.end;
    }
    shown.push_str(&text[at..]);
    shown
}

/// Every secret of every address in `text`, in order. One that is hidden already is among them; a dynamic string
/// (`{instance.id}`) is none.
pub fn uri_secrets(text: &str) -> Vec<UriSecret<'_>> {
    let mut found: Vec<UriSecret<'_>> = Vec::new();
    for (at, _) in text.match_indices("://") {
        let start = at + 3;
        let uri = &text[start..start + end_of(&text[start..], |_| false)];
        let authority = &uri[..end_of(uri, |c| "/?#".contains(c))];
        // A password may hold an `@`.
        let host_at = authority.rfind('@').map_or(0, |at| at + 1);
        let host = &authority[host_at..];
        let login = &authority[..host_at.saturating_sub(1)];
        let mut add = |range: Range<usize>, what| {
            let range = start + range.start..start + range.end;
            if !range.is_empty() && !text[range.clone()].starts_with('{') {
                found.push(UriSecret { range, host, what });
            }
        };
        if let Some((user, _)) = login.split_once(':') {
            add(user.len() + 1..login.len(), SecretKind::Password { user });
        }
        if is_rtmp(&text[..at]) {
            // The application stands between the first two slashes behind the host.
            let mut slashes = uri.match_indices('/').map(|(at, _)| at).filter(|at| *at >= authority.len());
            if let Some(key) = slashes.nth(1) {
                add(key + 1..uri.len(), SecretKind::StreamKey);
            }
            continue;
        }
        let Some(query) = uri.find('?').map(|at| at + 1) else { continue };
        let end = uri[query..].find('#').map_or(uri.len(), |at| query + at);
        let mut pair_at = query;
        for pair in uri[query..end].split('&') {
            if let Some((key, value)) = pair.split_once('=').filter(|(key, _)| is_secret(key)) {
                let value_at = pair_at + key.len() + 1;
                add(value_at..value_at + value.len(), SecretKind::Value { key });
            }
            pair_at += pair.len() + 1;
        }
    }
    // An address may stand behind the `?` of another; of what overlaps the first is the longer one.
    found.sort_by_key(|secret| (secret.range.start, std::cmp::Reverse(secret.range.end)));
    let mut end = 0;
    found.retain(|secret| {
        let is_new = secret.range.start >= end;
        if is_new {
            end = secret.range.end;
        }
        is_new
    });
    found
}

/// Where an address in a text ends: at white space, a quote, or what `ends` says.
fn end_of(text: &str, ends: impl Fn(char) -> bool) -> usize {
    text.find(|c: char| c.is_whitespace() || "'\"".contains(c) || ends(c)).unwrap_or(text.len())
}

fn is_rtmp(before: &str) -> bool {
    ["rtmp", "rtmps", "rtmpt", "rtmpe"].iter().any(|scheme| {
        let start = before.len().checked_sub(scheme.len());
        start.is_some_and(|at| before.is_char_boundary(at) && before[at..].eq_ignore_ascii_case(scheme))
    })
}

fn is_secret(key: &str) -> bool {
    let plain: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
    KEYS.contains(&plain.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_and_nothing_else() {
        for (text, shown) in [
            ("rtsp://me:se:cr@t@cam/1?x=1", "rtsp://me:***@cam/1?x=1"),
            (
                "urisourcebin uri=rtsp://a:b@c ! x location='rtmp://d:e@f/g'",
                "urisourcebin uri=rtsp://a:***@c ! x location='rtmp://d:***@f/g'",
            ),
            (
                "http://cam/mjpg?usr=me&pwd=se%20cret&size=1#key=2",
                "http://cam/mjpg?usr=me&pwd=***&size=1#key=2",
            ),
            ("https://h?Access_Token=abc", "https://h?Access_Token=***"),
            ("rtmp://a.example/live/k-e?y=1/2 live=1", "rtmp://a.example/live/*** live=1"),
            ("location='rtmps://u:p@h:1936/app/key' ! x", "location='rtmps://u:***@h:1936/app/***' ! x"),
            ("http://proxy/?url=rtsp://a:b@c/x&token=d", "http://proxy/?url=rtsp://a:***@c/x&token=***"),
        ] {
            assert_eq!(redact(text), shown);
            assert_eq!(redact(shown), shown, "hidden once is hidden");
        }
        for plain in [
            "rtsp://0.0.0.0:8554/a@b",
            "mqtt://user@host:1883/t",
            "no uri: a@b",
            "json:///a:b@c",
            "://",
            "rtmp://h/app",
            "rtmp://h/app/",
            "http://h/?token=&monkey=1",
            "rtmp://h/live/{instance.id}",
            "ä://ö?key",
        ] {
            assert_eq!(redact(plain), plain);
        }
    }

    #[test]
    fn what_a_secret_is_for_is_known() {
        let found = uri_secrets("x rtsp://me:a@cam:554/1?key=b rtmp://h/live/c");
        let told: Vec<_> = found.iter().map(|secret| (secret.host, secret.what.clone())).collect();
        let expected = [
            ("cam:554", SecretKind::Password { user: "me" }),
            ("cam:554", SecretKind::Value { key: "key" }),
            ("h", SecretKind::StreamKey),
        ];
        assert_eq!(told, expected);
    }
}

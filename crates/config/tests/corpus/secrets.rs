//! What must hold of secrets in any text; shared by the fuzz target and the plain test.

use watchpost_config::{HIDDEN, redact, uri_secrets};

/// `data`: any text; where it has two NULs, what stands between them is put into addresses as a secret.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    is_hidden_once(text);
    let mut parts = text.splitn(3, '\0');
    if let (Some(before), Some(secret), Some(after)) = (parts.next(), parts.next(), parts.next()) {
        is_gone(before, secret, after);
    }
}

fn is_hidden_once(text: &str) {
    let mut end = 0;
    let mut rest = String::new();
    for secret in uri_secrets(text) {
        assert!(secret.range.start >= end && !secret.range.is_empty(), "{secret:?}");
        rest.push_str(&text[end..secret.range.start]);
        rest.push_str(HIDDEN);
        end = secret.range.end;
    }
    rest.push_str(&text[end..]);
    let shown = redact(text);
    assert_eq!(shown, rest, "more than the secrets was changed");
    // Of addresses in one another the second look may see more: what ended one may have been hidden.
    if text.matches("://").count() == 1 {
        assert_eq!(redact(&shown), shown, "hidden once is hidden");
    }
}

/// A secret of each kind, in an address with anything before and behind it.
fn is_gone(before: &str, secret: &str, after: &str) {
    // What may stand in an address as it is (RFC 3986 section 3.2.1 and 3.4), and is no dynamic string.
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~!$*+%@:".contains(c);
    if secret.len() < 6 || !secret.chars().all(plain) {
        return;
    }
    let host: String = before.chars().filter(char::is_ascii_alphanumeric).collect();
    for address in [
        format!("rtsp://{host}:{secret}@{host}/{after}"),
        format!("mqtts://{host}:{secret}@{host}:8883/{after}"),
        format!("http://cam/{host}?user={host}&pwd={secret}&{after}"),
        format!("https://cam?{host}&token={secret}"),
        format!("RTMP://{host}/live/{secret}"),
        format!("rtmps://u:{secret}@{host}:1936/live/{host}"),
        format!("uridecodebin uri=rtsp://{host}:{secret}@cam/1 ! appsink name={host}"),
    ] {
        let whole = format!("{before} {address}");
        let others = whole.matches(secret).count() > 1;
        assert!(others || !redact(&whole).contains(secret), "{whole:?} is shown as {:?}", redact(&whole));
    }
}

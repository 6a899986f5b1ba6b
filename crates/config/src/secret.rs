//! Hides passwords in what is shown or logged.

/// `text` with the password of every `scheme://user:password@` in it replaced by `***`, in URIs
/// and in pipelines alike (PRODUCT section 14: secrets are never logged).
pub fn redact(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("://") {
        let (before, after) = rest.split_at(start + 3);
        shown.push_str(before);
        let end = after.find(|c: char| c == '/' || c.is_whitespace() || "'\"?#".contains(c));
        let authority = &after[..end.unwrap_or(after.len())];
        if let Some((user, _)) = authority.rsplit_once('@').filter(|(user, _)| user.contains(':')) {
            shown.push_str(user.split(':').next().unwrap_or_default());
            shown.push_str(":***");
            rest = &after[user.len()..];
        } else {
            rest = after;
        }
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::redact;

    #[test]
    fn passwords_are_hidden_and_nothing_else() {
        assert_eq!(redact("rtsp://me:se:cr@t@cam/1?x=1"), "rtsp://me:***@cam/1?x=1");
        assert_eq!(
            redact("urisourcebin uri=rtsp://a:b@c ! x location='rtmp://d:e@f/g'"),
            "urisourcebin uri=rtsp://a:***@c ! x location='rtmp://d:***@f/g'"
        );
        for plain in
            ["rtsp://0.0.0.0:8554/a@b", "mqtt://user@host:1883/t", "no uri: a@b", "json:///a:b@c", "://"]
        {
            assert_eq!(redact(plain), plain);
        }
    }
}

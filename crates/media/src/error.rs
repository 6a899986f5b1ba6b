//! One error for the whole room: a text for the user, a text for the developer.

use std::fmt;

/// What went wrong. `Display` is the text for the user; `detail` is for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct MediaError {
    /// Which sort of trouble; decides whether trying again can help.
    pub kind: MediaErrorKind,
    /// Names the place, what was expected and the fix. Holds no password.
    pub message: String,
    /// GStreamer's own words: element, error and debug text. May be empty. Holds no password.
    pub detail: String,
}

impl MediaError {
    /// An error; passwords in addresses are taken out of both texts.
    pub fn new(kind: MediaErrorKind, message: impl fmt::Display, detail: impl fmt::Display) -> Self {
        Self {
            kind,
            message: without_passwords(&message.to_string()),
            detail: without_passwords(&detail.to_string()),
        }
    }
}

/// Sorts of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaErrorKind {
    /// The file or the stream's path does not exist.
    NotFound,
    /// The operating system or the camera refuses access.
    Permission,
    /// There is something, but it is no video, or none that can be played.
    NotVideo,
    /// A GStreamer element or decoder is not installed.
    MissingElement,
    /// A pipeline text does not parse, or lacks the element that ties it to Watchpost.
    BadPipeline,
    /// A setting is out of its range.
    BadSetting,
    /// The other side cannot be reached, or the connection broke.
    Network,
    /// A live source ended by itself.
    Disconnected,
    /// Nothing came within the time allowed.
    Timeout,
    /// No room left on the disk.
    DiskFull,
    /// Another failure while reading or writing.
    Storage,
    /// Anything else, most likely a defect.
    Internal,
}

impl MediaErrorKind {
    /// Whether the same call may succeed later without anybody changing a setting.
    pub const fn is_transient(self) -> bool {
        matches!(self, Self::Network | Self::Disconnected | Self::Timeout | Self::DiskFull | Self::Storage)
    }
}

/// `text` with `user:password@` of every address in it replaced by `user:***@`, and the stream key of every RTMP
/// address (what follows the application's name) by `***`: whoever has the key may publish.
pub(crate) fn without_passwords(text: &str) -> String {
    without_keys(&without_logins(text))
}

fn without_keys(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) =
        ["rtmp://", "rtmps://", "rtmpt://", "rtmpe://"].iter().filter_map(|s| rest.find(s)).min()
    {
        let end = rest[at..]
            .find(|c: char| c.is_whitespace() || "\"'<>`\\".contains(c))
            .map_or(rest.len(), |n| at + n);
        let (address, after) = (&rest[at..end], &rest[end..]);
        clean.push_str(&rest[..at]);
        // scheme, nothing, host, application, key: a key may hold slashes and a query.
        match address.match_indices('/').nth(3) {
            Some((key, _)) if key + 1 < address.len() => {
                clean.push_str(&address[..=key]);
                clean.push_str("***");
            }
            _ => clean.push_str(address),
        }
        rest = after;
    }
    clean + rest
}

fn without_logins(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        clean.push_str(before);
        let authority = after.find(|c: char| "/ \"'<>\n".contains(c)).unwrap_or(after.len());
        rest = match after[..authority].rfind('@') {
            Some(end) => {
                let user = after[..end].split(':').next().unwrap_or_default();
                clean.push_str(user);
                if user.len() < end {
                    clean.push_str(":***");
                }
                &after[end..]
            }
            None => after,
        };
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_leave_both_texts() {
        let error = MediaError::new(
            MediaErrorKind::Network,
            "cannot reach rtsp://admin:s3:c@r3t@cam/1 nor http://b:x@y",
            "uri=\"rtsp://admin:s3cret@cam:554/1\" and file:///a@b",
        );
        assert_eq!(error.message, "cannot reach rtsp://admin:***@cam/1 nor http://b:***@y");
        assert_eq!(error.detail, "uri=\"rtsp://admin:***@cam:554/1\" and file:///a@b");
        assert_eq!(without_passwords("rtsp://admin@cam"), "rtsp://admin@cam");
    }

    #[test]
    fn stream_keys_leave_texts() {
        for (text, clean) in [
            ("rtmp://a.example/live/k-e?y=1/2 live=1", "rtmp://a.example/live/*** live=1"),
            ("location='rtmps://h:1936/app/key' ! x", "location='rtmps://h:1936/app/***' ! x"),
            ("rtmp://h/app", "rtmp://h/app"),
            ("rtmp://h/app/", "rtmp://h/app/"),
            ("at rtmp://u:p@h/app/key, twice rtmp://h/a/b", "at rtmp://u:***@h/app/*** twice rtmp://h/a/***"),
        ] {
            assert_eq!(without_passwords(text), clean);
        }
    }
}

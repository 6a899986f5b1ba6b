//! What a pipeline posts on its bus, in words for the user.

use gst::prelude::*;
use gstreamer as gst;

use crate::{
    MediaError, MediaErrorKind as Kind,
    packages::{package_for_media_type, remedy},
};

/// Turns an error message into a [`MediaError`] about `place` (a file, an address, "the pipeline").
pub(crate) fn error_from(message: &gst::message::Error, place: &str) -> MediaError {
    let error = message.error();
    let source = message.src().map(|object| object.name().to_string()).unwrap_or_default();
    let debug = message.debug().map(|text| text.to_string()).unwrap_or_default();
    let detail = format!("{source}: {error}: {debug}");
    let (kind, text) = if let Some(resource) = error.kind::<gst::ResourceError>() {
        from_resource(resource, place, &error, &debug)
    } else if let Some(stream) = error.kind::<gst::StreamError>() {
        from_stream(stream, place, &error, &debug)
    } else if error.kind::<gst::CoreError>() == Some(gst::CoreError::MissingPlugin) {
        (Kind::MissingElement, format!("{place}: a GStreamer plugin is missing: {error}"))
    } else {
        (Kind::Internal, format!("{place}: {error}"))
    };
    MediaError::new(kind, text, detail)
}

fn from_resource(
    resource: gst::ResourceError,
    place: &str,
    error: &gst::glib::Error,
    debug: &str,
) -> (Kind, String) {
    use gst::ResourceError as R;
    let remote = place.contains("://") && !place.starts_with("file://");
    // rtspsrc and souphttpsrc put the status line into the debug text only.
    let refused = ["401", "403", "nauthorized", "orbidden"].iter().any(|word| debug.contains(word));
    // `rtmp2sink` names the command that the server did not grant, or broke off at (RTMP 1.0, section 7.2).
    for (command, what) in [
        ("publish", "this stream: check its key, the last part of the address"),
        ("connect", "this application: check the part of the address after the host"),
    ] {
        if error.message().contains(&format!("'{command}' cmd failed")) {
            return (Kind::Network, format!("{place}: the server refuses {what} ({error})"));
        }
    }
    match resource {
        R::NotAuthorized => (Kind::Permission, format!("{place}: access refused; check user and password")),
        _ if remote && refused && resource != R::NoSpaceLeft => {
            (Kind::Permission, format!("{place}: access refused ({error}); check user and password"))
        }
        R::NotFound if remote => (
            Kind::NotFound,
            format!("{place}: not found on the server ({error}); check host name and path of the address"),
        ),
        R::NotFound => (Kind::NotFound, format!("{place}: no such file; check the path")),
        R::NoSpaceLeft => (Kind::DiskFull, format!("{place}: no space left on the disk; free some")),
        _ if remote => (
            Kind::Network,
            format!(
                "{place}: {}; check that the address is right and that the device can be reached",
                unreached(error.message())
            ),
        ),
        R::OpenRead | R::OpenWrite | R::OpenReadWrite => {
            (Kind::Storage, format!("{place}: cannot be opened: {error}"))
        }
        R::Read | R::Seek => (Kind::Storage, format!("{place}: reading failed: {error}")),
        R::Write | R::Sync | R::Close => (Kind::Storage, format!("{place}: writing failed: {error}")),
        _ => (Kind::Internal, format!("{place}: {error}")),
    }
}

/// What an element says that did not get through; most have no words of their own.
fn unreached(said: &str) -> &str {
    if said.starts_with("Could not open resource") { "no connection" } else { said.trim_end_matches('.') }
}

const PLAYABLE: &str = "a video that GStreamer can play";

fn from_stream(
    stream: gst::StreamError,
    place: &str,
    error: &gst::glib::Error,
    debug: &str,
) -> (Kind, String) {
    use gst::StreamError as S;
    match stream {
        S::TypeNotFound => {
            (Kind::NotVideo, format!("not a video: {place} (its type is not known); expected {PLAYABLE}"))
        }
        S::WrongType => (Kind::NotVideo, format!("not a video: {place} ({error}); expected {PLAYABLE}")),
        S::CodecNotFound => {
            let hint = "install the Debian packages gstreamer1.0-plugins-bad and gstreamer1.0-libav";
            (Kind::MissingElement, format!("{place}: no decoder for it is installed ({error}); {hint}"))
        }
        S::Decrypt | S::DecryptNokey => (Kind::NotVideo, format!("{place}: the video is encrypted")),
        S::Failed if debug.contains("not-negotiated") => (
            Kind::BadPipeline,
            format!(
                "{place}: two elements do not agree on a format (not-negotiated); put `videoconvert` between them"
            ),
        ),
        S::Failed if debug.contains("no pads") || debug.contains("no valid pads") => {
            (Kind::NotVideo, format!("not a video: {place} (nothing in it can be played)"))
        }
        S::Decode | S::Demux | S::Format => (Kind::NotVideo, format!("{place} is damaged: {error}")),
        _ => (Kind::Internal, format!("{place}: {error}")),
    }
}

/// What a missing-plugin message says, if `message` is one.
pub(crate) fn missing_plugin(message: &gst::MessageRef, place: &str) -> Option<MediaError> {
    let structure = message.structure().filter(|structure| structure.name() == "missing-plugin")?;
    let what = structure.get::<String>("name").unwrap_or_default();
    let fix = match structure.get::<gst::Caps>("detail") {
        Ok(caps) => {
            let media_type = caps.structure(0).map(|s| s.name().to_string()).unwrap_or_default();
            // Sound is never decoded here: a missing decoder for it is none of our business.
            if media_type.starts_with("audio/") || media_type.starts_with("text/") {
                return None;
            }
            format!("install the Debian package {}", package_for_media_type(&media_type))
        }
        Err(_) => match structure.get::<String>("detail") {
            Ok(element) => remedy(&element),
            Err(_) => "install it".to_owned(),
        },
    };
    Some(MediaError::new(Kind::MissingElement, format!("{place}: GStreamer lacks {what}; {fix}"), structure))
}

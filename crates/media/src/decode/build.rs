//! Builds a decoder's pipeline and checks beforehand what can be checked.

use std::{
    fs::File,
    io::{ErrorKind, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use gst::prelude::*;
use gstreamer as gst;
use gstreamer_app as gst_app;

use super::{DecodeOptions, Location, queue::WhenFull, sink::Sink, tap::Tap};
use crate::{
    EncodePace, MediaError, MediaErrorKind as Kind,
    error::without_passwords,
    packages::remedy,
    pipeline_text::{self, PipelineUse},
};

/// Decoding threads: more only cost memory (each holds frames) and delay.
const MAX_DECODER_THREADS: u32 = 4;

/// A pipeline that is ready to play.
pub(super) struct Built {
    pub(super) pipeline: gst::Pipeline,
    pub(super) sink: gst_app::AppSink,
    pub(super) shared: Arc<Sink>,
    pub(super) tap: Arc<Tap>,
    pub(super) place: String,
    /// Where it is a file.
    pub(super) file: Option<PathBuf>,
    /// Known to be live before it plays.
    pub(super) live: bool,
}

pub(super) fn build(options: &DecodeOptions) -> Result<Built, MediaError> {
    match &options.location {
        Location::File(path) => {
            check_file(path)?;
            let uri = std::path::absolute(path)
                .ok()
                .and_then(|path| gst::glib::filename_to_uri(path, None).ok())
                .ok_or_else(|| {
                    MediaError::new(Kind::NotFound, format!("{}: no usable path", path.display()), "")
                })?;
            let built = from_uri(&uri, path.display().to_string(), options)?;
            Ok(Built { file: Some(path.clone()), ..built })
        }
        Location::Uri(uri) => {
            let file = gst::glib::filename_from_uri(uri).ok().map(|(path, _)| path);
            if let Some(path) = &file {
                check_file(path)?;
            }
            let built = from_uri(uri, without_passwords(uri), options)?;
            Ok(Built { file, ..built })
        }
        Location::Pipeline(text) => from_text(text, options),
        Location::Pushed(_) => from_uri("appsrc://", "pushed video".to_owned(), options),
    }
}

/// What can be said of a location without playing it: a file can be read, a pipeline parses. Asks no
/// network and no device.
///
/// # Errors
/// It can never be opened as it is.
pub fn check_location(location: &Location) -> Result<(), MediaError> {
    match location {
        Location::File(path) => check_file(path),
        Location::Uri(uri) => match gst::glib::filename_from_uri(uri) {
            Ok((path, _)) => check_file(&path),
            Err(_) => Ok(()),
        },
        Location::Pipeline(text) => pipeline_text::check_pipeline(text, PipelineUse::Source),
        Location::Pushed(_) => Ok(()),
    }
}

/// Better words than GStreamer's for what the file system says.
fn check_file(path: &Path) -> Result<(), MediaError> {
    let shown = path.display();
    let opened = std::fs::metadata(path).and_then(|meta| {
        if meta.is_dir() {
            return Err(std::io::Error::from(ErrorKind::IsADirectory));
        }
        // Opening a named pipe here would take its data away from the decoder.
        if meta.is_file() { File::open(path)?.read(&mut [0]) } else { Ok(1) }
    });
    let (kind, message) = match opened {
        Ok(0) => (Kind::NotVideo, format!("not a video: {shown} is empty")),
        Ok(_) => return Ok(()),
        Err(error) => match error.kind() {
            ErrorKind::NotFound => (Kind::NotFound, format!("{shown}: no such file; check the path")),
            ErrorKind::IsADirectory => {
                (Kind::NotVideo, format!("not a video: {shown} is a folder; name a file"))
            }
            ErrorKind::PermissionDenied => (
                Kind::Permission,
                format!(
                    "{shown}: no permission to read it; give the user Watchpost runs as access (chmod, chown)"
                ),
            ),
            _ => (Kind::Storage, format!("{shown}: {error}")),
        },
    };
    Err(MediaError::new(kind, message, ""))
}

fn from_uri(uri: &str, place: String, options: &DecodeOptions) -> Result<Built, MediaError> {
    let scheme = uri.split("://").next().unwrap_or_default().to_ascii_lowercase();
    let outlet = match &options.location {
        Location::Pushed(outlet) => Some(outlet.clone()),
        _ => None,
    };
    let live = outlet.is_some()
        || scheme.starts_with("rtsp")
        || matches!(scheme.as_str(), "udp" | "rtp" | "srt" | "rtmp" | "v4l2");
    if let Err(error) = gst::Element::make_from_uri(gst::URIType::Src, uri, None) {
        return Err(unreadable_address(&place, &scheme, &error));
    }
    let source = make("uridecodebin")?;
    let sink = gst_app::AppSink::builder()
        .caps(&gst::Caps::new_empty_simple("video/x-raw"))
        .sync(options.realtime && !live)
        .enable_last_sample(false)
        .build();
    source.set_property("uri", uri);
    // Which of those that are there is best is GStreamer's own ranking, and hardware has the highest.
    source.set_property("force-sw-decoders", options.software);
    // Sound and subtitles come out as they are, and nobody takes them: nothing decodes them.
    source.connect("autoplug-continue", false, |values| {
        let caps = values.get(2).and_then(|value| value.get::<gst::Caps>().ok());
        let name =
            caps.as_ref().and_then(|caps| caps.structure(0)).map(|structure| structure.name().as_str());
        let beside = name.is_some_and(|name| {
            ["audio/", "text/", "subtitle/", "application/x-subtitle", "meta/"]
                .iter()
                .any(|kind| name.starts_with(kind))
        });
        Some((!beside).to_value())
    });
    let pipeline = gst::Pipeline::new();
    pipeline
        .add_many([&source, sink.upcast_ref()])
        .map_err(|error| MediaError::new(Kind::Internal, format!("{place}: cannot be opened"), error))?;
    // While opening, frames wait; a live source starts to skip once it is open.
    let skips = live && outlet.is_none();
    let shared = Sink::new(if skips { WhenFull::SkipOldest } else { WhenFull::Wait });
    shared.attach(&sink);
    shared.watch(&pipeline, &place);

    let tap = Tap::new(EncodePace::Live, &place);
    let latency_ms = options.latency_ms;
    let over_tcp = matches!(scheme.as_str(), "rtsp" | "rtsps");
    source.connect("source-setup", false, move |values| {
        if let Some(element) = values.get(1).and_then(|value| value.get::<gst::Element>().ok()) {
            set_up_source(&element, latency_ms, over_tcp);
            if let (Some(outlet), Some(appsrc)) = (&outlet, element.downcast_ref::<gst_app::AppSrc>()) {
                outlet.attach(appsrc);
            }
        }
        None
    });
    if let Some(bin) = source.downcast_ref::<gst::Bin>() {
        bin.connect_deep_element_added(|_, _, element| limit_threads(element));
        tap.watch(bin);
    }
    let (weak, span) = (sink.downgrade(), tracing::Span::current());
    source.connect_pad_added(move |_, pad| {
        let _its_own = span.enter();
        let Some(target) = weak.upgrade().and_then(|sink| sink.static_pad("sink")) else { return };
        let is_video = pad
            .current_caps()
            .unwrap_or_else(|| pad.query_caps(None))
            .structure(0)
            .is_some_and(|s| s.name() == "video/x-raw");
        // The first picture of a file with several is the one that is analysed.
        if is_video
            && !target.is_linked()
            && let Err(error) = pad.link(&target)
        {
            tracing::warn!(%error, "a decoder's output cannot be used");
        }
    });
    let (weak, weak_shared, shown) = (sink.downgrade(), Arc::downgrade(&shared), place.clone());
    source.connect_no_more_pads(move |_| {
        let linked =
            weak.upgrade().and_then(|sink| sink.static_pad("sink")).is_some_and(|pad| pad.is_linked());
        if let (false, Some(shared)) = (linked, weak_shared.upgrade()) {
            let message = format!("not a video: {shown} (there is no picture in it)");
            shared.fail(MediaError::new(Kind::NotVideo, message, ""));
        }
    });
    Ok(Built { pipeline, sink, shared, tap, place, file: None, live })
}

fn unreadable_address(place: &str, scheme: &str, error: &gst::glib::Error) -> MediaError {
    if error.matches(gst::URIError::UnsupportedProtocol) {
        let package = remedy(if scheme.starts_with("rtsp") { "rtspsrc" } else { "souphttpsrc" });
        let message = format!("{place}: no GStreamer element here reads `{scheme}://` addresses; {package}");
        return MediaError::new(Kind::MissingElement, message, error);
    }
    let message =
        format!("{place}: not a usable address (expected scheme://host[:port]/path): {}", error.message());
    MediaError::new(Kind::BadSetting, message, error)
}

fn from_text(text: &str, options: &DecodeOptions) -> Result<Built, MediaError> {
    let pipeline = pipeline_text::parse(text, PipelineUse::Source)?;
    let place = "the pipeline".to_owned();
    let sink = pipeline
        .by_name("cvdsink")
        .and_then(|element| element.downcast::<gst_app::AppSink>().ok())
        .ok_or_else(|| {
            MediaError::new(Kind::BadPipeline, "the pipeline has no `appsink name=cvdsink`", "")
        })?;
    if sink.caps().is_none() {
        sink.set_caps(Some(&gst::Caps::new_empty_simple("video/x-raw")));
    }
    sink.set_property("enable-last-sample", false);
    // The user's own word on pace stands; else appsink's default would make `fast` real time.
    if !options.realtime && !text.contains("sync=") {
        sink.set_property("sync", false);
    }
    let shared = Sink::new(WhenFull::Wait);
    shared.attach(&sink);
    shared.watch(&pipeline, &place);
    let tap = Tap::new(EncodePace::Live, &place);
    tap.watch(pipeline.upcast_ref());
    Ok(Built { pipeline, sink, shared, tap, place, file: None, live: false })
}

fn set_up_source(source: &gst::Element, latency_ms: u32, over_tcp: bool) {
    if source.factory().is_none_or(|factory| factory.name() != "rtspsrc") {
        return;
    }
    source.set_property("latency", latency_ms);
    // A camera that is gone must not hold a thread for the usual 20 s. Microseconds.
    source.set_property("tcp-timeout", 10_000_000u64);
    if over_tcp {
        // UDP first would lose packets on busy networks and cost 5 s behind a firewall.
        source.set_property_from_str("protocols", "tcp+http+tls");
    }
    if source.has_property("add-reference-timestamp-meta") {
        source.set_property("add-reference-timestamp-meta", true);
    }
}

fn limit_threads(element: &gst::Element) {
    let name = element.factory().map(|factory| factory.name().to_string()).unwrap_or_default();
    if name.starts_with("avdec_") && element.has_property("max-threads") {
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
        element.set_property_from_str("max-threads", &cores.min(MAX_DECODER_THREADS).to_string());
    }
}

/// An element by the name of its factory.
pub(crate) fn make(factory: &str) -> Result<gst::Element, MediaError> {
    gst::ElementFactory::make(factory).build().map_err(|error| {
        let message = format!("the GStreamer element `{factory}` is not installed: {}", remedy(factory));
        MediaError::new(Kind::MissingElement, message, error)
    })
}

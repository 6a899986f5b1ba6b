//! What kinds of sources there are, and how one is opened.

use tokio::runtime::Handle;
use watchpost_config::{Input, Paths, split_scheme};
use watchpost_media::{Feed, Location};
use watchpost_model::Id;
use watchpost_process::Guardian;

use crate::{
    Inlet, Source, SourceError, beside, detector,
    ndjson::{self, Origin},
    video::Video,
};

/// Every kind of source, in the order they are shown.
pub static SOURCES: &[&SourceKind] =
    &[&FILE, &RTSP, &HTTP, &PIPELINE, &CAMERA, &PUSH, &NDJSON, &UNIX, &POST, &MOT, &COCO];

/// One kind of source.
#[derive(Debug)]
pub struct SourceKind {
    /// Short name, lower case, stable.
    pub name: &'static str,
    /// As shown to people.
    pub title: &'static str,
    /// One line: what it is.
    pub summary: &'static str,
    /// URI schemes that mean it, without `://`; `""` stands for a bare path.
    pub schemes: &'static [&'static str],
    /// What it gives.
    pub yields: Yields,
    /// An `Input.uri` of it.
    pub example: &'static str,
    /// Whether it could be opened, as far as can be said without doing so. Called through [`check`] only.
    pub check: fn(&Request<'_>) -> Result<(), SourceError>,
    /// Opens it. Called through [`open`] only.
    pub build: fn(&Request<'_>) -> Result<Box<dyn Source>, SourceError>,
}

/// What a source gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Yields {
    /// Pictures.
    Pictures,
    /// Detections; pictures too if `Input.video_uri` is given.
    Detections,
}

/// What a source is built from.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The kind that was found.
    pub kind: &'static SourceKind,
    /// The URI of it: `Input.uri`, or `Input.video_uri` for the video beside detections.
    pub uri: &'a str,
    /// JSON pointer of the key that holds it.
    pub path: &'static str,
    /// Everything else.
    pub input: &'a Input,
    /// Where relative paths lead.
    pub paths: &'a Paths,
    /// The program around it.
    pub host: &'a Host,
}

/// What a source may use of the program around it.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// The instance's id and name, for its detector's environment.
    pub instance: Option<(Id, String)>,
    /// Where posted detections come in; `None` where nobody could post any.
    pub inlet: Option<Inlet>,
    /// Where pushed video comes in; `None` where nobody could push any.
    pub feed: Option<Feed>,
    /// What a detector is started with; `None` where none can be.
    pub children: Option<Children>,
}

/// What child programs are started with.
#[derive(Clone, Debug)]
pub struct Children {
    /// Their parent.
    pub guardian: Guardian,
    /// What serves their pipes.
    pub tokio: Handle,
}

static FILE: SourceKind = SourceKind {
    name: "file",
    title: "Video file",
    summary: "A video file of any format that GStreamer decodes, once or in a loop",
    schemes: &["", "file"],
    yields: Yields::Pictures,
    example: "file:///srv/video/clip.mp4",
    check: |request| checked(request, &file(request)),
    build: |request| video(request, file(request), false),
};

static RTSP: SourceKind = SourceKind {
    name: "rtsp",
    title: "RTSP camera",
    summary: "A network camera; reconnects by itself",
    schemes: &["rtsp", "rtsps"],
    yields: Yields::Pictures,
    example: "rtsp://user:password@192.0.2.10:554/stream1",
    check: |_| Ok(()),
    build: |request| video(request, Location::Uri(request.uri.to_owned()), true),
};

static HTTP: SourceKind = SourceKind {
    name: "http",
    title: "Video over HTTP",
    summary: "A file or a stream (HLS, MJPEG) of a web server",
    schemes: &["http", "https"],
    yields: Yields::Pictures,
    example: "https://example.com/clip.mp4",
    check: |_| Ok(()),
    build: |request| video(request, Location::Uri(request.uri.to_owned()), false),
};

static PIPELINE: SourceKind = SourceKind {
    name: "pipeline",
    title: "GStreamer pipeline",
    summary: "A pipeline of your own that ends in `appsink name=cvdsink`, with any raw caps",
    schemes: &["gstreamer"],
    yields: Yields::Pictures,
    example: "gstreamer:///videotestsrc is-live=true ! videoconvert ! appsink drop=true name=cvdsink",
    check: |request| checked(request, &Location::Pipeline(request.uri.to_owned())),
    build: |request| video(request, Location::Pipeline(request.uri.to_owned()), false),
};

static CAMERA: SourceKind = SourceKind {
    name: "v4l2",
    title: "Local camera",
    summary: "A camera of this machine",
    schemes: &["v4l2"],
    yields: Yields::Pictures,
    example: "v4l2:///dev/video0",
    check: |_| Ok(()),
    build: |request| video(request, Location::Uri(request.uri.to_owned()), true),
};

static PUSH: SourceKind = SourceKind {
    name: "push",
    title: "Pushed video",
    summary: "Pictures or H.264 and H.265 access units, sent one at a time to `POST /v1/core/instance/{id}/push/...` of a server",
    schemes: &["push"],
    yields: Yields::Pictures,
    example: "push://",
    check: |_| Ok(()),
    build: |request| {
        let feed = request.host.feed.as_ref().ok_or_else(|| {
            let message = "video can only be pushed to a server: use `watchpost serve`, or another source";
            SourceError::new(request.path, message)
        })?;
        video(request, Location::Pushed(feed.open()), true)
    },
};

static NDJSON: SourceKind = SourceKind {
    name: "ndjson",
    title: "Your own detections",
    summary: "One JSON object a frame from STDIN (`ndjson://-`) or a file, which `Input.follow` reads on as it grows",
    schemes: &["ndjson"],
    yields: Yields::Detections,
    example: "ndjson:///detections.ndjson",
    check: check_detections,
    build: build_detections,
};

static UNIX: SourceKind = SourceKind {
    name: "unix",
    title: "Detections at a Unix socket",
    summary: "The same lines, written to a socket that Watchpost makes; one connection after the other",
    schemes: &["ndjson+unix"],
    yields: Yields::Detections,
    example: "ndjson+unix:///detections.sock",
    check: check_detections,
    build: build_detections,
};

static POST: SourceKind = SourceKind {
    name: "post",
    title: "Posted detections",
    summary: "The same lines, sent to `POST /v1/core/instance/{id}/detections` of a server",
    schemes: &["ndjson+post"],
    yields: Yields::Detections,
    example: "ndjson+post://",
    check: check_detections,
    build: build_detections,
};

static MOT: SourceKind = SourceKind {
    name: "mot",
    title: "MOTChallenge text",
    summary: "Recorded detections, tracks or ground truth; boxes in pixels of `seqinfo.ini`, the video or `Input.frame_size`",
    schemes: &["mot"],
    yields: Yields::Detections,
    example: "mot:///MOT17-02/det/det.txt",
    check: check_detections,
    build: build_detections,
};

static COCO: SourceKind = SourceKind {
    name: "coco",
    title: "COCO JSON",
    summary: "Recorded results or a dataset; boxes in pixels of its images, the video or `Input.frame_size`",
    schemes: &["coco"],
    yields: Yields::Detections,
    example: "coco:///results.json",
    check: check_detections,
    build: build_detections,
};

fn check_detections(request: &Request<'_>) -> Result<(), SourceError> {
    Origin::of(request)?.check(request.path)?;
    match video_beside(request)? {
        Some(video) => (video.kind.check)(&video),
        None => Ok(()),
    }
}

fn build_detections(request: &Request<'_>) -> Result<Box<dyn Source>, SourceError> {
    let origin = Origin::of(request)?;
    let Some(video) = video_beside(request)? else { return ndjson::open(request, origin) };
    // The limit holds for frames that were matched, and so is applied behind the video.
    let input = Input { frame_rate_limit: None, ..request.input.clone() };
    let video = (video.kind.build)(&Request { input: &input, ..video })?;
    beside::open(request, origin, video)
}

/// The video beside detections, where there is one.
fn video_beside<'a>(request: &Request<'a>) -> Result<Option<Request<'a>>, SourceError> {
    const PATH: &str = "/Input/video_uri";
    let Some(uri) = &request.input.video_uri else { return Ok(None) };
    let kind = find(uri, PATH)?;
    if kind.yields != Yields::Pictures {
        let pictures = schemes(|kind| kind.yields == Yields::Pictures);
        return Err(SourceError::new(PATH, format!("`{uri}` is not a video: expected {pictures}")));
    }
    Ok(Some(Request { kind, uri, path: PATH, ..*request }))
}

fn file(request: &Request<'_>) -> Location {
    match split_scheme(request.uri) {
        None => Location::File(request.paths.bare(request.uri).path),
        Some(_) => Location::Uri(request.uri.to_owned()),
    }
}

fn checked(request: &Request<'_>, location: &Location) -> Result<(), SourceError> {
    watchpost_media::check_location(location).map_err(|error| SourceError::media(request.path, &error))
}

fn video(request: &Request<'_>, location: Location, live: bool) -> Result<Box<dyn Source>, SourceError> {
    Ok(Box::new(Video::open(request, location, live)?))
}

/// Opens the source that `input` names. Returns at once for a camera that cannot be reached: it is
/// tried again from [`Source::next`].
///
/// # Errors
/// No source named, an unknown scheme, or whatever keeps the source from ever giving a frame.
pub fn open(input: &Input, paths: &Paths, host: &Host) -> Result<Box<dyn Source>, SourceError> {
    let request = request(input, paths, host)?;
    let Some(settings) = &input.detector else { return (request.kind.build)(&request) };
    // The limit holds for frames that the detector has looked at, and so is applied there.
    let unlimited = Input { frame_rate_limit: None, ..input.clone() };
    let video = (request.kind.build)(&Request { input: &unlimited, ..request })?;
    detector::open(settings, input, paths, host, video)
}

/// Looks, without opening it, whether the source that `input` names could be: its scheme is known, its
/// file can be read, its pipeline parses. Whether a camera answers and a file is a video is found out
/// by [`open`].
///
/// # Errors
/// What is certain to keep it from being opened.
pub fn check(input: &Input, paths: &Paths) -> Result<(), SourceError> {
    let host = Host::default();
    let request = request(input, paths, &host)?;
    (request.kind.check)(&request)?;
    input.detector.as_ref().map_or(Ok(()), |settings| detector::check(settings, paths))
}

/// Whether the pictures come from a file of this machine, which can pass faster than time. Streams are not known
/// as such before they are opened.
pub fn is_file(input: &Input) -> bool {
    let video = input.video_uri.as_ref().unwrap_or(&input.uri);
    !video.is_empty() && find(video, "/Input/uri").is_ok_and(|kind| std::ptr::eq(kind, &FILE))
}

fn request<'a>(input: &'a Input, paths: &'a Paths, host: &'a Host) -> Result<Request<'a>, SourceError> {
    const PATH: &str = "/Input/uri";
    // An instance of a server that names no source gets its detections by the API.
    let uri = if input.uri.is_empty() && host.inlet.is_some() { POST.example } else { &input.uri };
    if uri.is_empty() {
        let message = "the instance has no source: set Input.uri, for example to \"rtsp://camera/stream\"";
        return Err(SourceError::new(PATH, message));
    }
    let kind = find(uri, PATH)?;
    if input.detector.is_some() && kind.yields == Yields::Detections {
        let message = "Input.uri gives detections already: put a video there for the detector to look at, or \
                       remove Input.detector_cmd";
        return Err(SourceError::new("/Input/detector_cmd", message));
    }
    if input.video_uri.is_some() && kind.yields == Yields::Pictures {
        let message = "Input.uri is a video itself: put your detections there (ndjson://...), or remove \
                       Input.video_uri";
        return Err(SourceError::new("/Input/video_uri", message));
    }
    Ok(Request { kind, uri, path: PATH, input, paths, host })
}

/// The kind of source that `uri` means. `path` is the JSON pointer of its key.
///
/// # Errors
/// There is none for its scheme; the valid ones are listed.
pub fn find(uri: &str, path: &'static str) -> Result<&'static SourceKind, SourceError> {
    let scheme = split_scheme(uri).map(|(scheme, _)| scheme).unwrap_or_default();
    let kind = SOURCES.iter().find(|kind| kind.schemes.contains(&scheme.as_str()));
    kind.copied().ok_or_else(|| {
        SourceError::new(path, format!("there is no source `{scheme}://`: expected {}", schemes(|_| true)))
    })
}

fn schemes(wanted: impl Fn(&SourceKind) -> bool) -> String {
    let kinds = SOURCES.iter().filter(|kind| wanted(kind));
    let names: Vec<_> = kinds
        .flat_map(|kind| kind.schemes)
        .filter(|name| !name.is_empty())
        .map(|name| format!("{name}://"))
        .collect();
    format!("a path or one of {}", names.join(", "))
}

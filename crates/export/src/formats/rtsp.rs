//! RTSP: video that viewers fetch from here. Outside the delivery promise: viewers see what passes while they
//! watch.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use garde::Validate;
use schemars::JsonSchema;
use serde::Deserialize;
use watchpost_config::Problem;
use watchpost_media::{
    Codec, EncodedStream, Login, PipelineUse, RtspFeed, RtspMount, RtspOptions, TlsFiles, check_pipeline,
};
use watchpost_schema::streams::StreamName;

use crate::{
    format::{DataKind, Format, Plan, Request, Selection, VideoOutput},
    live::{Cadence, Level, refuse_conversion, refuse_fast, retried},
    picture::{Moment, Picture, PictureError, PictureSink, VideoSink, Written},
    pictures, selection,
    settings::{self, problem},
    tls_pair,
    video::VideoSettings,
};

/// The port of most RTSP servers that are not on 554 (REFERENCE "Exports by URI").
const PORT: u16 = 8554;

/// See the module.
pub static FORMAT: Format = Format {
    name: "rtsp",
    title: "RTSP",
    summary: "Live video for players and video management systems, started by the first viewer",
    schemes: &["rtsp", "rtsps"],
    accepts: &[DataKind::Pictures],
    viewers: true,
    example: r#"{"uri": "rtsp://127.0.0.1:8554/gate", "sink": "output-image", "config": {"username": "viewer", "password": "change me"}}"#,
    settings: settings::schema_of_both::<VideoSettings, Settings>,
    plan,
};

/// Keys of `config` beside those of all video formats.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// A GStreamer pipeline of your own, `( appsrc name=cvedia-rt ! ... ! rtph264pay name=pay0 )`. It gets raw
    /// frames. Absent: H.264, encoded once for all exports that want the same.
    #[garde(skip)]
    pipeline: Option<String>,
    /// How much GStreamer says about this export in the log: `"0"` (nothing) to `"9"`.
    #[garde(skip)]
    debug: Level,
    /// Who may watch, asked for by digest. Absent: anyone who reaches the address.
    #[garde(length(min = 1, max = 128))]
    username: Option<String>,
    /// That user's password.
    #[garde(length(min = 1, max = 256))]
    password: Option<String>,
    /// For `rtsps://`: a PEM file with the server's certificate.
    #[garde(skip)]
    certificate_path: Option<PathBuf>,
    /// And its private key.
    #[garde(skip)]
    key_path: Option<PathBuf>,
    /// Older form, with `rtsp:///`: the address to listen at.
    #[garde(skip)]
    ip: Option<String>,
    /// Older form: the port.
    #[garde(skip)]
    port: Option<u16>,
    /// Older form: the mount's name.
    #[garde(skip)]
    path: Option<String>,
}

fn plan(request: &Request<'_>) -> Result<Plan, Vec<Problem>> {
    let mut problems = Vec::new();
    let handler = request.handler;
    let read = settings::read_both::<VideoSettings, Settings>(handler, &mut problems);
    let selection = selection::select(handler, &FORMAT, &mut problems);
    let (Some((video, settings)), Some(selection)) = (read, selection) else { return Err(problems) };
    let video = video.check(handler, &mut problems);
    refuse_fast(request, "RTSP", &mut problems);
    let options = options(&settings, request, &mut problems);
    let (Some(video), Some(options)) = (video, options) else { return Err(problems) };
    if let Some(text) = &settings.pipeline {
        refuse_conversion(&video, request, &mut problems);
        if selection == Selection::Stream(StreamName::Source) {
            let message = "a pipeline of your own gets raw frames, which the stream `source` has none of";
            problems.push(problem(handler, "/sink", message, "expected output-image"));
        }
        if let Err(error) = check_pipeline(text, PipelineUse::Rtsp) {
            problems.push(problem(handler, "/config/pipeline", error.message, ""));
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let warning = open_to_all(&options).then(|| {
        let message = format!("anyone who reaches {} can watch", options.address);
        problem(handler, "/uri", message, "set `username` and `password`, or listen at 127.0.0.1")
    });
    let mut plan = match settings.pipeline {
        Some(text) => {
            let fps = video.fps;
            pictures::plan(&FORMAT, request, selection, move || {
                let mount = Err((options.clone(), text.clone()));
                Box::new(PipelineSink { mount, cadence: Cadence::new(fps) })
            })
        }
        None => {
            let make =
                move || Box::new(StreamSink { options: options.clone(), mount: None }) as Box<dyn VideoSink>;
            let carries = &[Codec::H264, Codec::H265];
            let output = VideoOutput { video, carries, make: Box::new(make), gone: None };
            pictures::video_plan(&FORMAT, request, selection, output)
        }
    };
    plan.warnings.extend(warning);
    Ok(plan)
}

fn open_to_all(options: &RtspOptions) -> bool {
    options.login.is_none() && !options.address.ip().is_loopback()
}

fn options(settings: &Settings, request: &Request<'_>, problems: &mut Vec<Problem>) -> Option<RtspOptions> {
    let before = problems.len();
    let handler = request.handler;
    let mut refuse =
        |key: &str, message: String, fix: &str| problems.push(problem(handler, key, message, fix));
    let (scheme, rest) = handler.uri.split_once("://")?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = match authority.rsplit_once(':').filter(|(_, port)| !port.contains(']')) {
        Some((host, port)) => (host, port.parse().ok()),
        None => (authority, settings.port.or(Some(PORT))),
    };
    // The older form has the address in the place of the path, and again in its settings.
    let older = authority.is_empty();
    let host = if older { settings.ip.as_deref().unwrap_or(path.trim_matches('/')) } else { host };
    let name = if older { settings.path.as_deref().unwrap_or_default() } else { path };
    if authority.contains('@') {
        let message = "has a user in its address".to_owned();
        refuse("/uri", message, "users of a server stand in `username` and `password`");
    }
    let ip = ip(host);
    if ip.is_none() {
        let message = format!("`{host}` is not an IP address");
        refuse(
            "/uri",
            message,
            "expected one of this machine's, or 0.0.0.0 for all of them: rtsp://0.0.0.0:8554/name",
        );
    }
    if port.is_none_or(|port: u16| port == 0) {
        refuse("/uri", format!("`{authority}` has no port that can be used"), "expected 1 to 65535");
    }
    let name = name.trim_matches('/');
    if name.is_empty()
        || name.len() > 200
        || name.contains(['?', '#', '%'])
        || name.contains(char::is_whitespace)
    {
        refuse("/uri", format!("`{name}` is no name of a stream"), "expected rtsp://address:port/name");
    }
    let login = match (&settings.username, &settings.password) {
        (Some(user), Some(password)) => Some(Login { user: user.clone(), password: password.clone() }),
        (None, None) => None,
        (Some(_), None) => {
            refuse("/config/password", "is missing beside `username`".into(), "set both or neither");
            None
        }
        (None, Some(_)) => {
            refuse("/config/username", "is missing beside `password`".into(), "set both or neither");
            None
        }
    };
    let file = |path: &PathBuf| if path.is_absolute() { path.clone() } else { request.paths.data.join(path) };
    let tls = match (&settings.certificate_path, &settings.key_path, scheme.eq_ignore_ascii_case("rtsps")) {
        (Some(certificate), Some(key), true) => {
            Some(TlsFiles { certificate: file(certificate), key: file(key) })
        }
        (None, None, false) => None,
        (_, _, true) => {
            refuse(
                "/config/certificate_path",
                "rtsps:// needs a certificate".into(),
                "set `certificate_path` and `key_path`",
            );
            None
        }
        (_, _, false) => {
            refuse(
                "/uri",
                "has a certificate and is not rtsps://".into(),
                "write rtsps://, or remove `certificate_path` and `key_path`",
            );
            None
        }
    };
    let debug = settings.debug.check(request, problems);
    let address = SocketAddr::new(ip?, port?);
    (problems.len() == before).then(|| RtspOptions { address, path: format!("/{name}"), login, tls, debug })
}

fn ip(host: &str) -> Option<IpAddr> {
    if host.eq_ignore_ascii_case("localhost") {
        return Some(Ipv4Addr::LOCALHOST.into());
    }
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Begins to offer `feed`.
fn start(options: &RtspOptions, feed: RtspFeed) -> Result<RtspMount, PictureError> {
    if let Some(tls) = &options.tls {
        // Files that others renew: looked at again.
        tls_pair::check(&tls.certificate, &tls.key).map_err(PictureError::Retry)?;
    }
    RtspMount::start(options, feed).map_err(retried)
}

/// Shows a shared encoded stream.
struct StreamSink {
    options: RtspOptions,
    mount: Option<RtspMount>,
}

impl VideoSink for StreamSink {
    fn begin(&mut self, video: &EncodedStream) -> Result<(), PictureError> {
        match &self.mount {
            Some(mount) => mount.show(video.clone()),
            None => {
                let feed = RtspFeed::Encoded(video.clone());
                self.mount = Some(start(&self.options, feed)?);
            }
        }
        Ok(())
    }

    fn look(&mut self, _moment: &Moment) -> Result<(), PictureError> {
        let error = self.mount.as_ref().and_then(RtspMount::take_error);
        error.map_or(Ok(()), |error| Err(retried(error)))
    }

    fn finish(self: Box<Self>) -> Result<Vec<Written>, PictureError> {
        Ok(Vec::new())
    }
}

/// Gives raw frames to a pipeline of the user's own.
struct PipelineSink {
    /// Made with the first picture.
    mount: Result<RtspMount, (RtspOptions, String)>,
    cadence: Cadence,
}

impl PictureSink for PipelineSink {
    fn push(&mut self, picture: &Picture) -> Result<u64, PictureError> {
        if let Err((options, text)) = &self.mount {
            self.mount = Ok(start(options, RtspFeed::Pipeline(text.clone()))?);
        }
        match (&self.mount, self.cadence.takes(picture)) {
            (Ok(mount), Some(rate)) => {
                mount.push(&picture.shown, picture.frame.time, rate).map_err(retried)?;
                Ok(1)
            }
            _ => Ok(0),
        }
    }

    fn finish(self: Box<Self>) -> Result<Vec<Written>, PictureError> {
        Ok(Vec::new())
    }
}

//! RTSP out, seen by other people's clients: ffprobe, ffmpeg, GStreamer's rtspsrc.

#[path = "common/interleaved.rs"]
mod interleaved;

use std::{
    net::TcpListener,
    process::{Command, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use watchpost_media::{
    EncodePace, Encoder, EncoderSettings, Login, MediaErrorKind, Rate, RtspFeed, RtspMount, RtspOptions,
    TlsFiles,
};
use watchpost_model::{PixelFormat, StreamTime};

use crate::common::{self, SIZE, picture};

/// The reference's own (REFERENCE "Instance file").
const REFERENCE: &str = "( appsrc name=cvedia-rt ! videoconvert ! videoscale ! x264enc ! \
                         video/x-h264,profile=high ! rtph264pay name=pay0 pt=96 )";

fn options(path: &str) -> RtspOptions {
    RtspOptions {
        address: "127.0.0.1:0".parse().unwrap(),
        path: path.to_owned(),
        login: None,
        tls: None,
        debug: 0,
    }
}

/// A mount that is given 25 frames a second until it is dropped.
struct Show {
    mount: Arc<RtspMount>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Show {
    fn encoded(options: &RtspOptions) -> Self {
        let fps = Rate::new(25, 1).unwrap();
        let encoder = Encoder::start(EncoderSettings::new(SIZE, fps, EncodePace::Live)).unwrap();
        let mount = RtspMount::start(options, RtspFeed::Encoded(encoder.stream().clone())).unwrap();
        Self::turn(mount, move |_, n, pts| {
            if encoder.stream().outputs() > 0 {
                encoder.push(&picture(PixelFormat::I420, SIZE, n), pts).unwrap();
            }
        })
    }

    fn pipeline(options: &RtspOptions, text: &str) -> Self {
        let mount = RtspMount::start(options, RtspFeed::Pipeline(text.to_owned())).unwrap();
        let fps = Rate::new(25, 1).unwrap();
        Self::turn(mount, move |mount, n, pts| {
            mount.push(&picture(PixelFormat::Nv12, SIZE, n), pts, fps).unwrap();
        })
    }

    fn turn(mount: RtspMount, frame: impl Fn(&RtspMount, u64, StreamTime) + Send + 'static) -> Self {
        let (mount, stop) = (Arc::new(mount), Arc::new(AtomicBool::new(false)));
        let (stopped, shown) = (stop.clone(), mount.clone());
        let thread = std::thread::spawn(move || {
            let start = Instant::now();
            for n in 0.. {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                frame(&shown, n, StreamTime::from_nanos(n * 40_000_000));
                let next = Duration::from_millis(40) * (n as u32 + 1);
                std::thread::park_timeout(next.saturating_sub(start.elapsed()));
            }
        });
        Self { mount, stop, thread: Some(thread) }
    }

    fn url(&self, path: &str) -> String {
        format!("rtsp://{}{path}", self.mount.address())
    }
}

impl Drop for Show {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || std::thread::panicking(), "frames were refused");
    }
}

/// Runs a client, bounded: one that waits for ever fails the test.
fn ran(command: &mut Command) -> Output {
    let mut bounded = Command::new("timeout");
    bounded.arg("25").arg(command.get_program()).args(command.get_args());
    bounded.stdin(Stdio::null()).output().unwrap()
}

/// Codec, width and height by ffprobe; what it says where it fails.
fn ffprobe(url: &str, transport: &str) -> Result<String, String> {
    let output = ran(Command::new("ffprobe")
        .args(["-v", "error", "-rtsp_transport", transport, "-timeout", "10000000"])
        .args([
            "-select_streams",
            "v",
            "-show_entries",
            "stream=codec_name,width,height",
            "-of",
            "csv=p=0",
            url,
        ]));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// Frames that ffmpeg decodes in the stream's first seconds, and what it complains of.
fn ffmpeg_frames(url: &str, transport: &str, seconds: f64) -> (u64, String) {
    let output = ran(Command::new("ffmpeg")
        .args(["-v", "warning", "-nostats", "-progress", "-", "-rtsp_transport", transport])
        .args(["-i", url, "-t", &seconds.to_string(), "-f", "null", "-"]));
    let progress = String::from_utf8_lossy(&output.stdout);
    let frames = progress.lines().rev().find_map(|line| line.strip_prefix("frame=")?.trim().parse().ok());
    (frames.unwrap_or(0), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Frames that ffmpeg receives in the stream's first seconds, decoding none.
fn ffmpeg_packets(url: &str, transport: &str, seconds: f64) -> (u64, String) {
    let output = ran(Command::new("ffmpeg")
        .args(["-v", "warning", "-nostats", "-progress", "-", "-rtsp_transport", transport])
        .args(["-i", url, "-t", &seconds.to_string(), "-c", "copy", "-f", "null", "-"]));
    let progress = String::from_utf8_lossy(&output.stdout);
    let frames = progress.lines().rev().find_map(|line| line.strip_prefix("frame=")?.trim().parse().ok());
    (frames.unwrap_or(0), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Time from asking to the first decoded frame, by GStreamer.
fn first_frame(url: &str) -> Duration {
    use gstreamer::prelude::*;
    gstreamer::init().unwrap();
    let text = format!(
        "rtspsrc location={url} latency=0 protocols=tcp ! rtph264depay ! h264parse ! avdec_h264 ! fakesink name=out sync=false signal-handoffs=true"
    );
    let start = Instant::now();
    let pipeline = gstreamer::parse::launch(&text).unwrap().downcast::<gstreamer::Pipeline>().unwrap();
    let (seen, sees) = std::sync::mpsc::channel();
    let out = pipeline.by_name("out").unwrap();
    out.connect("handoff", false, move |_| {
        let _later_ones = seen.send(Instant::now());
        None
    });
    pipeline.set_state(gstreamer::State::Playing).unwrap();
    let first = sees.recv_timeout(Duration::from_secs(20));
    pipeline.set_state(gstreamer::State::Null).unwrap();
    first.expect("a frame within 20 s") - start
}

#[test]
fn real_time_the_default_is_seen_by_tcp_and_udp_within_a_second() {
    let show = Show::encoded(&options("/stream1"));
    let url = show.url("/stream1");
    assert!(!show.mount.is_watched());
    let first = first_frame(&url);
    assert!(first < Duration::from_secs(1), "{first:?}");
    for transport in ["tcp", "udp"] {
        assert_eq!(
            ffprobe(&url, transport).unwrap(),
            format!("h264,{},{}", SIZE.width, SIZE.height),
            "{transport}"
        );
        let (frames, complaints) = ffmpeg_frames(&url, transport, 2.0);
        assert!((45..=55).contains(&frames), "{transport}: {frames} frames\n{complaints}");
    }
    // The second viewer of a running media waits for no key frame of the schedule either.
    let watching = Command::new("ffmpeg")
        .args(["-v", "error", "-rtsp_transport", "tcp", "-i", &url, "-f", "null", "-"])
        .stdin(Stdio::null())
        .spawn();
    common::wait_until("it is watched", || show.mount.is_watched());
    for _ in 0..3 {
        let first = first_frame(&url);
        assert!(first < Duration::from_secs(1), "{first:?}");
    }
    let mut watching = watching.unwrap();
    watching.kill().unwrap();
    watching.wait().unwrap();
    common::wait_until("nobody watches any more", || !show.mount.is_watched());
}

#[test]
fn the_reference_pipeline_works_unmodified() {
    let show = Show::pipeline(&options("/stream1"), REFERENCE);
    let url = show.url("/stream1");
    assert_eq!(ffprobe(&url, "tcp").unwrap(), format!("h264,{},{}", SIZE.width, SIZE.height));
    let (frames, complaints) = ffmpeg_frames(&url, "tcp", 2.0);
    assert!((45..=55).contains(&frames), "{frames} frames\n{complaints}");
    assert_eq!(show.mount.take_error(), None);
}

#[test]
fn users_watch_their_own_mount_only_and_mounts_share_a_port() {
    let login = |user: &str, password: &str| Some(Login { user: user.into(), password: password.into() });
    let open = Show::encoded(&options("/open"));
    let address = open.mount.address();
    let one = Show::encoded(&RtspOptions { address, login: login("ann", "secret/1"), ..options("/one") });
    let two = Show::encoded(&RtspOptions { address, login: login("bob", "secret2"), ..options("/one/two") });
    let url = |login: &str, path: &str| format!("rtsp://{login}{address}{path}");
    for good in [
        url("", "/open"),
        url("ann:secret%2F1@", "/one"),
        url("bob:secret2@", "/one/two"),
        url("bob:x@", "/open"),
    ] {
        ffprobe(&good, "tcp").unwrap_or_else(|error| panic!("{good}: {error}"));
    }
    for (bad, status) in [
        (url("", "/one"), "401"),
        (url("ann:wrong@", "/one"), "401"),
        (url("bob:secret2@", "/one"), "40"),
        (url("ann:secret%2F1@", "/one/two"), "40"),
        (url("", "/nothing"), "40"),
    ] {
        let error = ffprobe(&bad, "tcp").expect_err(&bad);
        assert!(error.contains(status), "{bad}: {error}");
    }
    // The same name with two passwords on one port cannot be told apart.
    let refused = RtspMount::start(
        &RtspOptions { address, login: login("ann", "other"), ..options("/three") },
        RtspFeed::Pipeline(REFERENCE.into()),
    );
    let Err(error) = refused else { panic!("taken") };
    assert!(error.message.contains("`ann`") && error.message.contains("/one"), "{error}");
    let taken =
        RtspMount::start(&RtspOptions { address, ..options("/open") }, RtspFeed::Pipeline(REFERENCE.into()));
    assert!(taken.err().unwrap().message.contains("another export's already"));
    drop((one, two));
    assert!(ffprobe(&url("ann:secret%2F1@", "/one"), "tcp").unwrap_err().contains("404"));
    assert!(ffprobe(&open.url("/open"), "tcp").is_ok());
}

#[test]
fn real_time_twenty_watch_and_a_slow_one_slows_nobody() {
    const TIME: Duration = Duration::from_secs(5);
    let show = Show::encoded(&options("/crowd"));
    let (address, url) = (show.mount.address(), show.url("/crowd"));
    // Asks for everything and reads nothing.
    let slow = interleaved::play_with_no_room(address, "/crowd");
    let udp: Vec<_> = (0..4)
        .map(|_| {
            let url = url.clone();
            // As many at once as this would not all be decoded in time on a small machine.
            std::thread::spawn(move || ffmpeg_packets(&url, "udp", TIME.as_secs_f64() - 1.0))
        })
        .collect();
    let tcp: Vec<_> = (0..16)
        .map(|_| {
            std::thread::spawn(move || interleaved::receive(&mut interleaved::play(address, "/crowd"), TIME))
        })
        .collect();
    for (n, viewer) in tcp.into_iter().enumerate() {
        let seen = viewer.join().unwrap();
        // All of them come within moments: who is not the first waits for the next key frame that is made for
        // newcomers, and not for that of the schedule, up to two seconds away.
        let to_see = seen.first_key.unwrap_or_else(|| panic!("viewer {n} saw nothing: {seen:?}"));
        assert!(to_see < Duration::from_secs(1), "viewer {n}: {seen:?}");
        assert_eq!(seen.lost, 0, "viewer {n}: {seen:?}");
        assert!((110..=140).contains(&seen.pictures), "viewer {n}, of 125 pictures: {seen:?}");
        // Three of the schedule, and for newcomers one in each 300 ms of the two seconds in which they come.
        assert!(seen.keys <= 10, "newcomers made too many key frames: {seen:?}");
    }
    for (n, viewer) in udp.into_iter().enumerate() {
        let (packets, complaints) = viewer.join().unwrap();
        assert!((90..=110).contains(&packets), "UDP viewer {n}: {packets} frames of 100\n{complaints}");
    }
    assert_eq!(show.mount.dropped(), 0, "frames were left out for the slow one");
    // More than a client that is only late leaves lying: nothing went on there.
    let unsent = interleaved::unsent_to(&slow);
    assert!(unsent > 16_000, "the slow one was not slow: {unsent} bytes wait");
}

#[test]
fn a_mount_vanishes_with_its_viewers_and_comes_back() {
    let other = Show::encoded(&options("/stays"));
    let address = other.mount.address();
    let gone = RtspOptions { address, ..options("/goes") };
    let mut show = Some(Show::encoded(&gone));
    let mut watching = Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-rtsp_transport",
            "tcp",
            "-i",
            &format!("rtsp://{address}/goes"),
            "-f",
            "null",
            "-",
        ])
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    common::wait_until("it is watched", || show.as_ref().unwrap().mount.is_watched());
    drop(show.take());
    common::wait_until("its viewer is told", || watching.try_wait().unwrap().is_some());
    assert!(ffprobe(&format!("rtsp://{address}/goes"), "tcp").unwrap_err().contains("404"));
    assert!(ffprobe(&other.url("/stays"), "tcp").is_ok());
    let _back = Show::encoded(&gone);
    assert!(ffprobe(&format!("rtsp://{address}/goes"), "tcp").is_ok());
}

#[test]
fn tls_and_what_is_wrong_with_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let make = |name: &str| {
        let (certificate, key) =
            (folder.path().join(format!("{name}.pem")), folder.path().join(format!("{name}.key")));
        let made = ran(Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
            ])
            .arg("-out")
            .arg(&certificate)
            .arg("-keyout")
            .arg(&key));
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        TlsFiles { certificate, key }
    };
    let tls = make("a");
    let show = Show::encoded(&RtspOptions { tls: Some(tls.clone()), ..options("/safe") });
    let address = show.mount.address();
    assert_eq!(
        ffprobe(&format!("rtsps://{address}/safe"), "tcp").unwrap(),
        format!("h264,{},{}", SIZE.width, SIZE.height)
    );
    assert!(ffprobe(&format!("rtsp://{address}/safe"), "tcp").is_err(), "in the clear");
    let start = |tls: Option<TlsFiles>, address| {
        RtspMount::start(&RtspOptions { tls, address, ..options("/x") }, RtspFeed::Pipeline(REFERENCE.into()))
    };
    assert!(start(None, address).err().unwrap().message.contains("the same certificate"));
    let free = "127.0.0.1:0".parse().unwrap();
    let missing = TlsFiles { certificate: folder.path().join("none.pem"), key: tls.key };
    let error = start(Some(missing), free).err().expect("no file");
    assert!(error.message.contains("none.pem"), "{error}");
}

#[test]
fn ports_in_use_and_broken_pipelines_are_told_with_the_fix() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let start = |options: &RtspOptions, text: &str| {
        RtspMount::start(options, RtspFeed::Pipeline(text.into())).err().expect("refused")
    };
    let error = start(&RtspOptions { address: taken.local_addr().unwrap(), ..options("/x") }, REFERENCE);
    assert_eq!(error.kind, MediaErrorKind::Network, "may pass by itself");
    assert!(
        error.message.contains("in use by another program") && error.message.contains("choose another port"),
        "{error}"
    );
    let error = start(&options("/x"), "( appsrc name=cvedia-rt ! x264enc ! rtph264pay )");
    assert!(error.message.contains("pay0"), "{error}");
    let error = start(&RtspOptions { address: "192.0.2.1:0".parse().unwrap(), ..options("/x") }, REFERENCE);
    assert!(error.message.contains("0.0.0.0 stands for all"), "{error}");

    // Breaks off while it runs: told once, and made anew for the next viewer.
    let text = "( appsrc name=cvedia-rt ! videoconvert ! identity error-after=50 ! x264enc tune=zerolatency ! rtph264pay name=pay0 )";
    let mount = RtspMount::start(&options("/x"), RtspFeed::Pipeline(text.into())).unwrap();
    let url = format!("rtsp://{}/x", mount.address());
    let viewer = std::thread::spawn(move || ffmpeg_frames(&url, "tcp", 60.0));
    let (mut n, mut failed) = (0, None);
    common::wait_until("the failure is told", || {
        n += 1;
        failed = mount
            .push(&picture(PixelFormat::I420, SIZE, n), StreamTime::from_nanos(n * 10_000_000), Rate::DEFAULT)
            .err();
        failed.is_some()
    });
    assert!(failed.unwrap().message.contains("rtsp://"));
    drop(mount);
    let (frames, _) = viewer.join().unwrap();
    assert!(frames <= 50, "{frames}");
}

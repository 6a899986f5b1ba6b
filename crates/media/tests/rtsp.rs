//! A camera over RTSP: a real server (gst-rtsp-server by way of Python) that comes and goes.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant, SystemTime},
};

use watchpost_media::{DecodeOptions, Decoder, Location, MediaErrorKind, Next};

const SERVER: &str = r#"
import gi, sys
gi.require_version("Gst", "1.0"); gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GstRtspServer, GLib
Gst.init(None)
server = GstRtspServer.RTSPServer(); server.set_address("127.0.0.1"); server.set_service("0")
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch("( videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=240,framerate=30/1 "
    "! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15 ! rtph264pay name=pay0 config-interval=-1 )")
factory.set_shared(True)
server.get_mount_points().add_factory("/cam", factory)
server.attach(None)
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
"#;

struct Camera {
    child: Child,
    address: String,
}

impl Camera {
    /// `None`, said aloud, where Python or the server's bindings are missing.
    fn start() -> Option<Self> {
        // Debian's own Python: the bindings are packaged for it, whatever else is first in PATH.
        let mut child = Command::new("/usr/bin/python3")
            .args(["-c", SERVER])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take()?).read_line(&mut line).ok()?;
        let Ok(port) = line.trim().parse::<u16>() else {
            eprintln!("SKIPPED: install python3-gi and gir1.2-gst-rtsp-server-1.0 to test against a camera");
            return None;
        };
        Some(Self { child, address: format!("rtsp://user:secret@127.0.0.1:{port}/cam") })
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn a_camera_has_times_and_its_end_is_an_error() {
    let Some(mut camera) = Camera::start() else { return };
    let mut decoder = Decoder::open(&DecodeOptions::new(Location::Uri(camera.address.clone()))).unwrap();
    let info = decoder.info();
    assert!(info.live && !info.seekable && info.duration.is_none(), "{info:?}");
    assert_eq!((info.size.width, info.size.height), (320, 240));

    // Sender reports come every few seconds; from the first on every frame has its wall clock.
    let deadline = Instant::now() + Duration::from_secs(20);
    let (mut last, mut frames) = (None, 0);
    let captured = loop {
        assert!(Instant::now() < deadline, "no capture time after {frames} frames");
        if let Next::Frame(frame) = decoder.next(Duration::from_secs(5)).unwrap() {
            assert!(last.is_none_or(|last| frame.pts > last), "time stands still");
            last = Some(frame.pts);
            frames += 1;
            if let Some(captured) = frame.captured {
                break captured;
            }
        }
    };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64;
    assert!((now - captured.0).abs() < 3000, "captured {} ms ago", now - captured.0);

    // Nobody takes frames for a while: they are skipped, not saved up.
    let before = decoder.skipped();
    let waited = Instant::now();
    while decoder.skipped() < before + 10 {
        assert!(waited.elapsed() < Duration::from_secs(10), "nothing was skipped");
        std::thread::park_timeout(Duration::from_millis(10));
    }
    assert!(decoder.waiting() <= 4);

    camera.child.kill().unwrap();
    let error = loop {
        match decoder.next(Duration::from_secs(30)) {
            Ok(Next::Frame(_)) => {}
            Ok(other) => panic!("{other:?}"),
            Err(error) => break error,
        }
    };
    assert!(error.kind.is_transient(), "{error:?}");
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
}

#[test]
fn a_path_the_camera_does_not_have() {
    let Some(camera) = Camera::start() else { return };
    let address = camera.address.replace("/cam", "/nothing");
    let Err(error) = Decoder::open(&DecodeOptions::new(Location::Uri(address))) else { panic!("opened") };
    assert_eq!(error.kind, MediaErrorKind::NotFound, "{error:?}");
}

//! A camera that stalls, freezes, dies, and changes what it sends: frames come again, and the clocks go on.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use watchpost_model::{Frame, Size};
use watchpost_source::{Next, Source};
use watchpost_testkit::Camera;

use crate::common::{LIMIT, open};

/// Whoever asks for a frame waits this long; nothing that a camera does may make it much longer.
const ASKED: Duration = Duration::from_millis(100);
const ANSWERED: Duration = Duration::from_secs(3);

/// Somebody who looks at a camera and keeps what was said.
struct Viewer {
    source: Box<dyn Source>,
    last: Option<Frame>,
    frames: usize,
    notices: Vec<String>,
}

impl Viewer {
    fn of(camera: &Camera) -> Self {
        Self::at(&camera.address())
    }

    fn at(address: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = open(folder.path(), json!({"uri": address, "stall_timeout_ms": 1500})).unwrap();
        Self { source, last: None, frames: 0, notices: vec![] }
    }

    /// Looks until `seen`; frames must be in order all the way.
    fn until(&mut self, what: &str, seen: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !seen(self) {
            assert!(began.elapsed() < LIMIT, "never: {what}; {} frames, {:?}", self.frames, self.notices);
            let asked = Instant::now();
            let next = self.source.next(ASKED).expect("a camera is never given up");
            assert!(asked.elapsed() < ANSWERED, "{what}: was kept waiting for {:?}", asked.elapsed());
            match next {
                Next::Item(item) => {
                    let frame = item.frame;
                    if let Some(last) = &self.last {
                        assert!(frame.id > last.id && frame.time >= last.time, "{last:?} {frame:?}");
                    }
                    self.frames += 1;
                    self.last = Some(frame);
                }
                Next::Notice(notice) => self.notices.push(format!("{}: {}", notice.title, notice.message)),
                Next::Idle => {}
                ended @ Next::Ended { .. } => panic!("{what}: {ended:?}"),
            }
        }
    }

    fn more_frames(&mut self, what: &str, count: usize) {
        let enough = self.frames + count;
        self.until(what, |viewer| viewer.frames >= enough);
    }

    fn is_told(&mut self, of: &str) {
        let known = self.notices.len();
        self.until(of, |viewer| viewer.notices[known..].iter().any(|notice| notice.contains(of)));
    }

    fn size(&self) -> Option<Size> {
        self.last.as_ref()?.size
    }
}

#[test]
fn a_camera_that_stalls_is_connected_anew() {
    let Some(mut camera) = Camera::start() else { return };
    let mut viewer = Viewer::of(&camera);
    viewer.more_frames("the first pictures", 10);
    camera.order("stall on");
    viewer.is_told("source not connected: no picture for 1.5 s (Input.stall_timeout_ms)");
    viewer.more_frames("pictures again", 10);
    assert!(viewer.source.status().failures >= 1 && viewer.source.status().connected);
    assert!(viewer.notices.iter().all(|notice| !notice.contains("secret")), "{:?}", viewer.notices);
}

#[test]
fn a_camera_that_freezes_holds_up_nobody() {
    let Some(camera) = Camera::start() else { return };
    let mut viewer = Viewer::of(&camera);
    viewer.more_frames("the first pictures", 10);
    camera.freeze();
    viewer.is_told("no picture for");
    camera.thaw();
    viewer.more_frames("pictures after the thaw", 10);
    camera.freeze();
    let closing = Instant::now();
    drop(viewer);
    assert!(closing.elapsed() < ANSWERED, "closing took {:?}", closing.elapsed());
}

#[test]
fn a_camera_that_died_is_found_again() {
    let Some(camera) = Camera::start() else { return };
    let mut viewer = Viewer::of(&camera);
    viewer.more_frames("the first pictures", 10);
    let port = camera.port();
    drop(camera);
    viewer.is_told("source not connected");
    let _camera = Camera::at(port).expect("it ran a moment ago");
    viewer.is_told("source connected");
    viewer.more_frames("pictures of its successor", 10);
}

#[test]
fn another_resolution_in_the_middle_is_taken_as_it_comes() {
    let Some(mut camera) = Camera::start() else { return };
    let mut viewer = Viewer::of(&camera);
    viewer.until("the first size", |viewer| viewer.size() == Some(Size { width: 320, height: 240 }));
    camera.order("size 640 480");
    viewer.until("the second size", |viewer| viewer.size() == Some(Size { width: 640, height: 480 }));
    camera.order("size 160 128");
    viewer.until("the third size", |viewer| viewer.size() == Some(Size { width: 160, height: 128 }));
    assert_eq!(viewer.source.status().failures, 0, "{:?}", viewer.notices);
}

#[test]
fn another_codec_is_taken_with_the_next_connection() {
    let Some(mut camera) = Camera::start() else { return };
    let mut viewer = Viewer::of(&camera);
    viewer.more_frames("pictures in H.264", 5);
    assert!(viewer.source.info().codec.is_some_and(|codec| codec.contains("H.264")));
    camera.order("codec h265");
    viewer.is_told("source connected");
    viewer.more_frames("pictures in H.265", 5);
    assert!(viewer.source.info().codec.is_some_and(|codec| codec.contains("H.265")));
}

#[test]
fn damaged_pictures_are_survived() {
    let Some(mut camera) = Camera::start() else { return };
    let mut viewer = Viewer::of(&camera);
    viewer.more_frames("good pictures", 10);
    camera.order("break on");
    viewer.more_frames("pictures in spite of damage", 50);
    camera.order("break off");
    viewer.more_frames("good pictures again", 25);
}

/// A web camera: pictures for a second, then it hangs up (multipart/x-mixed-replace, as most have it).
fn serve_pictures(mut client: TcpStream, jpeg: &[u8]) -> std::io::Result<()> {
    let _request = client.read(&mut [0; 4096])?;
    write!(client, "HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n")?;
    for _ in 0..25 {
        write!(client, "--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", jpeg.len())?;
        client.write_all(jpeg)?;
        client.write_all(b"\r\n")?;
        thread::park_timeout(Duration::from_millis(40));
    }
    Ok(())
}

#[test]
fn pictures_over_http_that_break_off_are_asked_for_again() {
    let made = Command::new("ffmpeg")
        .args("-v error -f lavfi -i testsrc=size=320x240 -frames:v 1 -f image2pipe -c:v mjpeg -".split(' '))
        .output();
    let Ok(made) = made.map(|output| output.stdout) else {
        eprintln!("SKIPPED: install ffmpeg to test against a web camera");
        return;
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/video.mjpg", listener.local_addr().unwrap());
    thread::spawn(move || {
        for client in listener.incoming() {
            // Whoever looks may hang up first.
            let _ = serve_pictures(client.unwrap(), &made);
        }
    });
    let mut viewer = Viewer::at(&address);
    viewer.until("three connections", |viewer| viewer.source.status().failures >= 2);
    viewer.more_frames("pictures of the last", 5);
    // One connection gives 25; live, those that are not taken in time are skipped.
    assert!(viewer.source.info().live && viewer.frames > 25, "{} frames", viewer.frames);
}

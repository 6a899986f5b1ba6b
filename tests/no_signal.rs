//! PRODUCT 4: a camera goes away and comes back. Who watches stays connected and is told; recordings are complete.

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use serde_json::{Value, json};
use watchpost_testkit::{Camera, Control, Sandbox, wait_until};

/// Somebody who watches, and how many frames were seen.
struct Viewer {
    ffmpeg: Child,
    frames: Arc<AtomicU64>,
}

impl Viewer {
    fn of(url: &str) -> Self {
        let mut ffmpeg = Command::new("ffmpeg")
            .args(["-v", "error", "-nostats", "-progress", "pipe:1", "-rtsp_transport", "tcp", "-i", url])
            .args(["-f", "null", "-"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("ffmpeg (Debian package ffmpeg) is needed by this test");
        let frames = Arc::<AtomicU64>::default();
        let (counted, progress) = (frames.clone(), BufReader::new(ffmpeg.stdout.take().unwrap()));
        thread::spawn(move || {
            for line in progress.lines().map_while(Result::ok) {
                if let Some(count) = line.strip_prefix("frame=").and_then(|count| count.trim().parse().ok()) {
                    counted.store(count, Ordering::Relaxed);
                }
            }
        });
        Self { ffmpeg, frames }
    }

    fn sees_more(&mut self, what: &str, frames: u64) {
        let enough = self.frames.load(Ordering::Relaxed) + frames;
        let Self { ffmpeg, frames } = self;
        wait_until(what, || {
            assert!(ffmpeg.try_wait().unwrap().is_none(), "{what}: the viewer was sent away");
            frames.load(Ordering::Relaxed) >= enough
        });
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.ffmpeg.kill().ok();
        self.ffmpeg.wait().ok();
    }
}

fn recordings(sandbox: &Sandbox) -> usize {
    let files = std::fs::read_dir(sandbox.data().join("exports")).unwrap();
    files.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|end| end == "mp4")).count()
}

#[test]
fn viewers_stay_and_recordings_begin_anew_while_a_camera_is_away() {
    let Some(camera) = Camera::start() else { return };
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("rtsp://127.0.0.1:{port}/live");
    let instance = json!({
        "DisplayName": "a", "AutoStart": true,
        "Input": {"uri": camera.address()},
        "Output": {"handlers": {
            "live": {"uri": url, "sink": "output-image"},
            "recording": {"uri": "mp4:///recording.mp4", "sink": "output-image"},
        }},
    });
    sandbox.write("data/instances/a.json", instance.to_string());
    let _server = sandbox.spawn(&["serve"]);
    let mut control = Control::connect(&sandbox);
    control.reaches("a", "live", "running");
    wait_until("a recording", || recordings(&sandbox) == 1);
    let mut viewer = Viewer::of(&url);
    viewer.sees_more("pictures of the camera", 20);
    let camera_port = camera.port();
    assert_eq!(control.instance("a")["state"], "running");
    drop(camera);
    wait_until("it is away", || control.instance("a")["state"] == "restarting");
    // More than could be under way.
    viewer.sees_more("pictures that nothing comes", 60);
    assert_eq!(recordings(&sandbox), 1, "there is nothing to record");
    let _camera = Camera::at(camera_port).expect("it ran a moment ago");
    wait_until("another recording", || recordings(&sandbox) == 2);
    viewer.sees_more("pictures of the camera again", 40);
    let told = control.instance("a");
    assert_eq!(
        (&told["state"], &told["problem"], &told["restarts"]),
        (&json!("running"), &Value::Null, &json!(1))
    );
}

#[test]
fn a_camera_that_is_away_is_a_problem_that_is_seen() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    // Nobody listens there any more.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let instance = json!({
        "DisplayName": "a", "AutoStart": true, "Input": {"uri": format!("rtsp://127.0.0.1:{port}/live")},
    });
    sandbox.write("data/instances/a.json", instance.to_string());
    let _server = sandbox.spawn(&["serve"]);
    let mut control = Control::connect(&sandbox);
    wait_until("why there is no picture", || {
        let said = control.instance("a")["problem"].as_str().unwrap_or_default().to_owned();
        let words = "no connection; check that the address is right and that the device can be reached; trying again in ";
        said.starts_with(&format!("rtsp://127.0.0.1:{port}/live: {words}"))
    });
    let told = control.instance("a");
    // However many tries it takes, it was lost once.
    assert_eq!((&told["state"], &told["restarts"]), (&json!("restarting"), &json!(1)));
}

//! PRODUCT 2: `listen rtmp` shows what arrives, from the export and from other people's senders.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};
use watchpost_testkit::{Control, Sandbox, wait_until};

/// Killed at the latest when it is dropped.
struct Listener {
    child: Child,
    port: u16,
    out: BufReader<ChildStdout>,
}

impl Listener {
    fn start(args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_watchpost"));
        command.args(["listen", "rtmp", "--address", "127.0.0.1:0", "--json"]).args(args);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
        let port = line.split(':').nth(2).and_then(|rest| rest.split('/').next()).unwrap().parse().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, port, out }
    }

    fn url(&self, key: &str) -> String {
        format!("rtmp://127.0.0.1:{}/live/{key}", self.port)
    }

    /// The next event for which `is_it` holds.
    fn next(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        let mut line = String::new();
        loop {
            line.clear();
            assert_ne!(self.out.read_line(&mut line).unwrap(), 0, "it has ended");
            let event: Value = serde_json::from_str(&line).unwrap();
            if is_it(&event) {
                return event;
            }
        }
    }

    /// Ctrl-C: its exit code and the rest of what it printed.
    fn end(mut self) -> (Option<i32>, String) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn gst(sink: &str) -> Child {
    let source = "videotestsrc num-buffers=50 is-live=true ! video/x-raw,width=320,height=240,framerate=25/1 ! \
                  x264enc tune=zerolatency key-int-max=25 ! flvmux streamable=true !";
    let words = format!("{source} {sink}");
    Command::new("timeout")
        .args(["40", "gst-launch-1.0", "-q"])
        .args(words.split_whitespace())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn other_peoples_senders_are_understood() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("first.flv");
    let mut listener = Listener::start(&["--write", file.to_str().unwrap()]);
    let ffmpeg = |url: String| {
        Command::new("timeout")
            .args([
                "40",
                "ffmpeg",
                "-v",
                "error",
                "-re",
                "-f",
                "lavfi",
                "-i",
                "testsrc=size=320x240:rate=25:duration=2",
            ])
            .args([
                "-pix_fmt",
                "yuv420p",
                "-c:v",
                "libx264",
                "-g",
                "25",
                "-preset",
                "ultrafast",
                "-f",
                "flv",
                &url,
            ])
            .stdin(Stdio::null())
            .spawn()
            .unwrap()
    };
    let senders = [
        ("ffmpeg", ffmpeg(listener.url("ffmpeg"))),
        ("rtmp2sink", gst(&format!("rtmp2sink location={}", listener.url("rtmp2sink")))),
        ("rtmpsink", gst(&format!("rtmpsink location={}", listener.url("rtmpsink")))),
    ];
    let mut senders = senders.into_iter();
    let (key, mut first) = senders.next().unwrap();
    // In what order they come is theirs; the file is the first one's, so that one is waited for.
    let mut ended = Vec::new();
    while ended.len() < 3 {
        let event = listener.next(|event| event["event"] == "ended");
        // 50 frames, a key frame each second.
        assert_eq!((&event["frames"], &event["key_frames"]), (&json!(50), &json!(2)), "{event}");
        ended.push(event["stream"].as_str().unwrap().to_owned());
    }
    ended.sort();
    assert_eq!(ended, ["live/ffmpeg", "live/rtmp2sink", "live/rtmpsink"]);
    assert!(first.wait().unwrap().success(), "{key}");
    for (key, mut sender) in senders {
        assert!(sender.wait().unwrap().success(), "{key}");
    }
    let (code, rest) = listener.end();
    assert_eq!((code, rest.as_str()), (Some(0), ""));
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-select_streams", "v", "-of", "csv=p=0"])
        .args(["-show_entries", "stream=codec_name,width,height,nb_read_frames"])
        .arg(&file)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "h264,320,240,50", "{output:?}");
}

#[test]
fn the_export_is_shown_and_another_key_is_refused() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let mut listener = Listener::start(&["--key", "right"]);
    let clip = sandbox.path().join("clip.mp4");
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "lavfi", "-i", "testsrc=size=320x240:rate=25:duration=5"])
        .args(["-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast"])
        .arg(&clip)
        .status();
    assert!(made.expect("ffmpeg (Debian package ffmpeg) is needed by this test").success());
    let handler = |key: &str| json!({"uri": listener.url(key), "sink": "output-image"});
    let document = json!({
        "DisplayName": "a", "AutoStart": true, "Input": {"uri": clip, "loop": true, "pace": "realtime"},
        "Output": {"handlers": {"right": handler("right"), "wrong": handler("wr0ng")}},
    });
    sandbox.write("data/instances/a.json", document.to_string());
    let _server = sandbox.spawn(&["serve"]);
    let mut control = Control::connect(&sandbox);
    control.reaches("a", "right", "running");
    let size = listener.next(|event| event["event"] == "metadata");
    assert_eq!((&size["width"], &size["height"]), (&json!(320), &json!(240)), "{size}");
    let second = listener.next(|event| event["event"] == "video" && event["frames"].as_u64() > Some(15));
    assert_eq!(second["stream"], "live/right");
    assert!(second["bitrate_kbps"].as_f64().unwrap() > 1.0 && second["key_frames"].is_u64(), "{second}");
    let refused = listener.next(|event| event["event"] == "refused");
    assert_eq!(refused["stream"], "live/wr0ng");
    wait_until("the refusal is shown", || {
        let shown = control.export("a", "wrong");
        shown["state"] == "waiting"
            && shown["problem"].as_str().is_some_and(|text| text.contains("check its key"))
    });
    assert_eq!(control.export("a", "wrong")["delivered"], 0);
}

//! PRODUCT 10, RTSP: mounts of a running server, and what is wrong with them.

use std::{net::TcpListener, process::Command};

use serde_json::{Value, json};
use watchpost_testkit::{Camera, Control, Sandbox, interrupt, wait_until};

/// The reference's own (REFERENCE "Instance file").
const REFERENCE: &str = "( appsrc name=cvedia-rt ! videoconvert ! videoscale ! x264enc ! \
                         video/x-h264,profile=high ! rtph264pay name=pay0 pt=96 )";

fn sandbox() -> Sandbox {
    Sandbox::new(env!("CARGO_BIN_EXE_watchpost"))
}

/// A clip of `seconds`, 320x240 at 25 frames a second.
fn clip(sandbox: &Sandbox, seconds: u32) -> String {
    let path = sandbox.path().join("clip.mp4");
    let source = format!("testsrc=size=320x240:rate=25:duration={seconds}");
    let made = Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-y",
            "-f",
            "lavfi",
            "-i",
            &source,
            "-pix_fmt",
            "yuv420p",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
        ])
        .arg(&path)
        .status();
    assert!(made.expect("ffmpeg (Debian package ffmpeg) is needed by this test").success());
    path.display().to_string()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn instance(sandbox: &Sandbox, handlers: Value) -> Value {
    json!({
        "DisplayName": "a", "AutoStart": true,
        "Input": {"uri": clip(sandbox, 5), "loop": true, "pace": "realtime"},
        "Output": {"handlers": handlers},
    })
}

/// Codec and size by ffprobe; what it says where it fails.
fn ffprobe(url: &str) -> Result<String, String> {
    let output = Command::new("timeout")
        .args(["25", "ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-select_streams", "v"])
        .args(["-show_entries", "stream=codec_name,width,height", "-of", "csv=p=0", url])
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

#[test]
fn mounts_come_and_go_with_their_exports() {
    let sandbox = sandbox();
    let port = free_port();
    let name = format!("rtsp:--0.0.0.0:{port}-stream1");
    // As in a real file of the reference: its pipeline, at 10 frames a second.
    let mut handlers = json!({});
    handlers[&name] = json!({"config": {"debug": "4", "fps": 10, "pipeline": REFERENCE}, "enabled": true,
        "sink": "output-image", "uri": format!("rtsp://0.0.0.0:{port}/stream1")});
    handlers["small"] = json!({"uri": format!("rtsp://0.0.0.0:{port}/small"), "sink": "output-image",
        "config": {"resolution": {"width": 160, "height": 120}, "username": "ann", "password": "s3cret"}});
    handlers["older"] = json!({"uri": "rtsp:///127.0.0.1", "sink": "output-image",
        "config": {"ip": "127.0.0.1", "port": free_port(), "path": "older"}});
    let older = handlers["older"]["config"]["port"].clone();
    sandbox.write("data/instances/a.json", instance(&sandbox, handlers).to_string());
    let _server = sandbox.spawn(&["serve"]);
    let mut control = Control::connect(&sandbox);
    let small = format!("rtsp://ann:s3cret@127.0.0.1:{port}/small");
    wait_until("a mount is there", || ffprobe(&small).is_ok());
    assert_eq!(ffprobe(&small).unwrap(), "h264,160,120");
    assert!(ffprobe(&format!("rtsp://127.0.0.1:{port}/small")).unwrap_err().contains("401"));
    assert_eq!(ffprobe(&format!("rtsp://127.0.0.1:{port}/stream1")).unwrap(), "h264,320,240");
    assert_eq!(ffprobe(&format!("rtsp://127.0.0.1:{older}/older")).unwrap(), "h264,320,240");
    for export in [name.as_str(), "small", "older"] {
        control.reaches("a", export, "running");
    }
    control.does(&json!({"op": "switch_export", "instance": "a", "name": "small", "to": "off"}));
    wait_until("its mount is gone", || ffprobe(&small).is_err_and(|error| error.contains("404")));
    assert!(ffprobe(&format!("rtsp://127.0.0.1:{port}/stream1")).is_ok());
    control.does(&json!({"op": "switch_export", "instance": "a", "name": "small", "to": "on"}));
    wait_until("its mount is back", || ffprobe(&small).is_ok());
    // `debug` speaks in the log; passwords do not.
    let log = std::fs::read_to_string(sandbox.path().join("stderr.log")).unwrap();
    assert!(log.contains("gstreamer"), "{log}");
    assert!(!log.contains("s3cret"));
}

/// REFERENCE "Instance file", the whole of it: a camera through a pipeline of its own, exported by the pipeline that stands
/// there. Only addresses are others.
#[test]
fn a_real_file_of_the_reference_system_runs() {
    let Some(camera) = Camera::start() else { return };
    let (sandbox, port) = (sandbox(), free_port());
    let file = include_str!("../crates/config/tests/data/reference.json")
        .replace("rtsp://192.0.2.10/stream1", &camera.address())
        .replace("0.0.0.0:8554", &format!("127.0.0.1:{port}"));
    assert!(file.contains(&format!("rtsp:--127.0.0.1:{port}-stream1")), "its name is made of its address");
    sandbox.write("instance.json", &file);
    let mut running = sandbox.spawn(&["run", "instance.json"]);
    let url = format!("rtsp://127.0.0.1:{port}/stream1");
    let mut seen = Err(String::new());
    wait_until("it can be watched", || {
        seen = ffprobe(&url);
        seen.is_ok() || running.has_ended().is_some()
    });
    assert_eq!(
        seen.as_deref(),
        Ok("h264,320,240"),
        "{:?}",
        std::fs::read_to_string(sandbox.path().join("stderr.log"))
    );
    interrupt(running.pid());
    assert_eq!(running.finish().code(), Some(0));
}

#[test]
fn a_port_in_use_is_waited_for_and_shown() {
    let sandbox = sandbox();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let handlers = json!({"live": {"uri": format!("rtsp://127.0.0.1:{port}/x"), "sink": "output-image"}});
    sandbox.write("data/instances/a.json", instance(&sandbox, handlers).to_string());
    let _server = sandbox.spawn(&["serve"]);
    let mut control = Control::connect(&sandbox);
    control.reaches("a", "live", "waiting");
    let problem = control.export("a", "live")["problem"].as_str().unwrap().to_owned();
    assert!(problem.contains(&format!("port {port} is in use by another program")), "{problem}");
    drop(taken);
    wait_until("the mount is there", || ffprobe(&format!("rtsp://127.0.0.1:{port}/x")).is_ok());
    control.reaches("a", "live", "running");
}

#[test]
fn what_cannot_be_shown_is_refused_with_the_fix() {
    let sandbox = sandbox();
    let handler = |uri: &str, config: Value| json!({"uri": uri, "sink": "output-image", "config": config});
    let file = sandbox.instance(&json!({
        "DisplayName": "a", "Input": {"uri": clip(&sandbox, 1)},
        "Output": {"handlers": {
            "pay": handler("rtsp://127.0.0.1:8554/a", json!({"pipeline": "( appsrc name=cvedia-rt ! x264enc ! rtph264pay )"})),
            "src": handler("rtsp://127.0.0.1:8554/b", json!({"pipeline": "( videotestsrc ! x264enc ! rtph264pay name=pay0 )"})),
            "element": handler("gstreamer:///appsrc name=cvedia-rt ! frobnicate", json!({})),
            "host": handler("rtsp://camera:8554/a", json!({})),
            "half": handler("rtsp://127.0.0.1:8554/c", json!({"username": "ann"})),
            "debug": handler("rtsp://127.0.0.1:8554/d", json!({"debug": "12"})),
            "tls": handler("rtsps://127.0.0.1:8554/e", json!({})),
            "open": handler("rtsp://0.0.0.0:8554/f", json!({})),
        }},
    }));
    let ran = sandbox.run(&["validate", file.to_str().unwrap()]);
    let said = format!("{}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.code, Some(78), "{said}");
    for words in [
        "`rtph264pay name=pay0`",
        "`appsrc name=cvedia-rt`",
        "`frobnicate`",
        "`camera` is not an IP address",
        "is missing beside `username`",
        "expected \"0\" (nothing) to \"9\"",
        "rtsps:// needs a certificate",
        "anyone who reaches 0.0.0.0:8554 can watch",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    // Faster than time: nobody could watch it.
    let handlers = json!({"live": handler("rtsp://127.0.0.1:8554/a", json!({})), "push": handler("rtmp://127.0.0.1/live/k3y", json!({}))});
    let file = sandbox.instance(&json!({"DisplayName": "b", "Input": {"uri": clip(&sandbox, 1)},
        "Output": {"handlers": handlers}}));
    let ran = sandbox.run(&["run", file.to_str().unwrap()]);
    let said = format!("{}{}", ran.stdout, ran.stderr);
    assert_ne!(ran.code, Some(0), "{said}");
    let fix = "set `Input.pace` to \"realtime\"";
    assert!(said.matches(fix).count() >= 2 && !said.contains("k3y"), "{said}");
    // `validate` knows it too: for certain where the instance says so, and else of `run`.
    for (pace, code) in [(json!("fast"), 78), (json!(null), 0), (json!("realtime"), 0)] {
        let mut input = json!({"uri": clip(&sandbox, 1)});
        if pace.is_string() {
            input["pace"] = pace.clone();
        }
        let document = json!({"DisplayName": "b", "Input": input, "Output": {"handlers": handlers}});
        let file = sandbox.instance(&document);
        let ran = sandbox.run(&["validate", file.to_str().unwrap()]);
        assert_eq!(ran.code, Some(code), "{pace}: {}", ran.stdout);
        assert_eq!(ran.stdout.matches(fix).count(), if pace == "realtime" { 0 } else { 2 }, "{}", ran.stdout);
    }
}

#[test]
fn a_key_that_is_another_certificates_is_seen_at_once() {
    let sandbox = sandbox();
    for name in ["a", "b"] {
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
            .args(["-days", "2", "-subj", "/CN=localhost", "-out", &format!("{name}.pem")])
            .args(["-keyout", &format!("{name}.key")])
            .current_dir(sandbox.path())
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
    }
    let file = |name: &str| sandbox.path().join(name).display().to_string();
    let port = free_port();
    let handler = |key: &str| {
        json!({"uri": format!("rtsps://127.0.0.1:{port}/x"), "sink": "output-image",
            "config": {"certificate_path": file("a.pem"), "key_path": file(key)}})
    };
    let document = instance(&sandbox, json!({"safe": handler("b.key")}));
    sandbox.write("data/instances/a.json", document.to_string());
    let _server = sandbox.spawn(&["serve"]);
    let mut control = Control::connect(&sandbox);
    control.reaches("a", "safe", "waiting");
    let problem = control.export("a", "safe")["problem"].as_str().unwrap().to_owned();
    for words in [&file("a.pem"), &file("b.key"), "do not belong together"] {
        assert!(problem.contains(words), "{problem}");
    }
    let export = handler("a.key");
    control.does(&json!({"op": "set_export", "instance": "a", "name": "safe", "export": export}));
    control.reaches("a", "safe", "running");
    assert_eq!(ffprobe(&format!("rtsps://127.0.0.1:{port}/x")).unwrap(), "h264,320,240");
}

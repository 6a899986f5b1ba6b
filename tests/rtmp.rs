//! PRODUCT 10, RTMP: against nginx with its RTMP module.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use watchpost_testkit::{Control, Sandbox, wait_until};

const MODULE: &str = "/usr/lib/nginx/modules/ngx_rtmp_module.so";
/// Of Debian's package libnginx-mod-stream: TLS before the other.
const TLS_MODULE: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";
const KEY: &str = "k3y-of-the-stream";

fn sandbox() -> Sandbox {
    Sandbox::new(env!("CARGO_BIN_EXE_watchpost"))
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn instance(sandbox: &Sandbox, handlers: Value) -> Value {
    let path = sandbox.path().join("clip.mp4");
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "lavfi", "-i", "testsrc=size=320x240:rate=25:duration=5"])
        .args(["-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast"])
        .arg(&path)
        .status();
    assert!(made.expect("ffmpeg (Debian package ffmpeg) is needed by this test").success());
    json!({
        "DisplayName": "a", "AutoStart": true, "Input": {"uri": path, "loop": true, "pace": "realtime"},
        "Output": {"handlers": handlers},
    })
}

/// An RTMP server on a port of its own, with one stream key that is taken.
struct Nginx {
    child: Child,
    port: u16,
}

impl Nginx {
    fn start(folder: &Path, port: u16, gatekeeper: u16) -> Self {
        Self::start_with(folder, port, gatekeeper, "")
    }

    /// RTMPS on the port `tls`, by the certificate `server.pem` in `folder`.
    fn start_safe(folder: &Path, port: u16, gatekeeper: u16, tls: u16) -> Self {
        let of = folder.display();
        let before = format!(
            "load_module {TLS_MODULE};\nstream {{ server {{ listen 127.0.0.1:{tls} ssl; proxy_pass 127.0.0.1:{port};\n\
             ssl_certificate {of}/server.pem; ssl_certificate_key {of}/server.key; }} }}\n"
        );
        Self::start_with(folder, port, gatekeeper, &before)
    }

    fn start_with(folder: &Path, port: u16, gatekeeper: u16, more: &str) -> Self {
        assert!(
            Path::new(MODULE).exists() && Path::new(TLS_MODULE).exists(),
            "install the Debian packages nginx, libnginx-mod-rtmp and libnginx-mod-stream: scripts/setup.sh test"
        );
        let folder = folder.display();
        let config = format!(
            "daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.log notice;\n\
             load_module {MODULE};\n{more}events {{ worker_connections 64; }}\n\
             rtmp {{ server {{ listen 127.0.0.1:{port}; chunk_size 4096; application live {{ live on;\n\
             on_publish http://127.0.0.1:{gatekeeper}/publish; }} }} }}\n"
        );
        let file = format!("{folder}/nginx.conf");
        std::fs::write(&file, config).unwrap();
        let child = Command::new("/usr/sbin/nginx")
            .args(["-c", &file, "-e", &format!("{folder}/nginx.log")])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_until("nginx listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Self { child, port }
    }

    /// What somebody who plays the stream sees.
    fn played(&self, key: &str) -> Option<String> {
        let url = format!("rtmp://127.0.0.1:{}/live/{key} live=1", self.port);
        let output = Command::new("timeout")
            .args(["20", "ffprobe", "-v", "error", "-select_streams", "v"])
            .args(["-show_entries", "stream=codec_name,width,height", "-of", "csv=p=0", &url])
            .output()
            .unwrap();
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Answers nginx's question whether a key may publish.
fn gatekeeper() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let (mut asked, mut part) = (String::new(), [0; 4096]);
            // The body says `name=KEY`, and nginx sends it at once with the head.
            while !asked.contains("name=") {
                match stream.read(&mut part) {
                    Ok(n) if n > 0 => asked.push_str(&String::from_utf8_lossy(&part[..n])),
                    _ => break,
                }
            }
            let status = if asked.contains(KEY) { "200 OK" } else { "403 Forbidden" };
            let _gone = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    port
}

#[test]
fn both_ways_reach_nginx_and_survive_its_end() {
    let sandbox = sandbox();
    let (port, keeper) = (free_port(), gatekeeper());
    let server = format!("rtmp://127.0.0.1:{port}/live/");
    let pipeline = format!(
        "gstreamer:///appsrc name=cvedia-rt ! videoconvert ! x264enc tune=zerolatency key-int-max=25 ! \
         flvmux streamable=true ! rtmpsink location='{server}{KEY}-own live=1'"
    );
    // Takes connections, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = silent.local_addr().unwrap().port();
    let handlers = json!({
        "silent": {"uri": format!("rtmp://127.0.0.1:{nobody}/live/s3cret"), "sink": "output-image"},
        "plain": {"uri": format!("{server}{KEY}"), "sink": "output-image"},
        "own": {"uri": pipeline, "sink": "output-image", "config": {"fps": 10, "debug": "2"}},
        "wrong": {"uri": format!("{server}gu3ssed"), "sink": "output-image"},
        "nowhere": {"uri": "rtmp://name.invalid/live/s3cret", "sink": "output-image"},
    });
    sandbox.write("data/instances/a.json", instance(&sandbox, handlers).to_string());
    let mut nginx = Nginx::start(sandbox.path(), port, keeper);
    let _server = sandbox.spawn(&["serve"]);
    let mut control = Control::connect(&sandbox);
    let own = format!("{KEY}-own");
    wait_until("it is begun", || control.export("a", "silent")["dropped"].as_u64().unwrap() > 0);
    for _ in 0..2 {
        for (export, key) in [("plain", KEY), ("own", &own)] {
            control.reaches("a", export, "running");
            wait_until("it can be played", || nginx.played(key).as_deref() == Some("h264,320,240"));
        }
        // The server goes, and comes back.
        drop(nginx);
        for export in ["plain", "own"] {
            let mut shown = Value::Null;
            wait_until("it waits and says why and how long", || {
                shown = control.export("a", export);
                shown["state"] == "waiting" && shown["retry_in_ms"].is_u64() && shown["problem"].is_string()
            });
            let before = shown["dropped"].as_u64().unwrap();
            wait_until("what passes meanwhile is counted", || {
                control.export("a", export)["dropped"].as_u64().unwrap() > before + 10
            });
        }
        nginx = Nginx::start(sandbox.path(), port, keeper);
    }
    for export in ["plain", "own"] {
        control.reaches("a", export, "running");
    }
    // Long since: nothing was ever shown as sent to whom has not taken the stream.
    let shown = control.export("a", "silent");
    assert_eq!((&shown["state"], &shown["delivered"]), (&json!("waiting"), &json!(0)), "{shown}");
    let problem = shown["problem"].as_str().unwrap();
    let timed_out = ["not connected within 20 s", "timed out"].iter().any(|words| problem.contains(words));
    assert!(problem == "connecting" || timed_out, "{shown}");
    for export in ["wrong", "nowhere"] {
        wait_until(export, || {
            let shown = control.export("a", export);
            shown["state"] == "waiting" && shown["problem"] != "connecting"
        });
        let shown = control.export("a", export);
        assert_eq!(shown["delivered"], 0, "{shown}");
        let fix = if export == "wrong" { "check its key" } else { "check that the address is right" };
        assert!(shown["problem"].as_str().unwrap().contains(fix), "{shown}");
    }
    let log = std::fs::read_to_string(sandbox.path().join("stderr.log")).unwrap();
    let list = control.does(&json!({"op": "list"})).to_string();
    for secret in [KEY, "gu3ssed", "s3cret"] {
        assert!(!log.contains(secret) && !list.contains(secret), "{secret} is shown: {log}");
    }
}

#[test]
fn rtmps_reaches_a_server_and_a_certificate_nobody_vouches_for_is_refused() {
    let sandbox = sandbox();
    let (port, tls, keeper) = (free_port(), free_port(), gatekeeper());
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-days", "2", "-subj", "/CN=localhost", "-out", "server.pem", "-keyout", "server.key"])
        .current_dir(sandbox.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let address = format!("rtmps://127.0.0.1:{tls}/live/{KEY}");
    let own = format!(
        "gstreamer:///appsrc name=cvedia-rt ! videoconvert ! x264enc tune=zerolatency key-int-max=25 ! \
         flvmux streamable=true ! rtmp2sink tls-validation-flags=0 location='{address}-own'"
    );
    let handlers = json!({
        "checked": {"uri": address, "sink": "output-image"},
        "unchecked": {"uri": own, "sink": "output-image"},
    });
    sandbox.write("data/instances/a.json", instance(&sandbox, handlers).to_string());
    let nginx = Nginx::start_safe(sandbox.path(), port, keeper, tls);
    let _server = sandbox.spawn(&["serve"]);
    let mut control = Control::connect(&sandbox);
    control.reaches("a", "unchecked", "running");
    let played = || nginx.played(&format!("{KEY}-own"));
    wait_until("it can be played", || played().as_deref() == Some("h264,320,240"));
    wait_until("the certificate is looked at", || {
        let shown = control.export("a", "checked");
        shown["state"] == "waiting"
            && shown["problem"].as_str().is_some_and(|text| text.contains("certificate"))
    });
    let shown = control.export("a", "checked");
    assert_eq!(shown["delivered"], 0, "{shown}");
}

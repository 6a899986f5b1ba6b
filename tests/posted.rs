//! PRODUCT 4: `POST /v1/core/instance/{id}/detections`.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use serde_json::{Value, json};
use watchpost_testkit::{
    Sandbox,
    scene::{INSTANCE_ID, scene, walkers},
    wait_until,
};

/// Status and body of a post.
fn post(address: SocketAddr, instance: &str, content_type: &str, body: &[u8]) -> (u16, Value) {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "POST /v1/core/instance/{instance}/detections HTTP/1.1\r\nHost: {address}\r\nContent-Type: {content_type}\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // A body that is refused for its length is not read to its end.
    let _refused = stream.write_all(body);
    let mut answer = Vec::new();
    let _reset = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status, serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}")))
}

fn serve(sandbox: &Sandbox, uri: &str) -> (watchpost_testkit::Watchpost, SocketAddr) {
    let mut document = scene(uri, 2, json!({}));
    document["AutoStart"] = true.into();
    if uri.is_empty() {
        document["Input"] = json!({});
    }
    sandbox.write("data/instances/posted.json", document.to_string());
    let server = sandbox.spawn(&["serve"]);
    (server, sandbox.http_address())
}

#[test]
fn posted_detections_become_events_and_what_is_refused_is_answered() {
    const LINES: &str = "application/x-ndjson";
    // An instance without a source of its own takes them as one that asks for them does.
    for uri in ["ndjson+post://", ""] {
        let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
        let (_server, address) = serve(&sandbox, uri);
        wait_until("the source runs", || post(address, INSTANCE_ID, LINES, b"").0 == 200);
        let script = walkers(100);
        let lines: Vec<_> = (0..400).map(|frame| script.line(frame)).collect();
        for part in lines.chunks(50) {
            let (status, answer) = post(address, "scene", LINES, part.concat().as_bytes());
            assert_eq!(
                (status, &answer["accepted"], &answer["refused"]),
                (200, &json!(50), &json!(0)),
                "{answer}"
            );
        }
        let one =
            serde_json::to_string_pretty(&serde_json::from_str::<Value>(&script.line(400)).unwrap()).unwrap();
        let (status, answer) = post(address, INSTANCE_ID, "application/json; charset=utf-8", one.as_bytes());
        assert_eq!((status, &answer["accepted"]), (200, &json!(1)), "{answer}");
        wait_until("the events are written", || {
            sandbox.json_lines_so_far("events.jsonl").iter().any(|event| event["$id"] == "event-area-exit")
        });
        let mixed = format!("{}x\n{}", script.line(401), script.line(402).replace("0.9", "9"));
        let (status, answer) = post(address, INSTANCE_ID, LINES, mixed.as_bytes());
        assert_eq!(
            (status, &answer["accepted"], &answer["refused"]),
            (200, &json!(2), &json!(1)),
            "{answer}"
        );
        let first = json!({"line": 2, "message": "not JSON from column 1 on: expected value"});
        assert_eq!(answer["problems"][0], first);
        assert_eq!(answer["problems"][1]["line"], 3);
    }
}

#[test]
fn what_cannot_be_taken_is_a_problem_with_its_reason() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let (_server, address) = serve(&sandbox, "ndjson:///none.ndjson");
    let (status, problem) = post(address, "nobody", "", b"{}");
    assert_eq!((status, problem["detail"].as_str().unwrap()), (404, "no instance `nobody`; there are scene"));
    let (status, problem) = post(address, "scene", "", b"{}");
    let detail = "instance `scene` takes no posted detections now: its Input.uri must be \"ndjson+post://\", and it must be started";
    assert_eq!((status, problem["detail"].as_str().unwrap()), (409, detail));

    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let (_server, address) = serve(&sandbox, "ndjson+post://");
    wait_until("the source runs", || post(address, "scene", "", b"").0 == 200);
    let (status, problem) = post(address, "scene", "application/json", b"[1]");
    assert_eq!((status, problem["status"].as_u64(), problem["refused"].as_u64()), (422, Some(422), Some(1)));
    let first = json!({"line": 1, "message": "the line is [1]: expected an object {\"frame_id\", ...}"});
    assert_eq!(problem["problems"][0], first);
    let long = vec![b'x'; 20 << 20];
    let (status, problem) = post(address, "scene", "", &long);
    assert_eq!((status, &problem["problems"][0]["message"]), (422, &json!("longer than 16 MiB: skipped")));
    // Nothing of it has stopped anything.
    let (status, _) = post(address, "scene", "", walkers(100).line(0).as_bytes());
    assert_eq!(status, 200);
}

/// REFERENCE "REST": `push/compressed`, `push/encoded/{codecId}`.
#[test]
fn pushed_pictures_and_access_units_are_frames_of_an_instance() {
    use crate::api;
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let (_server, address) = serve(&sandbox, "push://");
    let base = format!("/v1/core/instance/{INSTANCE_ID}");
    let push = |path: &str, body: &[u8]| api::ask(address, "POST", &format!("{base}/push/{path}"), &[], body);
    let shown = || api::get(address, &format!("/api/v1/instances/{INSTANCE_ID}")).json();
    let made = |args: &[&str]| {
        let source = ["-v", "error", "-f", "lavfi", "-i", "testsrc=size=320x240:rate=10", "-frames:v", "12"];
        let out = std::process::Command::new("ffmpeg").args(source).args(args).arg("-").output();
        let out = out.expect("ffmpeg (Debian package ffmpeg) is needed by this test");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        out.stdout
    };
    let jpegs = made(&["-c:v", "mjpeg", "-f", "image2pipe"]);
    let starts: Vec<_> =
        (0..jpegs.len() - 3).filter(|at| jpegs[*at..].starts_with(&[0xFF, 0xD8, 0xFF])).collect();
    let ends = starts.iter().skip(1).copied().chain([jpegs.len()]);
    let pictures: Vec<_> = starts.iter().zip(ends).map(|(start, end)| &jpegs[*start..end]).collect();
    assert_eq!(pictures.len(), 12);
    wait_until("the source runs", || push("compressed", pictures[0]).status == 204);
    for (n, picture) in pictures.iter().enumerate().skip(1) {
        let taken = 1_785_161_453_000 + 100 * n;
        let pushed = push(&format!("compressed?timestamp_ms={taken}"), picture);
        assert_eq!(pushed.status, 204, "{}", String::from_utf8_lossy(&pushed.body));
    }
    wait_until("all are analysed", || shown()["analysed"] == 12);
    assert_eq!((&shown()["width"], &shown()["skipped"]), (&json!(320), &json!(0)), "{}", shown());
    assert_eq!(api::get(address, &format!("/api/v1/instances/{INSTANCE_ID}/frame.jpg")).status, 200);

    // The same instance goes on with another codec: nothing need be set.
    let video = made(&[
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-pix_fmt",
        "yuv420p",
        "-x264-params",
        "aud=1",
        "-f",
        "h264",
    ]);
    let starts: Vec<_> =
        (0..video.len() - 5).filter(|at| video[*at..].starts_with(&[0, 0, 0, 1, 9])).collect();
    let ends = starts.iter().skip(1).copied().chain([video.len()]);
    for (start, end) in starts.iter().zip(ends) {
        assert_eq!(push("encoded/h264", &video[*start..end]).status, 204);
    }
    wait_until("all are analysed", || shown()["analysed"] == 24);
    assert!(shown()["codec"].as_str().unwrap().contains("264"), "{}", shown());

    assert_eq!(push("compressed", b"GIF89a").status, 415);
    assert_eq!(push("encoded/h264", &[0, 0, 0, 20, 0x65]).status, 415, "lengths in place of start codes");
    let refused = push("encoded/vp9", b"x");
    assert!(
        refused.status == 404 && refused.json()["detail"].as_str().unwrap().contains("h264"),
        "{}",
        refused.json()
    );
    assert_eq!(push("compressed?timestamp_ms=5", pictures[0]).status, 422);
    assert_eq!(api::ask(address, "POST", &format!("{base}/stop"), &[], b"").status, 204);
    let stopped = push("compressed", pictures[0]);
    assert!(
        stopped.status == 409 && stopped.json()["detail"].as_str().unwrap().contains("push://"),
        "{}",
        stopped.json()
    );
    // And once more from the start.
    assert_eq!(api::ask(address, "POST", &format!("{base}/start"), &[], b"").status, 204);
    wait_until("the source runs again", || push("compressed", pictures[0]).status == 204);
    wait_until("it is analysed", || shown()["analysed"].as_u64() >= Some(1));
}

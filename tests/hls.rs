//! PRODUCT 10, HLS: what players fetch from a running server, and what a file at pace `fast` leaves.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::Command,
};

use serde_json::{Value, json};
use watchpost_testkit::{Control, Sandbox, wait_until};

const ID: &str = "3f0e8d2c-6b1a-4957-8e0d-1c2b3a495867";

fn sandbox() -> Sandbox {
    Sandbox::new(env!("CARGO_BIN_EXE_watchpost"))
}

fn clip(sandbox: &Sandbox, seconds: u32) -> PathBuf {
    let path = sandbox.path().join("clip.mp4");
    let source = format!("testsrc=size=320x240:rate=25:duration={seconds}");
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "lavfi", "-i", &source, "-pix_fmt", "yuv420p", "-c:v", "libx264"])
        .args(["-preset", "ultrafast"])
        .arg(&path)
        .status();
    assert!(made.expect("ffmpeg (Debian package ffmpeg) is needed by this test").success());
    path
}

/// Head and body of an answer.
fn get(address: SocketAddr, path: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nOrigin: https://a.example\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    (String::from_utf8(answer[..end].to_vec()).unwrap().to_ascii_lowercase(), answer[end + 4..].to_vec())
}

fn playlist(address: SocketAddr, path: &str) -> Option<String> {
    let (head, body) = get(address, path);
    head.starts_with("http/1.1 200 ").then(|| String::from_utf8(body).unwrap())
}

/// The rules of RFC 8216 that can be read off one playlist. Gives the number of its first piece and its pieces.
fn obeys(text: &str) -> (u64, Vec<String>) {
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "#EXTM3U", "section 4.3.1.1: {text}");
    let value = |tag: &str| -> Vec<&str> { lines.iter().filter_map(|line| line.strip_prefix(tag)).collect() };
    let one = |tag: &str| -> u64 {
        let found = value(tag);
        assert_eq!(found.len(), 1, "{tag} once: {text}");
        found[0].parse().unwrap()
    };
    assert!(one("#EXT-X-VERSION:") >= 6, "section 7, EXT-X-MAP: {text}");
    let target = one("#EXT-X-TARGETDURATION:");
    let sequence = one("#EXT-X-MEDIA-SEQUENCE:");
    let lengths: Vec<f64> =
        value("#EXTINF:").iter().map(|v| v.trim_end_matches(',').parse().unwrap()).collect();
    assert!(lengths.iter().all(|length| length.round() as u64 <= target), "section 4.3.3.1: {text}");
    let pieces: Vec<String> =
        lines.iter().filter(|line| !line.starts_with('#')).map(|line| (*line).to_owned()).collect();
    assert_eq!(pieces.len(), lengths.len(), "section 4.3.2.1: {text}");
    assert_eq!(value("#EXT-X-PROGRAM-DATE-TIME:").len(), pieces.len(), "{text}");
    assert!(!value("#EXT-X-MAP:URI=").is_empty(), "section 4.3.2.5: {text}");
    assert!(lines.last().unwrap().ends_with(".m4s") || *lines.last().unwrap() == "#EXT-X-ENDLIST");
    (sequence, pieces)
}

fn ffprobe(input: &str) -> (String, u64) {
    let output = Command::new("timeout")
        .args(["40", "ffprobe", "-v", "error", "-count_frames", "-select_streams", "v"])
        .args([
            "-show_entries",
            "stream=codec_name,width,height,nb_read_frames",
            "-of",
            "csv=p=0",
            "-read_intervals",
            "%+4",
            input,
        ])
        .output()
        .unwrap();
    // A playlist is a program, and each of its streams is listed in it and by itself.
    let text = String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned();
    let (stream, frames) = text.rsplit_once(',').unwrap_or_else(|| panic!("{output:?}"));
    (stream.to_owned(), frames.parse().unwrap())
}

#[test]
fn a_live_playlist_moves_on_by_the_rules() {
    let sandbox = sandbox();
    let handler = |config: Value| json!({"uri": "hls://", "sink": "output-image", "config": config});
    let document = json!({
        "InstanceId": ID, "DisplayName": "a", "AutoStart": true,
        "Input": {"uri": clip(&sandbox, 5), "loop": true, "pace": "realtime"},
        "Output": {"handlers": {"HLS": handler(json!({"window": 4})),
            "a small one": handler(json!({"resolution": {"width": 160, "height": 120}, "window": 3}))}},
    });
    sandbox.write("data/instances/a.json", document.to_string());
    let _server = sandbox.spawn(&["serve"]);
    let address = sandbox.http_address();
    let path = format!("/hls/{ID}.m3u8");
    let mut first = String::new();
    wait_until("the window is full", || {
        first = playlist(address, &path).unwrap_or_default();
        first.matches("#EXTINF").count() == 4
    });
    let (sequence, pieces) = obeys(&first);
    assert!(!first.contains("#EXT-X-ENDLIST"), "{first}");
    assert_eq!(
        first.matches("#EXT-X-TARGETDURATION:1\n").count(),
        1,
        "players stay three of these behind: {first}"
    );
    let map = first.lines().find_map(|line| line.strip_prefix("#EXT-X-MAP:URI=\"")).unwrap();
    let (head, header) = get(address, &format!("/hls/{}", map.trim_end_matches('"')));
    assert!(
        head.contains("access-control-allow-origin: *") && head.contains("content-type: video/mp4"),
        "{head}"
    );
    assert_eq!(&header[4..8], b"ftyp");
    let mut next = String::new();
    wait_until("the window moves", || {
        next = playlist(address, &path).unwrap();
        obeys(&next).0 >= sequence + 2
    });
    let (moved, later) = obeys(&next);
    // Section 6.2.2: what is in both has the same number and name, and what left is still there for a while.
    let shift = (moved - sequence) as usize;
    if shift < pieces.len() {
        assert_eq!(pieces[shift..], later[..pieces.len() - shift]);
    }
    let (gone, body) = get(address, &format!("/hls/{}", pieces[0]));
    assert!(gone.starts_with("http/1.1 200 ") && &body[4..8] == b"styp" || &body[4..8] == b"moof", "{gone}");
    let (stream, frames) = ffprobe(&format!("http://{address}{path}"));
    assert_eq!(stream, "h264,320,240");
    assert!(frames >= 50, "{frames}");
    let second = format!("/hls/{ID}/a%20small%20one.m3u8");
    wait_until("the second one is there", || playlist(address, &second).is_some());
    assert!(obeys(&playlist(address, &second).unwrap()).1[0].starts_with("a%20small%20one/"));
    assert_eq!(ffprobe(&format!("http://{address}{second}")).0, "h264,160,120");
    for nothing in ["/hls/other.m3u8", "/hls/x/y.m3u8", "/hls/x/y/1.m4s"] {
        assert!(get(address, nothing).0.starts_with("http/1.1 404 "), "{nothing}");
    }
    let mut control = Control::connect(&sandbox);
    control.reaches("a", "HLS", "running");
    // A source that comes back goes on in the same playlist, behind a discontinuity.
    control.does(&json!({"op": "restart", "instance": "a"}));
    wait_until("it goes on", || {
        playlist(address, &path).is_some_and(|text| text.contains("#EXT-X-DISCONTINUITY\n"))
    });
    obeys(&playlist(address, &path).unwrap());
    // An export that is switched off or deleted is gone with its last piece, at once.
    let piece = format!("/hls/{ID}/HLS/{}.m4s", obeys(&playlist(address, &path).unwrap()).0);
    assert!(get(address, &piece).0.starts_with("http/1.1 200 "));
    let before = obeys(&playlist(address, &second).unwrap()).0;
    control.does(&json!({"op": "switch_export", "instance": "a", "name": "a small one", "to": "off"}));
    assert!(playlist(address, &second).is_none());
    control.does(&json!({"op": "delete_export", "instance": "a", "name": "HLS"}));
    assert!(playlist(address, &path).is_none() && get(address, &piece).0.starts_with("http/1.1 404 "));
    // One that begins again gives no piece a name that an earlier one had: players and caches may still hold that.
    control.does(&json!({"op": "switch_export", "instance": "a", "name": "a small one", "to": "on"}));
    wait_until("the second one is there again", || playlist(address, &second).is_some());
    assert!(obeys(&playlist(address, &second).unwrap()).0 > before, "{before}");
}

#[test]
fn a_file_at_pace_fast_leaves_a_finished_playlist() {
    let sandbox = sandbox();
    let file = sandbox.instance(&json!({
        "InstanceId": ID, "DisplayName": "a", "Input": {"uri": clip(&sandbox, 6)},
        "Output": {"handlers": {"HLS": {"uri": "hls://", "sink": "output-image"}}},
    }));
    let ran = sandbox.run(&["run", file.to_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let path = sandbox.export(&format!("hls/{ID}/HLS/index.m3u8"));
    let text = std::fs::read_to_string(&path).unwrap();
    let (first, pieces) = obeys(&text);
    assert!(first == 1 && pieces.len() >= 3, "{text}");
    assert!(text.contains("#EXT-X-PLAYLIST-TYPE:VOD\n") && text.ends_with("#EXT-X-ENDLIST\n"), "{text}");
    let seconds: f64 = text
        .lines()
        .filter_map(|line| line.strip_prefix("#EXTINF:")?.strip_suffix(',')?.parse::<f64>().ok())
        .sum();
    assert!((seconds - 6.0).abs() < 0.1, "{seconds}: {text}");
    let output = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-count_frames",
            "-select_streams",
            "v",
            "-show_entries",
            "stream=nb_read_frames",
            "-of",
            "csv=p=0",
        ])
        .arg(&path)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().next(), Some("150"), "{output:?}");
    assert!(ran.stdout.contains("index.m3u8"), "{}", ran.stdout);
}

/// Values of a tag's attributes, by name.
fn attribute(line: &str, name: &str) -> Option<String> {
    let at = line.find(&format!("{name}="))? + name.len() + 1;
    let rest = &line[at..];
    let value = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => rest.split(',').next()?,
    };
    Some(value.to_owned())
}

/// Piece and part that a playlist announces.
fn hinted(text: &str) -> (u64, u64, String) {
    let line = text.lines().find(|line| line.starts_with("#EXT-X-PRELOAD-HINT:TYPE=PART")).unwrap();
    let uri = attribute(line, "URI").unwrap();
    let mut numbers = uri.rsplit('/').next().unwrap().split('.').map(str::parse);
    (numbers.next().unwrap().unwrap(), numbers.next().unwrap().unwrap(), uri)
}

#[test]
fn low_latency_parts_come_before_their_piece_and_can_be_waited_for() {
    let sandbox = sandbox();
    let document = json!({
        "InstanceId": ID, "DisplayName": "a", "AutoStart": true,
        "Input": {"uri": clip(&sandbox, 5), "loop": true, "pace": "realtime"},
        "Output": {"handlers": {"HLS": {"uri": "hls://", "sink": "output-image", "config": {"low_latency": true}}}},
    });
    sandbox.write("data/instances/a.json", document.to_string());
    let _server = sandbox.spawn(&["serve"]);
    let address = sandbox.http_address();
    let path = format!("/hls/{ID}.m3u8");
    wait_until("there are pieces", || {
        playlist(address, &path).is_some_and(|text| text.matches("#EXTINF").count() >= 3)
    });
    // Each answer has what was waited for, and the next: five reloads, five parts or more, in about a second.
    let mut text = playlist(address, &path).unwrap();
    let started = std::time::Instant::now();
    for _ in 0..5 {
        let (piece, part, uri) = hinted(&text);
        // The part itself can be asked for before it is there.
        let (head, body) = get(address, &format!("/hls/{uri}"));
        assert!(head.starts_with("http/1.1 200 ") && head.contains("video/mp4"), "{head}");
        assert!(body.windows(4).any(|four| four == b"moof"), "a part of CMAF");
        let next = playlist(address, &format!("{path}?_HLS_msn={piece}&_HLS_part={part}")).unwrap();
        assert!(next.contains(&format!("URI=\"{uri}\"")) && hinted(&next) > (piece, part, uri), "{next}");
        text = next;
    }
    let waited = started.elapsed().as_secs_f64();
    assert!((0.5..10.0).contains(&waited), "{waited} s");
    // The whole piece is awaited without a part.
    let (piece, _, _) = hinted(&text);
    let next = playlist(address, &format!("{path}?_HLS_msn={piece}")).unwrap();
    assert!(next.contains(&format!("/{piece}.m4s\n")), "{next}");

    // The rules of draft-pantos-hls-rfc8216bis that a playlist shows.
    let of = |tag: &str| next.lines().filter(|line| line.starts_with(tag)).collect::<Vec<_>>();
    let target: f64 = attribute(of("#EXT-X-PART-INF:")[0], "PART-TARGET").unwrap().parse().unwrap();
    let control = of("#EXT-X-SERVER-CONTROL:")[0];
    assert_eq!(attribute(control, "CAN-BLOCK-RELOAD").as_deref(), Some("YES"));
    let back: f64 = attribute(control, "PART-HOLD-BACK").unwrap().parse().unwrap();
    assert!(back >= 3.0 * target - 1e-9, "section 4.4.3.8: {next}");
    let parts = of("#EXT-X-PART:");
    assert!(parts.len() >= 10, "{next}");
    for (n, part) in parts.iter().enumerate() {
        let length: f64 = attribute(part, "DURATION").unwrap().parse().unwrap();
        assert!(length <= target, "section 4.4.4.9: {part}");
        // All but the last of a piece: the next one's name says whether it is.
        let uri = attribute(part, "URI").unwrap();
        let is_last = parts.get(n + 1).is_none_or(|next| attribute(next, "URI").unwrap().ends_with(".0.m4s"));
        // A clip that begins anew is a cut of its own.
        assert!(is_last || length >= 0.85 * target || next.contains("DISCONTINUITY"), "{part}: {next}");
        if uri.ends_with(".0.m4s") {
            assert_eq!(attribute(part, "INDEPENDENT").as_deref(), Some("YES"), "{part}");
        }
    }
    // Pieces of about a second, as asked for: their key frames come in time.
    let lengths: Vec<f64> =
        of("#EXTINF:").iter().map(|l| l[8..].trim_end_matches(',').parse().unwrap()).collect();
    assert!(lengths.iter().any(|length| (0.9..1.1).contains(length)), "{next}");
    // A piece is its parts, one after the other.
    let (_, whole) = get(address, &format!("/hls/{ID}/HLS/{piece}.m4s"));
    let mut put_together = Vec::new();
    for part in 0.. {
        let uri = format!("{ID}/HLS/{piece}.{part}.m4s");
        if !next.contains(&format!("URI=\"{uri}\"")) {
            break;
        }
        put_together.extend(get(address, &format!("/hls/{uri}")).1);
    }
    assert!(!whole.is_empty() && whole == put_together);
    // What nobody may wait for.
    for (query, status) in [("_HLS_part=1", "400"), ("_HLS_msn=99999999999", "400"), ("_HLS_msn=x", "400")] {
        let (head, _) = get(address, &format!("{path}?{query}"));
        assert!(head.starts_with(&format!("http/1.1 {status} ")), "{query}: {head}");
    }
    // Players that know no parts play it too.
    assert_eq!(ffprobe(&format!("http://{address}{path}")).0, "h264,320,240");
    // Whoever waits for a stream that goes hears of it at once.
    let mut control = Control::connect(&sandbox);
    let (piece, ..) = hinted(&playlist(address, &path).unwrap());
    let late = format!("{path}?_HLS_msn={}", piece + 1);
    let waits = std::thread::spawn(move || get(address, &late).0);
    control.does(&json!({"op": "delete_export", "instance": "a", "name": "HLS"}));
    assert!(waits.join().unwrap().starts_with("http/1.1 404 "));
}

//! PRODUCT 10 and 6: video exports share one encode, the `source` stream is passed on, files play however a run
//! ends, and one export never disturbs another. ffprobe (Debian package ffmpeg) says what is in the files.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use watchpost_testkit::{Control, Sandbox, wait_until};

/// A clip of `frames` frames, 320 x 240, H.264 with B-frames, a key frame every second.
pub(crate) fn clip(sandbox: &Sandbox, name: &str, frames: u32, more: &[&str]) -> PathBuf {
    let path = sandbox.path().join(name);
    let done = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25"])
        .args(["-frames:v", &frames.to_string()])
        .args(more)
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "25"])
        .arg(&path)
        .status()
        .expect("ffmpeg is needed by this test");
    assert!(done.success());
    path
}

pub(crate) fn instance(uri: &Path, handlers: Value) -> Value {
    json!({
        "DisplayName": "video", "Solution": "securt", "Input": {"uri": uri},
        "Output": {"handlers": handlers}
    })
}

pub(crate) fn mp4(name: &str, sink: &str, config: Value) -> Value {
    json!({"uri": format!("mp4:///{name}"), "sink": sink, "config": config})
}

/// When each frame is shown, in ms from the first, in the order in which they are shown; from the packets, after
/// all of them were decoded without a complaint.
pub(crate) fn times(file: &Path) -> Vec<i64> {
    let decoded = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(file)
        // Times as they are: frames of a camera may be closer together than its rate says.
        .args(["-fps_mode", "passthrough", "-enc_time_base", "-1", "-f", "null", "-"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&decoded.stderr).into_owned();
    assert!(decoded.status.success() && said.is_empty(), "{}: {said}", file.display());
    let out = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v:0", "-show_entries", "packet=pts_time", "-of", "csv=p=0"])
        .arg(file)
        .output()
        .unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    let second = |line: &str| line.trim_end_matches(',').parse::<f64>().unwrap();
    let mut times: Vec<i64> = text.lines().map(|line| (second(line) * 1000.0).round() as i64).collect();
    times.sort_unstable();
    let first = times.first().copied().unwrap_or_default();
    times.iter().map(|time| time - first).collect()
}

pub(crate) fn run(sandbox: &Sandbox, document: &Value) -> Value {
    let file = sandbox.instance(document);
    let ran = sandbox.run(&["run".as_ref(), file.as_os_str(), "--json".as_ref()]);
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap_or(Value::Null)
}

#[test]
fn every_output_has_every_frame_whoever_encodes() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let source = clip(&sandbox, "in.mp4", 110, &[]);
    let handlers = json!({
        "one": mp4("one.mp4", "output-image", json!({})),
        "two": mp4("two.mp4", "output-image", json!({"resolution": {"width": 320, "height": 240}})),
        "small": mp4("small.mp4", "output-image", json!({"resolution": {"width": 160, "height": 120}})),
        "slow": mp4("slow.mp4", "output-image", json!({"fps": 5})),
        "passed": mp4("passed.mp4", "source", json!({})),
        "anew": mp4("anew.mp4", "source", json!({"codec": {"preset": "ultrafast"}, "fps": 25})),
    });
    run(&sandbox, &instance(&source, handlers));
    let expected: Vec<i64> = (0..110).map(|n| n * 40).collect();
    for name in ["one.mp4", "two.mp4", "small.mp4", "passed.mp4"] {
        assert_eq!(times(&sandbox.export(name)), expected, "{name}");
    }
    let slow = times(&sandbox.export("slow.mp4"));
    assert!((21..=23).contains(&slow.len()) && slow.windows(2).all(|two| two[1] - two[0] == 200), "{slow:?}");
    let decoded = |path: &Path| {
        let out = Command::new("ffmpeg")
            .args(["-v", "error", "-i"])
            .arg(path)
            .args(["-map", "0:v", "-f", "framemd5", "-"])
            .output()
            .unwrap();
        let text = String::from_utf8(out.stdout).unwrap();
        let sums = text.lines().filter(|line| !line.starts_with('#'));
        sums.map(|line| line.rsplit(',').next().unwrap().trim().to_owned()).collect::<Vec<_>>()
    };
    let passed = sandbox.export("passed.mp4");
    assert_eq!(decoded(&passed), decoded(&source), "not one pixel is another");
}

#[test]
fn frames_of_a_varying_rate_keep_their_times() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    // Some of the frames are left out, and there is a hole of 2 s.
    let select = "select='not(eq(mod(n,7),3))*not(between(n,60,109))'";
    let source = clip(&sandbox, "in.mkv", 120, &["-vf", select, "-fps_mode", "vfr"]);
    let handlers = json!({
        "as": mp4("as.mp4", "output-image", json!({})),
        "passed": mp4("passed.mp4", "source", json!({})),
        "even": mp4("even.mp4", "output-image", json!({"fps": 25})),
    });
    run(&sandbox, &instance(&source, handlers));
    let expected = times(&source);
    assert!(expected.windows(2).any(|two| two[1] - two[0] > 2000), "the hole is there");
    for name in ["as.mp4", "passed.mp4"] {
        let found = times(&sandbox.export(name));
        let far = found.iter().zip(&expected).any(|(found, expected)| (found - expected).abs() > 2);
        assert!(found.len() == expected.len() && !far, "{name}: {found:?} instead of {expected:?}");
    }
    let even = times(&sandbox.export("even.mp4"));
    assert!(even.windows(2).all(|two| two[1] - two[0] == 40), "{even:?}");
    assert!((even.last().unwrap() - expected.last().unwrap()).abs() <= 40, "the same length");
}

#[test]
fn a_source_that_cannot_be_passed_on_is_encoded_and_says_so() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let source = sandbox.path().join("in.avi");
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25", "-frames:v", "50"])
        .args(["-c:v", "mjpeg"])
        .arg(&source)
        .status()
        .unwrap();
    assert!(made.success());
    let document = instance(&source, json!({"v": mp4("v.mp4", "source", json!({}))}));
    let file = sandbox.instance(&document);
    let ran = sandbox.run(&["run".as_ref(), file.as_os_str()]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("encoded as H.264"), "{}", ran.stderr);
    assert_eq!(times(&sandbox.export("v.mp4")).len(), 50);

    // A raw stream has no times: there is nothing to go by.
    let raw = sandbox.path().join("in.h264");
    let encoded = clip(&sandbox, "in.mp4", 50, &[]);
    let copied = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(&encoded)
        .args(["-c", "copy"])
        .arg(&raw)
        .status()
        .unwrap();
    assert!(copied.success());
    let file = sandbox.instance(&instance(&raw, json!({"v": mp4("raw.mp4", "source", json!({}))})));
    let ran = sandbox.run(&["run".as_ref(), file.as_os_str()]);
    assert!(ran.stderr.contains("no time stamps"), "{}", ran.stderr);
}

/// The export that is looked at must have every frame, whatever happens beside it.
#[test]
fn outputs_come_and_go_and_the_others_do_not_notice() {
    const FRAMES: u32 = 3000;
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let source = clip(&sandbox, "in.mp4", FRAMES, &[]);
    let stays = json!({
        "drawn": mp4("drawn.mp4", "output-image", json!({})),
        "passed": mp4("passed.mp4", "source", json!({})),
    });
    let mut document = instance(&source, stays);
    document["Input"]["pace"] = "fast".into();
    sandbox.write("data/instances/video.json", document.to_string());
    let server = sandbox.spawn(&["serve"]);
    let mut control = Control::connect(&sandbox);
    control.does(&json!({"op": "start", "instance": "video"}));
    let mut changes = 0;
    let kinds = [("output-image", json!({})), ("source", json!({})), ("output-image", json!({"fps": 5}))];
    while control.instance("video")["state"] != "finished" {
        let (sink, config) = &kinds[changes % 3];
        let name = format!("guest{changes}");
        let mut with = document.clone();
        with["Output"]["handlers"][&name] = mp4(&format!("{name}.mp4"), sink, config.clone());
        control.does(&json!({"op": "apply", "instance": "video", "document": with}));
        let frames = control.instance("video")["frames"].as_u64().unwrap();
        wait_until("frames meet it", || {
            let now = control.instance("video");
            now["state"] == "finished" || now["frames"].as_u64().unwrap() > frames + 60
        });
        control.does(&json!({"op": "apply", "instance": "video", "document": document}));
        changes += 1;
    }
    assert!(changes >= 3, "only {changes} changes: the test proves nothing");
    drop(server);
    let expected: Vec<i64> = (0..i64::from(FRAMES)).map(|n| n * 40).collect();
    for name in ["drawn.mp4", "passed.mp4"] {
        assert!(times(&sandbox.export(name)) == expected, "{name} has every frame at its time");
    }
    for guest in (0..changes).map(|n| sandbox.export(&format!("guest{n}.mp4"))).filter(|path| path.exists()) {
        assert!(!times(&guest).is_empty(), "{} is a whole file", guest.display());
    }
}

#[test]
fn a_file_cut_off_by_kill_9_plays_to_its_last_second() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let source = clip(&sandbox, "in.mp4", 2000, &[]);
    let handlers = json!({
        "drawn": mp4("drawn.mp4", "output-image", json!({})),
        "passed": mp4("passed.mp4", "source", json!({})),
        "seen": {"uri": "json:///seen.jsonl", "sink": "output-tracks",
                 "config": {"append_only": true, "minify": true}},
    });
    let mut document = instance(&source, handlers);
    document["Input"]["pace"] = "realtime".into();
    let file = sandbox.instance(&document);
    let server = sandbox.spawn(&["run".as_ref(), file.as_os_str()]);
    let seen = || sandbox.json_lines_so_far("seen.jsonl").len();
    wait_until("ten seconds have been written", || seen() > 0 && last_ms(&sandbox) > 10_000);
    let by_then = last_ms(&sandbox);
    server.kill();
    for name in ["drawn.mp4", "passed.mp4"] {
        let end = *times(&sandbox.export(name)).last().unwrap();
        assert!(end >= by_then - 1500, "{name} ends at {end} ms of {by_then}");
    }
}

/// Time of the last frame that was analysed.
fn last_ms(sandbox: &Sandbox) -> i64 {
    let lines = sandbox.json_lines_so_far("seen.jsonl");
    lines.last().map_or(0, |line| line["frame_time"].as_f64().unwrap() as i64)
}

/// Masks and the time are drawn whatever the preset is; nothing else is with a preset that draws nothing.
#[test]
fn privacy_masks_and_presets_of_the_user_s_own() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let source = clip(&sandbox, "in.mp4", 30, &[]);
    let still = |name: &str| {
        json!({"uri": format!("png:///{name}-{{obj.frame_id}}.png"), "sink": "output-image",
               "config": {"when": {"every_frames": 10}}})
    };
    let corner = |x: f64, y: f64| json!({"x": x, "y": y});
    let mask = json!({"vertices": [corner(0.5, 0.5), corner(1.0, 0.5), corner(1.0, 1.0), corner(0.5, 1.0)]});
    let mut clean = instance(&source, json!({"clean": still("clean")}));
    run(&sandbox, &clean);
    clean["Output"] = json!({
        "handlers": {"masked": still("masked")}, "privacy_masks": [mask],
        "render_preset": "Clock", "render_presets": {"Clock": {
            "boxes": false, "labels": false, "trails": false, "areas": false, "lines": false, "flashes": false,
            "timestamp": true}},
    });
    run(&sandbox, &clean);
    let gray = |name: &str| {
        let out = Command::new("ffmpeg")
            .args(["-v", "error", "-i"])
            .arg(sandbox.export(name))
            .args(["-f", "rawvideo", "-pix_fmt", "gray", "-"])
            .output()
            .unwrap();
        assert_eq!(out.stdout.len(), 320 * 240, "{}", String::from_utf8_lossy(&out.stderr));
        out.stdout
    };
    for frame in [0, 10, 20] {
        let (clean, masked) = (gray(&format!("clean-{frame}.png")), gray(&format!("masked-{frame}.png")));
        let pixel = |picture: &[u8], x: usize, y: usize| i32::from(picture[y * 320 + x]);
        let mut stamped = 0;
        for (x, y) in (0..320).flat_map(|x| (0..240).map(move |y| (x, y))) {
            let (before, after) = (pixel(&clean, x, y), pixel(&masked, x, y));
            if x >= 162 && y >= 122 {
                assert!(after < 30, "{x},{y} is hidden: {after}");
            } else if x < 200 && y < 40 {
                stamped += i32::from((before - after).abs() > 30);
            } else if x < 158 || y < 118 {
                assert!((before - after).abs() < 8, "{x},{y} is as it was: {before} {after}");
            }
        }
        assert!(stamped > 200, "the time is in the corner: {stamped} pixels");
    }
}

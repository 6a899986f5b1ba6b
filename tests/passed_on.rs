//! PRODUCT 6: the `source` stream is passed on without decoding or encoding where the format allows, out of files and
//! out of cameras; where it is not, the export says so as long as that is so. ffprobe says what is in the files.

use std::{path::Path, process::Command};

use serde_json::{Value, json};
use watchpost_testkit::{Camera, Control, Sandbox, wait_until};

use crate::video::{clip, instance, mp4, run, times};

/// What ffprobe says of the file's video, one value a line.
fn probed(file: &Path, entries: &str) -> Vec<String> {
    let out = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v:0", "-of", "csv=p=0", "-show_entries", entries])
        .arg(file)
        .output()
        .unwrap();
    assert!(out.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&out.stderr));
    let lines = String::from_utf8(out.stdout).unwrap();
    lines.lines().map(|line| line.trim_end_matches(',').to_owned()).collect()
}

/// A sum over the pixels of each frame.
fn pixels(file: &Path) -> Vec<String> {
    let out = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(file)
        .args(["-map", "0:v", "-f", "framemd5", "-"])
        .output()
        .unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    let sums = text.lines().filter(|line| !line.starts_with('#'));
    sums.map(|line| line.rsplit(',').next().unwrap().trim().to_owned()).collect()
}

#[test]
fn h265_out_of_a_file_is_passed_on() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let source = sandbox.path().join("in.mp4");
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25", "-frames:v", "110"])
        .args([
            "-c:v",
            "libx265",
            "-preset",
            "ultrafast",
            "-bf",
            "2",
            "-g",
            "25",
            "-x265-params",
            "log-level=error",
        ])
        .args(["-tag:v", "hvc1"])
        .arg(&source)
        .status()
        .unwrap();
    assert!(made.success());
    let document = instance(
        &source,
        json!({
            "whole": mp4("whole.mp4", "source", json!({})),
            "parts": mp4("parts.mp4", "source", json!({"segment": {"seconds": 2}})),
            "anew": mp4("anew.mp4", "source", json!({"fps": 25})),
        }),
    );
    let file = sandbox.instance(&document);
    let ran = sandbox.run(&["run".as_ref(), file.as_os_str()]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let whole = sandbox.export("whole.mp4");
    assert_eq!(probed(&whole, "stream=codec_name"), ["hevc"]);
    assert_eq!(times(&whole), times(&source));
    assert_eq!(pixels(&whole), pixels(&source), "not one pixel is another");
    let parts = ["parts.mp4", "parts-00001.mp4", "parts-00002.mp4"].map(|name| sandbox.export(name));
    let of_parts: Vec<String> = parts.iter().flat_map(|part| pixels(part)).collect();
    assert_eq!(of_parts, pixels(&source), "nothing is missing between two files, and nothing is in both");
    assert_eq!(probed(&sandbox.export("anew.mp4"), "stream=codec_name"), ["h264"]);
    let said = |name: &str| ran.stderr.lines().any(|line| line.contains(name) && line.contains("anew"));
    assert!(said("receiver=\"anew\"") && !said("receiver=\"whole\""), "{}", ran.stderr);
}

/// Of the camera's own key frames one comes in 15 frames; an encoder of ours would make one in 2 s.
#[test]
fn a_camera_s_video_is_passed_on_to_a_file() {
    for (codec, name) in [("h264", "h264"), ("h265", "hevc")] {
        let Some(mut camera) = Camera::start() else { return };
        camera.order(&format!("codec {codec}"));
        let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
        let document = json!({
            "DisplayName": "a", "Solution": "securt", "AutoStart": true, "Input": {"uri": camera.address()},
            "Output": {"handlers": {"passed": mp4("passed.mp4", "source", json!({}))}},
        });
        sandbox.write("data/instances/a.json", document.to_string());
        let server = sandbox.spawn(&["serve"]);
        let mut control = Control::connect(&sandbox);
        wait_until("frames in the file", || {
            control.export("a", "passed")["delivered"].as_u64().is_some_and(|frames| frames >= 75)
        });
        let export = control.export("a", "passed");
        assert_eq!((&export["state"], export.get("problem")), (&json!("running"), None), "{codec}: {export}");
        control.does(&json!({"op": "stop", "instance": "a"}));
        drop(server);
        let file = sandbox.export("passed.mp4");
        assert_eq!(probed(&file, "stream=codec_name"), [name]);
        let times = times(&file);
        assert!(times.len() >= 70, "{codec}: {} frames", times.len());
        let uneven = times.windows(2).filter(|two| !(10..=90).contains(&(two[1] - two[0]))).count();
        assert!(uneven <= 2, "{codec}: {times:?}");
        let flags = probed(&file, "packet=flags");
        let keys: Vec<usize> = (0..flags.len()).filter(|at| flags[*at].starts_with('K')).collect();
        assert!(keys[0] == 0 && keys.windows(2).all(|two| two[1] - two[0] == 15), "{codec}: {keys:?}");
    }
}

#[test]
fn segments_by_their_size() {
    const BYTES: u64 = 100_000;
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    // Noise is worth many bytes: some 7 kB a frame.
    let source = clip(&sandbox, "in.mp4", 150, &["-vf", "noise=alls=40:allf=t"]);
    let config = json!({"segment": {"bytes": BYTES}, "codec": {"keyframe_s": 0.4}});
    run(
        &sandbox,
        &instance(
            &source,
            json!({
                "encoded": mp4("encoded.mp4", "output-image", config),
                "passed": mp4("passed.mp4", "source", json!({"segment": {"bytes": BYTES}})),
            }),
        ),
    );
    for name in ["encoded", "passed"] {
        let number = |n: usize| if n == 0 { format!("{name}.mp4") } else { format!("{name}-{n:05}.mp4") };
        let files: Vec<_> =
            (0..).map(|n| sandbox.export(&number(n))).take_while(|file| file.exists()).collect();
        assert!(files.len() >= 3, "{name}: {files:?}");
        let frames: usize = files.iter().map(|file| times(file).len()).sum();
        assert_eq!(frames, 150, "{name}: every frame is in one of them");
        for (n, file) in files.iter().enumerate() {
            let bytes = std::fs::metadata(file).unwrap().len();
            let flags = probed(file, "packet=flags");
            assert!(flags[0].starts_with('K'), "{name} {n} begins with a key frame");
            assert!(n + 1 == files.len() || bytes >= BYTES, "{name} {n} has {bytes} bytes");
        }
    }
}

/// "Encoded anew" is said as long as it is so, whatever else is changed, and no longer.
#[test]
fn an_export_says_that_its_source_is_encoded_as_long_as_it_is() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let source = clip(&sandbox, "in.mp4", 250, &[]);
    let handlers = |config: Value| json!({"v": mp4("v.mp4", "source", config)});
    let mut document = instance(&source, handlers(json!({"fps": 10})));
    document["Input"]["pace"] = "realtime".into();
    document["Input"]["loop"] = true.into();
    sandbox.write("data/instances/video.json", document.to_string());
    let _server = sandbox.spawn(&["serve"]);
    let mut control = Control::connect(&sandbox);
    control.does(&json!({"op": "start", "instance": "video"}));
    let says = |control: &mut Control| {
        let export = control.export("video", "v");
        export["problem"].as_str().is_some_and(|problem| problem.contains("encoded anew"))
    };
    wait_until("it is said", || says(&mut control));
    let apply = |control: &mut Control, document: &Value| {
        control.does(&json!({"op": "apply", "instance": "video", "document": document}));
        let frames = control.instance("video")["frames"].as_u64().unwrap();
        wait_until("frames pass", || control.instance("video")["frames"].as_u64().unwrap() > frames + 10);
    };
    let corner = |x: f64, y: f64| json!({"x": x, "y": y});
    let triangle = json!([corner(0.0, 0.0), corner(0.5, 0.0), corner(0.0, 0.5)]);
    document["Zone"] = json!({"Zones": {"a": {"name": "a", "vertices": triangle}}});
    apply(&mut control, &document);
    assert!(says(&mut control), "after another area");
    document["Output"]["handlers"]["other"] = json!({"uri": "json:///t.jsonl", "sink": "output-tracks"});
    apply(&mut control, &document);
    assert!(says(&mut control), "after another export");
    document["Output"]["handlers"]["v"]["config"] = json!({});
    apply(&mut control, &document);
    wait_until("it is not said any more", || !says(&mut control));
    document["Output"]["privacy_masks"] =
        json!([{"vertices": [corner(0.0, 0.0), corner(0.5, 0.0), corner(0.0, 0.5)]}]);
    apply(&mut control, &document);
    wait_until("masks are a reason too", || says(&mut control));
}

//! Privacy masks hold wherever a picture leaves an instance: drawn and clean pictures, the source's own video, crops
//! in records, in stream objects and beside them.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use watchpost_testkit::Sandbox;

use crate::video::{instance, mp4};

/// Luma of what nobody is to see, the background's, and what lies between the two.
const OBJECT: u8 = 235;
const SEEN: u8 = 150;

/// A bright thing walks over gray ground, always between 0.3 and 0.8 of the height.
fn walk(sandbox: &Sandbox) -> std::path::PathBuf {
    let path = sandbox.path().join("walk.mp4");
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "color=0x606060:size=320x240:rate=25"])
        .args(["-f", "lavfi", "-i", "color=white:size=36x70:rate=25"])
        .args(["-filter_complex", "[0][1]overlay=x='20+(t-2)*45':y=90:enable='gte(t,2)'"])
        .args(["-t", "7", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "25"])
        .arg(&path)
        .status()
        .expect("ffmpeg is needed by this test");
    assert!(made.success());
    path
}

/// The brightest pixel in all frames of a file, or of a JPEG picture on standard input.
fn brightest(file: Option<&Path>, picture: &[u8]) -> u8 {
    let input = file.map_or_else(|| "pipe:0".into(), |file| file.as_os_str().to_owned());
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-i"]).arg(input).args(["-f", "rawvideo", "-pix_fmt", "gray", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    // Of a file nothing is read here.
    let _closed = child.stdin.take().unwrap().write_all(picture);
    let out = child.wait_with_output().unwrap();
    out.stdout.into_iter().max().expect("a picture")
}

fn base64(text: &str) -> Vec<u8> {
    let mut child =
        Command::new("base64").arg("-d").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let text = text.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()).unwrap());
    let out = child.wait_with_output().unwrap();
    writer.join().unwrap();
    out.stdout
}

/// The brightest pixel of each way out, by its name.
fn run(masks: &Value, preset: &str) -> Vec<(&'static str, u8)> {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let stills = |name: &str, sink: &str, config: Value| json!({"uri": format!("{name}"), "sink": sink, "config": config});
    let objects = |name: &str, sink: &str, more: Value| {
        let mut config = json!({"minify": true, "append_only": true});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"uri": format!("json:///{name}.jsonl"), "sink": sink, "config": config})
    };
    let mut document = instance(
        &walk(&sandbox),
        json!({
            "drawn": mp4("drawn.mp4", "output-image", json!({})),
            "source": mp4("source.mp4", "source", json!({})),
            "stills": stills("png:///still-{sys.count}.png", "source", json!({"when": {"every_s": 1}})),
            "event": stills("jpg:///event-{sys.count}.jpg", "output-image",
                            json!({"when": {"events": true}, "crop": "event"})),
            "records": objects("records", "", json!({"schema_events": ["event-intrusion:2", "crop:2"]})),
            "tracks": objects("tracks", "output-tracks", json!({"crops": "inline"})),
            "detections": objects("detections", "output-detections", json!({"crops": "inline"})),
            "disk": objects("disk", "output-detections", json!({"crops": "disk"})),
            "whole": objects("whole", "output-detections", json!({"output_image": true, "every_s": 1})),
        }),
    );
    let corners = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)].map(|(x, y)| json!({"x": x, "y": y}));
    document["Zone"] = json!({"Zones": {"all": {
        "name": "all", "vertices": corners, "trigger_on_intrusion": true, "detect_unknowns": true,
    }}});
    document["Output"]["privacy_masks"] = masks.clone();
    document["Output"]["render_preset"] = preset.into();
    let file = sandbox.instance(&document);
    let ran = sandbox.run(&["run".as_ref(), file.as_os_str()]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let found = |pictures: Vec<u8>| pictures.into_iter().max().expect("it has pictures");
    let file = |name: &str| brightest(Some(&sandbox.export(name)), &[]);
    let inline = |name: &str, pointers: &[&str]| {
        let lines = sandbox.json_lines(&format!("{name}.jsonl"));
        let pictures =
            lines.iter().flat_map(|line| pointers.iter().filter_map(|pointer| line.pointer(pointer)));
        let pictures: Vec<_> = pictures.map(|picture| base64(picture.as_str().unwrap())).collect();
        // Some are as good as all, and quicker: the last ones have the best shots.
        found(
            pictures
                .iter()
                .rev()
                .step_by(pictures.len().div_ceil(8))
                .map(|jpeg| brightest(None, jpeg))
                .collect(),
        )
    };
    let crops = std::fs::read_dir(sandbox.export("disk-crops")).unwrap();
    let crops: Vec<_> = crops.map(|entry| entry.unwrap().path()).collect();
    vec![
        ("drawn", file("drawn.mp4")),
        ("source", file("source.mp4")),
        ("still", file("still-5.png")),
        (
            "event",
            found(
                (1..)
                    .map(|n| sandbox.export(&format!("event-{n}.jpg")))
                    .take_while(|file| file.exists())
                    .map(|file| brightest(Some(&file), &[]))
                    .collect(),
            ),
        ),
        ("records", inline("records", &["/image"])),
        ("tracks", inline("tracks", &["/tracks/0/best_thumbnail/image"])),
        ("detections", inline("detections", &["/detections/0/image"])),
        ("disk", found(crops.iter().take(8).map(|crop| brightest(Some(crop), &[])).collect())),
        ("whole", inline("whole", &["/image"])),
    ]
}

#[test]
fn no_picture_leaves_without_its_masks() {
    let corners = [(0.0, 0.3), (1.0, 0.3), (1.0, 0.85), (0.0, 0.85)].map(|(x, y)| json!({"x": x, "y": y}));
    for (way, brightest) in run(&json!([]), "") {
        assert!(brightest > OBJECT - 20, "{way} shows it where there is no mask: {brightest}");
    }
    // What is drawn may be as bright as the object: boxes and labels.
    for (way, brightest) in run(&json!([{"vertices": corners}]), "Default") {
        let is_drawn = ["drawn", "event", "whole"].contains(&way);
        assert!(is_drawn || brightest < SEEN, "{way} shows what is behind the mask: {brightest}");
    }
}

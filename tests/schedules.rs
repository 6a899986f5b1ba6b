//! PRODUCT 5 and 10: weekly schedules for areas, lines and exports, by the time at which a frame was taken, on the
//! night on which the clocks are put back.

use std::process::Command;

use serde_json::{Value, json};
use watchpost_testkit::{
    Sandbox,
    scene::{EVENT_IDS, json_lines, scene, uri_of},
};

/// 2026-10-25, a Sunday, 02:00 in Berlin: an hour before clocks are put back to 02:00.
const TWO_O_CLOCK_MS: i64 = 1_792_886_400_000;
const HOUR_MS: i64 = 3_600_000;
const MINUTE_MS: i64 = 60_000;
const STEP_MS: i64 = 200;

/// Ten seconds before 02:00 until ten after 02:01, on each of the two occasions on which clocks show that. All the
/// while somebody stands in the area, and somebody else goes over the line before, within and after that minute.
fn night() -> String {
    let mut lines = String::new();
    for start in [TWO_O_CLOCK_MS, TWO_O_CLOCK_MS + HOUR_MS] {
        for at in (-10_000..MINUTE_MS + 10_000).step_by(STEP_MS as usize) {
            // Up or down within a second, at -5 s, 30 s and 65 s.
            let crossings = [-5_000, 30_000, 65_000];
            let passed = crossings.iter().filter(|&&from| at >= from).count();
            let since = crossings[..passed].last().map_or(1.0, |from| ((at - from) as f64 / 1000.0).min(1.0));
            let below = if passed % 2 == 1 { since } else { 1.0 - since };
            let detection = |id: &str, x: f64, y: f64| {
                json!({"label": "person", "confidence": 0.9, "track_id": id,
                       "x": x - 0.02, "y": y - 0.1, "width": 0.04, "height": 0.1})
            };
            let boxes = [detection("stands", 0.6, 0.5), detection("walks", 0.2, 0.3 + 0.4 * below)];
            lines += &format!("{}\n", json!({"timestamp_ms": start + at, "detections": boxes}));
        }
    }
    lines
}

/// Milliseconds after 02:00 o'clock, and on which of the two occasions.
fn when(record: &Value) -> (i64, i64) {
    let after = record["system_timestamp"].as_i64().unwrap() - TWO_O_CLOCK_MS;
    ((after + MINUTE_MS) / HOUR_MS, after - (after + MINUTE_MS) / HOUR_MS * HOUR_MS)
}

#[test]
fn areas_lines_and_exports_are_armed_in_their_hours_only() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let spans = json!([{"days": ["sunday"], "from": "02:00", "to": "02:01"}]);
    let mut ids = EVENT_IDS.to_vec();
    ids.push("event-line-crossing");
    let tracks = |schedule: Option<&Value>, file: &str| {
        let mut config = json!({"append_only": true, "minify": true});
        if let Some(schedule) = schedule {
            config["schedule"] = json!({"time_zone": "Europe/Berlin", "spans": schedule});
        }
        json!({"uri": format!("json:///{file}"), "sink": "output-tracks", "enabled": true, "config": config})
    };
    let mut evening = json_lines("evening.jsonl", &ids, 2);
    evening["config"]["schedule"] = json!([{"from": "18:00", "to": "22:00"}]);
    let output = json!({"handlers": {
        "events": json_lines("events.jsonl", &ids, 2),
        "all": tracks(None, "all.jsonl"),
        "minute": tracks(Some(&spans), "minute.jsonl"),
        "evening": evening,
    }});
    let source = uri_of(&sandbox.write("night.ndjson", night()));
    let mut document = scene(&source, 2, output);
    document["Input"]["time_zone"] = "Europe/Berlin".into();
    document["Zone"]["Zones"]["3e0ee7a0-5c58-4f0c-8f0d-0d3f6f5d2c01"]["schedule"] = spans.clone();
    document["Tripwire"] = json!({"Tripwires": {"5a1f6f0e-6f3c-4a68-9a3e-6f3f3f1f7c02": {
        "name": "line", "vertices": [{"x": 0.1, "y": 0.5}, {"x": 0.3, "y": 0.5}],
        "trigger_crossing": true, "schedule": {"spans": spans}
    }}});
    sandbox.instance(&document);
    let ran = sandbox.run(&["run", "instance.json", "--json"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);

    let events = sandbox.json_lines("events.jsonl");
    let told: Vec<_> = events.iter().map(|e| (e["$id"].as_str().unwrap(), when(e))).collect();
    for occasion in [0, 1] {
        let mut told = told.iter().filter(|(_, (on, _))| *on == occasion).map(|(id, (_, at))| (*id, *at));
        let mut next = || told.next().unwrap();
        for id in ["event-area-enter", "event-intrusion"] {
            let (what, at) = next();
            assert!(what == id && (0..=400).contains(&at), "{what} at {at}");
        }
        let (what, at) = next();
        assert!(what == "event-line-crossing" && (30_000..=31_000).contains(&at), "{what} at {at}");
        assert_eq!(next(), ("event-intrusion-end", MINUTE_MS), "in the first frame that is outside");
        assert_eq!(told.next(), None);
    }
    for end in events.iter().filter(|event| event["$id"] == "event-intrusion-end") {
        let starts = events.iter().filter(|event| event["event_id"] == end["ref_event_id"]);
        assert_eq!(starts.count(), 1);
    }

    let all = sandbox.json_lines("all.jsonl");
    let minute = sandbox.json_lines("minute.jsonl");
    let expected: Vec<_> = all.iter().filter(|o| (0..MINUTE_MS).contains(&when(o).1)).cloned().collect();
    assert_eq!(all.len(), 800);
    assert_eq!(minute, expected);
    assert!(!sandbox.export("evening.jsonl").exists());
    let summary: Value = serde_json::from_str(&ran.stdout).unwrap();
    let outside = |name: &str| {
        let exports = summary["exports"].as_array().unwrap();
        let export = exports.iter().find(|export| export["export"]["name"] == name).unwrap();
        (export["export"]["outside"].as_u64(), export["export"]["state"].clone())
    };
    assert_eq!(outside("minute"), (Some(200), "finished".into()));
    assert_eq!(outside("evening"), (Some(events.len() as u64), "finished".into()));
    assert_eq!(outside("all"), (Some(0), "finished".into()));
}

#[test]
fn video_has_a_file_for_each_span_and_stills_are_taken_in_them_only() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let clip = sandbox.path().join("clip.mp4");
    let source = ["-f", "lavfi", "-i", "testsrc=size=160x120:rate=1:duration=240", "-pix_fmt", "yuv420p"];
    let made = Command::new("ffmpeg").args(["-v", "error"]).args(source).arg(&clip).status();
    assert!(made.is_ok_and(|status| status.success()), "ffmpeg: scripts/setup.sh test installs it");
    let schedule = json!([{"from": "10:00", "to": "10:01"}, {"from": "10:02", "to": "10:03"}]);
    let picture = |uri: &str, mut config: Value| {
        config["schedule"] = schedule.clone();
        json!({"uri": uri, "sink": "output-image", "enabled": true, "config": config})
    };
    sandbox.instance(&json!({
        "InstanceId": "0d9f0c52-55c4-4f0e-9a53-6c7a4f9e3b12",
        "DisplayName": "hours", "Solution": "securt",
        "Input": {"uri": clip, "start_time": "2026-07-06T09:59:30Z"},
        "Output": {"handlers": {
            "video": picture("mp4:///video.mp4", json!({})),
            "stills": picture("jpg:///stills/{sys.time %H%M%S}.jpg", json!({"when": {"every_frames": 1}})),
        }},
    }));
    let ran = sandbox.run(&["run", "instance.json"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);

    let mut stills: Vec<_> = std::fs::read_dir(sandbox.export("stills"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    stills.sort();
    let minute = |m: u32| (0..60).map(move |second| format!("10{m:02}{second:02}.jpg"));
    assert_eq!(stills, minute(0).chain(minute(2)).collect::<Vec<_>>());
    for name in ["video.mp4", "video-00001.mp4"] {
        let probe =
            ["-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0"];
        let probed = Command::new("ffprobe").args(probe).arg(sandbox.export(name)).output().unwrap();
        assert_eq!(String::from_utf8(probed.stdout).unwrap().trim(), "60", "{name}");
    }
    // As a user sees it.
    assert!(ran.stdout.contains("240 records or objects left out by schedules"), "{}", ran.stdout);
    let table = ran.stdout.lines().skip_while(|line| !line.starts_with("export"));
    let rows: Vec<Vec<_>> = table.map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0][..6], ["export", "format", "state", "delivered", "left", "out"], "{}", ran.stdout);
    for name in ["video", "stills"] {
        let row = rows.iter().find(|row| row.first() == Some(&name)).unwrap();
        assert_eq!(row[2..5], ["finished", "120", "120"], "{}", ran.stdout);
    }
}

#[test]
fn a_schedule_that_cannot_be_is_refused_with_its_place() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let mut bad = json_lines("bad.jsonl", &EVENT_IDS, 2);
    bad["config"]["schedule"] = json!({
        "time_zone": "Europe/Atlantis",
        "spans": [{"days": ["Moonday", "mon", "monday"], "from": "8", "to": "09:00"}, {"from": "08:00", "until": "9:00"}]
    });
    let mut never = json_lines("never.jsonl", &EVENT_IDS, 2);
    never["config"]["schedule"] = json!([]);
    let handlers = json!({"bad": bad, "never": never,
                          "video": {"uri": "mp4:///a.mp4", "sink": "output-image", "config": {"schedule": "always"}}});
    sandbox.instance(&scene("ndjson://-", 2, json!({"handlers": handlers})));
    let ran = sandbox.run(&["validate", "instance.json"]);
    assert_eq!(ran.code, Some(78));
    for expected in [
        "/Output/handlers/bad/config/schedule/time_zone: is the text \"Europe/Atlantis\"",
        "/Output/handlers/bad/config/schedule/spans/0/days/0: is the text \"Moonday\"; expected \"monday\"",
        "/Output/handlers/bad/config/schedule/spans/0/days/2: is named twice",
        "/Output/handlers/bad/config/schedule/spans/0/from: is the text \"8\"; expected a time from",
        "/Output/handlers/bad/config/schedule/spans/1: `to` is missing",
        "/Output/handlers/bad/config/schedule/spans/1/until: unknown key",
        "/Output/handlers/never/config/schedule: is empty: that would be never",
        "/Output/handlers/video/config/schedule: is the text \"always\"",
    ] {
        assert!(
            (ran.stdout.clone() + &ran.stderr).contains(expected),
            "{expected}:\n{}{}",
            ran.stdout,
            ran.stderr
        );
    }
}

//! PRODUCT 10: a million rows, and the objects they come from, open in other people's tools with the right types.

use std::{
    fmt::Write as _,
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
    process::Command,
};

use serde_json::json;
use watchpost_testkit::{Sandbox, scene::uri_of};

const FRAMES: u32 = 10_000;
const A_FRAME: u32 = 100;

/// A hundred detections a frame, which stand still: what matters here is what is written of them.
fn write_detections(path: &Path) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    let mut detections = String::new();
    for n in 0..A_FRAME {
        let (x, y) = (f64::from(n % 10) / 10.0, f64::from(n / 10) / 10.0);
        let comma = if n > 0 { "," } else { "" };
        let label = if n % 7 == 0 { "big \"red\", lorry" } else { "Person" };
        let box_ = json!({"label": label, "confidence": 0.5 + f64::from(n) / 250.0, "x": x, "y": y, "width": 0.05, "height": 0.05});
        write!(detections, "{comma}{box_}").unwrap();
    }
    for frame in 0..FRAMES {
        let time = frame * 40;
        writeln!(file, r#"{{"frame_id":{frame},"timestamp_ms":{time},"detections":[{detections}]}}"#)
            .unwrap();
    }
    file.flush().unwrap();
}

#[test]
fn a_million_rows_open_in_python_pandas_and_duckdb_and_json_lines_in_jq_too() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let detections = sandbox.path().join("detections.ndjson");
    write_detections(&detections);
    let export = |uri: &str, shape: &str| {
        json!({"uri": uri, "sink": "output-detections",
            "config": {"shape": shape, "append_only": true, "minify": true}})
    };
    let ran = sandbox.run(&[
        "run".as_ref(),
        sandbox
            .instance(&json!({
                "DisplayName": "million", "Solution": "securt", "Input": {"uri": uri_of(&detections)},
                "Output": {"handlers": {
                    "rows": export("csv:///rows.csv", "tabular"),
                    "objects": export("json:///objects.jsonl", "objects"),
                }},
            }))
            .as_os_str(),
    ]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = root.join(".cache/venv/bin/python");
    assert!(python.exists(), "{} is missing: run scripts/setup.sh test", python.display());
    let checked = Command::new(python)
        .arg(root.join("tests/python/open_rows.py"))
        .args([sandbox.export("rows.csv"), sandbox.export("objects.jsonl")])
        .args([FRAMES.to_string(), A_FRAME.to_string()])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{said}");
    let all = u64::from(FRAMES) * u64::from(A_FRAME);
    assert_eq!(String::from_utf8_lossy(&checked.stdout).trim(), format!("{all} rows, {FRAMES} objects"));
}

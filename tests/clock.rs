//! PRODUCT 12 with the clock set back in the middle of a run: nothing is lost, doubled or held back.

use serde_json::{Value, json};
use watchpost_testkit::{
    Sandbox,
    proof::keeper,
    scene::{scene, walkers},
    wait_until,
};

#[test]
fn a_clock_that_is_set_back_and_forward_changes_nothing_but_times() {
    let Some(library) = libfaketime() else { return };
    let mut sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let clock = sandbox.write("clock", "+0d\n");
    sandbox.set_env("LD_PRELOAD", library);
    sandbox.set_env("FAKETIME_TIMESTAMP_FILE", clock.display().to_string());
    sandbox.set_env("FAKETIME_NO_CACHE", "1");
    sandbox.set_env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    keeper(&sandbox);
    sandbox.instance(&scene("ndjson://-", 2, json!({"Keeper": {"enabled": true}})));
    let mut frame = 0;
    let events = |sandbox: &Sandbox| sandbox.json_lines_so_far("events.jsonl").len();
    // Set back and forward while it runs, and between two runs.
    for shifts in [["+0d", "-2d", "+1d"], ["-3d", "-4d", "-3d"]] {
        sandbox.write("clock", format!("{}\n", shifts[0]));
        let mut watchpost = sandbox.spawn(&["run", "instance.json"]);
        for shift in shifts {
            sandbox.write("clock", format!("{shift}\n"));
            let before = events(&sandbox);
            for _ in 0..300 {
                // Without a time of its own a frame has that of its arrival.
                let mut line: Value = serde_json::from_str(&walkers(10).line(frame)).unwrap();
                line.as_object_mut().unwrap().remove("timestamp_ms");
                assert!(watchpost.feed(format!("{line}\n").as_bytes()));
                frame += 1;
            }
            wait_until("events under this clock", || events(&sandbox) > before + 10);
        }
        assert_eq!(watchpost.finish().code(), Some(0));
    }
    let file = sandbox.json_lines("events.jsonl");
    let numbers: Vec<_> = file.iter().map(|record| record["sequence"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (0..file.len() as u64).collect::<Vec<_>>());
    let times: Vec<_> = file.iter().map(|record| record["system_timestamp"].as_i64().unwrap()).collect();
    let day = 24 * 3600 * 1000;
    assert!(times.windows(2).any(|pair| pair[1] < pair[0] - day), "the clock was not set back: {times:?}");
    assert_eq!(sandbox.lines_of_exporter("Keeper"), file);
}

/// Debian's `libfaketime`, which `scripts/setup.sh test` installs.
fn libfaketime() -> Option<String> {
    let places = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib"];
    let found = places.iter().map(|place| format!("{place}/faketime/libfaketime.so.1"));
    let found = found.into_iter().find(|path| std::path::Path::new(path).exists());
    if found.is_none() {
        eprintln!("SKIPPED: libfaketime is not installed (scripts/setup.sh test)");
    }
    found
}

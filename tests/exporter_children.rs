//! PRODUCT 9 end to end, with misbehaving exporters under a real `watchpost run`: dead letters, the poison rule,
//! secrets, and nothing left in the process table.

use serde_json::{Value, json};
use watchpost_testkit::{Sandbox, Script, wait_until};

const SCRIPT: Script = Script { fps: 100, every: 10, walk: 400 };

fn sandbox() -> Sandbox {
    Sandbox::new(env!("CARGO_BIN_EXE_watchpost"))
}

/// Installs a Python exporter; `more` is laid over its manifest.
fn exporter(sandbox: &Sandbox, script: &str, more: Value) {
    let mut manifest = json!({
        "name": "Child", "events": {"event-area-enter": 2, "event-area-exit": 2}, "command": "/usr/bin/python3 -u x.py",
        "framing": "newline", "acknowledge": true,
    });
    manifest.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    sandbox.write("data/exporters/child/manifest.json", manifest.to_string());
    sandbox.write("data/exporters/child/x.py", script);
}

fn kept(sandbox: &Sandbox, name: &str) -> String {
    std::fs::read_to_string(sandbox.data().join("exporters/child").join(name)).unwrap_or_default()
}

fn instance(sandbox: &Sandbox, uri: &str) -> std::path::PathBuf {
    sandbox.instance(&json!({
        "InstanceId": "71f1c9f2-0f43-4f9d-8a52-b9f4f0a5d001",
        "DisplayName": "children",
        "Solution": "securt",
        "Input": {"uri": uri},
        "Zone": {"Zones": {"3e0ee7a0-5c58-4f0c-8f0d-0d3f6f5d2c01": {
            "id": "3e0ee7a0-5c58-4f0c-8f0d-0d3f6f5d2c01", "name": "middle",
            "vertices": [{"x": 0.45, "y": 0.1}, {"x": 0.7, "y": 0.1}, {"x": 0.7, "y": 0.9}, {"x": 0.45, "y": 0.9}],
            "detect_people": true, "trigger_on_enter": true, "trigger_on_exit": true,
        }}},
        "Output": {"Child": {"enabled": true}, "handlers": {}},
    }))
}

/// Runs a scripted scene to its end: exit code, and what the summary says of the exporter.
fn run(sandbox: &Sandbox, more: &[&str]) -> (Option<i32>, Value, String) {
    let lines: String = (0..1000).map(|frame| SCRIPT.line(frame)).collect();
    sandbox.write("data/scene.ndjson", lines);
    let file = instance(sandbox, "ndjson:///scene.ndjson");
    let mut args = vec!["run", file.to_str().unwrap(), "--json"];
    args.extend(more);
    let ran = sandbox.run(&args);
    let summary: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    let exports = summary["exports"].as_array().unwrap_or_else(|| panic!("{summary:#}"));
    (ran.code, exports[0]["export"].clone(), ran.stderr)
}

/// Keeps each sequence number and answers; `{EACH}` may do something else first.
const KEEPER: &str = "
import json, os, sys
for line in sys.stdin:
    n = json.loads(line)['sequence']
    {EACH}
    with open('seen', 'a') as file: file.write('%d\\n' % n)
    print('OK')
";

fn seen(sandbox: &Sandbox) -> Vec<u64> {
    kept(sandbox, "seen").lines().map(|line| line.parse().unwrap()).collect()
}

#[test]
fn what_an_exporter_refuses_is_tried_again_and_then_a_dead_letter() {
    let sandbox = sandbox();
    let each = "if n == 7:\n        with open('tries', 'a') as file: file.write('x')\n        print('ERROR wrong colour'); continue";
    exporter(&sandbox, &KEEPER.replace("{EACH}", each), json!({"retries": 2}));
    let (code, export, log) = run(&sandbox, &[]);
    assert_eq!(code, Some(1), "a dead letter is not a complete run: {log}");
    assert_eq!((&export["refused"], &export["waiting"]), (&json!(1), &json!(0)), "{export:#}");
    assert_eq!(kept(&sandbox, "tries"), "xxx", "once, and two retries");
    assert!(log.contains("refused for good") && log.contains("wrong colour"), "{log}");
    let seen = seen(&sandbox);
    assert!(seen.len() > 50);
    let expected: Vec<u64> = (0..=seen.len() as u64).filter(|n| *n != 7).collect();
    assert_eq!(seen, expected, "all others, in order");
}

#[test]
fn what_kills_an_exporter_five_times_is_a_dead_letter() {
    let sandbox = sandbox();
    let each = "if n == 9:\n        with open('deaths', 'a') as file: file.write('x')\n        os.kill(os.getpid(), 9)";
    exporter(&sandbox, &KEEPER.replace("{EACH}", each), json!({"window": 20}));
    let (code, export, log) = run(&sandbox, &[]);
    assert_eq!(
        (code, &export["refused"], &export["waiting"]),
        (Some(1), &json!(1), &json!(0)),
        "{export:#}{log}"
    );
    assert_eq!(kept(&sandbox, "deaths").len(), 5);
    assert!(log.contains("died over it 5 times"), "{log}");
    let mut seen = seen(&sandbox);
    // What was read and not yet answered when it died comes again.
    seen.dedup();
    let expected: Vec<u64> = (0..=seen.len() as u64).filter(|n| *n != 9).collect();
    assert_eq!(seen, expected);
}

#[test]
fn deaths_over_different_records_bury_nothing() {
    let sandbox = sandbox();
    // Seven lives of three records each, then one that lasts.
    let each = "count = globals().get('count', 0) + 1\n    with open('deaths', 'a') as file: deaths = file.tell()\n    if count == 4 and deaths < 7: open('deaths', 'a').write('x'); os.kill(os.getpid(), 9)";
    exporter(&sandbox, &KEEPER.replace("{EACH}", each), json!({"window": 20}));
    let (code, export, log) = run(&sandbox, &[]);
    assert_eq!(
        (code, &export["refused"], &export["waiting"]),
        (Some(0), &json!(0), &json!(0)),
        "{export:#}{log}"
    );
    assert_eq!(kept(&sandbox, "deaths").len(), 7);
    let mut seen = seen(&sandbox);
    seen.dedup();
    assert_eq!(seen, (0..seen.len() as u64).collect::<Vec<_>>());
}

#[test]
fn secrets_stay_in_the_environment_of_the_child() {
    let sandbox = sandbox();
    sandbox.write(
        "data/config.json",
        json!({"exporters": {"Child": {"token": "hush-hush", "site": "a b"}}}).to_string(),
    );
    let settings = json!({"settings": {"token": {"type": "secret"}, "site": {"type": "text"}},
        "command": "/usr/bin/python3 -u x.py {settings.site}"});
    let each = "open('env', 'w').write(os.environ['WATCHPOST_SETTING_TOKEN']); open('argv', 'wb').write(open('/proc/self/cmdline', 'rb').read())";
    exporter(&sandbox, &KEEPER.replace("{EACH}", each), settings);
    let (code, _, log) = run(&sandbox, &["-vv"]);
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(kept(&sandbox, "env"), "hush-hush");
    assert_eq!(kept(&sandbox, "argv"), "/usr/bin/python3\0-u\0x.py\0a b\0");
    assert!(log.contains("Child"), "the log says much: {} bytes", log.len());
    assert!(!log.contains("hush"), "but not that");
}

/// Pids of processes whose command line holds `mark`, and their children, zombies too.
fn processes(mark: &str) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_string_lossy().parse::<u32>().ok());
    pids.filter(|pid| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(mark)
    })
    .collect()
}

#[test]
fn nothing_is_left_when_watchpost_is_killed() {
    let sandbox = sandbox();
    let mark = format!("watchpost-orphan-{}", std::process::id());
    // A child of its own, and one that has taken every step to live on.
    let script = format!(
        "
import os, signal, subprocess, sys
if not os.path.exists('pids'):
    near = subprocess.Popen(['sleep', '100000'])
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for s in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT): signal.signal(s, signal.SIG_IGN)
            os.closerange(0, 100)
            os.execve('/bin/sleep', ['{mark}', '100000'], {{}})
        os._exit(0)
    os.wait()
    with open('pids', 'w') as file: file.write('%d %d' % (os.getpid(), near.pid))
{KEEPER}"
    );
    exporter(&sandbox, &script.replace("{EACH}", "pass"), json!({}));
    let file = instance(&sandbox, "ndjson://-");
    let mut watchpost = sandbox.spawn(&["run".as_ref(), file.as_os_str()]);
    for frame in 0..400 {
        assert!(watchpost.feed(SCRIPT.line(frame).as_bytes()));
    }
    wait_until("it delivers", || !kept(&sandbox, "seen").is_empty());
    wait_until("all three run", || processes(&mark).len() == 1);
    let mut pids: Vec<u32> = kept(&sandbox, "pids").split(' ').map(|pid| pid.parse().unwrap()).collect();
    pids.extend(processes(&mark));
    let there = |pid: &u32| std::path::Path::new(&format!("/proc/{pid}")).exists();
    assert!(pids.len() == 3 && pids.iter().all(there), "{pids:?}");
    watchpost.kill();
    wait_until("no process and no zombie is left", || !pids.iter().any(there));
}

//! How exporters live and what is delivered to them, through the real receiver and real children (PRODUCT section 9).
//! What a child does to its pipes alone is tested in `crates/process`.

use std::time::{Duration, Instant};

use serde_json::json;
use watchpost_export::{Outcome, ReceiverError};

use crate::children::*;

fn delivered(outcomes: &[Outcome]) -> u64 {
    let through = |outcome: &Outcome| match outcome {
        Outcome::Delivered { through, .. } => Some(*through),
        Outcome::Refused { .. } => None,
    };
    outcomes.iter().rev().find_map(through).unwrap_or(0)
}

fn gone(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.is_empty()
}

async fn until(what: &str, mut ready: impl FnMut() -> bool) {
    let start = Instant::now();
    while !ready() {
        assert!(start.elapsed() < BOUND, "not within {BOUND:?}: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Noise on both outputs, that is no UTF-8 either, neither blocks the child nor hides its answers.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_noise_does_not_hold_up_answers() {
    let script = "
import os, sys, threading
def flood():
    while True: os.write(2, b'\\xff\\xfe noise \\x00 without end\\n' * 1000)
threading.Thread(target=flood, daemon=True).start()
for n, line in enumerate(sys.stdin):
    os.write(1, b'\\xe9 not an answer\\n' * 20 + b'x' * 10000 + b'\\nOK\\n')
";
    let bench = bench(script, json!({"acknowledge": true, "window": 50}));
    let mut receiver = bench.receiver();
    let (outcomes, errors) = drive(&mut receiver, &numbered(1..301)).await;
    assert_eq!((delivered(&outcomes), errors), (300, vec![]));
}

/// Up to `window` messages are there before the first answer: never one by one.
#[tokio::test(flavor = "multi_thread")]
async fn answers_are_not_waited_for_one_by_one() {
    let script = "
import sys
lines = []
for line in sys.stdin:
    lines.append(line)
    if len(lines) == 50:
        for _ in lines: print('OK')
        lines = []
";
    let bench = bench(script, json!({"acknowledge": true, "window": 50, "timeout_ms": 10000}));
    let mut receiver = bench.receiver();
    let (outcomes, errors) = drive(&mut receiver, &numbered(1..1001)).await;
    assert_eq!((delivered(&outcomes), errors), (1000, vec![]), "one at a time would never be answered");
}

/// `window: 1` is strict: nothing newer is in the pipe before the answer, an `ERROR` included.
#[tokio::test(flavor = "multi_thread")]
async fn a_window_of_one_is_strict() {
    let script = "
import json, os, select, sys
tries = {}
while True:
    data = os.read(0, 65536)
    if not data: break
    early = select.select([0], [], [], 0.01)[0]
    n = json.loads(data)['n']
    tries[n] = tries.get(n, 0) + 1
    open('got', 'a').write('%d%s\\n' % (n, ' early' if early else ''))
    os.write(1, b'ERROR again\\n' if n % 3 == 0 and tries[n] < 3 else b'OK\\n')
";
    let bench = bench(script, json!({"acknowledge": true, "window": 1, "retries": 5}));
    let mut receiver = bench.receiver();
    let (outcomes, errors) = drive(&mut receiver, &numbered(1..31)).await;
    assert_eq!((delivered(&outcomes), errors), (30, vec![]));
    let expected: String = (1..31).map(|n| format!("{n}\n").repeat(if n % 3 == 0 { 3 } else { 1 })).collect();
    assert_eq!(bench.file("got"), expected);
}

/// Without answers delivered is what was wholly read: a message cut in two by the child's death comes again whole.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_unread_goes_to_the_next_child_first() {
    let script = "
import os
lives = os.path.exists('lives') and os.path.getsize('lives')
open('lives', 'a').write('x')
data = os.read(0, 105)
open('got', 'a').write(repr(data) + '\\n')
if lives < 3: os.kill(os.getpid(), 9)
while data:
    data = os.read(0, 1 << 20)
    open('rest', 'ab').write(data)
";
    // 10 bytes each with the newline.
    let all: Vec<_> = (100..1100).map(|n| delivery(n, &[&format!("{{\"n\":{:03}}}", n % 1000)])).collect();
    let bench = bench(script, json!({}));
    let mut receiver = bench.receiver();
    let (outcomes, errors) = drive(&mut receiver, &all).await;
    assert_eq!(delivered(&outcomes), 1099);
    assert_eq!(errors.len(), 3);
    assert!(
        errors.iter().all(|e| matches!(e, ReceiverError::Died(text) if text.contains("signal 9"))),
        "{errors:?}"
    );
    receiver.close().await.unwrap();
    for (life, line) in bench.file("got").lines().enumerate() {
        // Ten whole messages and half of one in each life; the half comes again.
        let first = 100 + 10 * life;
        assert!(line.starts_with(&format!("b'{{\"n\":{first:03}}}\\n")), "{life}: {line}");
    }
    let rest = bench.file("rest");
    assert_eq!(rest.lines().last(), Some("{\"n\":099}"));
    assert_eq!(rest.lines().filter(|line| line.len() == 9).count(), 1000 - 3 * 10 - 11, "{}", &rest[..50]);
}

/// Groups as lists with NUL behind them, over deaths: each once, in order, but for what a death cut off.
#[tokio::test(flavor = "multi_thread")]
async fn batches_with_nul_keep_their_order_over_deaths() {
    let script = "
import json, os, sys
begun, count = b'', 0
while True:
    data = os.read(0, 4096)
    if not data: break
    *whole, begun = (begun + data).split(b'\\0')
    for piece in whole:
        group = json.loads(piece)
        with open('got', 'a') as f: f.write(' '.join(str(r['n']) for r in group) + '\\n')
        print('OK')
        count += 1
        if count == 13: os.kill(os.getpid(), 9)
";
    let bench = bench(script, json!({"acknowledge": true, "batch": true, "framing": "nul", "window": 8}));
    let all: Vec<_> = (1..101)
        .map(|n| {
            delivery(
                n,
                &[&format!("{{\"n\":{n}}}"), &format!("{{\"n\":\"a{n}\"}}"), &format!("{{\"n\":\"b{n}\"}}")],
            )
        })
        .collect();
    let mut receiver = bench.receiver();
    let (outcomes, errors) = drive(&mut receiver, &all).await;
    assert_eq!(delivered(&outcomes), 100);
    assert!(errors.len() >= 7, "{errors:?}");
    let mut seen: Vec<String> = bench.file("got").lines().map(str::to_owned).collect();
    seen.dedup();
    assert_eq!(seen, (1..101).map(|n| format!("{n} a{n} b{n}")).collect::<Vec<_>>());
}

/// The start may take longer than an answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_start_has_its_own_limit() {
    let script = "import sys, time\ntime.sleep(3)\nfor line in sys.stdin: print('OK')";
    let bench = bench(script, json!({"acknowledge": true, "timeout_ms": 2000, "start_timeout_ms": 20000}));
    let mut receiver = bench.receiver();
    let (outcomes, errors) = drive(&mut receiver, &numbered(1..11)).await;
    assert_eq!((delivered(&outcomes), errors), (10, vec![]));
}

/// A child that is idle, however long, does not hang; only what is sent is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn silence_without_anything_to_do_is_no_hang() {
    let script = "import sys\nfor line in sys.stdin: print('OK')";
    let bench = bench(script, json!({"acknowledge": true, "timeout_ms": 2000, "start_timeout_ms": 20000}));
    let mut receiver = bench.receiver();
    let (_, errors) = drive(&mut receiver, &numbered(1..3)).await;
    assert_eq!(errors, []);
    // Longer than timeout_ms: the pause is what is tested.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    receiver.send(numbered(3..4)).await.unwrap();
    let outcomes = tokio::time::timeout(BOUND, receiver.outcomes()).await.unwrap().unwrap();
    assert_eq!(delivered(&outcomes), 3, "the same child answers");
}

/// Whatever a child ignores, closing takes less than the 10 s that TERM gives Watchpost, and leaves nothing.
#[tokio::test(flavor = "multi_thread")]
async fn closing_ends_a_child_that_ignores_everything_and_its_descendants() {
    let script = "
import os, signal, subprocess, sys, time
for s in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): signal.signal(s, signal.SIG_IGN)
deep = subprocess.Popen(['sh', '-c', 'trap \"\" TERM; setsid sleep 1000 & echo $! > deep; wait'])
while not os.path.exists('deep') or not open('deep').read(): time.sleep(0.01)
line = sys.stdin.readline()
open('pids', 'w').write('%d %d ' % (os.getpid(), deep.pid) + open('deep').read())
print('OK')
while True: time.sleep(1)
";
    let bench = bench(script, json!({"acknowledge": true}));
    let mut receiver = bench.receiver();
    let (_, errors) = drive(&mut receiver, &numbered(1..2)).await;
    assert_eq!(errors, []);
    let pids: Vec<String> = bench.file("pids").split_whitespace().map(str::to_owned).collect();
    assert_eq!(pids.len(), 3);
    assert!(!pids.iter().any(|pid| gone(pid)), "all run");
    let start = Instant::now();
    receiver.close().await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    until("no process, no zombie", || pids.iter().all(|pid| gone(pid))).await;
}

/// One that goes into the background cannot be followed: it is ended, told, and blames no message it has not read.
#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_forks_and_exits_is_ended_with_what_it_left() {
    let script = "
import os, sys, time
if os.fork() == 0:
    os.setsid()
    open('background', 'w').write(str(os.getpid()))
    for line in sys.stdin: print('OK')
    while True: time.sleep(1)
while not os.path.exists('background') or not open('background').read(): time.sleep(0.01)
os._exit(0)
";
    let bench = bench(script, json!({"acknowledge": true}));
    let mut receiver = bench.receiver();
    receiver.open(None).await.unwrap();
    let error = loop {
        if let Err(error) = receiver.send(numbered(1..2)).await {
            break error;
        }
        match tokio::time::timeout(BOUND, receiver.outcomes()).await.unwrap() {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("exited with status 0"), "{error:?}");
    until("the background is gone", || gone(&bench.file("background"))).await;
}

/// Only somebody can mend that, so it is not tried without end.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_goes_away_is_said_and_no_hang() {
    let bench = bench("", json!({}));
    std::fs::remove_dir_all(bench.dir.path()).unwrap();
    let mut receiver = bench.receiver();
    let error = receiver.open(None).await.unwrap_err();
    assert!(matches!(&error, ReceiverError::Failed(text) if text.contains("working directory")), "{error:?}");
}

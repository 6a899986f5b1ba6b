//! The preprocess command against real children.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use serde_json::Value;
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinHandle};
use watchpost_config::{OnFailure, Preprocess};
use watchpost_export::{InstanceInfo, Selection};
use watchpost_journal::{Journal, Options, ReadLimit};
use watchpost_model::{Diagnostics, Group, Id, Instant as At, Record, Severity, StreamTime, Timestamp};
use watchpost_process::{Framing, Guardian, LINE_MAX_BYTES, Spec, Stdout};
use watchpost_schema::{SchemaId, Version};

use super::{Order, Task};
use crate::{
    backoff::Backoff,
    dead::DeadLetters,
    entry::{Body, Entry},
    intake::{Inbox, Intake, Way},
    log::InstanceLog,
    recorder::Recorder,
    status::ReceiverStatus,
    wanted::Wanted,
};

/// Reads NUL-ended messages and calls `say` with each one's text.
const HEAD: &str = r#"
import json, os, sys, time
def messages():
    rest = b""
    while True:
        data = os.read(0, 4096)
        if not data:
            return
        *whole, rest = (rest + data).split(b"\0")
        yield from whole
def say(value):
    os.write(1, (value if isinstance(value, str) else json.dumps(value)).encode() + b"\n")
"#;

/// As the sample of the reference documentation: free-running, never ends by itself.
const SAMPLE: &str = r#"
import json, os, sys, time
rest = ""
while True:
    for piece in (rest + os.read(0, 4096).decode()).split("\0"):
        rest = ""
        if not piece:
            continue
        try:
            value = json.loads(piece)
        except ValueError:
            rest = piece
            continue
        print(json.dumps(value if isinstance(value, list) else [value]), flush=True)
    time.sleep(0.01)
"#;

struct Bench {
    journal: Journal,
    log: InstanceLog,
    intake: Intake,
    status: Arc<ReceiverStatus>,
    orders: watch::Sender<Order>,
    task: JoinHandle<()>,
    _dir: TempDir,
}

fn settings() -> Preprocess {
    Preprocess {
        command: String::new(),
        version: 2,
        on_failure: OnFailure::Hold,
        acknowledge: false,
        validate: false,
        timeout_ms: 10_000,
        drain_ms: 300,
    }
}

fn spec(script: &str, dir: &Path) -> Spec {
    let file = dir.join("filter.py");
    std::fs::write(&file, script).unwrap();
    let words = ["/usr/bin/python3", "-u", file.to_str().unwrap()].map(str::to_owned).to_vec();
    let mut spec = Spec::of_words("preprocess", words, dir);
    spec.framing = Framing::Nul;
    spec.stdout = Stdout::Lines { max_bytes: LINE_MAX_BYTES };
    spec
}

impl Bench {
    fn start(script: &str, settings: Preprocess) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let spec = Ok(spec(script, dir.path()));
        Self::start_spec(dir, spec, settings)
    }

    fn start_spec(dir: TempDir, spec: Result<Spec, String>, settings: Preprocess) -> Self {
        let (journal, _) = Journal::open(&dir.path().join("journal"), Options::default()).unwrap();
        let log = InstanceLog::new(journal.log("log").unwrap());
        let wanted = Arc::new(Wanted::default());
        let version = if settings.version == 1 { Version::V1 } else { Version::V2 };
        wanted.set([&Selection::Records(BTreeMap::from([(SchemaId::Diagnostics, version)]))]);
        let info =
            InstanceInfo { id: Id::nil(), name: "Gate".into(), time_zone: "UTC".into(), lossless: true };
        let recorder = Arc::new(Recorder::new(log.clone(), &info, version, wanted));
        let inbox = Arc::new(Inbox::open(journal.log("inbox").unwrap(), &recorder));
        let status = Arc::new(ReceiverStatus::new("preprocess", "command"));
        let (orders, ordered) = watch::channel(Order::Run);
        let task = Task {
            settings,
            version,
            inbox: inbox.clone(),
            recorder: recorder.clone(),
            dead: DeadLetters::open(&journal, Id::nil(), "preprocess").unwrap(),
            status: status.clone(),
            orders: ordered,
            cursor: 0,
            left_behind: 0,
            spec,
            guardian: Guardian::for_tests().clone(),
            deaths: (None, 0),
            backoff: Backoff::quick(),
        };
        let task = tokio::spawn(task.run());
        Self {
            journal,
            log,
            intake: Intake::new(Way::Inbox { inbox, recorder }),
            status,
            orders,
            task,
            _dir: dir,
        }
    }

    fn give(&self, numbers: std::ops::Range<usize>) {
        for n in numbers {
            let record = |n: usize| {
                Record::Diagnostics(Diagnostics {
                    severity: Severity::Info,
                    title: "n".into(),
                    message: n.to_string(),
                })
            };
            let at = At {
                frame_id: n as u64,
                time: StreamTime::from_ms(n as f64),
                timestamp: Timestamp(n as i64),
                size: None,
            };
            self.intake.take(&[&Group { at, records: vec![record(n)] }], vec![], vec![]).unwrap();
        }
    }

    /// Nothing more comes: waits for the end, and returns what is in the log.
    async fn finish(self) -> (Vec<Value>, Self) {
        self.orders.send_replace(Order::Finish);
        let Self { journal, log, intake, status, orders, task, _dir } = self;
        tokio::time::timeout(Duration::from_secs(30), task).await.expect("an end in time").unwrap();
        tokio::time::timeout(Duration::from_secs(5), log.store().wait_durable(log.end()))
            .await
            .unwrap()
            .unwrap();
        let mut records = Vec::new();
        let mut from = 0;
        while from < log.end() {
            let batch = log.store().read(from, ReadLimit::default()).unwrap();
            for entry in &batch.entries {
                let Body::Group(group) = Entry::decode(entry.position, &entry.data).unwrap().body else {
                    continue;
                };
                records.extend(
                    group
                        .iter()
                        .map(|r| -> Value { serde_json::from_slice(&r.json(r.version).unwrap()).unwrap() }),
                );
            }
            from = batch.next;
        }
        let task = tokio::spawn(async {});
        (records, Self { journal, log, intake, status, orders, task, _dir })
    }

    fn letters(&self) -> u64 {
        let dead = DeadLetters::open(&self.journal, Id::nil(), "preprocess").unwrap();
        dead.log.end()
    }
}

fn numbers(records: &[Value]) -> Vec<usize> {
    records.iter().map(|record| record["message"].as_str().unwrap().parse().unwrap()).collect()
}

fn all(count: usize) -> Vec<usize> {
    (0..count).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_of_the_reference_runs_unmodified_in_both_versions() {
    for version in [1, 2] {
        let bench = Bench::start(SAMPLE, Preprocess { version, ..settings() });
        bench.give(0..500);
        let (records, bench) = bench.finish().await;
        assert_eq!(numbers(&records), all(500));
        assert_eq!(bench.letters(), 0);
        if version == 2 {
            let sequences: Vec<_> = records.iter().map(|r| r["sequence"].as_u64().unwrap()).collect();
            assert_eq!(sequences, (0..500).collect::<Vec<_>>());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_may_drop_split_and_merge() {
    let script = format!(
        "{HEAD}
held = None
for message in messages():
    record = json.loads(message)
    n = int(record['message'])
    if n % 4 == 0: say([record, dict(record, added=1)])
    elif n % 4 == 1: say([])
    elif n % 4 == 2: held = record
    else: say([held, record])
"
    );
    let bench = Bench::start(&script, settings());
    bench.give(0..8);
    let (records, bench) = bench.finish().await;
    assert_eq!(numbers(&records), [0, 0, 2, 3, 4, 4, 6, 7]);
    assert_eq!(records[1]["added"], 1);
    assert_ne!(records[0]["record_id"], records[1]["record_id"]);
    assert_eq!(bench.log.end(), 4, "one line is one group");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_acknowledge_nothing_is_lost_by_crashes_and_order_is_kept() {
    let script = format!(
        "{HEAD}
for count, message in enumerate(messages()):
    if count == 30: os._exit(3)
    say([json.loads(message)])
"
    );
    let bench = Bench::start(&script, Preprocess { acknowledge: true, ..settings() });
    bench.give(0..200);
    let (records, bench) = bench.finish().await;
    assert_eq!(numbers(&records), all(200));
    assert_eq!(bench.letters(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_it_only_what_it_had_read_is_lost() {
    let script = format!(
        "{HEAD}
for count, message in enumerate(messages()):
    say([json.loads(message)])
    if count == 30: os._exit(3)
"
    );
    let bench = Bench::start(&script, settings());
    bench.give(0..400);
    let (records, bench) = bench.finish().await;
    let got = numbers(&records);
    assert!(got.windows(2).all(|pair| pair[0] <= pair[1]), "in order: {got:?}");
    // Each life reads 4096 bytes at a time, so it can hold no more than what is in one or two of these.
    let gaps = got.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    assert!(gaps <= 40, "{got:?}");
    assert!(got.len() >= 150, "{got:?}");
    assert_eq!(bench.letters(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_a_dead_letter_and_the_child_lives_on() {
    let script = format!(
        "{HEAD}
for message in messages():
    n = int(json.loads(message)['message'])
    say({{0: 'no json', 1: '42', 2: '[1]', 3: {{'$id': 'nonsense', '$version': 2}}}}.get(n, [json.loads(message)]))
"
    );
    let bench = Bench::start(&script, Preprocess { acknowledge: true, ..settings() });
    bench.give(0..8);
    let (records, bench) = bench.finish().await;
    assert_eq!(numbers(&records), [4, 5, 6, 7]);
    assert_eq!(bench.letters(), 4);
    let snapshot = bench.status.snapshot(8);
    assert_eq!((snapshot.refused, snapshot.retried), (4, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_cut_off_by_a_death_is_asked_for_again() {
    let script = format!(
        "{HEAD}
first = not os.path.exists('was-here')
open('was-here', 'w').close()
for count, message in enumerate(messages()):
    if first and count == 3:
        os.write(1, json.dumps([json.loads(message)]).encode()[:-20])
        os._exit(9)
    say([json.loads(message)])
"
    );
    let bench = Bench::start(&script, Preprocess { acknowledge: true, ..settings() });
    bench.give(0..6);
    let (records, bench) = bench.finish().await;
    assert_eq!(numbers(&records), all(6));
    assert_eq!(bench.letters(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_acknowledge_silence_at_the_end_is_no_end_while_answers_are_owed() {
    let script = format!(
        "{HEAD}
for count, message in enumerate(messages()):
    if count == 0: time.sleep(1)
    say([json.loads(message)])
"
    );
    let bench = Bench::start(&script, Preprocess { acknowledge: true, drain_ms: 50, ..settings() });
    bench.give(0..6);
    let (records, bench) = bench.finish().await;
    assert_eq!(numbers(&records), all(6));
    assert_eq!(bench.status.snapshot(6).retried, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_hangs_is_started_again() {
    let script = format!(
        "{HEAD}
first = not os.path.exists('was-here')
open('was-here', 'w').close()
for message in messages():
    if first: time.sleep(1000)
    say([json.loads(message)])
"
    );
    let bench = Bench::start(&script, Preprocess { acknowledge: true, timeout_ms: 2000, ..settings() });
    bench.give(0..5);
    let (records, bench) = bench.finish().await;
    assert_eq!(numbers(&records), all(5));
    assert_eq!(bench.status.snapshot(5).retried, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_kills_it_five_times_is_a_dead_letter() {
    let script = format!(
        "{HEAD}
for message in messages():
    if json.loads(message)['message'] == '3': os._exit(1)
    say([json.loads(message)])
"
    );
    let bench = Bench::start(&script, Preprocess { acknowledge: true, ..settings() });
    bench.give(0..6);
    let (records, bench) = bench.finish().await;
    assert_eq!(numbers(&records), [0, 1, 2, 4, 5]);
    assert_eq!(bench.letters(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_cannot_be_started_costs_no_record() {
    let dir = tempfile::tempdir().unwrap();
    let bench = Bench::start_spec(dir, Err("no such program".into()), settings());
    bench.give(0..3);
    let many = || bench.status.retried.load(std::sync::atomic::Ordering::Relaxed) > 8;
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while !many() {
        assert!(std::time::Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(bench.letters(), 0);
    assert_eq!(bench.status.snapshot(3).waiting, 3, "they wait");
    drop(bench.orders);
    tokio::time::timeout(Duration::from_secs(20), bench.task).await.expect("an end").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn with_bypass_records_pass_while_it_is_down() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Preprocess { on_failure: OnFailure::Bypass, ..settings() };
    let bench = Bench::start_spec(dir, Err("no such program".into()), settings);
    bench.give(0..20);
    let (records, _bench) = bench.finish().await;
    assert_eq!(numbers(&records), all(20));
}

//! What children read, answer and print: counted right, bounded, never blocking.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::*;
use watchpost_process::{Answer, Exit, Framing, Line, SendError, Stdin, Stdout};

const LINES: Stdout = Stdout::Lines { max_bytes: 1 << 20 };

async fn all_lines(child: &watchpost_process::Child) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let lines = within("lines", child.lines()).await;
        if lines.is_empty() {
            return all;
        }
        for line in lines {
            match line {
                Line::Unfinished(text) => all.push(format!("unfinished: {}", String::from_utf8_lossy(&text))),
                Line::Text(text) => all.push(String::from_utf8_lossy(&text).into_owned()),
                Line::TooLong { bytes, .. } => all.push(format!("too long: {bytes}")),
            }
        }
    }
}

#[tokio::test]
async fn messages_arrive_framed_in_order_and_are_counted_as_read() {
    let dir = tempfile::tempdir().unwrap();
    let mut spec = python(
        "import sys\nfor m in sys.stdin.buffer.read().split(b'\\0'): sys.stdout.buffer.write(m+b'\\n')",
        dir.path(),
    );
    spec.framing = Framing::Nul;
    let child = spawn_with(spec, LINES).await;
    let big = "x".repeat(700_000);
    for n in 0..5000 {
        assert_eq!(child.send(Bytes::from(format!("message\n {n}"))).await.unwrap(), n + 1);
    }
    child.send(Bytes::from(big.clone())).await.unwrap();
    child.close_stdin();
    assert!(matches!(child.try_send(Bytes::from("late")), Err(SendError::Closed(_))));
    let lines = all_lines(&child).await;
    assert_eq!(lines[..4], ["message", " 0", "message", " 1"]);
    assert_eq!(lines[10_000], big);
    assert_eq!(within("end", child.ended()).await.exit, Exit::Code(0));
    let progress = child.progress();
    assert_eq!((progress.read, progress.stdin, progress.unread_bytes), (5001, Stdin::Closed, 0));
    assert_eq!(child.stalled_for(), None);
}

#[tokio::test]
async fn stdin_closed_over_unread_bytes_is_seen_without_another_write() {
    let dir = tempfile::tempdir().unwrap();
    let child = spawn_with(shell("read go; exec 0<&-; sleep 1000", dir.path()), LINES).await;
    child.send(Bytes::from(format!("go\n{}", "x".repeat(100_000)))).await.unwrap();
    until("refused", || child.progress().stdin == Stdin::Refused).await;
    assert_eq!(child.read_through(), 0);
}

/// The child notes every byte it reads in a file before it reads on; killed at random moments, our count of
/// wholly read messages must be the file's, every time.
#[tokio::test(flavor = "multi_thread")]
async fn the_count_is_right_after_200_kills_at_random_moments() {
    let dir = tempfile::tempdir().unwrap();
    // The count sits in a shared mapping; beside it, whether the child is within `read`. It is idle at odd
    // times between reads, so that most kills meet it there, where the count is exact.
    let script = r#"
import os, sys, mmap, struct, time
f = open(sys.argv[1], 'r+b'); m = mmap.mmap(f.fileno(), 16)
total = 0; seed = int(sys.argv[2])
while True:
    seed = (seed * 1103515245 + 12345) & 0x7fffffff
    time.sleep((seed >> 8) % 300 / 1e6)
    m[8:16] = struct.pack('<Q', 1)
    data = os.read(0, 1 + (seed >> 8) % 9000)
    if not data: break
    total += len(data)
    m[0:8] = struct.pack('<Q', total)
    m[8:16] = struct.pack('<Q', 0)
"#;
    let mut exact = 0;
    for round in 0u64..200 {
        let note = dir.path().join(format!("note-{round}"));
        std::fs::write(&note, [0u8; 16]).unwrap();
        let args = [PYTHON, "-I", "-S", "-c", script, note.to_str().unwrap(), &round.to_string()];
        let child = spawn(words(&args, dir.path())).await;
        let mut ends = Vec::new();
        let mut end = 0u64;
        let mut seed = round.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut random = move || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed
        };
        let stop_at = random() % 400_000;
        while child.progress().last_read.is_none() || child.progress().read < stop_at / 1000 {
            let length = (random() % 2000) as usize;
            match child.try_send(Bytes::from(vec![b'a'; length])) {
                Ok(_) => {
                    end += length as u64 + 1;
                    ends.push(end);
                }
                Err(_) => tokio::task::yield_now().await,
            }
        }
        rustix::process::kill_process(
            rustix::process::Pid::from_raw(child.pid().cast_signed()).unwrap(),
            rustix::process::Signal::KILL,
        )
        .unwrap();
        let ended = within("death", child.ended()).await;
        assert_eq!(ended.exit, Exit::Signal(9));
        let bytes = std::fs::read(&note).unwrap();
        let total = u64::from_le_bytes(bytes[..8].try_into().unwrap());
        let in_read = bytes[8] == 1;
        let through = ends.iter().filter(|end| **end <= total).count() as u64;
        let read = child.progress().read;
        if in_read {
            // Killed inside read(): the kernel may have handed out up to one more read.
            let more = ends.iter().filter(|end| **end <= total + 9000).count() as u64;
            assert!((through..=more).contains(&read), "round {round}: {read} not in {through}..={more}");
        } else {
            assert_eq!(read, through, "round {round}");
            exact += 1;
        }
    }
    assert!(exact > 50, "only {exact} rounds could be compared exactly");
}

#[tokio::test]
async fn answers_come_in_order_and_other_lines_go_to_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let script = "import sys\nfor n, line in enumerate(sys.stdin):\n print('hello', n); print('ERROR bad \\u00fc' if n % 3 == 2 else 'OK')\nprint('OK'); print('OK')";
    let child = spawn_with(python(script, dir.path()), Stdout::Answers).await;
    for n in 0..300 {
        child.send(Bytes::from(format!("{n}"))).await.unwrap();
    }
    until("300 answers", || child.progress().answered == 300).await;
    let answers = child.take_answers();
    assert_eq!(answers.len(), 300);
    for (n, answer) in answers.iter().enumerate() {
        assert_eq!(*answer == Answer::Ok, n % 3 != 2, "{n}: {answer:?}");
    }
    assert_eq!(answers[2], Answer::Error("bad ü".to_owned()));
    child.close_stdin();
    within("end", child.ended()).await;
    assert!(child.take_answers().is_empty(), "answers to nothing are ignored");
    assert!(child.recent_lines().iter().any(|l| l.text.contains("more messages than it was sent")));
    assert!(child.recent_lines().iter().any(|l| l.text == "hello 299"));
}

#[tokio::test]
async fn a_child_that_closes_stdin_but_lives_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let child = spawn_with(shell("exec 0<&-; echo closed; sleep 1000", dir.path()), LINES).await;
    assert_eq!(within("line", child.lines()).await, [Line::Text("closed".into())]);
    child.send(Bytes::from("x")).await.unwrap();
    until("refused", || child.progress().stdin == Stdin::Refused).await;
    assert!(matches!(child.send(Bytes::from("y")).await, Err(SendError::Closed(_))));
    assert_eq!(child.read_through(), 0);
    assert_eq!(within("kill", child.kill()).await.exit, Exit::Signal(9));
}

#[tokio::test]
async fn a_stopped_child_stalls_and_nothing_blocks() {
    let dir = tempfile::tempdir().unwrap();
    let child = spawn_with(shell("echo up; cat", dir.path()), LINES).await;
    within("up", child.lines()).await;
    assert_eq!(child.stalled_for(), None);
    let pid = rustix::process::Pid::from_raw(child.pid().cast_signed()).unwrap();
    rustix::process::kill_process_group(pid, rustix::process::Signal::STOP).unwrap();
    let message = Bytes::from(vec![b'm'; 10_000]);
    until("a full queue", || matches!(child.try_send(message.clone()), Err(SendError::Full(_)))).await;
    until("a stall", || child.stalled_for().is_some_and(|t| t > Duration::from_millis(50))).await;
    // A read under way when the signal came still counts.
    let before = child.read_through();
    assert!(before <= 20, "{before} messages of 10 kB read though stopped");
    rustix::process::kill_process_group(pid, rustix::process::Signal::CONT).unwrap();
    until("reading again", || child.read_through() > before).await;
    rustix::process::kill_process_group(pid, rustix::process::Signal::STOP).unwrap();
    let ended = within("stop", child.stop(Duration::from_millis(50))).await;
    assert!(matches!(ended.exit, Exit::Signal(15 | 9)), "{ended:?}");
}

#[tokio::test]
async fn floods_and_endless_lines_are_bounded_and_do_not_hold_up_delivery() {
    let dir = tempfile::tempdir().unwrap();
    let script =
        "yes flood >&2 & yes '' | tr -d '\\n' & tr '\\0' '\\377' </dev/zero >&2 & exec cat >/dev/null";
    let child = spawn(shell(script, dir.path())).await;
    for n in 0..2000 {
        within("send", child.send(Bytes::from(format!("{n}")))).await.unwrap();
    }
    until("all read", || child.read_through() == 2000).await;
    until("lines", || child.recent_lines().iter().any(|line| line.text == "flood")).await;
    let ended = within("stop", child.stop(Duration::from_secs(5))).await;
    assert!(ended.left_behind >= 1, "{ended:?}");
    assert!(child.recent_lines().len() <= watchpost_process::RECENT_LINES);
}

#[tokio::test]
async fn a_line_over_the_bound_is_skipped_and_told() {
    let dir = tempfile::tempdir().unwrap();
    let script = "import sys\nprint('a'); print('b'*5000000); print('c'); sys.stdout.buffer.write(b'\\xff\\n'); print('end', end='')";
    let child = spawn_with(python(script, dir.path()), LINES).await;
    assert_eq!(all_lines(&child).await, ["a", "too long: 5000000", "c", "\u{fffd}", "unfinished: end"]);
    assert!(child.recent_lines().iter().any(|l| l.text.contains("5000000 bytes on STDOUT was skipped")));
}

#[tokio::test]
async fn a_child_that_dies_at_once_is_an_ordinary_end() {
    let dir = tempfile::tempdir().unwrap();
    let child = spawn(shell("echo why >&2; exit 3", dir.path())).await;
    let _ = child.try_send(Bytes::from("x"));
    assert_eq!(within("end", child.ended()).await.exit, Exit::Code(3));
    assert_eq!(child.read_through(), 0);
    assert!(child.progress().settled);
    assert_eq!(child.recent_lines()[0].text, "why");
    assert!(matches!(child.send(Bytes::from("y")).await, Err(SendError::Closed(_))));
}

/// Written after REFERENCE's description of the documented preprocess sample, which never ends by itself.
const FILTER: &str = r#"
import json, os, sys, time
rest = b''
while True:
    data = os.read(0, 4096)
    pieces = (rest + data).split(b'\0')
    rest = b''
    for n, piece in enumerate(pieces):
        if not piece: continue
        try:
            message = json.loads(piece)
        except ValueError:
            if n == len(pieces) - 1: rest = piece
            continue
        sys.stdout.write(json.dumps(message if isinstance(message, list) else [message]) + '\n')
        sys.stdout.flush()
    time.sleep(0.01)
"#;

#[tokio::test]
async fn a_free_running_filter_is_drained_without_ending_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let mut spec = python(FILTER, dir.path());
    spec.framing = Framing::Nul;
    let child = spawn_with(spec, LINES).await;
    for n in 0..1000 {
        child.send(Bytes::from(format!("{{\"n\": {n}, \"pad\": \"{}\"}}", "p".repeat(n)))).await.unwrap();
    }
    child.close_stdin();
    let mut lines = Vec::new();
    loop {
        let more = within("drain", child.drain_lines(Duration::from_millis(500))).await;
        if more.is_empty() {
            break;
        }
        lines.extend(more);
    }
    assert_eq!(child.read_through(), 1000);
    assert_eq!(lines.len(), 1000);
    assert!(matches!(&lines[999], Line::Text(text) if text.starts_with(b"[{\"n\": 999,")));
    let ended = within("stop", child.stop(Duration::from_millis(50))).await;
    assert_eq!(ended.exit, Exit::Signal(15));
}

#[tokio::test]
async fn answers_to_nothing_are_counted_and_acknowledge_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let script =
        "import sys\nprint('OK'); print('OK')\nfor line in sys.stdin: print('OK'); print('ERROR twice')";
    let child = spawn_with(python(script, dir.path()), Stdout::Answers).await;
    until("two to nothing", || child.progress().surplus_answers == 2).await;
    child.send(Bytes::from("a")).await.unwrap();
    until("one too many", || child.progress().surplus_answers == 3).await;
    assert_eq!(child.progress().answered, 1);
    assert_eq!(child.take_answers(), [watchpost_process::Answer::Ok]);
}

/// The second answer comes at just the moment at which the next message is written.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn an_answer_that_is_counted_can_be_taken() {
    let dir = tempfile::tempdir().unwrap();
    let script = "import os\nwhile os.read(0, 1): os.write(1, b'OK\\n'); os.write(1, b'OK\\n')";
    let child = spawn_with(python(script, dir.path()), Stdout::Answers).await;
    let mut progress = child.watch_progress();
    let (mut sent, mut taken) = (0_u64, 0);
    within("all answers", async {
        while taken < 20_000 {
            progress.mark_unchanged();
            taken += child.take_answers().len() as u64;
            if taken == sent {
                child.send(Bytes::from("a")).await.unwrap();
                sent += 1;
            } else {
                progress.changed().await.unwrap();
            }
        }
    })
    .await;
    assert!(taken <= sent, "{taken} of {sent}");
}

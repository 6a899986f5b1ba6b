//! How fast the store is here: entries of 400 bytes, commits of N, three readers.
//!
//! `cargo run --release -p watchpost-journal --example throughput -- [SECONDS] [ENTRIES PER COMMIT] [RATE PER SECOND] [FOLDER]`
//! Rate 0: as fast as it goes.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]
#![allow(clippy::disallowed_methods, reason = "paces itself to the rate that was asked for")]

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use watchpost_journal::{Commit, Journal, Options, ReadLimit};

const ENTRY_BYTES: usize = 400;
/// One commit in so many is timed from append to durable.
const TIMED: u64 = 100;
/// Bytes kept behind the slowest reader, as a journal with `keep` would.
const KEEP: u64 = 256 << 20;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: u64| args.get(at).map_or(default, |text| text.parse().unwrap());
    let (seconds, per_commit, rate) = (number(0, 10), number(1, 100), number(2, 0));
    let temporary = tempfile::tempdir().unwrap();
    let dir = args.get(3).map_or(temporary.path().to_owned(), Into::into);
    let begin = Instant::now();
    let (journal, repairs) = Journal::open(&dir, Options::default()).unwrap();
    println!("opened in {:.1} ms, {} repairs", begin.elapsed().as_secs_f64() * 1e3, repairs.len());
    let log = journal.log("throughput").unwrap();
    let begin = Instant::now();
    let stop = AtomicBool::new(false);
    let (sent, times) = std::sync::mpsc::channel::<(u64, Instant)>();
    let first = log.end();

    let (appended, read, latencies) = thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let (mut next, mut bytes) = (first, 0);
                    while !stop.load(Ordering::Relaxed) || next < log.durable_end() {
                        let batch = log.read(next, ReadLimit { entries: 10_000, bytes: 4 << 20 }).unwrap();
                        bytes += batch.entries.iter().map(|entry| entry.data.len() as u64).sum::<u64>();
                        if batch.next == next {
                            let _ = log.wait_durable_blocking(next + 1, Duration::from_millis(50));
                        }
                        next = batch.next;
                    }
                    bytes / ENTRY_BYTES as u64
                })
            })
            .collect();
        let timer = scope.spawn(|| {
            let mut found: Vec<Duration> = Vec::new();
            for (end, at) in times {
                log.wait_durable_blocking(end, Duration::from_secs(60)).unwrap();
                found.push(at.elapsed());
            }
            found
        });
        let mut commits = 0_u64;
        let entry = Bytes::from(vec![b'x'; ENTRY_BYTES]);
        while begin.elapsed() < Duration::from_secs(seconds) {
            let entries = (0..per_commit).map(|_| entry.clone()).collect();
            let at = Instant::now();
            let end = log.append(Commit { entries, state: Vec::new() }).unwrap() + per_commit;
            commits += 1;
            if commits.is_multiple_of(TIMED) {
                sent.send((end, at)).unwrap();
            }
            if commits.is_multiple_of(1000) && log.bytes() > KEEP {
                log.trim(end - KEEP / 2 / ENTRY_BYTES as u64).unwrap();
            }
            if let Some(due) = (commits * per_commit * 1_000_000).checked_div(rate) {
                let ahead = Duration::from_micros(due).saturating_sub(begin.elapsed());
                if ahead > Duration::from_millis(1) {
                    thread::sleep(ahead);
                }
            }
        }
        drop(sent);
        let latencies = timer.join().unwrap();
        stop.store(true, Ordering::Relaxed);
        let read: u64 = readers.into_iter().map(|reader| reader.join().unwrap()).sum();
        (commits * per_commit, read, latencies)
    });
    let took = begin.elapsed().as_secs_f64();
    let mut latencies = latencies;
    latencies.sort_unstable();
    let at = |part: f64| {
        let at = (latencies.len() as f64 * part) as usize;
        latencies.get(at.min(latencies.len().saturating_sub(1))).copied().unwrap_or_default().as_secs_f64()
            * 1e3
    };
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let memory = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default().to_owned();
    println!(
        "{:.0} entries/s appended, {:.0} read by three readers",
        appended as f64 / took,
        read as f64 / took
    );
    println!("append to durable: p50 {:.2} ms, p99 {:.2} ms, most {:.2} ms", at(0.5), at(0.99), at(1.0));
    let cpu = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks: u64 = cpu.split(' ').skip(13).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    println!(
        "CPU per entry, appended and read three times: {:.2} us",
        ticks as f64 * 10_000.0 / appended as f64
    );
    println!("most memory: {memory}");
    let before = Instant::now();
    drop((log, journal));
    println!("closed in {:.0} ms", before.elapsed().as_secs_f64() * 1e3);
    let before = Instant::now();
    let (journal, repairs) = Journal::open(&dir, Options::default()).unwrap();
    println!("opened in {:.1} ms, {} repairs", before.elapsed().as_secs_f64() * 1e3, repairs.len());
    let log = journal.log("throughput").unwrap();
    println!("{} MiB in the log", log.bytes() >> 20);
}

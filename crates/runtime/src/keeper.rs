//! Keeps an instance's log within its bounds (PRODUCT section 12 "Limits").

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};
use tokio::sync::Notify;
use watchpost_config::JournalLimits;
use watchpost_journal as journal;

use crate::{exports::Statuses, log::InstanceLog, preprocess, status::State};

/// How often to look. Trimming frees whole segments, so more often frees no more.
const EVERY: Duration = Duration::from_secs(1);
/// The same while the journal cannot be written: what is delivered makes room in memory for what comes.
const EVERY_BLOCKED: Duration = Duration::from_millis(50);
/// Of that memory, how much may be taken before room is made, and before those who are behind pay for it.
const TAKEN: (f64, f64) = (0.25, 0.5);
/// How finely the age of entries is known.
const MARK_EVERY: Duration = Duration::from_secs(60);

/// How much of a log stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Delivered entries stay this long for replay ...
    pub keep_for: Duration,
    /// ... as long as they are within the newest this many bytes.
    pub keep_bytes: u64,
    /// The whole log, delivered or not.
    pub max_bytes: u64,
    /// At `max_bytes`: `true` the source waits (a file at pace `fast`), `false` the receiver furthest
    /// behind loses its oldest.
    pub lossless: bool,
}

impl Bounds {
    pub fn new(limits: &JournalLimits, lossless: bool) -> Self {
        Self { keep_for: limits.keep, keep_bytes: limits.keep_bytes, max_bytes: limits.bytes, lossless }
    }
}

/// Trims one log.
pub(crate) struct Keeper {
    log: InstanceLog,
    bounds: Bounds,
    receivers: Statuses,
    gate: Arc<Gate>,
    /// The log before the preprocess command, under the same bound; it trims itself.
    inbox: Option<preprocess::Seen>,
    /// Where the log ended, and when: oldest first.
    marks: VecDeque<(Instant, u64)>,
}

impl Keeper {
    pub fn new(log: InstanceLog, bounds: Bounds, receivers: Statuses, gate: Arc<Gate>) -> Self {
        Self { log, bounds, receivers, gate, inbox: None, marks: VecDeque::new() }
    }

    /// Also keeps the inbox of the preprocess command, whose status this is, within the bound.
    pub fn with_inbox(self, inbox: Option<preprocess::Seen>) -> Self {
        Self { inbox, ..self }
    }

    /// Runs until its task is dropped.
    pub async fn run(mut self) {
        loop {
            self.tick(Instant::now());
            let mut changes = self.log.entrance().watch_undurable();
            let blocked = changes.as_mut().is_some_and(|blocked| *blocked.borrow_and_update());
            let changed = async {
                match &mut changes {
                    Some(changes) => drop(changes.changed().await),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = tokio::time::sleep(if blocked { EVERY_BLOCKED } else { EVERY }) => {}
                () = changed => {}
                () = self.gate.wanted.notified() => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }

    fn tick(&mut self, now: Instant) {
        let end = self.log.end();
        if self.marks.back().is_none_or(|(at, _)| now - *at >= MARK_EVERY) {
            self.marks.push_back((now, end));
        }
        let mut aged = 0;
        while self.marks.front().is_some_and(|(at, _)| now - *at > self.bounds.keep_for) {
            aged = self.marks.pop_front().map_or(aged, |(_, position)| position);
        }
        let delivered = self.delivered(end);
        if self.log.entrance().passes_undurable() {
            self.make_room(delivered);
        }
        let keep = position_before_end(self.log.store(), self.bounds.keep_bytes).max(aged);
        self.trim(delivered.min(keep));
        let log = self.log.store();
        let is_full = |log: &journal::Log| log.bytes() > self.bounds.max_bytes;
        let inbox = self.inbox.as_ref().filter(|seen| is_full(seen.inbox.store()));
        if self.bounds.lossless {
            let is_full = is_full(log) && {
                // At the bound what is delivered goes at once: the source waits for the room.
                self.trim(delivered);
                is_full(log)
            };
            self.gate.set(is_full || inbox.is_some());
            return;
        }
        let notices = &self.log.entrance().notices;
        let why = format!("the log is at its bound of {} bytes (journal.bytes)", self.bounds.max_bytes);
        if is_full(log) {
            let start = position_before_end(log, self.bounds.max_bytes);
            self.trim(start);
            for receiver in self.receivers.read().iter().filter(|r| r.cursor() < start) {
                notices.overflowing(receiver, &why);
            }
        }
        if let Some(preprocess::Seen { inbox, status }) = inbox {
            // The task counts what it finds gone.
            trim(inbox.store(), position_before_end(inbox.store(), self.bounds.max_bytes));
            notices.overflowing(status, &why);
        }
    }

    /// While the journal cannot be written: memory is for what is to be delivered yet. Who is so far behind that
    /// there is no room for what comes loses its oldest; all others go on.
    fn make_room(&self, delivered: u64) {
        let log = self.log.store();
        if log.pressure() < TAKEN.0 {
            return;
        }
        self.log.forget(delivered);
        if let Some(preprocess::Seen { inbox, status }) = &self.inbox {
            inbox.forget(status.cursor());
        }
        if log.pressure() < TAKEN.1 {
            return;
        }
        let why = "the journal cannot be written, and memory has no room for all that waits";
        let notices = &self.log.entrance().notices;
        let given_up = self.log.half_in_memory();
        self.log.forget(given_up);
        for receiver in self.receivers.read().iter().filter(|r| r.cursor() < given_up) {
            notices.overflowing(receiver, why);
        }
        if let Some(preprocess::Seen { inbox, status }) = &self.inbox {
            let given_up = inbox.half_in_memory();
            inbox.forget(given_up);
            if status.cursor() < given_up {
                notices.overflowing(status, why);
            }
        }
    }

    fn trim(&self, before: u64) {
        trim(self.log.store(), before);
    }

    /// The first position that some receiver has not done with.
    fn delivered(&self, end: u64) -> u64 {
        let receivers = self.receivers.read();
        let waiting = receivers.iter().filter(|r| r.state() != State::Disabled);
        waiting.map(|r| r.cursor()).min().unwrap_or(end)
    }
}

fn trim(log: &journal::Log, before: u64) {
    if let Err(error) = log.trim(before) {
        tracing::warn!("trimming a log: {error}");
    }
}

/// The oldest position with at most `bytes` from there to the end.
fn position_before_end(log: &journal::Log, bytes: u64) -> u64 {
    let (mut low, mut high) = (log.start(), log.end());
    while low < high {
        let middle = low + (high - low) / 2;
        if log.bytes_between(middle, log.end()) <= bytes {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// Where a lossless source waits while the log is full.
#[derive(Default)]
pub(crate) struct Gate {
    full: Mutex<bool>,
    changed: Condvar,
    /// Tells the keeper that somebody waits.
    wanted: Notify,
}

impl Gate {
    fn set(&self, full: bool) {
        *self.full.lock() = full;
        if !full {
            self.changed.notify_all();
        }
    }

    /// Waits until there is room, or `stop`.
    pub fn wait(&self, stop: &AtomicBool) {
        let mut full = self.full.lock();
        while *full && !stop.load(Ordering::Relaxed) {
            self.wanted.notify_one();
            self.changed.wait_for(&mut full, Duration::from_millis(100));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, thread};

    use watchpost_journal::{Journal, Options};
    use watchpost_schema::streams::StreamName;

    use super::*;
    use crate::{entry::Encoded, status::ReceiverStatus};

    struct Bench {
        keeper: Keeper,
        log: InstanceLog,
        receivers: BTreeMap<&'static str, Arc<ReceiverStatus>>,
        gate: Arc<Gate>,
        _dir: tempfile::TempDir,
    }

    /// A log of 100 entries of about 1000 bytes.
    fn bench(bounds: Bounds) -> Bench {
        let dir = tempfile::tempdir().unwrap();
        let (journal, _) = Journal::open(&dir.path().join("journal"), Options::default()).unwrap();
        let log = InstanceLog::new(journal.log("test").unwrap());
        for _ in 0..100 {
            let spaces = |out: &mut Vec<u8>| {
                out.resize(out.len() + 1000, b' ');
                true
            };
            let entry = Encoded::object(0, StreamName::Tracks, spaces);
            log.append(vec![entry.unwrap()], vec![]).unwrap();
            assert!(log.sync(Duration::from_secs(20)));
        }
        let receivers =
            BTreeMap::from(["quick", "slow"].map(|n| (n, Arc::new(ReceiverStatus::new(n, "fake")))));
        let statuses = Statuses::default();
        statuses.write().extend(receivers.values().cloned());
        let gate = Arc::new(Gate::default());
        Bench {
            keeper: Keeper::new(log.clone(), bounds, statuses, gate.clone()),
            log,
            receivers,
            gate,
            _dir: dir,
        }
    }

    fn bounds() -> Bounds {
        Bounds {
            keep_for: Duration::from_secs(3600),
            keep_bytes: 1 << 30,
            max_bytes: 1 << 30,
            lossless: false,
        }
    }

    #[test]
    fn what_is_delivered_stays_within_keep_and_what_is_not_stays_anyway() {
        let mut bench = bench(Bounds { keep_bytes: 20_000, ..bounds() });
        bench.receivers["quick"].move_cursor(100);
        bench.receivers["slow"].move_cursor(30);
        bench.keeper.tick(Instant::now());
        assert_eq!(bench.log.store().start(), 30, "the slow one still waits for these");
        bench.receivers["slow"].move_cursor(100);
        bench.keeper.tick(Instant::now());
        let start = bench.log.store().start();
        assert!((75..=85).contains(&start), "{start}");
    }

    #[test]
    fn what_is_delivered_goes_when_it_is_old() {
        let mut bench = bench(bounds());
        for receiver in bench.receivers.values() {
            receiver.move_cursor(100);
        }
        let now = Instant::now();
        bench.keeper.tick(now);
        bench.keeper.tick(now + Duration::from_secs(3500));
        assert_eq!(bench.log.store().start(), 0);
        bench.keeper.tick(now + Duration::from_secs(3700));
        assert_eq!(bench.log.store().start(), 100);
    }

    #[test]
    fn a_lossless_source_waits_at_the_bound_until_there_is_room() {
        let mut bench = bench(Bounds { max_bytes: 50_000, lossless: true, ..bounds() });
        bench.keeper.tick(Instant::now());
        assert!(*bench.gate.full.lock());
        assert_eq!(bench.log.store().start(), 0, "nothing is lost");
        let (gate, stop) = (bench.gate.clone(), Arc::new(AtomicBool::new(false)));
        let waiting = thread::spawn(move || gate.wait(&stop));
        for receiver in bench.receivers.values() {
            receiver.move_cursor(80);
        }
        bench.keeper.tick(Instant::now());
        waiting.join().unwrap();
        assert_eq!(bench.log.store().start(), 80, "what is delivered makes room");
    }

    #[test]
    fn a_waiting_source_can_be_stopped() {
        let gate = Gate::default();
        *gate.full.lock() = true;
        gate.wait(&AtomicBool::new(true));
    }

    #[test]
    fn live_the_furthest_behind_loses_its_oldest_and_sees_how_many() {
        let mut bench = bench(Bounds { max_bytes: 50_000, ..bounds() });
        bench.receivers["quick"].move_cursor(100);
        bench.keeper.tick(Instant::now());
        let start = bench.log.store().start();
        assert!((45..=55).contains(&start), "{start}");
        let fresh = InstanceLog::new(bench.log.store().clone());
        assert_eq!(fresh.read(0, 10, 1 << 20).unwrap().lost, start);
        assert!(!*bench.gate.full.lock(), "a live source never waits");
    }
}

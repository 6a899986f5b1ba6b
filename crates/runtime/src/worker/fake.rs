//! A receiver that does what a test has written down for it.

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinHandle};
use watchpost_export::{Common, Delivery, Outcome, Receiver, ReceiverError, Selection};
use watchpost_journal::{Journal, Options, ReadLimit};
use watchpost_model::Id;
use watchpost_schema::streams::StreamName;

use super::{Order, Worker};
use crate::{
    backoff::Backoff,
    dead::DeadLetters,
    entrance::Entrance,
    entry::Encoded,
    log::InstanceLog,
    status::{ReceiverStatus, State},
};

/// No test waits longer for anything.
const BOUND: Duration = Duration::from_secs(20);

/// What the receiver does at its next call; without any more it takes and delivers everything.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// Does the call as it should be done.
    Well,
    Fail(ReceiverError),
    /// `outcomes` says that so many are delivered (at least one).
    Deliver(usize),
    /// `outcomes` refuses the oldest for good and says that it is done with.
    Refuse,
    /// Waits for ever.
    Hang,
}

#[derive(Default)]
pub struct Seen {
    pub script: VecDeque<Act>,
    /// A delivery at this position kills it.
    pub kills: Option<u64>,
    /// Positions in the order of their first being reported delivered, refused ones too.
    pub delivered: Vec<u64>,
    /// What each `open` was given, and what was sent after it.
    pub sessions: Vec<(Option<Bytes>, Vec<u64>)>,
    pub closed: usize,
    pub hanging: bool,
}

pub struct Fake {
    pub seen: Arc<Mutex<Seen>>,
    taken: VecDeque<u64>,
    window: usize,
}

impl Fake {
    async fn act(&self) -> Result<Act, ReceiverError> {
        let act = self.seen.lock().script.pop_front();
        match act {
            Some(Act::Fail(error)) => Err(error),
            Some(Act::Hang) => {
                self.seen.lock().hanging = true;
                std::future::pending().await
            }
            act => Ok(act.unwrap_or(Act::Well)),
        }
    }
}

#[async_trait]
impl Receiver for Fake {
    async fn open(&mut self, resume: Option<&[u8]>) -> Result<(), ReceiverError> {
        self.taken.clear();
        self.act().await?;
        self.seen.lock().sessions.push((resume.map(Bytes::copy_from_slice), vec![]));
        Ok(())
    }

    async fn send(&mut self, batch: Vec<Delivery>) -> Result<(), ReceiverError> {
        // Taken before it fails or hangs: what of it counts is for the worker to know.
        for delivery in &batch {
            self.taken.push_back(delivery.position);
            self.seen.lock().sessions.last_mut().unwrap().1.push(delivery.position);
        }
        assert!(self.taken.len() <= self.window, "over the window");
        self.act().await.map(|_| ())
    }

    async fn outcomes(&mut self) -> Result<Vec<Outcome>, ReceiverError> {
        assert!(!self.taken.is_empty(), "asked for outcomes of nothing");
        let act = self.act().await?;
        let oldest = self.taken[0];
        if self.seen.lock().kills == Some(oldest) {
            return Err(ReceiverError::Died("killed".into()));
        }
        let mut outcomes = Vec::new();
        let count = match act {
            Act::Deliver(count) => count.clamp(1, self.taken.len()),
            Act::Refuse => {
                outcomes.push(Outcome::Refused { position: oldest, item: None, reason: "no".into() });
                1
            }
            _ => self.taken.len(),
        };
        let kills = self.seen.lock().kills;
        let count = self.taken.iter().take(count).take_while(|p| Some(**p) != kills).count();
        let done: Vec<u64> = self.taken.drain(..count).collect();
        let through = *done.last().unwrap();
        self.seen.lock().delivered.extend(done);
        outcomes.push(Outcome::Delivered { through, resume: Some(Bytes::from(format!("after {through}"))) });
        Ok(outcomes)
    }

    fn window(&self) -> usize {
        self.window
    }

    async fn close(&mut self) -> Result<Vec<Outcome>, ReceiverError> {
        self.seen.lock().closed += 1;
        Ok(vec![])
    }
}

/// A store, a log in it, and what a worker needs.
pub struct Bench {
    pub log: InstanceLog,
    pub journal: Journal,
    _dir: TempDir,
    pub seen: Arc<Mutex<Seen>>,
    pub window: usize,
    pub common: Common,
}

/// A worker at work.
pub struct Running {
    pub status: Arc<ReceiverStatus>,
    pub orders: watch::Sender<Order>,
    pub task: JoinHandle<()>,
}

pub fn object(time_ms: i64) -> Encoded {
    encoded(time_ms, StreamName::Tracks, &json(time_ms))
}

/// The JSON of [`object`].
pub fn json(time_ms: i64) -> String {
    format!("{{\"frame_id\":1,\"frame_time\":{time_ms}.0}}")
}

fn encoded(time_ms: i64, stream: StreamName, json: &str) -> Encoded {
    let write = |out: &mut Vec<u8>| {
        out.extend_from_slice(json.as_bytes());
        true
    };
    Encoded::object(time_ms, stream, write).unwrap()
}

/// An entry that the worker's selection passes over.
pub fn other() -> Encoded {
    encoded(0, StreamName::Detections, "{}")
}

impl Bench {
    pub fn new(script: impl IntoIterator<Item = Act>) -> Self {
        Self::open(Options::default(), script, |journal| InstanceLog::new(journal.log("test").unwrap()))
    }

    /// One whose journal cannot be written, and holds at most `pending_bytes` in memory.
    pub fn blocked(lossless: bool, stop: Arc<AtomicBool>, pending_bytes: u64) -> Self {
        let options = Options { keep_free_bytes: Some(u64::MAX), pending_bytes, ..Options::default() };
        Self::open(options, [], |journal| {
            let entrance = Entrance::new(journal, lossless, stop);
            InstanceLog::open(journal.log("test").unwrap(), Arc::new(entrance))
        })
    }

    pub fn open(
        options: Options,
        script: impl IntoIterator<Item = Act>,
        log: impl FnOnce(&Journal) -> InstanceLog,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (journal, _) = Journal::open(&dir.path().join("journal"), options).unwrap();
        let log = log(&journal);
        let seen = Arc::new(Mutex::new(Seen { script: script.into_iter().collect(), ..Seen::default() }));
        Self { log, journal, _dir: dir, seen, window: 8, common: Common::default() }
    }

    pub fn dead(&self) -> DeadLetters {
        DeadLetters::open(&self.journal, Id::nil(), "r").unwrap()
    }

    pub fn letters(&self) -> Vec<serde_json::Value> {
        let read = self.dead().log.read(0, ReadLimit::default()).unwrap();
        read.entries.iter().map(|e| serde_json::from_slice(&e.data).unwrap()).collect()
    }

    pub fn worker(&self) -> (Worker, Arc<ReceiverStatus>, watch::Sender<Order>) {
        let status = Arc::new(ReceiverStatus::new("r", "fake"));
        let (orders, ordered) = watch::channel(Order::Run);
        let fake = Fake { seen: self.seen.clone(), taken: VecDeque::new(), window: self.window };
        let selection = Selection::Stream(StreamName::Tracks);
        let (log, common, dead) = (self.log.clone(), self.common.clone(), self.dead());
        let mut worker =
            Worker::new(log, selection, common, Box::new(fake), dead, status.clone(), ordered).unwrap();
        worker.backoff = Backoff::quick();
        (worker, status, orders)
    }

    pub fn start(&self) -> Running {
        let (worker, status, orders) = self.worker();
        Running { status, orders, task: tokio::spawn(worker.run()) }
    }

    /// Appends entries and waits until they can be read.
    pub fn append(&self, entries: Vec<Encoded>) -> u64 {
        let first = self.log.append(entries, vec![]).unwrap();
        assert!(self.log.sync(BOUND));
        first.unwrap()
    }

    pub fn append_objects(&self, count: usize) -> u64 {
        self.append((0..count as i64).map(object).collect())
    }
}

impl Running {
    pub async fn drained(&self, end: u64) {
        assert!(within("drained", self.status.drained(end)).await, "stuck: {:?}", self.status.state());
    }

    pub async fn reaches(&self, what: &str, is: impl Fn(&State) -> bool) {
        until(what, || is(&self.status.state())).await;
    }

    pub async fn stop(self) {
        self.orders.send_replace(Order::Stop);
        within("the worker to stop", self.task).await.unwrap();
    }
}

pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(BOUND, future).await.unwrap_or_else(|_| panic!("not within {BOUND:?}: {what}"))
}

pub async fn until(what: &str, mut ready: impl FnMut() -> bool) {
    let deadline = Instant::now() + BOUND;
    while !ready() {
        assert!(Instant::now() < deadline, "not within {BOUND:?}: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

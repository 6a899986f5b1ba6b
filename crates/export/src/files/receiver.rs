//! The receiver that all file formats are.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use tokio::task::{JoinHandle, spawn_blocking};
use watchpost_template::Counts;

use crate::{
    picture::Written,
    receiver::{Delivery, Item, Outcome, Receiver, ReceiverError},
};

use super::{
    append::{AppendPlan, Appender},
    batch::{Batch, Chunk, Line},
    content::{Content, Head},
    each::Replacer,
    fault::fault,
    house::House,
    names::Names,
    resume::{FileEnd, Resume},
    retention::Retention,
    rotate::Rolling,
    turn::{Turn, Turns},
    written::WrittenFiles,
};

/// What is taken may gather this long, so that a stream of single records costs a hundred syncs a
/// second and not one each (PRODUCT section 12: one sync per ≤ 10 ms).
const GATHER: Duration = Duration::from_millis(10);
/// How long before its turn to write it is fed once more: what has come while it waited goes along.
const FED_BEFORE: Duration = Duration::from_millis(5);
/// A batch of this size is written without waiting for more.
const FULL_BATCH_BYTES: usize = 1 << 20;
/// Taken and not yet being written, at most; `send` then waits for the disk.
const MAX_PENDING_BYTES: usize = 8 << 20;
/// Unanswered deliveries: 10 ms to gather and as much to sync, at a million a second.
const WINDOW: usize = 32 * 1024;
/// Beginnings of files that are remembered; a file beyond them gets its own anew.
const MAX_HEADS: usize = 256;

/// How a file comes to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Everything of one name goes behind what is there.
    Append,
    /// Each object is a file; one of the same name is replaced.
    Each,
}

/// The disk's side; called on threads that may block.
pub(crate) trait Store: Send {
    /// Writes all chunks; they are durable when it returns. After an error the store is opened anew.
    fn write(&mut self, chunks: &[Chunk]) -> Result<(), ReceiverError>;
    /// Where the files end now.
    fn ends(&self) -> Vec<FileEnd>;
    /// Nothing more will be written.
    fn close(&mut self);
    /// What was written so far.
    fn written(&self) -> &WrittenFiles;
}

/// See the module. Formats in `send`, writes on a blocking thread, one batch at a time, so that the
/// next batch is formatted while one is synced.
pub(crate) struct FileReceiver {
    names: Names,
    content: Box<dyn Content>,
    mode: Mode,
    key: u64,
    disk: Disk,
    batch: Batch,
    /// When the first delivery of `batch` was taken.
    since: Instant,
    /// Emptied, for reuse.
    spare: Batch,
    ready: Vec<Outcome>,
    heads: HashMap<Arc<str>, Arc<Head>>,
    last: Option<(Arc<str>, Arc<Head>)>,
    written: WrittenFiles,
    missing_said: bool,
    rolling: Rolling,
    house: Option<House>,
    /// First position that is not done with for good.
    kept: Arc<AtomicU64>,
}

/// What a [`FileReceiver`] is made of.
pub(crate) struct FileSetup {
    pub names: Names,
    pub content: Box<dyn Content>,
    pub mode: Mode,
    /// Tells this export of this instance and data folder from all others.
    pub key: u64,
    pub rolling: Rolling,
    pub retention: Option<Retention>,
}

enum Disk {
    /// Before `open`, or after an error.
    Closed,
    /// Nothing is being written; whoever will be writing takes turns with others.
    Idle(Box<dyn Store>, Turns),
    /// A batch is being written.
    Busy(JoinHandle<WrittenBatch>),
}

/// What comes back from a blocking thread.
struct WrittenBatch {
    store: Box<dyn Store>,
    turns: Turns,
    batch: Batch,
    result: Result<(), ReceiverError>,
}

impl FileReceiver {
    pub(crate) fn new(setup: FileSetup) -> Self {
        let FileSetup { names, content, mode, key, rolling, retention } = setup;
        let written = WrittenFiles::new(names.root());
        let house = House::new(names.root(), key, retention, rolling.compress);
        Self {
            names,
            content,
            mode,
            key,
            disk: Disk::Closed,
            batch: Batch::default(),
            since: Instant::now(),
            spare: Batch::default(),
            ready: Vec::new(),
            heads: HashMap::new(),
            last: None,
            written,
            missing_said: false,
            rolling,
            house,
            kept: Arc::default(),
        }
    }

    fn take(&mut self, delivery: &Delivery) {
        if self.batch.is_empty() {
            self.since = Instant::now();
        }
        for (index, item) in delivery.items.iter().enumerate() {
            if let Err(reason) = self.take_item(delivery, item) {
                let position = delivery.position;
                self.batch.refused.push(Outcome::Refused { position, item: Some(index), reason });
            }
        }
        self.batch.through = Some(delivery.position);
    }

    fn take_item(&mut self, delivery: &Delivery, item: &Item) -> Result<(), String> {
        let mut counts = std::mem::take(&mut self.batch.counts);
        let taken = self.write_item(delivery, item, &mut counts);
        self.batch.counts = counts;
        taken
    }

    fn write_item(&mut self, delivery: &Delivery, item: &Item, counts: &mut Counts) -> Result<(), String> {
        let name = self.names.name(&item.json, delivery.time_ms, counts);
        if name.missing && !self.missing_said {
            self.missing_said = true;
            tracing::warn!(name = %name.text, "a value in the file name is missing and became `unknown`");
        }
        let name = name.text;
        let head = self.head(&name, item)?;
        let names = &self.names;
        let chunk = self.batch.chunk(&name, &head, delivery.position, || names.path(&name));
        let before = chunk.data.len();
        match self.content.write(&head, item, delivery.time_ms, counts, &mut chunk.data) {
            Ok(rows) if self.mode == Mode::Append => {
                chunk.rows += rows;
                if self.rolling.rotate.is_some() {
                    let (end, position, time_ms) = (chunk.data.len(), delivery.position, delivery.time_ms);
                    chunk.lines.push(Line { end, rows, position, time_ms });
                }
            }
            Ok(rows) => {
                chunk.data.drain(..before);
                (chunk.rows, chunk.head) = (rows, head);
            }
            Err(reason) => {
                chunk.data.truncate(before);
                return Err(reason);
            }
        }
        Ok(())
    }

    fn head(&mut self, name: &Arc<str>, item: &Item) -> Result<Arc<Head>, String> {
        if let Some((_, head)) =
            self.last.as_ref().filter(|(last, _)| last == name && self.mode == Mode::Append)
        {
            return Ok(head.clone());
        }
        let known = self.heads.get(name).filter(|_| self.mode == Mode::Append).cloned();
        let head = match known {
            Some(head) => head,
            None => Arc::new(self.content.head(item)?),
        };
        if self.mode == Mode::Append {
            if self.heads.len() >= MAX_HEADS {
                self.heads.clear();
            }
            self.heads.insert(name.clone(), head.clone());
            self.last = Some((name.clone(), head.clone()));
        }
        Ok(head)
    }

    /// Waits for this receiver's turn, if nothing of its is being written, and hands the batch to a blocking
    /// thread. What is taken while it waits goes with it; so it may be dropped and called again.
    async fn start_writing(&mut self) {
        let Disk::Idle(_, turns) = &mut self.disk else { return };
        let Some(turn) = turns.next().await else { return };
        self.write(turn);
    }

    fn write(&mut self, turn: Turn) {
        match std::mem::replace(&mut self.disk, Disk::Closed) {
            Disk::Idle(mut store, turns) => {
                let mut batch = std::mem::replace(&mut self.batch, std::mem::take(&mut self.spare));
                self.batch.counts.clone_from(&batch.counts);
                let span = tracing::Span::current();
                self.disk = Disk::Busy(spawn_blocking(move || {
                    let _its_own = span.enter();
                    let result = store.write(&batch.chunks);
                    drop(turn);
                    if result.is_err() {
                        batch.refused.clear();
                    }
                    WrittenBatch { store, turns, batch, result }
                }));
            }
            other => self.disk = other,
        }
    }

    /// Waits for the batch that is being written and puts its outcomes into `ready`.
    async fn finish_writing(&mut self) -> Result<(), ReceiverError> {
        let Disk::Busy(writing) = &mut self.disk else { return Ok(()) };
        let joined = writing.await;
        self.disk = Disk::Closed;
        let WrittenBatch { store, turns, mut batch, result } = joined
            .map_err(|error| ReceiverError::Retry(format!("the thread that writes files failed: {error}")))?;
        self.written.clone_from(store.written());
        result?;
        self.ready.append(&mut batch.refused);
        if let Some(through) = batch.through {
            let counts = std::mem::take(&mut batch.counts);
            let resume = Resume { counts, through: Some(through), files: store.ends() };
            self.ready.push(Outcome::Delivered { through, resume: Some(resume.bytes()) });
        }
        self.disk = Disk::Idle(store, turns);
        batch.reset();
        self.spare = batch;
        Ok(())
    }
}

#[async_trait]
impl Receiver for FileReceiver {
    async fn open(&mut self, resume: Option<&[u8]>) -> Result<(), ReceiverError> {
        // What an earlier opening still writes must not meet what this one cuts.
        if let Disk::Busy(writing) = &mut self.disk {
            let _what_became_of_it = writing.await;
        }
        self.disk = Disk::Closed;
        let resume = Resume::parse(resume)?;
        self.batch.reset();
        self.batch.counts = resume.counts;
        self.ready.clear();
        self.last = None;
        self.heads =
            resume.files.iter().map(|end| (end.path.as_str().into(), Arc::new(end.head.clone()))).collect();
        let (names, mode, key, written) = (self.names.clone(), self.mode, self.key, self.written.clone());
        let kept = resume.through.map_or(0, |through| through + 1);
        // Of the first opening only: later ones may go on from what is not on disk yet.
        let _first = self.kept.compare_exchange(0, kept, Ordering::Relaxed, Ordering::Relaxed);
        let kept = self.kept.load(Ordering::Relaxed);
        let house = self.house.clone();
        let plan = AppendPlan {
            key,
            root: names.root(),
            rotate: self.rolling.rotate,
            house: house.clone(),
            through: resume.through,
            kept: self.kept.clone(),
        };
        let span = tracing::Span::current();
        let opened = spawn_blocking(move || -> Result<(Box<dyn Store>, Turns), ReceiverError> {
            let _its_own = span.enter();
            let root = names.root();
            super::folder::make(&root)?;
            let turns = Turns::of(&root).map_err(|error| fault("open", &root, &error))?;
            let store: Box<dyn Store> = match mode {
                Mode::Append => {
                    Box::new(Appender::open(resume.files, |name| names.path(name), plan, written)?)
                }
                Mode::Each => Box::new(Replacer::new(key, written).with(house.clone())),
            };
            if let Some(house) = house {
                house.opened(kept);
            }
            Ok((store, turns))
        });
        let (store, turns) = opened.await.map_err(|error| {
            ReceiverError::Retry(format!("the thread that opens files failed: {error}"))
        })??;
        self.disk = Disk::Idle(store, turns);
        Ok(())
    }

    async fn send(&mut self, batch: Vec<Delivery>) -> Result<(), ReceiverError> {
        // All is taken before anything waits, so that dropping this call loses nothing.
        batch.iter().for_each(|delivery| self.take(delivery));
        loop {
            if matches!(&self.disk, Disk::Busy(writing) if writing.is_finished()) {
                self.finish_writing().await?;
            }
            if self.batch.bytes() >= FULL_BATCH_BYTES
                && let Disk::Idle(_, turns) = &mut self.disk
                && let Some(turn) = turns.now()
            {
                self.write(turn);
            }
            if self.batch.bytes() < MAX_PENDING_BYTES {
                return Ok(());
            }
            self.start_writing().await;
            self.finish_writing().await?;
        }
    }

    async fn outcomes(&mut self) -> Result<Vec<Outcome>, ReceiverError> {
        loop {
            if !self.ready.is_empty() {
                return Ok(std::mem::take(&mut self.ready));
            }
            match &self.disk {
                Disk::Busy(_) => self.finish_writing().await?,
                Disk::Idle(..) if self.batch.is_empty() => std::future::pending().await,
                Disk::Idle(..) => {
                    if self.batch.bytes() < FULL_BATCH_BYTES {
                        tokio::time::sleep_until((self.since + GATHER).into()).await;
                    }
                    self.start_writing().await;
                }
                Disk::Closed => return Err(ReceiverError::Retry("the files are not open".to_owned())),
            }
        }
    }

    fn window(&self) -> usize {
        WINDOW
    }

    fn kept(&mut self, before: u64) {
        self.kept.store(before, Ordering::Relaxed);
        if let Some(house) = &self.house {
            house.kept(before);
        }
    }

    fn awaits_kept(&self) -> bool {
        self.house.as_ref().is_some_and(House::awaits_kept)
    }

    fn rests_until(&self) -> Option<Instant> {
        match &self.disk {
            Disk::Idle(_, turns) if self.batch.bytes() < FULL_BATCH_BYTES => {
                turns.not_before()?.checked_sub(FED_BEFORE).filter(|until| *until > Instant::now())
            }
            _ => None,
        }
    }

    async fn close(&mut self) -> Result<Vec<Outcome>, ReceiverError> {
        self.finish_writing().await?;
        if !self.batch.is_empty() {
            self.start_writing().await;
            self.finish_writing().await?;
        }
        if let Disk::Idle(mut store, _) = std::mem::replace(&mut self.disk, Disk::Closed) {
            store.close();
        }
        Ok(std::mem::take(&mut self.ready))
    }

    fn written(&self) -> Vec<Written> {
        self.written.list()
    }
}

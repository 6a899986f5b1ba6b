//! The handle of a store.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
};

use parking_lot::Mutex;
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    error::Error,
    files::Files,
    health::Health,
    lock::FolderLock,
    log::Log,
    log_core::LogCore,
    ops::{MOST_NAME_BYTES, Op, is_name},
    options::Options,
    os_files::OsFiles,
    recover::recover,
    repair::Repair,
    salvage::Failure,
    shared::Shared,
    view::View,
    wal::Wal,
    writer::Writer,
};

/// One store, open. Cheap to clone. Closed when the last handle, logs included, is dropped, or by
/// [`Journal::close`].
#[derive(Clone)]
pub struct Journal {
    shared: Arc<Shared>,
    closer: Arc<Closer>,
}

/// Ends the threads once nobody holds a handle.
pub(crate) struct Closer {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// Let go of after the threads have ended.
    lock: Mutex<Option<FolderLock>>,
}

impl Closer {
    fn close(&self) {
        self.shared.stop();
        // Held meanwhile, so that of two callers both return after the end.
        let mut writer = self.writer.lock();
        if let Some(thread) = writer.take()
            && thread.join().is_err()
        {
            tracing::error!("journal: the writer thread has panicked");
            self.shared.end();
        }
        self.lock.lock().take();
    }
}

impl Drop for Closer {
    fn drop(&mut self) {
        self.close();
    }
}

impl Journal {
    /// Opens the store in `dir`, making the folder if there is none, and recovers it from whatever
    /// happened before. What was found broken is returned, to be said aloud.
    ///
    /// Fails if another process has it open ([`Error::Locked`] with its number), if it was written
    /// by a newer program, or if the folder cannot be read or written.
    pub fn open(dir: &Path, options: Options) -> Result<(Journal, Vec<Repair>), Error> {
        let failed = |doing: &str| {
            let (dir, doing) = (dir.to_owned(), doing.to_owned());
            move |source| Error::Open { dir, doing, source }
        };
        std::fs::create_dir_all(dir).map_err(failed("making the folder"))?;
        let lock = FolderLock::take(dir)?;
        let files = OsFiles::new(dir).map_err(failed("opening the folder"))?;
        Self::open_on(Arc::new(files), dir.to_owned(), options, Some(lock))
    }

    pub(crate) fn open_on(
        files: Arc<dyn Files>,
        dir: PathBuf,
        options: Options,
        lock: Option<FolderLock>,
    ) -> Result<(Journal, Vec<Repair>), Error> {
        let shared = Arc::new(Shared::new(files.clone(), options));
        let recovered = recover(&shared).map_err(|failure| match failure {
            Failure::Io(doing, source) => Error::Open { dir: dir.clone(), doing: doing.into(), source },
            Failure::Version(found) => {
                Error::Version { dir: dir.clone(), found, expected: crate::format::VERSION }
            }
        })?;
        for repair in &recovered.repairs {
            tracing::warn!(%repair, "journal repaired");
        }
        let wal = Wal::new(files, &shared.options, recovered.next_wal, recovered.next_group);
        let start = || {
            let writer = Writer::start(shared.clone(), wal)?;
            std::thread::Builder::new().name("journal-write".into()).spawn(move || writer.run())
        };
        let writer =
            start().map_err(|source| Error::Open { dir, doing: "starting threads".into(), source })?;
        let closer =
            Closer { shared: shared.clone(), writer: Mutex::new(Some(writer)), lock: Mutex::new(lock) };
        Ok((Journal { shared, closer: Arc::new(closer) }, recovered.repairs))
    }

    /// Opens the log of this name, making it if there is none. Any text of 1 to 200 bytes will do.
    pub fn log(&self, name: &str) -> Result<Log, Error> {
        if !is_name(name) {
            return Err(Error::Name { bytes: name.len(), limit: MOST_NAME_BYTES });
        }
        if self.shared.is_closed() {
            return Err(Error::Closed);
        }
        let mut catalogue = self.shared.catalogue.lock();
        if let Some(core) = catalogue.by_name.get(name) {
            return Ok(self.handle(core.clone()));
        }
        let (number, id) = (catalogue.next_number, Uuid::new_v4());
        catalogue.next_number += 1;
        let core = Arc::new(LogCore::new(number, id, name.to_owned(), 0, View::default()));
        {
            let mut pending = core.pending.lock();
            (pending.announce, pending.queued) = (2, true);
        }
        catalogue.by_name.insert(name.to_owned(), core.clone());
        self.shared.enqueue(core.clone());
        Ok(self.handle(core))
    }

    fn handle(&self, core: Arc<LogCore>) -> Log {
        Log { shared: self.shared.clone(), core, _closer: self.closer.clone() }
    }

    /// Names of all logs, in order.
    pub fn logs(&self) -> Vec<String> {
        let mut names: Vec<_> = self.shared.catalogue.lock().by_name.keys().cloned().collect();
        names.sort_unstable();
        names
    }

    /// Whether there is a log of this name.
    pub fn has(&self, name: &str) -> bool {
        self.shared.catalogue.lock().by_name.contains_key(name)
    }

    /// Deletes a log with entries and state. Its handles answer [`Error::Deleted`] from then on.
    /// Its files go with the next group; after a crash before that it may be there again.
    pub fn delete(&self, name: &str) -> Result<(), Error> {
        // Locked meanwhile: a log made anew under this name must be written after the deletion.
        let mut catalogue = self.shared.catalogue.lock();
        let core = catalogue.by_name.remove(name).ok_or_else(|| Error::Unknown(name.to_owned()))?;
        self.handle(core).add_op(&Op::Deleted)
    }

    /// Whether commits become durable.
    pub fn health(&self) -> Health {
        self.shared.health.get()
    }

    /// Whether it is blocked, as [`Journal::health`] says: cheap to ask, and to wait on.
    pub fn blocked(&self) -> watch::Receiver<bool> {
        self.shared.health.watch()
    }

    /// Writes what is pending, puts everything in order and ends. Later calls on any handle answer
    /// [`Error::Closed`]; reading goes on.
    pub fn close(&self) {
        self.closer.close();
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").field("logs", &self.logs().len()).finish_non_exhaustive()
    }
}

//! What is done beside writing: compressing what was rotated out, deleting what retention does not keep.
//!
//! One thread for the whole process, started by the first export that needs it: neither is urgent, and two at once
//! would only take the disk and the processor from what is being delivered.

use std::{
    collections::VecDeque,
    fs::File,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock, Weak},
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};

use super::{
    compress::Compress,
    mark::{self, Kind},
    pending_note::PendingNote,
    retention::{Extent, Retention, walk},
};

/// How often it is looked for something to do.
const LOOK: Duration = Duration::from_millis(250);
/// After a failure (a full disk) it is tried again this much later.
const RETRY: Duration = Duration::from_secs(30);
/// Of its time at most this part goes into walking an export's folder.
const WALK_SHARE: u32 = 20;
/// Files that wait to be compressed; beyond them the folder is walked for them later.
const MAX_WAITING: usize = 4096;
/// A folder tree deeper than this is none that a path of ours leads to.
const MAX_DEPTH: usize = 32;

/// An export's share in it; cheap to clone. Ends with the last clone.
#[derive(Clone)]
pub(crate) struct House(Arc<Owner>);

/// While it lives, so does the export. The housekeeping has a share of its own for as long as it is at work.
struct Owner(Arc<Shared>);

impl Drop for Owner {
    /// No file is replaced by its compressed one after this, and of none are both there, whatever a crash has left: the
    /// process may end at any time now.
    fn drop(&mut self) {
        if let Some(compress) = self.0.compress {
            self.0.find_leftovers();
            let rotated = std::mem::take(&mut self.0.state.lock().rotated);
            let mut is_over = self.0.is_over.lock();
            for (path, _) in rotated {
                compress.settle(&path, self.0.key);
            }
            *is_over = true;
        }
    }
}

impl std::ops::Deref for Owner {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

struct Shared {
    /// All files lie below.
    root: PathBuf,
    /// In so many folders under one another; 0: in the root itself.
    depth: usize,
    /// Whose files they are: see [`mark`].
    key: u64,
    retention: Option<Retention>,
    compress: Option<Compress>,
    state: Mutex<State>,
    /// The export has ended.
    is_over: Mutex<bool>,
    /// Whose it is, in the log.
    span: tracing::Span,
}

struct State {
    /// What is there, as far as it is known; `None` before the first walk.
    extent: Option<Extent>,
    /// What was written since the walk that is under way began: it may have seen that or not.
    meanwhile: Extent,
    /// Not to be walked again before.
    next_walk: Instant,
    /// To be looked at for age.
    next_age: Option<Instant>,
    /// Being written: never deleted.
    active: Vec<PathBuf>,
    /// To be compressed once everything up to a position is kept: until then a crash may cut them.
    rotated: VecDeque<(PathBuf, u64)>,
    /// First position that a crash may send again.
    kept: u64,
    /// The folder is to be walked for what an earlier run left uncompressed, and for what there was no room for in
    /// `rotated`.
    leftovers: Option<Instant>,
    /// The last delivery in the latter: nothing is looked for before that is kept.
    unlisted: u64,
}

static HOUSES: LazyLock<Houses> = LazyLock::new(Houses::default);

#[derive(Default)]
struct Houses {
    all: Mutex<Vec<Weak<Shared>>>,
    more: Condvar,
    thread: std::sync::OnceLock<bool>,
}

impl House {
    /// `None` where there is nothing to do.
    pub(crate) fn new(
        root: PathBuf,
        key: u64,
        retention: Option<Retention>,
        compress: Option<Compress>,
    ) -> Option<Self> {
        Self::at((root, MAX_DEPTH), key, retention, compress)
    }

    /// For files that all lie in `folder` itself.
    pub(crate) fn of_folder(folder: PathBuf, key: u64, retention: Option<Retention>) -> Option<Self> {
        Self::at((folder, 0), key, retention, None)
    }

    fn at(
        (root, depth): (PathBuf, usize),
        key: u64,
        retention: Option<Retention>,
        compress: Option<Compress>,
    ) -> Option<Self> {
        let retention = retention.filter(|retention| !retention.is_empty());
        if retention.is_none() && compress.is_none() {
            return None;
        }
        let now = Instant::now();
        let state = State {
            extent: None,
            meanwhile: Extent::default(),
            next_walk: now,
            next_age: None,
            active: Vec::new(),
            rotated: VecDeque::new(),
            kept: 0,
            leftovers: None,
            unlisted: 0,
        };
        let shared = Arc::new(Shared {
            root,
            depth,
            key,
            retention,
            compress,
            state: Mutex::new(state),
            is_over: Mutex::new(false),
            span: tracing::Span::current(),
        });
        HOUSES.all.lock().push(Arc::downgrade(&shared));
        HOUSES.start();
        Some(Self(Arc::new(Owner(shared))))
    }

    /// The files are open; everything before `kept` is done with for good.
    pub(crate) fn opened(&self, kept: u64) {
        let mut state = self.0.state.lock();
        state.kept = state.kept.max(kept);
        state.leftovers = Some(Instant::now());
        if self.0.retention.is_some() && !mark::are_kept(&self.0.root) {
            let root = self.0.root.display();
            tracing::warn!(
                "the file system of {root} keeps no extended attributes: retention deletes nothing there"
            );
        }
    }

    /// So much was written, into new files or into such that were there.
    pub(crate) fn wrote(&self, files: u64, bytes: u64) {
        let State { extent, meanwhile, .. } = &mut *self.0.state.lock();
        for count in extent.iter_mut().chain([meanwhile]) {
            count.files += files;
            count.bytes += bytes;
        }
    }

    /// These are being written. Said before a file is marked, so that retention never meets one unawares.
    pub(crate) fn active(&self, paths: Vec<PathBuf>) {
        self.0.state.lock().active = paths;
    }

    /// Whether it wants to know what is being written.
    pub(crate) fn has_retention(&self) -> bool {
        self.0.retention.is_some()
    }

    /// Rotates a file out, by `rename`, to `path`; `last` is the last delivery in it. Nobody looks for leftovers
    /// meanwhile: whoever finds it before it stands here takes it for one with nothing in doubt.
    pub(crate) fn rotate<E>(
        &self,
        path: PathBuf,
        last: u64,
        rename: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        let _no_walk = self.0.is_over.lock();
        rename()?;
        let mut state = self.0.state.lock();
        if self.0.compress.is_none() {
            return Ok(());
        }
        if state.rotated.len() < MAX_WAITING {
            state.rotated.push_back((path, last));
        } else {
            state.leftovers.get_or_insert_with(Instant::now);
            state.unlisted = last;
        }
        Ok(())
    }

    /// Everything before `kept` is done with for good.
    pub(crate) fn kept(&self, kept: u64) {
        self.0.state.lock().kept = kept;
    }

    /// Whether something waits to be kept.
    pub(crate) fn awaits_kept(&self) -> bool {
        let state = self.0.state.lock();
        state.rotated.back().is_some_and(|(_, last)| *last >= state.kept)
    }
}

impl Houses {
    fn start(&'static self) {
        self.thread.get_or_init(|| {
            let thread = std::thread::Builder::new().name("housekeeping".to_owned()).spawn(|| {
                loop {
                    self.round();
                }
            });
            if let Err(error) = &thread {
                tracing::error!("nothing is compressed and retention deletes nothing: no thread: {error}");
            }
            thread.is_ok()
        });
        self.more.notify_one();
    }

    fn round(&self) {
        let houses: Vec<Arc<Shared>> = {
            let mut all = self.all.lock();
            all.retain(|house| house.strong_count() > 0);
            if all.is_empty() {
                self.more.wait(&mut all);
            }
            all.iter().filter_map(Weak::upgrade).collect()
        };
        for house in houses {
            house.work();
        }
        // Until the next look, or sooner if another export comes.
        let mut all = self.all.lock();
        let _sooner = self.more.wait_for(&mut all, LOOK);
    }
}

impl Shared {
    fn work(&self) {
        let _its_own = self.span.enter();
        if let Some(compress) = self.compress {
            self.find_leftovers();
            while let Some(path) = self.next_to_compress() {
                let replaced = compress.replace(&path, self.key, &self.is_over);
                let is_over = *self.is_over.lock();
                let mut state = self.state.lock();
                // Not before: whoever ends the export sees to what is in work, too.
                state.rotated.retain(|(done, _)| *done != path);
                if let Err(error) = replaced
                    && path.exists()
                    && !is_over
                {
                    tracing::warn!(path = %path.display(), %error, "cannot compress a file");
                    state.leftovers = Some(Instant::now() + RETRY);
                }
            }
        }
        if let Some(retention) = self.retention {
            self.sweep(&retention);
        }
    }

    fn next_to_compress(&self) -> Option<PathBuf> {
        if *self.is_over.lock() {
            return None;
        }
        let state = self.state.lock();
        state.rotated.front().filter(|(_, last)| *last < state.kept).map(|(path, _)| path.clone())
    }

    /// What was rotated out and neither compressed nor is in doubt.
    fn find_leftovers(&self) {
        let not_over = self.is_over.lock();
        let (due, kept) = {
            let mut state = self.state.lock();
            let is_kept = state.unlisted == 0 || state.unlisted < state.kept;
            let due = state.leftovers.take_if(|at| is_kept && *at <= Instant::now()).is_some();
            (due, state.kept)
        };
        if !due {
            return;
        }
        let mut found = Vec::new();
        let walked = walk(&self.root, self.depth, &mut |path, _| {
            if found.len() < MAX_WAITING && self.is_leftover(&path, kept) {
                found.push(path);
            }
        });
        if let Err(error) = walked {
            tracing::warn!(root = %self.root.display(), %error, "cannot look for files to compress");
        }
        found.sort();
        let mut state = self.state.lock();
        if found.len() == MAX_WAITING {
            state.leftovers = Some(Instant::now() + RETRY);
        }
        for path in found {
            if !state.rotated.iter().any(|(known, _)| *known == path) {
                // Nothing in it is in doubt.
                state.rotated.push_front((path, 0));
            }
        }
        // Not before: who ends the export waits for what is found.
        drop(not_over);
    }

    fn is_leftover(&self, path: &Path, kept: u64) -> bool {
        let is_compressed = Compress::ALL
            .iter()
            .any(|how| path.as_os_str().as_encoded_bytes().ends_with(how.suffix().as_bytes()));
        if is_compressed || mark::of(path, self.key) != Some(Kind::RotatedOut) {
            return false;
        }
        let note = File::open(path).ok().and_then(|file| PendingNote::read(&file));
        note.is_none_or(|note| note.key != self.key || note.position < kept)
    }

    fn sweep(&self, retention: &Retention) {
        let now = Instant::now();
        {
            let mut state = self.state.lock();
            let due = match state.extent {
                None => true,
                Some(extent) => {
                    retention.is_worth_a_walk(extent) || state.next_age.is_some_and(|at| at <= now)
                }
            };
            if !due || state.next_walk > now {
                return;
            }
            state.meanwhile = Extent::default();
        }
        let is_active = |path: &Path| self.state.lock().active.iter().any(|active| active == path);
        let swept = retention.sweep((&self.root, self.depth), self.key, &is_active);
        let took = now.elapsed();
        let mut state = self.state.lock();
        state.next_walk = Instant::now() + (took * WALK_SHARE).max(LOOK);
        state.next_age = retention.pause().map(|pause| Instant::now() + pause);
        match swept {
            // What was written during the walk may be counted twice, but never not at all; the next walk mends it.
            Ok(extent) => {
                let Extent { files, bytes } = state.meanwhile;
                state.extent = Some(Extent { files: extent.files + files, bytes: extent.bytes + bytes });
            }
            Err(error) => {
                tracing::warn!(root = %self.root.display(), %error, "retention cannot look at the files");
                state.next_walk = Instant::now() + RETRY;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn while_a_file_gets_its_new_name_nobody_looks_for_leftovers() {
        let folder = tempfile::tempdir().unwrap();
        let house = House::new(folder.path().into(), 7, None, Some(Compress::Gzip)).unwrap();
        let renamed = house.rotate(folder.path().join("a.000001.json"), 5, || {
            assert!(house.0.is_over.try_lock().is_none());
            Ok::<(), ()>(())
        });
        assert_eq!((renamed, house.awaits_kept()), (Ok(()), true));
        assert_eq!(house.rotate(folder.path().join("b"), 9, || Err(())), Err(()));
        house.kept(6);
        assert!(!house.awaits_kept(), "what has kept its name does not wait");
    }
}

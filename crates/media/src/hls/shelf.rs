//! Where the pieces of streams are kept, and found by whoever serves them.

use std::{
    collections::{BTreeMap, VecDeque},
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::{HlsOptions, playlist};
use crate::{MediaError, MediaErrorKind as Kind};

/// Bytes of one stream in memory: a minute at 8 Mbit/s. Pieces beyond that go early.
const MAX_BYTES: usize = 64 << 20;
/// A stream whose source has gone may come back this long; then its playlist ends, so that players stop asking.
const COMES_BACK: Duration = Duration::from_secs(35);
/// And this much later it is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(120);
/// Moments remembered, to date pieces by: two seconds at 60 frames.
const MAX_MOMENTS: usize = 120;

/// All streams of the process: paths are the process's, as ports are.
static SHELF: LazyLock<Mutex<Shelf>> = LazyLock::new(Mutex::default);

/// By instance and name.
type Shelf = BTreeMap<(String, String), Arc<HlsStream>>;

/// The stream of an instance by its export's name; without a name the one called `HLS`, else its first.
pub fn find(instance: &str, name: Option<&str>) -> Option<Arc<HlsStream>> {
    let mut shelf = SHELF.lock();
    shelf.retain(|_, stream| !stream.is_forgotten());
    let of_instance = || shelf.iter().filter(|((id, _), _)| id == instance);
    let by_name = |name: &str| of_instance().find(|((_, other), _)| other == name);
    let found = match name {
        Some(name) => by_name(name),
        None => by_name("HLS").or_else(|| of_instance().next()),
    };
    found.map(|(_, stream)| Arc::clone(stream))
}

/// The export is gone: what it had is found no longer.
pub fn forget(instance: &str, name: &str) {
    SHELF.lock().remove(&(instance.to_owned(), name.to_owned()));
}

/// The pieces of one stream.
pub struct HlsStream {
    name: String,
    target_s: u32,
    window: usize,
    folder: Option<PathBuf>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    headers: BTreeMap<u64, Arc<[u8]>>,
    pieces: VecDeque<Piece>,
    last_header: u64,
    next_number: u64,
    discontinuities: u64,
    next_is_discontinuous: bool,
    /// Running times at which pieces began that are not out yet, and where the newest one has got to, in ns.
    begun: VecDeque<u64>,
    reached: u64,
    moments: VecDeque<(u64, i64)>,
    left: Option<Instant>,
    written: u64,
}

/// One segment.
#[derive(Clone)]
pub(super) struct Piece {
    pub number: u64,
    pub header_number: u64,
    pub discontinuity: bool,
    pub length_ns: u64,
    /// Unix time at which its first frame was taken, in ms.
    pub taken_ms: Option<i64>,
    /// Empty where it lies in a folder.
    pub bytes: Arc<[u8]>,
}

/// What a muxer gives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Header,
    Media,
}

impl HlsStream {
    pub(super) fn open(options: &HlsOptions) -> Result<Arc<Self>, MediaError> {
        if let Some(folder) = &options.folder {
            std::fs::create_dir_all(folder).map_err(|error| storage(folder, &error))?;
        }
        let mut shelf = SHELF.lock();
        let key = (options.instance.clone(), options.name.clone());
        let window = usize::try_from(options.window).unwrap_or(usize::MAX);
        if let Some(known) = shelf.get(&key)
            && options.folder.is_none()
            && (known.window, known.target_s, &known.folder) == (window, options.target_s(), &None)
            && !known.is_over()
        {
            let mut inner = known.inner.lock();
            inner.left = None;
            inner.next_is_discontinuous = true;
            inner.begun.clear();
            inner.moments.clear();
            return Ok(Arc::clone(known));
        }
        let inner = Mutex::new(Inner { next_number: 1, ..Inner::default() });
        let (name, folder) = (options.name.clone(), options.folder.clone());
        let stream = Arc::new(Self { name, target_s: options.target_s(), window, folder, inner });
        shelf.insert(key, Arc::clone(&stream));
        Ok(stream)
    }

    /// The name of the export.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The playlist, its files named after `base`; `None` while there is nothing to play yet.
    pub fn playlist(&self, base: &str) -> Option<String> {
        let inner = self.inner.lock();
        let whole = self.folder.is_some();
        let skip = if whole { 0 } else { inner.pieces.len().saturating_sub(self.window) };
        let gone = inner.pieces.iter().take(skip).filter(|piece| piece.discontinuity).count() as u64;
        let is_over = inner.left.is_some_and(|at| whole || at.elapsed() > COMES_BACK);
        let head = playlist::Head {
            target_s: self.target_s,
            discontinuities: inner.discontinuities + gone,
            is_over,
            is_whole: whole && is_over,
        };
        let pieces = inner.pieces.iter().skip(skip);
        (!inner.pieces.is_empty()).then(|| playlist::text(&head, pieces, base))
    }

    /// A header or a piece, as the playlist names it.
    pub fn file(&self, name: &str) -> Option<Vec<u8>> {
        let inner = self.inner.lock();
        let header = name.strip_prefix("init-").and_then(|rest| rest.strip_suffix(".mp4"));
        let bytes = match (header, name.strip_suffix(".m4s")) {
            (Some(number), _) => inner.headers.get(&number.parse().ok()?).cloned(),
            (None, Some(number)) => {
                let number: u64 = number.parse().ok()?;
                inner.pieces.iter().find(|piece| piece.number == number).map(|piece| Arc::clone(&piece.bytes))
            }
            (None, None) => None,
        }?;
        drop(inner);
        match &self.folder {
            // What we wrote, and only that: the name is one of ours.
            Some(folder) => std::fs::read(folder.join(name)).ok(),
            None => Some(bytes.to_vec()),
        }
    }

    pub(super) fn begins(&self, at_ns: u64) {
        self.inner.lock().begun.push_back(at_ns);
    }

    pub(super) fn reaches(&self, to_ns: u64) {
        let mut inner = self.inner.lock();
        inner.reached = inner.reached.max(to_ns);
    }

    pub(super) fn taken_at(&self, time_ns: u64, unix_ms: i64) {
        let mut inner = self.inner.lock();
        if inner.moments.len() == MAX_MOMENTS {
            inner.moments.pop_front();
        }
        inner.moments.push_back((time_ns, unix_ms));
    }

    pub(super) fn take(&self, place: Place, bytes: Vec<u8>) -> Result<(), MediaError> {
        if bytes.is_empty() {
            return Ok(());
        }
        let mut inner = self.inner.lock();
        let name = match place {
            Place::Header => {
                inner.last_header += 1;
                format!("init-{}.mp4", inner.last_header)
            }
            Place::Media => format!("{}.m4s", inner.next_number),
        };
        let kept: Arc<[u8]> = match &self.folder {
            Some(folder) => {
                std::fs::write(folder.join(&name), &bytes)
                    .map_err(|error| storage(&folder.join(&name), &error))?;
                inner.written += bytes.len() as u64;
                Arc::default()
            }
            None => bytes.into(),
        };
        match place {
            Place::Header => {
                let number = inner.last_header;
                inner.headers.insert(number, kept);
            }
            Place::Media => {
                inner.add(kept);
                if self.folder.is_none() {
                    inner.drop_old(self.window);
                }
            }
        }
        Ok(())
    }

    /// Ends a playlist in a folder. Gives its path, how many pieces it has, and their bytes.
    pub(super) fn complete(&self) -> Result<Option<(PathBuf, u64, u64)>, MediaError> {
        self.left();
        let (Some(folder), Some(text)) = (&self.folder, self.playlist("")) else { return Ok(None) };
        let (path, temporary) = (folder.join("index.m3u8"), folder.join("index.m3u8.part"));
        let written = std::fs::write(&temporary, text).and_then(|()| std::fs::rename(&temporary, &path));
        written.map_err(|error| storage(&path, &error))?;
        let inner = self.inner.lock();
        Ok(Some((path, inner.pieces.len() as u64, inner.written)))
    }

    /// Whoever cut it has gone, and may come back.
    pub(super) fn left(&self) {
        self.inner.lock().left.get_or_insert_with(Instant::now);
    }

    fn is_over(&self) -> bool {
        self.inner.lock().left.is_some_and(|at| at.elapsed() > COMES_BACK)
    }

    fn is_forgotten(&self) -> bool {
        self.inner
            .lock()
            .left
            .is_some_and(|at| at.elapsed() > COMES_BACK + FORGOTTEN && self.folder.is_none())
    }
}

impl Inner {
    fn add(&mut self, bytes: Arc<[u8]>) {
        let start = self.begun.pop_front().unwrap_or(self.reached);
        let end = self.begun.front().copied().unwrap_or(self.reached);
        // The frame itself, or the one before it by as much as it is later.
        let known = self.moments.iter().rfind(|(time, _)| *time <= start).or(self.moments.front());
        let taken_ms = known.map(|(time, unix_ms)| {
            let later = i128::from(start) - i128::from(*time);
            unix_ms.saturating_add(i64::try_from(later / 1_000_000).unwrap_or(0))
        });
        self.pieces.push_back(Piece {
            number: self.next_number,
            header_number: self.last_header,
            discontinuity: std::mem::take(&mut self.next_is_discontinuous),
            length_ns: end.saturating_sub(start),
            taken_ms,
            bytes,
        });
        self.next_number += 1;
    }

    /// A piece stays for as long as the playlist that had it may still be in use: its own length and that of the
    /// window (RFC 8216 section 6.2.2).
    fn drop_old(&mut self, window: usize) {
        let bytes = |pieces: &VecDeque<Piece>| pieces.iter().map(|piece| piece.bytes.len()).sum::<usize>();
        while self.pieces.len() > 2 * window + 1 || self.pieces.len() > 1 && bytes(&self.pieces) > MAX_BYTES {
            if let Some(gone) = self.pieces.pop_front() {
                self.discontinuities += u64::from(gone.discontinuity);
            }
        }
        let first = self.pieces.front().map_or(0, |piece| piece.header_number);
        self.headers.retain(|number, _| *number >= first);
    }
}

fn storage(path: &Path, error: &std::io::Error) -> MediaError {
    let kind = match error.kind() {
        std::io::ErrorKind::StorageFull => Kind::DiskFull,
        std::io::ErrorKind::PermissionDenied => Kind::Permission,
        _ => Kind::Storage,
    };
    MediaError::new(kind, format!("{}: cannot be written: {error}", path.display()), "")
}

//! Where streams are kept, and found by whoever serves them.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
    task::{Context, Poll, Waker},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use parking_lot::Mutex;

use super::{
    HlsOptions,
    pieces::{Begun, Pieces, Place},
    playlist,
};
use crate::{MediaError, MediaErrorKind as Kind};

/// A stream whose source has gone may come back this long; then its playlist ends, so that players stop asking.
const COMES_BACK: Duration = Duration::from_secs(35);
/// And this much later it is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(120);
/// Players of one stream that may wait for what comes next; others are answered with what there is.
const MAX_WAITING: usize = 1000;

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

/// The number of a stream's first piece. Live, it is beyond all that an earlier run can have given: a player or a
/// cache between may still hold a piece of that name. The clock counts half seconds, the shortest piece.
fn first_number(options: &HlsOptions) -> u64 {
    let half_seconds = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |now| now.as_millis() / 500);
    if options.folder.is_some() { 1 } else { u64::try_from(half_seconds()).unwrap_or(1) }
}

/// The export is gone: what it had is found no longer, and nobody waits for more of it.
pub fn forget(instance: &str, name: &str) {
    let gone = SHELF.lock().remove(&(instance.to_owned(), name.to_owned()));
    if let Some(stream) = gone {
        stream.change(|inner| inner.is_gone = true);
    }
}

/// The pieces of one stream.
pub struct HlsStream {
    name: String,
    target_s: u32,
    window: usize,
    low_latency: bool,
    folder: Option<PathBuf>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    pieces: Pieces,
    /// What no part is longer than, in ms; it only grows.
    part_ms: u32,
    left: Option<Instant>,
    is_gone: bool,
    written: u64,
    waiting: Vec<Waker>,
}

/// What a player waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Awaited {
    /// Number of a piece.
    pub piece: u64,
    /// One of its parts, from 0; all of them if there is none.
    pub part: Option<usize>,
}

/// What became of the wait for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Come {
    /// It is there, or nothing more will come.
    Here,
    /// It is further ahead than anybody may wait for.
    TooFar,
    /// The whole stream is gone.
    Gone,
}

impl HlsStream {
    pub(super) fn open(options: &HlsOptions, target_s: u32) -> Result<Arc<Self>, MediaError> {
        if let Some(folder) = &options.folder {
            std::fs::create_dir_all(folder).map_err(|error| storage(folder, &error))?;
        }
        let mut shelf = SHELF.lock();
        let key = (options.instance.clone(), options.name.clone());
        let new = Self {
            name: options.name.clone(),
            target_s,
            window: usize::try_from(options.window).unwrap_or(usize::MAX),
            low_latency: options.low_latency && options.folder.is_none(),
            folder: options.folder.clone(),
            inner: Mutex::new(Inner { pieces: Pieces::from(first_number(options)), ..Inner::default() }),
        };
        let is_alike = |known: &Self| {
            (known.window, known.target_s, known.low_latency, &known.folder)
                == (new.window, new.target_s, new.low_latency, &None)
        };
        if let Some(known) = shelf.get(&key)
            && options.folder.is_none()
            && is_alike(known)
            && !known.is_over()
        {
            let mut inner = known.inner.lock();
            inner.left = None;
            inner.pieces.goes_on();
            return Ok(Arc::clone(known));
        }
        let stream = Arc::new(new);
        shelf.insert(key, Arc::clone(&stream));
        Ok(stream)
    }

    /// The name of the export.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What comes later than this in a piece begins the next, key frame or not. A piece's length is rounded before it
    /// is held against the target (RFC 8216 section 4.3.3.1).
    pub(super) fn longest_ns(&self) -> u64 {
        u64::from(self.target_s) * 1_000_000_000 + 499_000_000
    }

    /// Whether players may wait for parts.
    pub fn is_low_latency(&self) -> bool {
        self.low_latency
    }

    /// How long a player may wait for what comes next: after this its source stands still
    /// (draft-pantos-hls-rfc8216bis section 6.2.5.2).
    pub fn patience(&self) -> Duration {
        Duration::from_secs(3 * u64::from(self.target_s))
    }

    /// The playlist, its files named after `base`; `None` while there is nothing to play yet.
    pub fn playlist(&self, base: &str) -> Option<String> {
        let inner = self.inner.lock();
        let pieces = &inner.pieces;
        if inner.is_gone || pieces.whole.is_empty() {
            return None;
        }
        let is_folder = self.folder.is_some();
        let skip = if is_folder { 0 } else { pieces.whole.len().saturating_sub(self.window) };
        let gone = pieces.whole.iter().take(skip).filter(|piece| piece.discontinuity).count() as u64;
        let is_over = inner.left.is_some_and(|at| is_folder || at.elapsed() > COMES_BACK);
        let head = playlist::Head {
            target_s: self.target_s,
            part_ms: self.low_latency.then_some(inner.part_ms).filter(|ms| *ms > 0),
            discontinuities: pieces.discontinuities + gone,
            is_over,
            is_whole: is_folder && is_over,
        };
        let shown: Vec<_> = pieces.whole.iter().skip(skip).collect();
        Some(playlist::text(&head, &shown, pieces.open.as_ref(), pieces.next_number, base))
    }

    /// A header, a piece or a part, as the playlist names it.
    pub fn file(&self, name: &str) -> Option<Vec<u8>> {
        let inner = self.inner.lock();
        let header = name.strip_prefix("init-").and_then(|rest| rest.strip_suffix(".mp4"));
        let bytes = match (header, Awaited::of_file(name)) {
            _ if inner.is_gone => None,
            (Some(number), _) => inner.pieces.headers.get(&number.parse().ok()?).map(|bytes| bytes.to_vec()),
            (None, Some(Awaited { piece, part: None })) => {
                let is_whole = inner.pieces.has(piece, None);
                inner.pieces.find(piece).filter(|_| is_whole).map(super::pieces::Piece::bytes)
            }
            (None, Some(Awaited { piece, part: Some(part) })) => {
                inner.pieces.find(piece)?.parts.get(part).map(|part| part.bytes.to_vec())
            }
            (None, None) => None,
        }?;
        drop(inner);
        match &self.folder {
            // What we wrote, and only that: the name is one of ours.
            Some(folder) => std::fs::read(folder.join(name)).ok(),
            None => Some(bytes),
        }
    }

    /// Whether what is awaited has come; if not, `context` is told when more has.
    pub fn poll_come(&self, awaited: Awaited, context: &Context<'_>) -> Poll<Come> {
        let is_over = self.is_over();
        let mut inner = self.inner.lock();
        let Awaited { piece, part } = awaited;
        if inner.is_gone {
            return Poll::Ready(Come::Gone);
        }
        if is_over || inner.pieces.has(piece, part) {
            return Poll::Ready(Come::Here);
        }
        // Section 6.2.5.2: two pieces ahead of the newest are a client's mistake.
        if piece > inner.pieces.newest().0 + 2 {
            return Poll::Ready(Come::TooFar);
        }
        if inner.waiting.len() >= MAX_WAITING {
            return Poll::Ready(Come::Here);
        }
        if !inner.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
            inner.waiting.push(context.waker().clone());
        }
        Poll::Pending
    }

    /// No part is longer than this.
    pub(super) fn parts_last(&self, part_ms: u32) {
        let mut inner = self.inner.lock();
        inner.part_ms = inner.part_ms.max(part_ms);
    }

    pub(super) fn begins(&self, begun: Begun) {
        self.inner.lock().pieces.begins(begun);
    }

    pub(super) fn reaches(&self, to_ns: u64) {
        self.inner.lock().pieces.reaches(to_ns);
    }

    pub(super) fn taken_at(&self, time_ns: u64, unix_ms: i64) {
        self.inner.lock().pieces.taken_at(time_ns, unix_ms);
    }

    pub(super) fn take(&self, place: Place, bytes: Vec<u8>) -> Result<(), MediaError> {
        if bytes.is_empty() {
            return Ok(());
        }
        let kept: Arc<[u8]> = match &self.folder {
            Some(folder) => {
                let mut inner = self.inner.lock();
                let name = match place {
                    Place::Header => format!("init-{}.mp4", inner.pieces.last_header + 1),
                    Place::Media { .. } => format!("{}.m4s", inner.pieces.next_number),
                };
                std::fs::write(folder.join(&name), &bytes)
                    .map_err(|error| storage(&folder.join(&name), &error))?;
                inner.written += bytes.len() as u64;
                Arc::default()
            }
            None => bytes.into(),
        };
        self.change(|inner| match place {
            Place::Header => {
                inner.pieces.last_header += 1;
                inner.pieces.headers.insert(inner.pieces.last_header, kept);
            }
            Place::Media { is_piece } => {
                inner.pieces.add(is_piece, kept);
                if self.folder.is_none() {
                    inner.pieces.drop_old(self.window);
                }
            }
        });
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
        Ok(Some((path, inner.pieces.whole.len() as u64, inner.written)))
    }

    /// Whoever cut it has gone, and may come back.
    pub(super) fn left(&self) {
        self.change(|inner| {
            inner.pieces.close();
            inner.left.get_or_insert_with(Instant::now);
        });
    }

    /// Changes it, and wakes whoever waits for a change.
    fn change(&self, change: impl FnOnce(&mut Inner)) {
        let waiting = {
            let mut inner = self.inner.lock();
            change(&mut inner);
            std::mem::take(&mut inner.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    fn is_over(&self) -> bool {
        self.inner.lock().left.is_some_and(|at| at.elapsed() > COMES_BACK)
    }

    fn is_forgotten(&self) -> bool {
        let is_kept = |at: Instant| at.elapsed() <= COMES_BACK + FORGOTTEN || self.folder.is_some();
        self.inner.lock().left.is_some_and(|at| !is_kept(at))
    }
}

impl Awaited {
    /// What a name of a playlist means: `7.m4s`, and with parts `7.0.m4s`.
    pub fn of_file(name: &str) -> Option<Self> {
        let stem = name.strip_suffix(".m4s")?;
        match stem.split_once('.') {
            Some((piece, part)) => Some(Self { piece: piece.parse().ok()?, part: Some(part.parse().ok()?) }),
            None => Some(Self { piece: stem.parse().ok()?, part: None }),
        }
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

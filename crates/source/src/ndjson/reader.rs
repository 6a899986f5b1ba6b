//! Reads lines in a thread of its own, so that nobody waits for a producer longer than they want.

use std::{
    fs::File,
    io::ErrorKind,
    os::unix::net::UnixStream,
    path::Path,
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread::{self, JoinHandle},
    time::Duration,
};

use watchpost_config::LabelTable;
use watchpost_model::Size;

use super::{Line, Origin, follow::Followed, lines::Lines, socket::Listener};
use crate::{Inlet, SourceError, recorded};

/// Lines read ahead: enough for a reader that is behind by a moment, few enough to be small.
const AHEAD: usize = 32;
/// Bytes read at once.
pub(super) const CHUNK_BYTES: usize = 256 << 10;

/// What the reader found.
#[derive(Debug)]
pub(crate) enum Read {
    /// A line, and its number from 1.
    Line(u64, Line),
    /// A line that is refused: its number, and why.
    Refused(u64, String),
    /// Another producer begins: it counts frames from its own zero.
    Begins,
    /// There is no more; why, if reading failed.
    End(Option<String>),
    /// Nothing within the timeout.
    Nothing,
}

/// What reading needs beside the place of the lines.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub labels: LabelTable,
    /// Pixels of the frames that recorded detections were made on, where they are known.
    pub size: Option<Size>,
    /// Frames per second of recorded detections, where that is known.
    pub rate: Option<f64>,
    /// Where posted detections come in.
    pub inlet: Option<Inlet>,
    /// JSON pointer of the key that holds the URI.
    pub pointer: &'static str,
}

/// The lines of one origin, once.
///
/// Its thread ends with the input, or when the reader is dropped. One that waits for a silent STDIN
/// ends with the process: nothing can wake it before.
pub(crate) struct Reader {
    lines: Option<Receiver<Read>>,
    ended: Option<Option<String>>,
    /// Closed to end the thread; `None` where it cannot be woken.
    waker: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    /// Begins to read.
    pub fn open(origin: &Origin, setup: &Setup) -> Result<Self, SourceError> {
        let (sender, lines) = sync_channel(AHEAD);
        let labels = setup.labels.clone();
        let no_thread = |error: std::io::Error| {
            SourceError::new(setup.pointer, format!("cannot start a thread: {error}"))
        };
        let (waker, woken) = UnixStream::pair().map_err(no_thread)?;
        let mut wakes = false;
        let work: Box<dyn FnOnce() + Send> = match origin {
            Origin::Stdin => Box::new(move || read_all(std::io::stdin().lock(), &labels, &sender)),
            Origin::File(path) => {
                let file = open_file(path, setup.pointer)?;
                Box::new(move || read_all(file, &labels, &sender))
            }
            Origin::Follow(path, from) => {
                wakes = true;
                let mut followed = Followed::open(path, *from, setup.pointer)?;
                Box::new(move || followed.read(&woken, &labels, &sender))
            }
            Origin::Socket(path) => {
                wakes = true;
                let listener = Listener::bind(path, setup.pointer)?;
                Box::new(move || listener.read(&woken, &labels, &sender))
            }
            Origin::Recorded(kind, path) => {
                let reads = recorded::read(*kind, path, setup)?;
                Box::new(move || {
                    let end = std::iter::once(Read::End(None));
                    // As long as somebody listens.
                    let _all = reads.into_iter().chain(end).try_for_each(|read| sender.send(read));
                })
            }
            Origin::Posted => {
                let inlet = setup.inlet.as_ref().ok_or_else(|| {
                    let message = "detections can be posted to a server only: start the instance with \
                                   `watchpost serve`, or give them as ndjson://- or ndjson:///path";
                    SourceError::new(setup.pointer, message)
                })?;
                inlet.attach(sender, labels);
                return Ok(Self { lines: Some(lines), ended: None, waker: None, thread: None });
            }
        };
        let span = tracing::Span::current();
        let thread = thread::Builder::new().name("ndjson".into());
        let thread = thread.spawn(move || span.in_scope(work)).map_err(no_thread)?;
        Ok(Self { lines: Some(lines), ended: None, waker: Some(waker), thread: wakes.then_some(thread) })
    }

    /// The next line, waiting at most `timeout`. The end is given again and again.
    pub fn next(&mut self, timeout: Duration) -> Read {
        if let Some(why) = &self.ended {
            return Read::End(why.clone());
        }
        match self.lines.as_ref().map(|lines| lines.recv_timeout(timeout)) {
            Some(Ok(Read::End(why))) => {
                self.ended = Some(why.clone());
                Read::End(why)
            }
            Some(Ok(read)) => read,
            Some(Err(RecvTimeoutError::Timeout)) => Read::Nothing,
            Some(Err(RecvTimeoutError::Disconnected)) | None => Read::End(None),
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // In this order: a thread that hands over a line is refused, one that waits is woken.
        self.lines = None;
        self.waker = None;
        if let Some(thread) = self.thread.take() {
            // A socket's path is free again when it has ended.
            let _panicked = thread.join();
        }
    }
}

/// Whether `path` could be opened; a named pipe is left alone, for opening it waits for its writer.
pub(crate) fn check_file(path: &Path, pointer: &'static str) -> Result<(), SourceError> {
    use std::os::unix::fs::FileTypeExt;
    if std::fs::metadata(path).is_ok_and(|meta| meta.file_type().is_fifo()) {
        return Ok(());
    }
    open_file(path, pointer).map(drop)
}

pub(crate) fn open_file(path: &Path, pointer: &'static str) -> Result<File, SourceError> {
    let shown = path.display();
    let meta = std::fs::metadata(path);
    if meta.as_ref().is_ok_and(std::fs::Metadata::is_dir) {
        return Err(SourceError::new(pointer, format!("{shown} is a folder: expected a file of JSON lines")));
    }
    File::open(path).map_err(|error| {
        let message = match error.kind() {
            ErrorKind::NotFound => {
                format!("{shown}: no such file; three slashes are relative to the data folder")
            }
            ErrorKind::PermissionDenied => {
                format!(
                    "{shown}: no permission to read it; give the user Watchpost runs as access (chmod, chown)"
                )
            }
            _ => format!("{shown}: {error}"),
        };
        SourceError::new(pointer, message)
    })
}

/// Reads `input` to its end.
pub(super) fn read_all(mut input: impl std::io::Read, labels: &LabelTable, sender: &SyncSender<Read>) {
    let mut lines = Lines::new(labels);
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut take = |read| sender.send(read).is_ok();
    let end = loop {
        match input.read(&mut chunk) {
            Ok(0) => break lines.finish(&mut take).then_some(None),
            Ok(length) if lines.push(&chunk[..length], &mut take) => {}
            Ok(_) => break None,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                break Some(Some(format!("reading failed after line {}: {error}", lines.number())));
            }
        }
    };
    // `None`: nobody listens any more.
    if let Some(why) = end {
        take(Read::End(why));
    }
}

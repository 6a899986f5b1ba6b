//! What goes to disk at once.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use watchpost_template::Counts;

use crate::receiver::Outcome;

use super::content::Head;

/// Formatted deliveries that share one sync.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// One per file, in the order the files came up.
    pub chunks: Vec<Chunk>,
    /// Where in `chunks` a file is.
    by_name: HashMap<Arc<str>, usize>,
    /// What the receiver will not take; told before the batch is delivered.
    pub refused: Vec<Outcome>,
    /// The last delivery in it; `None` while it is empty.
    pub through: Option<u64>,
    /// `{sys.count}` after `through`.
    pub counts: Counts,
    /// A buffer of an earlier batch, to be used again.
    spare: Vec<u8>,
}

/// What one batch writes to one file.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// As rendered.
    pub name: Arc<str>,
    /// Where that leads.
    pub path: PathBuf,
    /// The file's beginning.
    pub head: Arc<Head>,
    /// Bytes to append, or the whole file.
    pub data: Vec<u8>,
    /// Rows or objects in `data`.
    pub rows: u64,
    /// The first delivery in `data`.
    pub position: u64,
    /// Where files may be parted; only with `rotate`.
    pub lines: Vec<Line>,
}

/// What one item became.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    /// Where it ends in the chunk's data.
    pub end: usize,
    pub rows: u64,
    pub position: u64,
    pub time_ms: i64,
}

/// A buffer larger than this is not kept for reuse: one large crop must not stay in memory for good.
const MAX_SPARE_BYTES: usize = 8 << 20;

impl Batch {
    /// Whether there is nothing to answer for.
    pub(crate) fn is_empty(&self) -> bool {
        self.through.is_none()
    }

    /// Bytes that wait to be written.
    pub(crate) fn bytes(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.data.len()).sum()
    }

    /// The chunk of the file `name`, made where there is none yet.
    pub(crate) fn chunk(
        &mut self,
        name: &Arc<str>,
        head: &Arc<Head>,
        position: u64,
        path: impl FnOnce() -> PathBuf,
    ) -> &mut Chunk {
        // One file after another is the rule, a new one for each object the exception.
        let last = self.chunks.len().checked_sub(1).filter(|last| self.chunks[*last].name == *name);
        let index = last.or_else(|| self.by_name.get(name).copied()).unwrap_or_else(|| {
            let data = std::mem::take(&mut self.spare);
            let (name, head) = (name.clone(), head.clone());
            self.by_name.insert(name.clone(), self.chunks.len());
            self.chunks.push(Chunk { name, path: path(), head, data, rows: 0, position, lines: Vec::new() });
            self.chunks.len() - 1
        });
        &mut self.chunks[index]
    }

    /// Empties it, keeping its largest buffer.
    pub(crate) fn reset(&mut self) {
        let buffers = self.chunks.drain(..).map(|chunk| chunk.data);
        if let Some(mut largest) =
            buffers.max_by_key(Vec::capacity).filter(|b| b.capacity() <= MAX_SPARE_BYTES)
        {
            largest.clear();
            self.spare = largest;
        }
        self.by_name.clear();
        self.refused.clear();
        self.through = None;
    }
}

//! Sizes and pauses of a store. The defaults suit two cores and an ordinary SSD.

/// Limits of one store. Every field has a default; tests make them small.
#[derive(Debug, Clone)]
pub struct Options {
    /// Least time between the beginnings of two group syncs. A lone commit is synced at once; a
    /// steady stream is gathered, so that the disk sees at most 200 syncs a second.
    pub group_interval_ms: u64,
    /// A group is not gathered any longer once this many bytes wait.
    pub group_bytes: u64,
    /// Bytes appended but not yet durable, over all logs. Appenders wait beyond it; it bounds the
    /// memory held while the disk is full.
    pub pending_bytes: u64,
    /// Bytes of recent entries kept in memory for all readers together.
    pub tail_bytes: u64,
    /// A log's unwritten entries are handed to its segment file from this size on, or when the
    /// tail is full, or at a checkpoint: many small logs then cost few system calls.
    pub store_bytes: u64,
    /// A segment file is closed from this size on. Trimming frees whole segments, so this is also
    /// how much trimmed data can linger per log.
    pub segment_bytes: u64,
    /// Size of the first write-ahead file. Each next one is twice as large, up to `wal_bytes`, so
    /// an idle store stays small on disk.
    pub first_wal_bytes: u64,
    /// Largest write-ahead file. A full one starts a checkpoint.
    pub wal_bytes: u64,
    /// Write-ahead files that may wait for a checkpoint before writing pauses; bounds the time
    /// that recovery takes.
    pub wal_files: usize,
    /// Segment files held open at once, over all logs.
    pub open_files: usize,
    /// With nothing to write for so long, everything goes to segments and the memory tail is freed.
    pub idle_ms: u64,
    /// First and longest pause between tries while the disk cannot be written; each is twice the
    /// one before.
    pub retry_ms: (u64, u64),
    /// Bytes of the disk left free: writing pauses below it. `None`: the smaller of 5 % of the
    /// file system and 1 GiB (PRODUCT 12).
    pub keep_free_bytes: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            group_interval_ms: 5,
            group_bytes: 4 << 20,
            pending_bytes: 16 << 20,
            tail_bytes: 32 << 20,
            store_bytes: 128 << 10,
            segment_bytes: 16 << 20,
            first_wal_bytes: 4 << 20,
            wal_bytes: 64 << 20,
            wal_files: 6,
            open_files: 64,
            idle_ms: 5_000,
            retry_ms: (100, 5_000),
            keep_free_bytes: None,
        }
    }
}

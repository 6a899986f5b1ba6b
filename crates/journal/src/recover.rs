//! Making a store out of what a folder holds: snapshot, then the write-ahead files over it.
//!
//! A segment is trusted as far as the snapshot says; anything newer in segment files was not
//! synced and is written anew from the write-ahead files. At the end everything is synced and a
//! new snapshot put in place, so a torn tail is dealt with once, and recovery that is cut short
//! begins again from the same files.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    io,
    ops::Range,
    sync::Arc,
};

use uuid::Uuid;

use crate::{
    checkpoint::{Job, finish, sync_segments},
    format::{ENTRY_HEADER, RUN_HEADER, RunHeader, SegmentName, entry_intact, u32_at},
    log_core::LogCore,
    ops::Op,
    repair::Repair,
    replay::{self, Replayed},
    salvage::{Failure, check_segments, doing, load_snapshot},
    segment::{drop_trimmed, store},
    shared::{Catalogue, Shared},
    snapshot::{self, LoadedLog},
    view::{Run, View},
    wal::{self, Ahead},
};

/// Replayed entries are handed to segment files from this size on, per log.
const STORE_BYTES: u64 = 1 << 20;

/// Where writing goes on.
pub(crate) struct Recovered {
    pub next_group: u64,
    pub next_wal: u64,
    pub repairs: Vec<Repair>,
}

pub(crate) fn recover(shared: &Shared) -> Result<Recovered, Failure> {
    let files = &*shared.files;
    let listed = files.list().map_err(doing("listing its files"))?;
    let mut repairs = Vec::new();
    let mut loaded = load_snapshot(shared, &listed, &mut repairs)?;
    let lens = listed.iter().filter_map(|(name, len)| Some((SegmentName::parse(name)?, *len))).collect();
    for log in &mut loaded.logs {
        check_segments(log, &lens, &mut repairs);
    }
    let kept: BTreeSet<SegmentName> =
        loaded.logs.iter().flat_map(|log| log.segments.iter().map(|segment| segment.name)).collect();
    let mut stale = Vec::new();
    for (name, _) in &listed {
        if SegmentName::parse(name).is_some_and(|name| !kept.contains(&name)) {
            stale.push(name.clone());
        }
    }
    // A segment about to be written gets a name no stale file has: those are removed at the end.
    let newest = listed.iter().filter_map(|(name, _)| SegmentName::parse(name));
    let generation = newest.map(|name| name.generation + 1).max().unwrap_or(0);

    let mut replaying = Replaying { shared, logs: HashMap::new(), dirty: BTreeSet::new(), generation };
    let covered = loaded.group;
    replaying.next_number(loaded.next_log);
    for log in loaded.logs {
        replaying.add(log);
    }
    let blocks = replay::find(files, &listed).map_err(doing("reading the write-ahead files"))?;
    blocks
        .replay(covered, &mut repairs, |frame, repairs| replaying.frame(frame, repairs))
        .map_err(doing("replaying the write-ahead files"))?;
    // Whatever a snapshot's name says, the next one must be the newest by its name.
    let named = listed.iter().filter_map(|(name, _)| snapshot::parse(name)).max();
    let group = covered.max(blocks.newest().unwrap_or(0)).max(named.unwrap_or(0));
    let next_wal = listed.iter().filter_map(|(name, _)| wal::parse(name)).max().map_or(0, |n| n + 1);

    replaying.settle(group).map_err(doing("writing what was recovered"))?;
    let old = listed.iter().map(|(name, _)| name).filter(|name| wal::parse(name).is_some());
    for name in old.chain(&stale) {
        if let Err(error) = files.remove(name) {
            tracing::warn!(%name, %error, "journal: a file of no more use could not be removed");
        }
    }
    Ok(Recovered { next_group: group + 1, next_wal, repairs })
}

/// Logs being brought up to date.
struct Replaying<'a> {
    shared: &'a Shared,
    logs: HashMap<u32, Arc<LogCore>>,
    dirty: BTreeSet<SegmentName>,
    generation: u32,
}

impl Replaying<'_> {
    fn next_number(&self, number: u32) {
        let mut catalogue = self.shared.catalogue.lock();
        catalogue.next_number = catalogue.next_number.max(number);
    }

    fn add(&mut self, log: LoadedLog) -> Arc<LogCore> {
        self.next_number(log.number + 1);
        let view = View {
            durable_end: log.end,
            stored_end: log.end,
            segments: log.segments,
            generation: log.generation.max(self.generation),
            state: log.state,
            ..View::default()
        };
        let core = Arc::new(LogCore::new(log.number, log.id, log.name, log.start, view));
        self.logs.insert(core.number, core.clone());
        core
    }

    fn make(&mut self, number: u32, id: Uuid, name: String, first: u64) -> Arc<LogCore> {
        self.add(LoadedLog {
            number,
            id,
            name,
            start: first,
            end: first,
            generation: 0,
            segments: VecDeque::new(),
            state: BTreeMap::new(),
        })
    }

    fn frame(&mut self, frame: Replayed, repairs: &mut Vec<Repair>) -> io::Result<()> {
        let header = frame.header;
        // A commit that was never acknowledged is there wholly or not at all.
        let whole = frame.ops.is_some() && (frame.run.is_some() || header.count == 0);
        if frame.newest && !whole {
            return Ok(());
        }
        let mut ops = frame.ops.unwrap_or_default();
        // A snapshot leaves out a log that is being deleted; what was still pending then follows.
        if ops.contains(&Op::Deleted) && !self.logs.contains_key(&header.log) {
            return Ok(());
        }
        if let Some(Op::Made { id, name }) = ops.first() {
            // Said twice. If only the second is intact, the log is known under a stand-in's name, or
            // what came before is lost.
            match self.logs.get(&header.log) {
                Some(known) if known.id == *id => {}
                Some(known) => {
                    let view = std::mem::take(&mut *known.view.lock());
                    let named = LogCore::new(header.log, *id, name.clone(), known.start(), view);
                    self.logs.insert(header.log, Arc::new(named));
                }
                None => {
                    self.make(header.log, *id, name.clone(), 0);
                }
            }
            ops.remove(0);
        }
        let log = match self.logs.get(&header.log) {
            Some(log) => log.clone(),
            // The group it was made in is damaged.
            None => self.make(header.log, Uuid::new_v4(), format!("recovered-{}", header.log), header.first),
        };
        self.skip_to(&log, header.first, repairs)?;
        let mut view = log.view.lock();
        if header.count > 0 && header.first == view.durable_end {
            let bytes = match (frame.run, frame.damaged_run) {
                (Some(run), _) => Some(run),
                // Readers step over damaged entries: keep the intact ones around them.
                (None, Some(run)) => RunHeader::decode(&run)
                    .filter(|h| h.first == header.first && h.count == header.count && h.log == header.log)
                    .filter(|h| run.len() == RUN_HEADER + h.len as usize)
                    .map(|_| {
                        let lost = damaged_positions(&run, header.first, header.count);
                        let lost = lost.into_iter();
                        repairs
                            .extend(lost.map(|positions| Repair::Lost { log: log.name.clone(), positions }));
                        run
                    }),
                (None, None) => None,
            };
            let end = header.first + u64::from(header.count);
            match bytes {
                Some(bytes) => {
                    view.unstored_bytes += bytes.len() as u64;
                    view.durable_end = end;
                    // Only its length matters here: nothing is read from memory before it is settled.
                    let offsets = vec![0; header.count as usize].into();
                    view.tail.push_back(Run { first: header.first, bytes, offsets });
                }
                None => {
                    drop(view);
                    self.skip_to(&log, end, repairs)?;
                    view = log.view.lock();
                }
            }
        }
        for op in ops {
            match op {
                Op::Set { key, value } => view.apply([(key, Some(value))]),
                Op::Unset { key } => view.apply([(key, None)]),
                Op::Trimmed { start } => {
                    log.start.fetch_max(start.min(view.durable_end), std::sync::atomic::Ordering::AcqRel);
                }
                Op::Deleted => {
                    self.logs.remove(&header.log);
                    log.start.store(u64::MAX, std::sync::atomic::Ordering::Release);
                }
                Op::Made { .. } => {}
            }
        }
        let much = view.unstored_bytes >= STORE_BYTES;
        drop(view);
        if log.start() == u64::MAX {
            drop_trimmed(&self.shared.open, &log, 0, |name| {
                let _ = self.shared.files.remove(&name.to_string());
            });
        } else if much {
            self.store(&log)?;
        }
        Ok(())
    }

    /// Entries up to `first` are lost: a hole between two segments.
    fn skip_to(&mut self, log: &LogCore, first: u64, repairs: &mut Vec<Repair>) -> io::Result<()> {
        let end = log.view.lock().durable_end;
        if first <= end {
            return Ok(());
        }
        repairs.push(Repair::Lost { log: log.name.clone(), positions: end..first });
        self.store(log)?;
        let mut view = log.view.lock();
        if let Some(last) = view.segments.back_mut() {
            last.closed = true;
        }
        (view.durable_end, view.stored_end) = (first, first);
        Ok(())
    }

    fn store(&mut self, log: &LogCore) -> io::Result<()> {
        store(&self.shared.open, self.shared.options.segment_bytes, log, &mut self.dirty)?;
        log.view.lock().tail.clear();
        Ok(())
    }

    /// Syncs everything, puts a snapshot in place and the logs into the catalogue.
    fn settle(mut self, group: u64) -> io::Result<()> {
        let mut logs: Vec<_> = self.logs.values().cloned().collect();
        // Of two logs of one name the older one was being deleted.
        logs.sort_unstable_by_key(|log| log.number);
        let mut writing = snapshot::Writing::new();
        let mut catalogue = Catalogue::default();
        catalogue.next_number = self.shared.catalogue.lock().next_number;
        let mut ends = Vec::new();
        for log in logs {
            self.store(&log)?;
            let view = std::mem::take(&mut *log.view.lock());
            writing.add(&log, &view);
            let ready = Arc::new(LogCore::new(log.number, log.id, log.name.clone(), log.start(), view));
            let stored = ready.view.lock().stored();
            ends.push((ready.clone(), stored));
            catalogue.by_name.insert(ready.name.clone(), ready);
        }
        if let Some(bad) = sync_segments(self.shared, &self.dirty).first() {
            return Err(io::Error::other(format!("segment {bad} could not be synced")));
        }
        let job = Job {
            group,
            snapshot: writing.finish(group, catalogue.next_number),
            dirty: BTreeSet::new(),
            ends,
            retired: Vec::new(),
            want_len: 0,
        };
        finish(self.shared, &Ahead::new(self.shared.files.clone(), 0), &job)?;
        *self.shared.catalogue.lock() = catalogue;
        Ok(())
    }
}

/// Which entries of a damaged run cannot be read, in ranges. Behind a damaged length it is not known where the
/// next one begins: then all the rest, of which readers may still find some.
fn damaged_positions(run: &[u8], first: u64, count: u32) -> Vec<Range<u64>> {
    let mut lost: Vec<Range<u64>> = Vec::new();
    let mut at = RUN_HEADER;
    let end = first + u64::from(count);
    for position in first..end {
        let len = run.get(at..).and_then(|rest| u32_at(rest, 0)).map(|len| ENTRY_HEADER + len as usize);
        let Some(framed) = len.and_then(|len| run.get(at..at + len)) else {
            lost.push(position..end);
            break;
        };
        at += framed.len();
        if entry_intact(position, framed) {
            continue;
        }
        match lost.last_mut().filter(|range| range.end == position) {
            Some(range) => range.end += 1,
            None => lost.push(position..position + 1),
        }
    }
    lost
}

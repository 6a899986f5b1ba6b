//! Writing a log's newest segments anew after one of them could not be synced.
//!
//! The kernel reports a failed write-back once and then takes the pages for clean, so syncing the
//! same file again would succeed and prove nothing. What the last checkpoint had synced is kept;
//! everything after it is still in the write-ahead files and goes from there into fresh files.

use std::{collections::BTreeSet, io};

use crate::{
    format::SegmentName,
    log_core::LogCore,
    replay,
    segment::store,
    shared::Shared,
    view::{Run, Segment, View},
};

/// Entries taken from the write-ahead files are written from this size on.
const STORE_BYTES: u64 = 1 << 20;

/// Replaces all segments of `log` behind the last checkpoint. May be repeated after an error.
pub(crate) fn rewrite(shared: &Shared, log: &LogCore, dirty: &mut BTreeSet<SegmentName>) -> io::Result<()> {
    let (mut kept, stored_end, generation, synced) = {
        let view = log.view.lock();
        (view.segments.clone(), view.stored_end, view.generation, view.synced)
    };
    kept.retain(|segment| segment.first() < synced.0);
    if let Some(last) = kept.back_mut() {
        if last.end > synced.0 {
            (last.end, last.bytes, last.index) = (synced.0, synced.1, None);
        }
        last.closed = true;
    }
    let view = View {
        durable_end: synced.0,
        stored_end: synced.0,
        generation: generation + 1,
        segments: kept,
        ..View::default()
    };
    // A stand-in, so that readers go on using the old files until the new ones are complete.
    let anew = LogCore::new(log.number, log.id, log.name.clone(), log.start(), view);
    let blocks = replay::find(&*shared.files, &shared.files.list()?)?;
    let (mut written, mut repairs) = (BTreeSet::new(), Vec::new());
    blocks.replay(0, &mut repairs, |frame, _| {
        let header = frame.header;
        let mut view = anew.view.lock();
        if header.log != log.number || header.first != view.durable_end || header.first >= stored_end {
            return Ok(());
        }
        let Some(bytes) = frame.run else { return Ok(()) };
        view.durable_end += u64::from(header.count);
        view.unstored_bytes += bytes.len() as u64;
        let offsets = vec![0; header.count as usize].into();
        view.tail.push_back(Run { first: header.first, bytes, offsets });
        let much = view.unstored_bytes >= STORE_BYTES;
        drop(view);
        if much {
            store_and_forget(shared, &anew, &mut written)?;
        }
        Ok(())
    })?;
    store_and_forget(shared, &anew, &mut written)?;

    let anew = anew.view.into_inner();
    let mut view = log.view.lock();
    // The next try must not use the names of this one.
    view.generation = anew.generation + 1;
    if anew.stored_end != stored_end {
        let text = format!(
            "log {:?}: positions {} to {stored_end} are not in the write-ahead files",
            log.name, anew.stored_end
        );
        return Err(io::Error::other(text));
    }
    let old: Vec<SegmentName> = view.segments.iter().map(|segment| segment.name).collect();
    view.segments = anew.segments;
    let now: BTreeSet<SegmentName> = view.segments.iter().map(|segment: &Segment| segment.name).collect();
    drop(view);
    dirty.extend(written);
    for name in old.into_iter().filter(|name| !now.contains(name)) {
        shared.open.forget(name);
        dirty.remove(&name);
        if let Err(error) = shared.files.remove(&name.to_string()) {
            tracing::warn!(segment = %name, %error, "journal: a segment that was given up could not be removed");
        }
    }
    Ok(())
}

fn store_and_forget(shared: &Shared, anew: &LogCore, written: &mut BTreeSet<SegmentName>) -> io::Result<()> {
    store(&shared.open, shared.options.segment_bytes, anew, written)?;
    anew.view.lock().tail.clear();
    Ok(())
}

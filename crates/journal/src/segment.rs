//! Writing segment files: runs from the memory tail go to the end of the log's last segment.

use std::{io, sync::atomic::Ordering};

use crate::{
    files::OpenFiles,
    format::{SegmentName, segment_header},
    log_core::LogCore,
    view::{Run, Segment},
};

/// Runs are gathered into writes of about this size.
const WRITE_BYTES: usize = 1 << 20;

/// Writes everything of `log` that is in memory only to segment files, without syncing. Names of
/// the files written are added to `dirty`. After an error it may be called again: writes go to
/// explicit offsets, and nothing counts as stored until it is written.
pub(crate) fn store(
    open: &OpenFiles,
    segment_bytes: u64,
    log: &LogCore,
    dirty: &mut impl Extend<SegmentName>,
) -> io::Result<()> {
    loop {
        let (runs, mut target) = {
            let view = log.view.lock();
            let from = view.tail.partition_point(|run| run.first < view.stored_end);
            let mut bytes = 0;
            let few = |run: &&Run| {
                let fits = bytes < WRITE_BYTES;
                bytes += run.bytes.len();
                fits
            };
            let runs: Vec<Run> = view.tail.range(from..).take_while(few).cloned().collect();
            let Some(first) = runs.first().map(|run| run.first) else { return Ok(()) };
            let fit = |s: &&Segment| !s.closed && s.end == first && s.bytes < segment_bytes;
            let target = view.segments.back().filter(fit).cloned();
            (runs, target.ok_or((first, view.generation)))
        };
        // Only the writer thread changes segments, so the view may be unlocked meanwhile.
        let file = match &target {
            Ok(segment) => open.get(segment.name)?,
            Err((first, generation)) => {
                let name = SegmentName { log: log.number, first: *first, generation: *generation };
                let file = open.create(name)?;
                let header = segment_header(log.number, *first, log.id, &log.name);
                file.write_at(&header, 0)?;
                let bytes = header.len() as u64;
                target = Ok(Segment { name, end: *first, bytes, index: Some(Vec::new()), closed: false });
                file
            }
        };
        let Ok(mut segment) = target else { return Ok(()) };
        let begin = segment.bytes;
        match runs.as_slice() {
            [run] => file.write_at(&run.bytes, begin)?,
            runs => {
                file.write_at(&runs.iter().map(|run| &run.bytes[..]).collect::<Vec<_>>().concat(), begin)?
            }
        }
        dirty.extend([segment.name]);

        let mut view = log.view.lock();
        let view = &mut *view;
        // A reader may have indexed the segment meanwhile: keep what is in the view.
        let known = view.segments.back_mut().filter(|last| last.name == segment.name);
        let mut grow = |segment: &mut Segment| {
            for run in &runs {
                if let Some(index) = &mut segment.index {
                    Segment::note(index, run.first, segment.bytes);
                }
                segment.bytes += run.bytes.len() as u64;
                segment.end = run.end();
                view.unstored_bytes -= run.bytes.len() as u64;
            }
            view.stored_end = segment.end;
        };
        match known {
            Some(last) => grow(last),
            None => {
                grow(&mut segment);
                view.generation += 1;
                if let Some(last) = view.segments.back_mut() {
                    last.closed = true;
                }
                view.segments.push_back(segment);
            }
        }
    }
}

/// Removes segments that are trimmed wholly. The last one goes too once everything is trimmed,
/// if it has grown past `linger_bytes`: an inbox that is always drained must not hold on to
/// a full segment. A file that cannot be removed is removed on the next opening.
pub(crate) fn drop_trimmed(open: &OpenFiles, log: &LogCore, linger_bytes: u64, remove: impl Fn(SegmentName)) {
    let start = log.start.load(Ordering::Acquire);
    let mut gone = Vec::new();
    {
        let mut view = log.view.lock();
        while let Some(segment) = view.segments.front() {
            let last = view.segments.len() == 1;
            if segment.end > start || (last && !segment.closed && segment.bytes < linger_bytes) {
                break;
            }
            gone.push(segment.name);
            view.segments.pop_front();
        }
    }
    for name in gone {
        open.forget(name);
        remove(name);
    }
}

//! What recovery starts from: the snapshot, or what can be found again without one, and the
//! segment files as they are.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    io,
};

use uuid::Uuid;

use crate::{
    format::{SegmentName, decode_segment_header},
    repair::Repair,
    runs::{Window, scan},
    shared::Shared,
    snapshot::{self, Loaded, LoadedLog, Unusable},
    view::Segment,
};

/// Why a folder cannot be opened.
pub(crate) enum Failure {
    Io(&'static str, io::Error),
    Version(u32),
}

/// Attaches what was being done to an IO error.
pub(crate) fn doing(what: &'static str) -> impl FnOnce(io::Error) -> Failure {
    move |error| Failure::Io(what, error)
}

pub(crate) fn load_snapshot(
    shared: &Shared,
    listed: &[(String, u64)],
    repairs: &mut Vec<Repair>,
) -> Result<Loaded, Failure> {
    let mut found: Vec<u64> = listed.iter().filter_map(|(name, _)| snapshot::parse(name)).collect();
    found.sort_unstable_by(|a, b| b.cmp(a));
    let Some(group) = found.first() else {
        let segments = listed.iter().filter_map(|(name, _)| SegmentName::parse(name)).next();
        if segments.is_none() {
            return Ok(Loaded { group: 0, next_log: 0, logs: Vec::new(), damaged: false, incomplete: false });
        }
        repairs.push(Repair::Snapshot { what: "there is none".into() });
        return salvage(shared, listed, Vec::new());
    };
    let name = snapshot::name(*group);
    let read = || {
        let file = shared.files.open(&name)?;
        let mut bytes = vec![0; file.len()? as usize];
        let got = file.read_at(&mut bytes, 0)?;
        bytes.truncate(got);
        Ok(bytes)
    };
    match snapshot::load(&read().map_err(doing("reading the snapshot"))?) {
        Ok(loaded) if !loaded.incomplete => {
            if loaded.damaged {
                let what = "damaged in one of its two copies; nothing is lost".to_owned();
                repairs.push(Repair::Damaged { file: name, what });
            }
            Ok(loaded)
        }
        Ok(loaded) => {
            repairs.push(Repair::Snapshot { what: format!("{name} is damaged in both copies") });
            let mut salvaged = salvage(shared, listed, loaded.logs)?;
            salvaged.group = loaded.group;
            salvaged.next_log = salvaged.next_log.max(loaded.next_log);
            Ok(salvaged)
        }
        Err(Unusable::Version(found)) => Err(Failure::Version(found)),
        Err(Unusable::Damaged) => {
            repairs.push(Repair::Snapshot { what: format!("{name} is damaged in both copies") });
            let mut salvaged = salvage(shared, listed, Vec::new())?;
            salvaged.group = *group;
            Ok(salvaged)
        }
    }
}

/// Finds logs again from their segment files; `known` ones are kept as they are.
fn salvage(shared: &Shared, listed: &[(String, u64)], known: Vec<LoadedLog>) -> Result<Loaded, Failure> {
    let mut logs: BTreeMap<u32, LoadedLog> = known.into_iter().map(|log| (log.number, log)).collect();
    let known: BTreeSet<u32> = logs.keys().copied().collect();
    let mut names: Vec<_> =
        listed.iter().filter_map(|(name, len)| Some((SegmentName::parse(name)?, *len))).collect();
    names.sort_unstable();
    let next_log = names.iter().map(|(name, _)| name.log + 1).max().unwrap_or(0);
    for (name, len) in names.into_iter().filter(|(name, _)| !known.contains(&name.log)) {
        let file = shared.open.get(name).map_err(doing("reading a segment"))?;
        let mut head = vec![0; 256.min(len as usize)];
        file.read_at(&mut head, 0).map_err(doing("reading a segment"))?;
        let mut window = Window::new(file, len, 256 << 10);
        let (_, last) = scan(&mut window, name.log, None).map_err(doing("reading a segment"))?;
        // A file whose runs stand before its own first position is none of ours.
        let Some((end, bytes)) = last.filter(|(end, _)| *end > name.first) else { continue };
        let log = logs.entry(name.log).or_insert_with(|| LoadedLog {
            number: name.log,
            id: Uuid::new_v4(),
            name: format!("recovered-{}", name.log),
            start: name.first,
            end: name.first,
            generation: 0,
            segments: VecDeque::new(),
            state: BTreeMap::new(),
        });
        if let Some((id, text, _)) = decode_segment_header(&head, name.log) {
            (log.id, log.name) = (id, text);
        }
        // Of two files that overlap, the one with the later generation was written to replace.
        log.segments.retain(|segment| segment.first() < name.first);
        if let Some(before) = log.segments.back_mut() {
            before.end = before.end.min(name.first);
        }
        log.end = end;
        log.segments.push_back(Segment { name, end, bytes, index: None, closed: true });
    }
    Ok(Loaded { group: 0, next_log, logs: logs.into_values().collect(), damaged: true, incomplete: false })
}

/// Compares a log's segments with the files there are.
pub(crate) fn check_segments(
    log: &mut LoadedLog,
    lens: &HashMap<SegmentName, u64>,
    repairs: &mut Vec<Repair>,
) {
    // Trimmed after the snapshot.
    while log.segments.front().is_some_and(|first| !lens.contains_key(&first.name)) {
        log.segments.pop_front();
    }
    log.start = log.start.max(log.segments.front().map_or(log.end, Segment::first));
    log.segments.retain(|segment| {
        let len = lens.get(&segment.name);
        match len {
            None => {
                let positions = segment.first()..segment.end;
                repairs.push(Repair::Lost { log: log.name.clone(), positions });
            }
            Some(len) if *len < segment.bytes => repairs.push(Repair::Damaged {
                file: segment.name.to_string(),
                what: format!("{} of {} bytes are missing at its end", segment.bytes - len, segment.bytes),
            }),
            Some(_) => {}
        }
        len.is_some()
    });
}

//! Starts without an end yet, kept in the journal: after a crash each is ended at its last seen frame.

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use watchpost_analytics::{Analysis, IdSource, OpenEvent};
use watchpost_journal as journal;
use watchpost_model::{
    Event, EventKind, Id, Instant, ObjectClass, Rect, Size, StreamTime, Subject, Timestamp, ZoneRef,
};

use crate::{intake::Intake, log::StateChange, recorder::RecordError};

/// State keys: one per open event.
const OPEN: &str = "open/";
/// State key: events left open in the other log of the instance have their ends, and are to be cleared there.
const ENDED: &str = "open-elsewhere-ended";
/// How long clearing them waits for their ends to be durable; if it takes longer, the next start clears them.
const DURABLE_LIMIT: Duration = Duration::from_secs(2);

/// Follows which events are open and says what of that must be kept.
#[derive(Default)]
pub(crate) struct OpenEvents {
    open: HashMap<Id, Kept>,
}

impl OpenEvents {
    /// What to keep in the same write as the frame's records.
    pub fn changes(&mut self, analysis: &Analysis) -> Vec<StateChange> {
        let mut changes: Vec<StateChange> = Vec::new();
        for open in &analysis.opened {
            if let Some(kept) = Kept::new(open) {
                changes.push((key(open.event.id), kept.to_bytes()));
                self.open.insert(open.event.id, kept);
            }
        }
        for (id, at) in &analysis.last_seen {
            if let Some(kept) = self.open.get_mut(id) {
                kept.last_seen = at.into();
                changes.push((key(*id), kept.to_bytes()));
            }
        }
        for id in &analysis.closed {
            self.open.remove(id);
            changes.push((key(*id), None));
        }
        changes
    }
}

/// Events that a crash has left open get their ends now, before anything new. Those of the log through which
/// records no longer enter (`elsewhere`), since a preprocess command came or went, get theirs too: once, though
/// two logs are never written in one step.
pub(crate) fn end_left_open(intake: &Intake, elsewhere: Option<&journal::Log>) -> Result<(), RecordError> {
    let here = &intake.state_log();
    let is_ended = |log: &journal::Log| log.state(ENDED).is_some();
    let ended = |open: &[OpenEvent]| watchpost_analytics::end_left_open(open, IdSource::default());
    let (open, mut changes) = left_open(here);
    // A crash came between ending and clearing them, and then the command came or went once more.
    let mut groups = if elsewhere.is_some_and(is_ended) { vec![] } else { ended(&open) };
    let (other_open, other_clear) = elsewhere.map(left_open).unwrap_or_default();
    if !other_clear.is_empty() && !is_ended(here) {
        groups.extend(ended(&other_open));
        changes.push((ENDED.to_owned(), Some(Bytes::new())));
    }
    if !groups.is_empty() {
        tracing::info!("{} events were left open by a crash and are ended now", groups.len());
    }
    if !changes.is_empty() {
        intake.take(&groups.iter().collect::<Vec<_>>(), vec![], changes)?;
    }
    let Some(other) = elsewhere else { return Ok(()) };
    if other_clear.is_empty() && !is_ended(here) && !is_ended(other) {
        return Ok(());
    }
    // Each step only when the one before is safe; what is not by then is done at the next start.
    if here.sync_blocking(DURABLE_LIMIT).is_ok() {
        let forget = [(ENDED.to_owned(), None)];
        other.set_state(other_clear.into_iter().chain(forget.clone()).collect())?;
        if other.sync_blocking(DURABLE_LIMIT).is_ok() {
            here.set_state(forget.to_vec())?;
        }
    }
    Ok(())
}

/// Records enter another log from now on, since a preprocess command has come or gone: what is open is closed
/// there. A crash between the two steps leaves it in both, and then ends it twice: once too often is better than
/// not at all.
pub(crate) fn move_along(from: &journal::Log, to: &journal::Log) -> Result<(), journal::Error> {
    let open = from.states(OPEN);
    if from.name() == to.name() || open.is_empty() {
        return Ok(());
    }
    to.set_state(open.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect())?;
    from.set_state(open.into_iter().map(|(key, _)| (key, None)).collect())
}

/// Events that were open when the log was last written, and the state keys to clear with their ends.
fn left_open(log: &journal::Log) -> (Vec<OpenEvent>, Vec<StateChange>) {
    let mut open = Vec::new();
    let mut clear = Vec::new();
    for (key, value) in log.states(OPEN) {
        match serde_json::from_slice::<Kept>(&value) {
            Ok(kept) => open.push(kept.into_open()),
            Err(error) => {
                tracing::error!("an open event kept as `{key}` cannot be read and gets no end: {error}")
            }
        }
        clear.push((key, None));
    }
    open.sort_by_key(|open| (open.at.frame_id, open.event.id));
    (open, clear)
}

fn key(id: Id) -> String {
    format!("{OPEN}{id}")
}

#[derive(Serialize, Deserialize)]
struct Kept {
    id: Id,
    kind: KeptKind,
    area: Option<(Id, String)>,
    track_id: Id,
    class: String,
    rect: [f32; 4],
    confidence: f32,
    at: KeptInstant,
    last_seen: KeptInstant,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum KeptKind {
    Intrusion,
    Loitering,
    ArmedPerson,
    FallenPerson,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
struct KeptInstant {
    frame_id: u64,
    time_ns: u64,
    timestamp_ms: i64,
    size: Option<(u32, u32)>,
}

impl Kept {
    fn new(open: &OpenEvent) -> Option<Self> {
        let (kind, area) = match &open.event.kind {
            EventKind::Intrusion(area) => (KeptKind::Intrusion, Some(area)),
            EventKind::Loitering(area) => (KeptKind::Loitering, Some(area)),
            EventKind::ArmedPerson => (KeptKind::ArmedPerson, None),
            EventKind::FallenPerson => (KeptKind::FallenPerson, None),
            _ => return None,
        };
        let subject = open.event.subjects.first()?;
        let Rect { x, y, width, height } = subject.rect;
        Some(Self {
            id: open.event.id,
            kind,
            area: area.map(|area| (area.id, area.name.clone())),
            track_id: subject.track_id,
            class: subject.class.name().to_owned(),
            rect: [x, y, width, height],
            confidence: subject.confidence,
            at: (&open.at).into(),
            last_seen: (&open.last_seen).into(),
        })
    }

    fn to_bytes(&self) -> Option<Bytes> {
        serde_json::to_vec(self).ok().map(Bytes::from)
    }

    fn into_open(self) -> OpenEvent {
        let area = self.area.map_or_else(
            || ZoneRef { id: Id::nil(), name: String::new() },
            |(id, name)| ZoneRef { id, name },
        );
        let kind = match self.kind {
            KeptKind::Intrusion => EventKind::Intrusion(area),
            KeptKind::Loitering => EventKind::Loitering(area),
            KeptKind::ArmedPerson => EventKind::ArmedPerson,
            KeptKind::FallenPerson => EventKind::FallenPerson,
        };
        let [x, y, width, height] = self.rect;
        let subject = Subject {
            track_id: self.track_id,
            class: self.class.parse().unwrap_or(ObjectClass::Unknown),
            rect: Rect { x, y, width, height },
            confidence: self.confidence,
        };
        OpenEvent {
            event: Event { id: self.id, kind, subjects: vec![subject] },
            at: self.at.into(),
            last_seen: self.last_seen.into(),
        }
    }
}

impl From<&Instant> for KeptInstant {
    fn from(at: &Instant) -> Self {
        Self {
            frame_id: at.frame_id,
            time_ns: at.time.as_nanos(),
            timestamp_ms: at.timestamp.0,
            size: at.size.map(|size| (size.width, size.height)),
        }
    }
}

impl From<KeptInstant> for Instant {
    fn from(at: KeptInstant) -> Self {
        Self {
            frame_id: at.frame_id,
            time: StreamTime::from_nanos(at.time_ns),
            timestamp: Timestamp(at.timestamp_ms),
            size: at.size.map(|(width, height)| Size { width, height }),
        }
    }
}

#[cfg(test)]
mod tests {
    use watchpost_analytics::end_left_open as ends_of;
    use watchpost_journal::{Commit, Journal, Options};
    use watchpost_model::Record;

    use super::*;

    fn at(frame_id: u64) -> Instant {
        Instant {
            frame_id,
            time: StreamTime::from_ms(frame_id as f64 * 40.0),
            timestamp: Timestamp(frame_id as i64 * 40),
            size: Some(Size { width: 640, height: 480 }),
        }
    }

    fn open(id: u128) -> OpenEvent {
        let subject = Subject {
            track_id: Id::from_u128(id + 100),
            class: ObjectClass::Person,
            rect: Rect { x: 0.1, y: 0.2, width: 0.3, height: 0.4 },
            confidence: 0.5,
        };
        let area = ZoneRef { id: Id::from_u128(9), name: "Yard".into() };
        let event =
            Event { id: Id::from_u128(id), kind: EventKind::Intrusion(area), subjects: vec![subject] };
        OpenEvent { event, at: at(1), last_seen: at(1) }
    }

    #[test]
    fn they_are_kept_updated_and_cleared_and_each_has_its_end_once_after_a_crash() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let (journal, _) = Journal::open(&path, Options::default()).unwrap();
        let log = journal.log("log").unwrap();
        let mut events = OpenEvents::default();
        let opened = Analysis { opened: vec![open(1), open(2)], ..Analysis::default() };
        log.set_state(events.changes(&opened)).unwrap();
        let seen = Analysis { last_seen: vec![(Id::from_u128(1), at(50))], ..Analysis::default() };
        log.set_state(events.changes(&seen)).unwrap();
        let closed = Analysis { closed: vec![Id::from_u128(2)], ..Analysis::default() };
        log.set_state(events.changes(&closed)).unwrap();
        journal.close();
        drop((log, journal));

        let (journal, _) = Journal::open(&path, Options::default()).unwrap();
        let log = journal.log("log").unwrap();
        let (left, clear) = left_open(&log);
        let mut expected = open(1);
        expected.last_seen = at(50);
        assert_eq!(left, [expected]);
        let groups = ends_of(&left, IdSource::default());
        assert_eq!((groups.len(), groups[0].at), (1, at(50)));
        let [Record::Event(end)] = &groups[0].records[..] else { panic!("one end") };
        assert!(matches!(&end.kind, EventKind::IntrusionEnd { start, .. } if *start == Id::from_u128(1)));
        log.append(Commit { entries: vec![], state: clear }).unwrap();
        assert_eq!(left_open(&log).0, [], "once");
    }

    #[test]
    fn those_in_the_log_that_is_no_longer_written_have_their_end_once_wherever_a_crash_comes() {
        // Where the first start is broken off: before anything, behind the ends, behind the clearing.
        for broken_off in 0..3 {
            let dir = tempfile::tempdir().unwrap();
            let (journal, _) = Journal::open(&dir.path().join("journal"), Options::default()).unwrap();
            let info = watchpost_export::InstanceInfo {
                id: Id::nil(),
                name: "Gate".into(),
                time_zone: "UTC".into(),
                lossless: true,
            };
            let wanted = std::sync::Arc::new(crate::wanted::Wanted::default());
            let ids = [(watchpost_schema::SchemaId::EventIntrusionEnd, watchpost_schema::Version::V2)];
            wanted.set([&watchpost_export::Selection::Records(ids.into())]);
            let log = crate::log::InstanceLog::new(journal.log("log").unwrap());
            let version = watchpost_schema::Version::V2;
            let recorder = crate::recorder::Recorder::new(log.clone(), &info, version, wanted);
            let intake = Intake::new(crate::intake::Way::Direct(std::sync::Arc::new(recorder)));

            let inbox = journal.log("inbox").unwrap();
            let mut events = OpenEvents::default();
            let opened = Analysis { opened: vec![open(1)], ..Analysis::default() };
            let kept = events.changes(&opened);
            inbox.set_state(kept.clone()).unwrap();
            if broken_off > 0 {
                end_left_open(&intake, Some(&inbox)).unwrap();
                assert_eq!(log.end(), 1);
                if broken_off == 1 {
                    inbox.set_state(kept).unwrap();
                }
                log.store().set_state(vec![(ENDED.to_owned(), Some(Bytes::new()))]).unwrap();
            }
            end_left_open(&intake, Some(&inbox)).unwrap();
            assert_eq!(log.end(), 1, "one end, broken off at {broken_off}");
            assert_eq!(left_open(&inbox).0, []);
            assert_eq!(log.store().state(ENDED), None);
            // The next one is not taken for one that has its end.
            inbox
                .set_state(events.changes(&Analysis { opened: vec![open(2)], ..Analysis::default() }))
                .unwrap();
            end_left_open(&intake, Some(&inbox)).unwrap();
            assert_eq!(log.end(), 2);
        }
    }

    #[test]
    fn what_cannot_be_read_is_cleared_too() {
        let dir = tempfile::tempdir().unwrap();
        let (journal, _) = Journal::open(&dir.path().join("journal"), Options::default()).unwrap();
        let log = journal.log("log").unwrap();
        log.set_state(vec![("open/x".into(), Some(Bytes::from_static(b"{")))]).unwrap();
        assert_eq!(left_open(&log), (vec![], vec![("open/x".into(), None)]));
    }
}

//! After a crash: the ends that were never sent.

use watchpost_model::{Event, EventKind, Group, Id, Record};

use crate::{IdSource, OpenEvent, ids::Ids};

/// Ends each of `open`, as the journal kept them, at the last frame in which its track was seen.
/// Returns one group each; what is no start is left out.
pub fn end_left_open(open: &[OpenEvent], ids: IdSource) -> Vec<Group> {
    let mut ids = Ids::new(ids);
    open.iter().filter_map(|open| end(open, &mut ids)).collect()
}

fn end(open: &OpenEvent, ids: &mut Ids) -> Option<Group> {
    let start: Id = open.event.id;
    let duration = open.last_seen.time.since(open.at.time);
    let kind = match &open.event.kind {
        EventKind::Intrusion(area) => EventKind::IntrusionEnd { area: area.clone(), start, duration },
        EventKind::Loitering(area) => EventKind::LoiteringEnd { area: area.clone(), start, duration },
        EventKind::ArmedPerson => EventKind::ArmedPersonEnd { start, duration },
        EventKind::FallenPerson => EventKind::FallenPersonEnd { start, duration },
        _ => return None,
    };
    let event = Event { id: ids.next(), kind, subjects: open.event.subjects.clone() };
    Some(Group { at: open.last_seen, records: vec![Record::Event(event)] })
}

//! Where one of the latest events is in the log, and who has it. Told by whoever writes and delivers, at a moment when
//! that is known anyway; nothing is looked up for it, and of all other records nothing is kept.

use std::{
    ops::RangeInclusive,
    sync::{Arc, atomic::Ordering},
    time::SystemTime,
};

use parking_lot::Mutex;
use watchpost_model::{Group, Id};

use super::{Latest, LatestEvent, event};
use crate::{status::ReceiverStatus, trace};

/// Of one event.
#[derive(Default)]
pub(super) struct Whereabouts(Mutex<Known>);

/// What is known of where an event is.
#[derive(Clone, Default)]
pub(crate) struct Known {
    /// In the log; `None`: no receiver selects it, or it has not come so far.
    pub position: Option<u64>,
    /// Before the preprocess command.
    pub inbox: Option<InInbox>,
    /// Who has it, or has refused it.
    pub marks: Vec<Mark>,
}

/// The message an event was in.
#[derive(Clone, Copy)]
pub(crate) struct InInbox {
    pub position: u64,
    /// Since when.
    pub at: SystemTime,
    /// When it was given up for killing the command, Unix ms.
    pub refused_at_ms: Option<i64>,
}

/// What one receiver has said to an event.
#[derive(Clone)]
pub(crate) struct Mark {
    pub receiver: Arc<ReceiverStatus>,
    pub said: Said,
    /// Unix ms.
    pub at_ms: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Delivered,
    Refused { letter: u64 },
}

impl LatestEvent {
    /// Where it is.
    pub fn known(&self) -> Known {
        self.whereabouts.0.lock().clone()
    }

    /// `receiver` has it. `whole`: with everything that belongs to it; if not, it may be what was refused before.
    pub fn delivered(&self, receiver: &Arc<ReceiverStatus>, whole: bool) {
        let mut known = self.whereabouts.0.lock();
        let mark = known.marks.iter().find(|mark| Arc::ptr_eq(&mark.receiver, receiver));
        if whole || !matches!(mark, Some(Mark { said: Said::Refused { .. }, .. })) {
            known.mark(receiver, Said::Delivered);
        }
    }

    /// `receiver` will never take it: the dead letter `letter` has it.
    pub fn refused(&self, receiver: &Arc<ReceiverStatus>, letter: u64) {
        self.whereabouts.0.lock().mark(receiver, Said::Refused { letter });
    }
}

impl Known {
    fn mark(&mut self, receiver: &Arc<ReceiverStatus>, said: Said) {
        self.marks.retain(|mark| !Arc::ptr_eq(&mark.receiver, receiver));
        self.marks.push(Mark { receiver: receiver.clone(), said, at_ms: now_ms() });
    }
}

impl Latest {
    /// The event is about to enter the log, at `position`. Said before anybody can read it there.
    pub fn enters(&self, event: Id, position: u64) {
        if let Some(event) = self.find(event) {
            event.whereabouts.0.lock().position.get_or_insert(position);
            self.end.fetch_max(position + 1, Ordering::Relaxed);
        }
    }

    /// There was no room for what was to enter from `first` on.
    pub fn did_not_enter(&self, first: u64) {
        for event in self.all() {
            let mut known = event.whereabouts.0.lock();
            known.position = known.position.filter(|position| *position < first);
        }
    }

    /// These groups wait for the preprocess command, one message each, the first at `first`.
    pub fn enter_inbox(&self, groups: &[&Group], first: u64) {
        for (position, group) in (first..).zip(groups) {
            let event = group.records.iter().find_map(event).and_then(|event| self.find(event.id));
            if let Some(event) = event {
                let waits = InInbox { position, at: SystemTime::now(), refused_at_ms: None };
                event.whereabouts.0.lock().inbox.get_or_insert(waits);
            }
        }
    }

    /// A message was given up for killing the preprocess command.
    pub fn killed_preprocess(&self, position: u64, reason: &str) {
        for event in self.all() {
            if let Some(inbox) = &mut event.whereabouts.0.lock().inbox
                && inbox.position == position
            {
                inbox.refused_at_ms = Some(now_ms());
                trace::preprocessed(event.event.id, inbox.at, Some(reason));
            }
        }
    }

    /// The preprocess command's answer to an event is in the log.
    pub fn preprocessed(&self, event: Id) {
        if trace::is_on()
            && let Some(inbox) = self.find(event).and_then(|event| event.known().inbox)
        {
            trace::preprocessed(event, inbox.at, None);
        }
    }

    /// Whether one of them may be at `position` or behind it: one comparison, for those who deliver everything.
    pub fn may_be_from(&self, position: u64) -> bool {
        self.end.load(Ordering::Relaxed) > position
    }

    /// Those at these positions.
    pub fn within(&self, positions: RangeInclusive<u64>) -> Vec<(u64, Arc<LatestEvent>)> {
        let position = |event: &LatestEvent| event.whereabouts.0.lock().position;
        let events = self.events.lock();
        let at = events.iter().filter_map(|event| Some((position(event)?, event.clone())));
        at.filter(|(position, _)| positions.contains(position)).collect()
    }

    /// A dead letter was delivered after all.
    pub fn resent(&self, receiver: &Arc<ReceiverStatus>, letter: u64) {
        for event in self.all() {
            let mut known = event.whereabouts.0.lock();
            let is_it =
                |mark: &Mark| Arc::ptr_eq(&mark.receiver, receiver) && mark.said == Said::Refused { letter };
            if known.marks.iter().any(is_it) {
                known.mark(receiver, Said::Delivered);
            }
        }
    }

    /// Looked for from the newest on: it has just come.
    fn find(&self, id: Id) -> Option<Arc<LatestEvent>> {
        self.events.lock().iter().rev().find(|event| event.event.id == id).cloned()
    }
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

#[cfg(test)]
mod tests {
    use super::{super::tests::group_of, *};

    #[test]
    fn who_has_an_event_is_known_while_it_is_kept_and_nothing_is_claimed_that_was_not_said() {
        let latest = Latest::default();
        assert!(!latest.may_be_from(0));
        let groups = [group_of(1), group_of(2), group_of(3)];
        latest.take(&groups);
        latest.enter_inbox(&groups.iter().collect::<Vec<_>>(), 70);
        latest.killed_preprocess(72, "");
        latest.enters(Id::from_u128(1), 10);
        latest.enters(Id::from_u128(2), 12);
        latest.enters(Id::from_u128(9), 50);
        assert!(latest.may_be_from(12) && !latest.may_be_from(13));
        let positions =
            |range| latest.within(range).into_iter().map(|(position, _)| position).collect::<Vec<_>>();
        assert_eq!((positions(0..=11), positions(11..=99)), (vec![10], vec![12]));
        let (a, b) = (Arc::new(ReceiverStatus::new("a", "json")), Arc::new(ReceiverStatus::new("b", "json")));
        let (_, first) = latest.within(10..=10).remove(0);
        first.refused(&a, 4);
        first.delivered(&a, false);
        first.delivered(&b, true);
        let said = || {
            let known = first.known();
            let mut said: Vec<_> = known.marks.iter().map(|m| (m.receiver.name.clone(), m.said)).collect();
            said.sort_by(|x, y| x.0.cmp(&y.0));
            said.into_iter().map(|(_, said)| said).collect::<Vec<_>>()
        };
        assert_eq!(
            said(),
            [Said::Refused { letter: 4 }, Said::Delivered],
            "what belongs to it was delivered"
        );
        latest.resent(&b, 4);
        latest.resent(&a, 5);
        assert_eq!(said()[0], Said::Refused { letter: 4 });
        latest.resent(&a, 4);
        assert_eq!(said(), [Said::Delivered; 2]);
        let inboxes: Vec<_> = latest.all().iter().filter_map(|event| event.known().inbox).collect();
        assert_eq!(inboxes.iter().map(|inbox| inbox.position).collect::<Vec<_>>(), [70, 71, 72]);
        assert!(inboxes[1].refused_at_ms.is_none() && inboxes[2].refused_at_ms.is_some());
        latest.did_not_enter(12);
        assert_eq!(positions(0..=99), [10]);
    }
}

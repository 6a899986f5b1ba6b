//! The latest events of an instance, for people who look: kept in memory whether an export takes them or not, and
//! gone with the process. What has to arrive somewhere is in the log.

mod whereabouts;

use std::{
    collections::VecDeque,
    sync::{Arc, LazyLock, OnceLock, atomic::AtomicU64},
};

use parking_lot::Mutex;
use tokio::sync::broadcast;
use watchpost_model::{Event, Group, Id, Instant, Record};

pub(crate) use self::whereabouts::Said;
use self::whereabouts::Whereabouts;

/// Events of one instance: more than a page shows at once, and some dozens of kB.
const MAX_EVENTS: usize = 100;
/// Bytes of pictures of one instance; those of the oldest go first. With 200 busy instances that is 100 MiB.
const MAX_CROP_BYTES: usize = 512 << 10;

/// Events that may wait for somebody who follows those of all instances; who is slower loses the oldest.
const MAX_WAITING: usize = 256;

/// Puts the events of all instances in one order, and tells whoever follows.
static ORDER: LazyLock<Mutex<Order>> = LazyLock::new(|| {
    // Numbers go on over restarts, as long as there are fewer than a thousand events a second: whoever comes back with
    // one is not told what they know.
    let first = jiff::Timestamp::now().as_millisecond().unsigned_abs();
    Mutex::new(Order { first, next: first, follow: broadcast::Sender::new(MAX_WAITING) })
});

struct Order {
    first: u64,
    next: u64,
    follow: broadcast::Sender<Arc<LatestEvent>>,
}

/// The events of all instances from now on, the number that the next one gets, and that of the first since the
/// process has started.
pub(crate) fn follow() -> (broadcast::Receiver<Arc<LatestEvent>>, u64, u64) {
    let order = ORDER.lock();
    (order.follow.subscribe(), order.next, order.first)
}

/// See the module.
#[derive(Default)]
pub(crate) struct Latest {
    /// Said once, by the instance that it is of.
    instance: OnceLock<Id>,
    events: Mutex<VecDeque<Arc<LatestEvent>>>,
    /// Behind the last position in the log at which one of them is.
    end: AtomicU64,
}

/// One event.
pub(crate) struct LatestEvent {
    /// Higher is later, over all instances.
    pub number: u64,
    /// Where it happened.
    pub instance: Id,
    pub at: Instant,
    pub event: Event,
    /// The best picture it came with, a JPEG file.
    crop: Mutex<Option<Arc<[u8]>>>,
    /// Where it is in the log, and who has it.
    whereabouts: Whereabouts,
}

impl LatestEvent {
    /// Its picture, as long as that is kept.
    pub fn crop(&self) -> Option<Arc<[u8]>> {
        self.crop.lock().clone()
    }
}

impl Latest {
    /// Of which instance it is.
    pub fn belongs_to(&self, instance: Id) {
        self.instance.get_or_init(|| instance);
    }

    /// Takes in what was found in a frame.
    pub fn take(&self, groups: &[Group]) {
        for group in groups {
            let Some(event) = group.records.iter().find_map(event) else { continue };
            let crops = group.records.iter().filter_map(|record| match record {
                Record::Crop(crop) => Some(crop),
                _ => None,
            });
            let best = crops.max_by(|a, b| a.confidence.total_cmp(&b.confidence));
            let crop = Mutex::new(best.map(|crop| crop.jpeg.as_slice().into()));
            let (instance, at, event) =
                (self.instance.get().copied().unwrap_or_default(), group.at, event.clone());
            let whereabouts = Whereabouts::default();
            // Kept before the next one has a number: who looks at what is kept after that finds it.
            let mut order = ORDER.lock();
            let event = Arc::new(LatestEvent { number: order.next, instance, at, event, crop, whereabouts });
            order.next += 1;
            self.keep(event.clone());
            // Nobody follows, mostly.
            let _followers = order.follow.send(event);
        }
    }

    fn keep(&self, event: Arc<LatestEvent>) {
        let mut events = self.events.lock();
        if events.len() == MAX_EVENTS {
            events.pop_front();
        }
        events.push_back(event);
        let mut bytes = 0;
        for event in events.iter().rev() {
            let mut crop = event.crop.lock();
            bytes += crop.as_ref().map_or(0, |crop| crop.len());
            if bytes > MAX_CROP_BYTES {
                *crop = None;
            }
        }
    }

    /// All that are kept, oldest first.
    pub fn all(&self) -> Vec<Arc<LatestEvent>> {
        self.events.lock().iter().cloned().collect()
    }
}

/// The event that a record is.
pub(crate) fn event(record: &Record) -> Option<&Event> {
    match record {
        Record::Event(event) => Some(event),
        _ => None,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use watchpost_model::{Crop, EventKind, Id, Rect, StreamTime, Timestamp, ZoneRef};

    use super::*;

    fn group(bytes: usize) -> Group {
        group_with(Id::from_u128(1), bytes)
    }

    /// An event of this id.
    pub(crate) fn group_of(id: u128) -> Group {
        group_with(Id::from_u128(id), 1)
    }

    fn group_with(id: Id, bytes: usize) -> Group {
        let at = Instant { frame_id: 0, time: StreamTime::ZERO, timestamp: Timestamp(0), size: None };
        let rect = Rect { x: 0.0, y: 0.0, width: 0.1, height: 0.1 };
        let zone = ZoneRef { id, name: "Gate".into() };
        let event = Event { id, kind: EventKind::AreaEnter(zone), subjects: Vec::new() };
        let crop = |confidence, jpeg| Crop {
            track_id: id,
            event_id: Some(id),
            taken_at: StreamTime::ZERO,
            rect,
            confidence,
            jpeg,
        };
        let crops = [crop(0.2, vec![1]), crop(0.9, vec![0; bytes])].map(Record::Crop);
        Group { at, records: std::iter::once(Record::Event(event)).chain(crops).collect() }
    }

    #[test]
    fn the_newest_stay_and_pictures_of_the_oldest_go_first() {
        let latest = Latest::default();
        latest.take(&vec![group(MAX_CROP_BYTES / 2); MAX_EVENTS + 5]);
        let all = latest.all();
        assert_eq!(all.len(), MAX_EVENTS);
        assert!(all.windows(2).all(|pair| pair[0].number < pair[1].number));
        let kept: Vec<_> = all.iter().rev().map(|event| event.crop().map(|crop| crop.len())).collect();
        assert_eq!(
            kept[..3],
            [Some(MAX_CROP_BYTES / 2), Some(MAX_CROP_BYTES / 2), None],
            "the best of each, two fit"
        );
        assert!(kept[2..].iter().all(Option::is_none));
    }
}

//! Frames between the video and whoever takes them: they go on in order, each with what the detector
//! said of it. No clock, no child, no video in here.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use watchpost_model::Detection;

use crate::Item;

/// Frames that wait here at most: of 1080p 50 MB, at 25 a second longer than [`HOLD`].
const MAX_HELD: usize = 16;
/// Unanswered frames where none may be dropped: the detector reads the next one while it works on this,
/// and one with several threads or batches has something to do.
const IN_FLIGHT_LOSSLESS: usize = 4;
/// How long a live picture waits for its detections: so long boxes are drawn on the frame they belong to.
/// After that the picture goes on without, and its detections follow when they come.
const HOLD: Duration = Duration::from_millis(500);

/// What is known of a frame.
#[derive(Debug)]
enum State {
    /// It is not for the detector.
    Passes,
    /// It is to be given to the detector.
    Due,
    /// The detector has it.
    Asked,
    /// The detector has answered; `None`: there will be no answer.
    Answered(Option<Vec<Detection>>),
}

#[derive(Debug)]
struct Held {
    item: Item,
    state: State,
    since: Instant,
}

/// The frames that wait.
#[derive(Debug)]
pub(super) struct Window {
    held: VecDeque<Held>,
    /// A frame whose picture has gone on while the detector has it, and its answer.
    late: Option<(Item, Option<Vec<Detection>>)>,
    in_flight: usize,
    lossless: bool,
    /// Frames that the detector had no time for.
    pub skipped: u64,
    /// Frames the detector had no word on.
    pub unmatched: u64,
}

impl Window {
    /// `lossless`: every frame that is due is asked about, however long it takes.
    pub fn new(lossless: bool) -> Self {
        Self { held: VecDeque::new(), late: None, in_flight: 0, lossless, skipped: 0, unmatched: 0 }
    }

    /// Whether another frame may come in.
    pub fn has_room(&self) -> bool {
        !self.lossless || self.held.len() < MAX_HELD
    }

    pub fn is_empty(&self) -> bool {
        self.held.is_empty() && self.late.is_none()
    }

    /// Whether the detector has something.
    pub fn is_waiting(&self) -> bool {
        self.in_flight > 0
    }

    /// A frame comes in; `due`: it is for the detector.
    pub fn arrived(&mut self, item: Item, due: bool, now: Instant) {
        let state = if due { State::Due } else { State::Passes };
        self.held.push_back(Held { item, state, since: now });
    }

    /// The frame to give to the detector now, if there is one and it has room: where none may be dropped
    /// the oldest, else the newest, and those before it are passed over.
    pub fn ask(&mut self) -> Option<&Item> {
        let limit = if self.lossless { IN_FLIGHT_LOSSLESS } else { 1 };
        if self.in_flight >= limit {
            return None;
        }
        let mut due = self.held.iter_mut().filter(|held| matches!(held.state, State::Due));
        let held = if self.lossless {
            due.next()?
        } else {
            let newest = due.next_back()?;
            for older in due {
                older.state = State::Passes;
                self.skipped += 1;
            }
            newest
        };
        held.state = State::Asked;
        self.in_flight += 1;
        Some(&held.item)
    }

    /// The detector has said all it will of frame `id`.
    pub fn answered(&mut self, id: u64, detections: Option<Vec<Detection>>) {
        let asked = |held: &&mut Held| held.item.frame.id == id && matches!(held.state, State::Asked);
        if let Some(held) = self.held.iter_mut().find(asked) {
            held.state = State::Answered(detections);
        } else if self.late.as_ref().is_some_and(|(item, _)| item.frame.id == id) {
            match detections {
                Some(detections) => {
                    if let Some((_, answer)) = &mut self.late {
                        *answer = Some(detections);
                    }
                }
                None => {
                    self.late = None;
                    self.unmatched += 1;
                }
            }
        } else {
            return;
        }
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// The detector is gone, and with it what it had.
    pub fn lost(&mut self) {
        let asked = self.held.iter_mut().filter(|held| matches!(held.state, State::Asked));
        asked.for_each(|held| held.state = State::Answered(None));
        if self.late.take_if(|(_, answer)| answer.is_none()).is_some() {
            self.unmatched += 1;
        }
        self.in_flight = 0;
    }

    /// The next frame that can go on.
    pub fn next(&mut self, now: Instant) -> Option<Item> {
        if let Some((item, detections)) = self.late.take_if(|(_, answer)| answer.is_some()) {
            return Some(Item { detections, analyse: true, again: true, ..item });
        }
        let head = self.held.front_mut()?;
        let pass = |item: Item| Some(Item { analyse: false, ..item });
        match &mut head.state {
            // Where none may be dropped its turn comes; else the detector is busy with a late one, or away.
            State::Due if self.lossless => None,
            State::Due => {
                self.skipped += 1;
                pass(self.held.pop_front()?.item)
            }
            State::Passes => pass(self.held.pop_front()?.item),
            State::Asked => {
                let old = now.duration_since(head.since) > HOLD || self.held.len() > MAX_HELD;
                if self.lossless || !old {
                    return None;
                }
                let item = self.held.pop_front()?.item;
                self.late = Some((item.clone(), None));
                pass(item)
            }
            State::Answered(answer) => {
                let detections = answer.take();
                self.unmatched += u64::from(detections.is_none());
                let item = self.held.pop_front()?.item;
                Some(Item { analyse: detections.is_some(), detections, ..item })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use watchpost_model::{Frame, StreamTime, Timestamp};

    use super::*;

    fn item(id: u64) -> Item {
        let time = StreamTime::from_ms(id as f64 * 40.0);
        let frame = Frame { id, time, timestamp: Timestamp(0), size: None, image: None };
        Item { frame, detections: None, analyse: true, again: false }
    }

    fn out(window: &mut Window, now: Instant) -> Vec<(u64, bool, bool)> {
        std::iter::from_fn(|| window.next(now))
            .map(|item| (item.frame.id, item.analyse, item.again))
            .collect()
    }

    fn ask(window: &mut Window) -> Option<u64> {
        window.ask().map(|item| item.frame.id)
    }

    #[test]
    fn live_the_newest_is_asked_about_and_nothing_waits_long() {
        let (mut window, start) = (Window::new(false), Instant::now());
        window.arrived(item(0), true, start);
        assert_eq!(ask(&mut window), Some(0));
        for id in 1..4 {
            window.arrived(item(id), true, start);
            assert_eq!(ask(&mut window), None);
        }
        assert_eq!(out(&mut window, start), []);
        window.answered(0, Some(vec![]));
        assert_eq!(ask(&mut window), Some(3));
        assert_eq!(out(&mut window, start), [(0, true, false), (1, false, false), (2, false, false)]);
        // Too slow: its picture goes on, its answer follows.
        let later = start + HOLD + Duration::from_millis(1);
        window.arrived(item(4), true, later);
        assert_eq!(out(&mut window, later), [(3, false, false), (4, false, false)]);
        window.arrived(item(5), true, later);
        assert_eq!(out(&mut window, later), [(5, false, false)]);
        window.answered(3, Some(vec![]));
        assert_eq!(out(&mut window, later), [(3, true, true)]);
        window.arrived(item(6), true, later);
        assert_eq!(ask(&mut window), Some(6));
        window.lost();
        assert_eq!(out(&mut window, later), [(6, false, false)]);
        assert_eq!((window.skipped, window.unmatched, window.is_empty()), (4, 1, true));
    }

    #[test]
    fn lossless_every_due_frame_is_asked_about_and_answers_may_come_in_any_order() {
        let (mut window, now) = (Window::new(true), Instant::now());
        let mut id = 0;
        while window.has_room() {
            window.arrived(item(id), id % 2 == 0, now);
            id += 1;
        }
        assert_eq!(std::iter::from_fn(|| ask(&mut window)).collect::<Vec<_>>(), [0, 2, 4, 6]);
        window.answered(2, Some(vec![]));
        assert_eq!(out(&mut window, now + HOLD * 100), []);
        window.answered(0, None);
        let expected = [(0, false, false), (1, false, false), (2, true, false), (3, false, false)];
        assert_eq!(out(&mut window, now), expected);
        assert_eq!((ask(&mut window), ask(&mut window), ask(&mut window)), (Some(8), Some(10), None));
        assert_eq!((window.skipped, window.unmatched), (0, 1));
    }

    proptest! {
        /// Whatever happens, pictures go on in order and none twice; what is analysed never goes back.
        #[test]
        fn in_order(steps in proptest::collection::vec((0..6_u8, 0..8_u64), 1..200), lossless in any::<bool>()) {
            let (mut window, start) = (Window::new(lossless), Instant::now());
            let (mut arrived, mut asked, mut shown, mut analysed) = (0, Vec::new(), 0, None);
            let mut now = start;
            for (what, number) in steps {
                match what {
                    0 | 1 if window.has_room() => {
                        window.arrived(item(arrived), number > 1, now);
                        arrived += 1;
                    }
                    2 => asked.extend(ask(&mut window)),
                    3 if !asked.is_empty() => {
                        let id = asked.remove(number as usize % asked.len());
                        window.answered(id, (number > 0).then(Vec::new));
                    }
                    4 => now += Duration::from_millis(100 * number),
                    5 if !lossless => { window.lost(); asked.clear(); }
                    _ => {}
                }
                for item in std::iter::from_fn(|| window.next(now)) {
                    if !item.again {
                        prop_assert_eq!(item.frame.id, shown);
                        shown += 1;
                    }
                    prop_assert!(!item.again || !lossless);
                    if item.analyse {
                        prop_assert!(analysed.is_none_or(|last| last < item.frame.id));
                        prop_assert!(item.detections.is_some());
                        analysed = Some(item.frame.id);
                    }
                }
                prop_assert!(window.held.len() <= MAX_HELD + 1);
            }
        }
    }
}

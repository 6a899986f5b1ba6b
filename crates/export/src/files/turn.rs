//! Who may write now.
//!
//! A sync costs as much for one line as for a thousand. Two hundred files that each get a line every 10 ms
//! would ask a disk for twenty thousand syncs a second, which none can do; so receivers take turns, and what
//! comes while one waits for its turn goes with the same sync. With few receivers nobody ever waits.

use std::{
    collections::HashMap,
    future::poll_fn,
    os::unix::fs::MetadataExt,
    path::Path,
    pin::Pin,
    sync::{Arc, LazyLock},
    task::{Context, Poll, Waker, ready},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Receivers that write to one file system at a time: one can copy while the other waits for the disk. More
/// would only make more and smaller syncs.
const AT_A_TIME: usize = 2;
/// And at least this long from one to the next: even where a disk could do more, each costs some 50 µs of
/// processor, and a thousand a second are a twentieth of one. Ten receivers that are always busy notice nothing.
const APART: Duration = Duration::from_millis(1);

/// The turns of each file system, by device number: one that hangs (a dead network share) holds up nobody who
/// writes elsewhere. There are as many as a machine has file systems, so none is forgotten.
static QUEUES: LazyLock<Mutex<HashMap<u64, Arc<Queue>>>> = LazyLock::new(Mutex::default);

struct Queue {
    places: Arc<Semaphore>,
    /// When the next turn may begin.
    next: Mutex<Instant>,
}

/// A place in the queue of a file system's writers.
pub(crate) struct Turns {
    queue: Arc<Queue>,
    /// Kept while it waits: whoever polls may be dropped, and must not have to queue again.
    waiting: Option<Waiting>,
}

struct Waiting {
    /// Not before.
    at: Instant,
    turn: Pin<Box<dyn Future<Output = Option<Turn>> + Send>>,
}

/// Leave to write; given back when dropped.
pub(crate) struct Turn {
    _permit: OwnedSemaphorePermit,
}

impl Turns {
    /// The queue of the file system that holds `folder`, which exists.
    pub(crate) fn of(folder: &Path) -> std::io::Result<Self> {
        let device = std::fs::metadata(folder)?.dev();
        Ok(Self::in_queue(QUEUES.lock().entry(device).or_default().clone()))
    }

    fn in_queue(queue: Arc<Queue>) -> Self {
        Self { queue, waiting: None }
    }

    /// Until when it waits for sure; nothing if it does not wait, or may have its turn at any moment.
    pub(crate) fn not_before(&self) -> Option<Instant> {
        self.waiting.as_ref().map(|waiting| waiting.at).filter(|at| *at > Instant::now())
    }

    /// Waits for a turn; may be dropped and called again without losing its place. `None` never happens: no
    /// queue is ever closed.
    pub(crate) async fn next(&mut self) -> Option<Turn> {
        poll_fn(|context| self.poll(context)).await
    }

    /// A turn, if it has come; else its place is kept for [`Self::next`].
    pub(crate) fn now(&mut self) -> Option<Turn> {
        match self.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(turn) => turn,
            Poll::Pending => None,
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Turn>> {
        let queue = &self.queue;
        let waiting = self.waiting.get_or_insert_with(|| {
            let (at, places) = (queue.reserve(), queue.places.clone());
            let turn = async move {
                tokio::time::sleep_until(at.into()).await;
                places.acquire_owned().await.ok().map(|permit| Turn { _permit: permit })
            };
            Waiting { at, turn: Box::pin(turn) }
        });
        let turn = ready!(waiting.turn.as_mut().poll(context));
        self.waiting = None;
        Poll::Ready(turn)
    }
}

impl Default for Queue {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(AT_A_TIME)), next: Mutex::new(Instant::now()) }
    }
}

impl Queue {
    /// The next moment that nobody has yet.
    fn reserve(&self) -> Instant {
        let mut next = self.next.lock();
        let at = Instant::now().max(*next);
        *next = at + APART;
        at
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn so_many_at_a_time_and_a_place_is_kept() {
        let queue = Arc::<Queue>::default();
        let [mut first, mut second, mut third, mut last] = [(); 4].map(|()| Turns::in_queue(queue.clone()));
        let (turn, _other) = (first.next().await, second.next().await);
        // The third asks, and is interrupted; then the last one asks.
        let soon = Duration::from_millis(20);
        assert!(tokio::time::timeout(soon, third.next()).await.is_err());
        assert!(tokio::time::timeout(soon, last.next()).await.is_err());
        drop(turn);
        assert!(last.now().is_none(), "the third was before it");
        let turn = third.next().await;
        assert!(turn.is_some());
        drop(turn);
        assert!(last.next().await.is_some());
    }

    #[tokio::test]
    async fn turns_are_apart_and_whoever_waits_knows_until_when() {
        let queue = Arc::<Queue>::default();
        let began = Instant::now();
        let mut waiting: Vec<Turns> = (0..20).map(|_| Turns::in_queue(queue.clone())).collect();
        let at_once = waiting.iter_mut().filter_map(Turns::now).count();
        assert!(at_once <= 1 + began.elapsed().as_millis() as usize, "{at_once}");
        let last = waiting.last_mut().unwrap();
        assert!(last.not_before().is_some_and(|at| at >= began + 18 * APART) || began.elapsed() > 18 * APART);
        assert!(last.next().await.is_some());
        assert!(began.elapsed() >= 19 * APART && last.not_before().is_none());
    }

    #[test]
    fn a_file_system_has_one_queue() {
        let folder = tempfile::tempdir().unwrap();
        let [one, two] = [(); 2].map(|()| Turns::of(folder.path()).unwrap());
        assert!(Arc::ptr_eq(&one.queue, &two.queue));
        assert!(Turns::of(&folder.path().join("missing")).is_err());
    }
}

//! The bound on duplicates: how far a receiver may go past its cursor on disk.
//!
//! A cursor is on disk with the next sync of the journal, 5 ms later; on a machine that is short of everything,
//! later. What was acknowledged until then comes again after a crash. A quick receiver with much to catch up on
//! would have a lot of it, so it waits for the sync once there is this much.

use std::time::Duration;

use watchpost_journal as journal;

use crate::log::InstanceLog;

/// Deliveries past the cursor on disk, besides those that may be unanswered: what a million a second have between
/// two syncs. Only who is quicker, or on a disk that is slower, ever waits.
const MOST: u64 = 8192;
/// How soon it is seen that the journal cannot be written any more: nobody waits for it then.
const LOOK: Duration = Duration::from_millis(50);

/// Where the cursor on disk was when last looked at.
pub(super) struct Ahead {
    durable: u64,
}

impl Ahead {
    pub fn new(durable: u64) -> Self {
        Self { durable }
    }

    /// How many entries may be read from `next` on. No bound holds while the journal cannot be written: records
    /// then go on to who can take them (PRODUCT section 12).
    pub fn room(&mut self, log: &InstanceLog, receiver: &str, next: u64, window: usize) -> usize {
        let most = MOST + window as u64;
        if next.saturating_sub(self.durable) >= most / 2 {
            self.durable = log.durable_cursor(receiver).unwrap_or(self.durable).min(next);
        }
        let room = most.saturating_sub(next.saturating_sub(self.durable));
        if room == 0 && log.entrance().is_blocked() {
            return window;
        }
        room as usize
    }

    /// Waits until there is room again, or something else to look at.
    pub async fn wait(&self, log: &InstanceLog, receiver: &str, next: u64) -> Result<(), journal::Error> {
        let kept = log.wait_durable_cursor(receiver, next.saturating_sub(MOST / 2));
        tokio::time::timeout(LOOK, kept).await.unwrap_or(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    };

    use async_trait::async_trait;
    use watchpost_export::{Delivery, Outcome, Receiver, ReceiverError};
    use watchpost_journal::Options;

    use super::{super::fake::Bench, *};

    const WINDOW: usize = 100;

    /// Acknowledges at once, and notes how far past the cursor on disk it was sent.
    struct Quick {
        log: InstanceLog,
        farthest: Arc<AtomicU64>,
        through: Option<u64>,
    }

    #[async_trait]
    impl Receiver for Quick {
        async fn open(&mut self, _resume: Option<&[u8]>) -> Result<(), ReceiverError> {
            Ok(())
        }

        async fn send(&mut self, batch: Vec<Delivery>) -> Result<(), ReceiverError> {
            self.through = batch.last().map(|delivery| delivery.position);
            let past = self.through.map_or(0, |through| through + 1);
            let ahead = past - self.log.durable_cursor("r").unwrap_or(0);
            self.farthest.fetch_max(ahead, Ordering::Relaxed);
            Ok(())
        }

        async fn outcomes(&mut self) -> Result<Vec<Outcome>, ReceiverError> {
            match self.through.take() {
                Some(through) => Ok(vec![Outcome::Delivered { through, resume: None }]),
                None => std::future::pending().await,
            }
        }

        fn window(&self) -> usize {
            WINDOW
        }

        async fn close(&mut self) -> Result<Vec<Outcome>, ReceiverError> {
            Ok(Vec::new())
        }
    }

    /// With a sync every 300 ms it would have had all of it before the first.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_quick_receiver_waits_for_its_cursor_to_be_on_disk() {
        let options = Options { group_interval_ms: 300, ..Options::default() };
        let bench = Bench::open(options, [], |journal| InstanceLog::new(journal.log("test").unwrap()));
        let (mut worker, status, orders) = bench.worker();
        let farthest = Arc::<AtomicU64>::default();
        worker.receiver =
            Box::new(Quick { log: bench.log.clone(), farthest: farthest.clone(), through: None });
        let end = bench.append_objects(5 * MOST as usize) + 5 * MOST;
        let running = super::super::fake::Running { status, orders, task: tokio::spawn(worker.run()) };
        running.drained(end).await;
        running.stop().await;
        let farthest = farthest.load(Ordering::Relaxed);
        assert!((MOST / 2..=MOST + WINDOW as u64).contains(&farthest), "{farthest}");
    }
}

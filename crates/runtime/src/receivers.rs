//! The receivers of one instance: started and stopped one by one, never disturbing each other.

use std::{sync::Arc, time::Duration};

use parking_lot::RwLock;
use tokio::{
    runtime::Handle,
    sync::watch,
    task::JoinHandle,
    time::{Instant, timeout, timeout_at},
};
use watchpost_export::{Common, Receiver, Selection};
use watchpost_journal::{self as journal, Journal};
use watchpost_model::Id;

use crate::{
    dead::DeadLetters,
    log::InstanceLog,
    status::ReceiverStatus,
    wanted::Wanted,
    worker::{Order, Worker},
};

/// The statuses of all receivers, picture exports not among them: shared with the log's keeper.
pub(crate) type Statuses = Arc<RwLock<Vec<Arc<ReceiverStatus>>>>;

pub(crate) struct Receivers {
    journal: Journal,
    log: InstanceLog,
    instance: Id,
    tokio: Handle,
    wanted: Arc<Wanted>,
    statuses: Statuses,
    running: Vec<Running>,
}

struct Running {
    status: Arc<ReceiverStatus>,
    selection: Selection,
    orders: watch::Sender<Order>,
    task: JoinHandle<()>,
}

impl Receivers {
    pub fn new(journal: Journal, log: InstanceLog, instance: Id, tokio: Handle, wanted: Arc<Wanted>) -> Self {
        Self { journal, log, instance, tokio, wanted, statuses: Statuses::default(), running: Vec::new() }
    }

    pub fn statuses(&self) -> Statuses {
        self.statuses.clone()
    }

    /// Starts delivering to a receiver: from its cursor, or from the log's end if it is new.
    pub fn add(
        &mut self,
        status: Arc<ReceiverStatus>,
        selection: Selection,
        common: Common,
        receiver: Box<dyn Receiver>,
    ) -> Result<(), journal::Error> {
        let dead = DeadLetters::open(&self.journal, self.instance, &status.name)?;
        let (orders, ordered) = watch::channel(Order::Run);
        let worker = Worker::new(
            self.log.clone(),
            selection.clone(),
            common,
            receiver,
            dead,
            status.clone(),
            ordered,
        )?;
        let task = self.tokio.spawn(worker.run());
        self.statuses.write().push(status.clone());
        self.running.push(Running { status, selection, orders, task });
        self.wanted.set(self.running.iter().map(|r| &r.selection));
        Ok(())
    }

    /// Waits until every receiver has what is in the log up to `end`, at most `limit`.
    pub async fn drain(&self, end: u64, limit: Duration) {
        let all = async {
            for receiver in &self.running {
                receiver.status.drained(end).await;
            }
        };
        // Who is not done by then shows in the statuses.
        let _late = timeout(limit, all).await;
    }

    /// Closes all receivers at the same time; whoever is not done at `by` is cut off.
    pub async fn stop(&mut self, by: Instant) {
        for receiver in &self.running {
            receiver.orders.send_replace(Order::Stop);
        }
        for Running { status, mut task, .. } in self.running.drain(..) {
            match timeout_at(by, &mut task).await {
                Ok(Ok(())) => {}
                Ok(Err(panic)) => tracing::error!(receiver = %status.name, "its worker ended badly: {panic}"),
                Err(_) => {
                    tracing::warn!(receiver = %status.name, "did not close in time; what it has not acknowledged is sent again");
                    task.abort();
                }
            }
        }
    }
}

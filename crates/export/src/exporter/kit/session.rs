//! One life of the child, driven as a worker drives it.

use std::time::{Duration, Instant};

use watchpost_process::{Guardian, Progress};

use crate::{
    exporter::receiver::{ExporterReceiver, LastEnd, Settings},
    receiver::{Delivery, Item, Outcome, Receiver, ReceiverError},
};

/// See the module's text.
pub(super) struct Session {
    receiver: ExporterReceiver,
    /// Position of the next delivery.
    next: u64,
    acknowledge: bool,
}

impl Session {
    pub async fn open(settings: &Settings, guardian: &Guardian) -> Result<Self, String> {
        let mut receiver = ExporterReceiver::new(settings.clone(), guardian.clone());
        receiver.open(None).await.map_err(text)?;
        Ok(Self { receiver, next: 0, acknowledge: settings.acknowledge })
    }

    /// What an `Ok` of the child means, for people.
    pub fn taken(&self) -> &'static str {
        if self.acknowledge { "answered" } else { "read" }
    }

    /// Delivers groups, in order, and waits until all are answered for.
    pub async fn deliver(&mut self, groups: Vec<Vec<Item>>) -> Result<(), String> {
        let all = self.number(groups);
        self.drive(&all, usize::MAX, None).await.map(drop)
    }

    /// As `deliver`, but sends no more once `limit` has passed. How many were delivered.
    pub async fn deliver_within(&mut self, groups: Vec<Vec<Item>>, limit: Duration) -> Result<usize, String> {
        let all = self.number(groups);
        self.drive(&all, usize::MAX, Some(Instant::now() + limit)).await
    }

    /// Delivers until at least one is answered for, kills the child and starts another, which is given everything
    /// from the first one on: what Watchpost does after a crash of either.
    pub async fn deliver_over_a_kill(&mut self, groups: Vec<Vec<Item>>) -> Result<usize, String> {
        let all = self.number(groups);
        let done = self.drive(&all, 1, None).await?;
        self.receiver.open(None).await.map_err(|error| format!("after a kill: {}", text(error)))?;
        self.drive(&all, usize::MAX, None).await.map_err(|reason| format!("after a kill: {reason}"))?;
        Ok(done)
    }

    /// Sends as many of the groups as may be unanswered at once, and closes its STDIN without waiting for answers.
    /// How many were sent, how many answered for, and its end.
    pub async fn send_and_close(mut self, mut groups: Vec<Vec<Item>>) -> Result<(u64, u64, LastEnd), String> {
        groups.truncate(self.receiver.window());
        let all = self.number(groups);
        let sent = all.len() as u64;
        if sent > 0 {
            self.receiver.send(all).await.map_err(text)?;
        }
        let first = self.next - sent;
        let outcomes = self.receiver.close().await.map_err(text)?;
        let through = outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::Delivered { through, .. } => Some(through + 1 - first),
            Outcome::Refused { .. } => None,
        });
        let answered = through.max().unwrap_or(0);
        let end = self.receiver.last_end.ok_or("it had not been started")?;
        Ok((sent, answered, end))
    }

    pub async fn close(self) -> Result<LastEnd, String> {
        self.send_and_close(Vec::new()).await.map(|(_, _, end)| end)
    }

    /// How far the child has come.
    pub fn progress(&self) -> Progress {
        self.receiver.progress()
    }

    fn number(&mut self, groups: Vec<Vec<Item>>) -> Vec<Delivery> {
        let first = self.next;
        self.next += groups.len() as u64;
        (first..).zip(groups).map(|(position, items)| Delivery { position, time_ms: 0, items }).collect()
    }

    /// Delivers until `enough` are answered for, or all that were sent before `deadline`. How many that were.
    async fn drive(
        &mut self,
        all: &[Delivery],
        enough: usize,
        deadline: Option<Instant>,
    ) -> Result<usize, String> {
        let Some(first) = all.first().map(|delivery| delivery.position) else { return Ok(0) };
        let (mut sent, mut done) = (0, 0);
        loop {
            let late = deadline.is_some_and(|deadline| Instant::now() >= deadline);
            let room = if late { 0 } else { self.receiver.window().saturating_sub(sent - done) };
            let batch = &all[sent..all.len().min(sent + room)];
            if !batch.is_empty() {
                self.receiver.send(batch.to_vec()).await.map_err(text)?;
                sent += batch.len();
            }
            if done == sent {
                return Ok(done);
            }
            for outcome in self.receiver.outcomes().await.map_err(text)? {
                match outcome {
                    Outcome::Delivered { through, .. } => done = (through + 1 - first) as usize,
                    Outcome::Refused { position, item, reason } => {
                        let refused = all.get((position - first) as usize);
                        return Err(format!("answered ERROR to {}: {reason}", name(refused, item)));
                    }
                }
            }
            if done >= enough.min(all.len()) {
                return Ok(done);
            }
        }
    }
}

/// `event-intrusion:2`, or those of a whole group.
fn name(delivery: Option<&Delivery>, item: Option<usize>) -> String {
    let items = delivery.map(|delivery| delivery.items.as_slice()).unwrap_or_default();
    let one = item.and_then(|item| items.get(item)).map(std::slice::from_ref);
    let names = one.unwrap_or(items).iter().map(|item| match item.kind {
        crate::receiver::ItemKind::Record(id, version) => format!("{id}:{}", version.number()),
        crate::receiver::ItemKind::Object(stream) => stream.to_string(),
    });
    names.collect::<Vec<_>>().join(" + ")
}

fn text(error: ReceiverError) -> String {
    error.to_string()
}

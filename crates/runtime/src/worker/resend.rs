//! Dead letters that somebody has asked to be sent again: before anything newer, with the receiver opened for
//! them alone, for their numbers are no places in the log.

use std::collections::BTreeSet;

use watchpost_export::{Outcome, ReceiverError};
use watchpost_journal as journal;

use super::Worker;
use crate::status::add;

impl Worker {
    /// Sends them, if there are any. Those that are refused again stay where they are.
    pub(super) async fn resend_dead(&mut self) -> Result<(), ReceiverError> {
        if self.dead.marked(0, 1).map_err(unreadable)?.is_empty() {
            return Ok(());
        }
        let resume = self.cursor.resume.clone();
        self.receiver.open(resume.as_deref()).await?;
        let sent = self.send_marked().await;
        if matches!(sent, Ok(()) | Err(ReceiverError::Died(_))) {
            // What was refused again stays dead; and what kills the receiver must not keep everything newer
            // waiting.
            self.dead.unmark_all().map_err(unreadable)?;
        }
        sent?;
        let outcomes = self.receiver.close().await?;
        self.settle_dead(outcomes, &mut BTreeSet::new(), &mut BTreeSet::new())
    }

    async fn send_marked(&mut self) -> Result<(), ReceiverError> {
        let window = self.receiver.window().max(1);
        let mut refused = BTreeSet::new();
        let mut from = 0;
        loop {
            let letters = self.dead.marked(from, window).map_err(unreadable)?;
            let Some(last) = letters.last() else { return Ok(()) };
            from = last.position + 1;
            let mut unanswered: BTreeSet<u64> = letters.iter().map(|letter| letter.position).collect();
            add(&self.status.retried, letters.len() as u64);
            self.receiver.send(letters).await?;
            while !unanswered.is_empty() {
                let outcomes = self.receiver.outcomes().await?;
                self.settle_dead(outcomes, &mut unanswered, &mut refused)?;
            }
        }
    }

    fn settle_dead(
        &mut self,
        outcomes: Vec<Outcome>,
        unanswered: &mut BTreeSet<u64>,
        refused: &mut BTreeSet<u64>,
    ) -> Result<(), ReceiverError> {
        for outcome in outcomes {
            match outcome {
                Outcome::Refused { position, reason, .. } => {
                    tracing::warn!(receiver = %self.status.name, letter = position, "refused again: {reason}");
                    self.status.remember("refused", 1, Some(&reason));
                    refused.insert(position);
                }
                Outcome::Delivered { through, resume } => {
                    if resume.is_some() {
                        self.cursor.resume = resume;
                        self.unkept_since.get_or_insert_with(tokio::time::Instant::now);
                        self.keep_cursor();
                    }
                    let later = unanswered.split_off(&(through + 1));
                    for number in std::mem::replace(unanswered, later) {
                        if !refused.contains(&number) {
                            add(&self.status.delivered, 1);
                            self.status.remember("delivered", 1, None);
                            self.dead.remove(number).map_err(unreadable)?;
                            self.log.latest().resent(&self.status, number);
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

fn unreadable(error: journal::Error) -> ReceiverError {
    ReceiverError::Retry(format!("reading dead letters: {error}"))
}

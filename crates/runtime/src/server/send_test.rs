//! A sample sent to a receiver on purpose, so that somebody sees it arrive. It goes the way of a dead letter that is
//! sent again: by the receiver's own worker, in its own order, and nothing else sees it.

use std::time::Duration;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use watchpost_config::Base;
use watchpost_export::{self as export, Delivery, Item, ItemKind, Outcome, Output, Selection};
use watchpost_model::Id;
use watchpost_schema::{SchemaId, sample, streams::stream_sample};

use super::{OperationError, Server, draft::Draft, edit::no_export};
use crate::{
    dead::DeadLetters,
    plans,
    status::{ReceiverStatus, State},
};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(8);
/// How often it is looked for.
const LOOK: Duration = Duration::from_millis(25);

/// What became of a sample.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(extend("examples" = [{"outcome": "delivered", "sent": {"$id": "event-area-enter", "$version": 2}}]))]
pub struct Tested {
    /// What the receiver says.
    pub outcome: TestOutcome,
    /// Why it was not delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What was sent.
    pub sent: Map<String, Value>,
}

/// What a receiver says to a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TestOutcome {
    /// It has it.
    Delivered,
    /// It will never take it.
    Refused,
    /// It cannot be reached, or has not answered in time; the sample is not sent again.
    Failed,
}

impl Server {
    /// Sends one sample of what a receiver has selected through that receiver.
    ///
    /// # Errors
    /// No such receiver, or one that delivers nothing now.
    pub async fn send_test(&self, instance: &str, receiver: &str) -> Result<Tested, OperationError> {
        let slot = self.find(instance)?;
        let (dead, letter, sent, status) = {
            let mut inner = slot.inner.lock().await;
            let around = self.runtime.surroundings(&slot.file, Base::DataFolder);
            let info = plans::info(&inner.loaded.instance, false);
            let available = plans::available(&inner.loaded.instance);
            let wishes = plans::wishes(&inner.loaded);
            let Some(wish) = wishes.iter().find(|wish| wish.name == receiver) else {
                return Err(no_export(&inner.loaded, receiver));
            };
            let plan = plans::plan(wish, &info, available, &around)
                .map_err(|problems| OperationError::problems(&problems))?
                .0;
            if !matches!(plan.output, Output::Receiver(_)) {
                return Err(pictures());
            }
            let statuses = slot.view().statuses();
            let status = statuses.into_iter().find(|status| status.name == receiver);
            let Some(status) = status else { return Err(no_export(&inner.loaded, receiver)) };
            if let State::Paused | State::Disabled | State::Failed = status.state() {
                let message = format!("`{receiver}` is {}: switch it on first", status.state().name());
                return Err(OperationError::invalid(message));
            }
            let (item, sent) = sample_of(&plan.selection, info.id, &info.name)?;
            let dead = DeadLetters::open(self.runtime.journal(), slot.id, receiver);
            let dead = dead.map_err(OperationError::failed)?;
            let delivery =
                Delivery { position: 0, time_ms: jiff::Timestamp::now().as_millisecond(), items: vec![item] };
            let letter = dead.bury_sample(&delivery).await.map_err(OperationError::failed)?;
            inner.instance.resend(receiver, &[letter]).await.map_err(OperationError::failed)?;
            slot.begin_again(&mut inner).await?;
            (dead, letter, sent, status)
        };
        let answer = tokio::time::timeout(PATIENCE, answer(&dead, letter, &status)).await;
        let (outcome, message) = answer.unwrap_or_else(|_| {
            let problem =
                slot.view().receivers().into_iter().find(|r| r.name == receiver).and_then(|r| r.problem);
            (TestOutcome::Failed, problem.or_else(|| Some("no answer in time".to_owned())))
        });
        if outcome != TestOutcome::Delivered {
            dead.throw_away(&[letter]).map_err(OperationError::failed)?;
        }
        Ok(Tested { outcome, message, sent })
    }

    /// The same to an export that is not saved, by a connection of its own.
    ///
    /// # Errors
    /// The export would not work, or is there already under this name.
    pub async fn test_draft(
        &self,
        instance: &str,
        name: &str,
        export: Map<String, Value>,
    ) -> Result<Tested, OperationError> {
        let slot = self.find(instance)?;
        let loaded = slot.inner.lock().await.loaded.clone();
        if slot.view().statuses().iter().any(|status| status.name == name) {
            let message = format!("there is an export `{name}`: save it, then send it a test");
            return Err(OperationError::invalid(message));
        }
        let Draft { plan, info, .. } = self.draft(&slot.file, &loaded, name, export)?;
        let Output::Receiver(make) = plan.output else { return Err(pictures()) };
        let (item, sent) = sample_of(&plan.selection, info.id, &info.name)?;
        let delivery =
            Delivery { position: 0, time_ms: jiff::Timestamp::now().as_millisecond(), items: vec![item] };
        let mut receiver = make();
        let work = async {
            receiver.open(None).await?;
            receiver.send(vec![delivery]).await?;
            let mut outcomes = receiver.outcomes().await?;
            outcomes.extend(receiver.close().await?);
            Ok::<_, export::ReceiverError>(outcomes)
        };
        let (outcome, message) = match tokio::time::timeout(PATIENCE, work).await {
            Err(_) => (TestOutcome::Failed, Some("no answer in time".to_owned())),
            Ok(Err(error)) => (TestOutcome::Failed, Some(error.to_string())),
            Ok(Ok(outcomes)) => {
                let refused = outcomes.into_iter().find_map(|outcome| match outcome {
                    Outcome::Refused { reason, .. } => Some(reason),
                    Outcome::Delivered { .. } => None,
                });
                (if refused.is_some() { TestOutcome::Refused } else { TestOutcome::Delivered }, refused)
            }
        };
        Ok(Tested { outcome, message, sent })
    }
}

async fn answer(dead: &DeadLetters, letter: u64, status: &ReceiverStatus) -> (TestOutcome, Option<String>) {
    loop {
        if !dead.is_there(letter) {
            return (TestOutcome::Delivered, None);
        }
        // Delivered letters lose their mark too, in the same write: looked at once more.
        if !dead.is_marked(letter) && dead.is_there(letter) {
            return (TestOutcome::Refused, status.last_refusal());
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn pictures() -> OperationError {
    OperationError::invalid("pictures go out while the source runs: start it, and watch the export's counts")
}

/// An event, if that is what it takes, as if it had happened in this instance.
pub(super) fn sample_of(
    selection: &Selection,
    id: Id,
    name: &str,
) -> Result<(Item, Map<String, Value>), OperationError> {
    let (kind, json) = match selection {
        Selection::Records(ids) => {
            let event = ids.iter().find(|(id, _)| SchemaId::is_event(**id)).or_else(|| ids.iter().next());
            let Some((id, version)) = event else {
                return Err(OperationError::invalid("it has selected nothing"));
            };
            (ItemKind::Record(*id, *version), Some(sample(*id, *version)))
        }
        Selection::Stream(stream) => (ItemKind::Object(*stream), stream_sample(*stream, false)),
    };
    let mut sent: Map<String, Value> =
        json.and_then(|json| serde_json::from_slice(&json).ok()).ok_or_else(pictures)?;
    for (key, value) in [("instance_id", id.to_string()), ("instance_name", name.to_owned())] {
        if let Some(there) = sent.get_mut(key) {
            *there = value.into();
        }
    }
    let json = serde_json::to_vec(&sent).map_err(OperationError::failed)?;
    Ok((Item { kind, json: Bytes::from(json) }, sent))
}

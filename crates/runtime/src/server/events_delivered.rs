//! Who has an event, who will, and who has refused it.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    instance::View,
    latest::{LatestEvent, Said},
};

/// What became of an event at one receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Delivered {
    /// The export's or exporter's name, or `preprocess`.
    pub receiver: String,
    /// How far it has come there.
    pub state: DeliveredState,
    /// Since when, Unix ms; absent while it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<i64>,
}

/// How far an event has come at a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveredState {
    /// It has it.
    Delivered,
    /// It will be sent.
    Waiting,
    /// It is among its dead letters.
    Refused,
}

/// Of one of the latest events. A receiver that was added later, or lost it to a limit, is not named.
pub(super) fn delivered(view: &View, event: &LatestEvent) -> Vec<Delivered> {
    use DeliveredState as State;
    let known = event.known();
    let waiting =
        |receiver: &str| Delivered { receiver: receiver.to_owned(), state: State::Waiting, at_ms: None };
    let mut all = Vec::new();
    if let Some(inbox) = known.inbox {
        let passed = view.preprocess_cursor().is_none_or(|cursor| cursor > inbox.position);
        all.push(match inbox.refused_at_ms {
            None if !passed => waiting("preprocess"),
            None => Delivered { state: State::Delivered, ..waiting("preprocess") },
            at_ms => Delivered { state: State::Refused, at_ms, ..waiting("preprocess") },
        });
    }
    for mark in &known.marks {
        let state = match mark.said {
            Said::Delivered => State::Delivered,
            Said::Refused { .. } => State::Refused,
        };
        all.push(Delivered { receiver: mark.receiver.name.clone(), state, at_ms: Some(mark.at_ms) });
    }
    let Some(position) = known.position else { return all };
    let has_said = |name: &str| known.marks.iter().any(|mark| mark.receiver.name == name);
    let mut statuses = view.statuses();
    statuses.retain(|status| status.cursor() <= position && !has_said(&status.name));
    if !statuses.is_empty()
        && let Ok(batch) = view.log().read(position, 1, 1)
        && let Some((_, entry)) = batch.entries.first().filter(|(at, _)| *at == position)
    {
        let takes = statuses.iter().filter(|status| status.taking().is_some_and(|what| what.takes(entry)));
        all.extend(takes.map(|status| waiting(&status.name)));
    }
    all
}

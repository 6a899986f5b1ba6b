//! The latest events of all instances, newest first; and those that come.

use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::broadcast::{self, error::RecvError};
use watchpost_model::{Id, Record};
use watchpost_schema::{Context, SchemaId, Version, encode};

use super::{
    Filter, OperationError, Server,
    events_delivered::{Delivered, delivered},
    look::data_url,
    slot::Slot,
};
use crate::latest::{self, LatestEvent};

/// An event as it is shown.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SeenEvent {
    /// Give the last one's as `before` for those before it.
    pub cursor: u64,
    /// Of which instance.
    #[schemars(with = "String", extend("format" = "uuid"))]
    pub instance_id: Id,
    /// Its name.
    pub instance_name: String,
    /// The event in version 2, as the analytics have found it: before the preprocess command, and without a number.
    pub record: Value,
    /// The picture it came with, as a `data:` URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crop: Option<String>,
    /// The preprocess command, where there is one, then the exports and exporters that take it or something that
    /// belongs to it.
    pub delivered: Vec<Delivered>,
}

impl Server {
    /// The latest events that pass `filter`, of one instance or of all: at most `limit`, newest first, before the
    /// one with the cursor `before`. Some dozens of each instance are kept, since the server has started.
    ///
    /// # Errors
    /// No such instance, or no such type.
    pub fn events(
        &self,
        instance: Option<&str>,
        filter: &Filter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<SeenEvent>, OperationError> {
        let only = instance.map(|instance| self.find(instance)).transpose()?;
        let slots = match only {
            Some(slot) => vec![slot],
            None => self.slots.read().values().cloned().collect(),
        };
        let mut found: Vec<_> = slots
            .iter()
            .flat_map(|slot| slot.view().log().latest().all().into_iter().map(move |event| (slot, event)))
            .filter(|(_, event)| before.is_none_or(|before| event.number < before))
            .collect();
        found.sort_unstable_by_key(|(_, event)| std::cmp::Reverse(event.number));
        let seen = found.into_iter().filter_map(|(slot, event)| seen(slot, &event, filter));
        Ok(seen.take(limit).collect())
    }

    /// The events that pass `filter`, of one instance or of all, as they come; those behind the cursor `after` first, as
    /// far as they are kept.
    ///
    /// # Errors
    /// No such instance, or a filter that nothing can pass.
    pub fn follow_events(
        self: &Arc<Self>,
        instance: Option<&str>,
        filter: Filter,
        after: Option<u64>,
    ) -> Result<EventsFollowed, OperationError> {
        filter.selection().map_err(|error| OperationError::invalid(error.to_string()))?;
        let only = instance.map(|instance| self.find(instance)).transpose()?.map(|slot| slot.id);
        let (coming, next, first) = latest::follow();
        let mut ready = VecDeque::new();
        // A number that was not given out yet is nobody's.
        if let Some(after) = after.filter(|after| *after < next) {
            let slots: Vec<_> = self.slots.read().values().cloned().collect();
            let kept = slots.iter().flat_map(|slot| slot.view().log().latest().all());
            let mut kept: Vec<_> = kept.filter(|event| (after + 1..next).contains(&event.number)).collect();
            kept.sort_unstable_by_key(|event| event.number);
            let lost = (next - first.max(after + 1)).saturating_sub(kept.len() as u64);
            ready.extend((lost > 0).then_some(Followed::Lost(lost)));
            let of_it = kept.into_iter().filter(|event| only.is_none_or(|only| event.instance == only));
            let seen = of_it.filter_map(|event| {
                let slot = slots.iter().find(|slot| slot.id == event.instance)?;
                seen(slot, &event, &filter)
            });
            ready.extend(seen.map(|event| Followed::Event(Box::new(event))));
        }
        Ok(EventsFollowed { server: Arc::downgrade(self), only, filter, coming, ready })
    }
}

/// Events of instances as they come. See [`Server::follow_events`].
pub struct EventsFollowed {
    server: Weak<Server>,
    only: Option<Id>,
    filter: Filter,
    coming: broadcast::Receiver<Arc<LatestEvent>>,
    ready: VecDeque<Followed>,
}

/// What comes.
#[derive(Clone, Debug)]
pub enum Followed {
    /// An event.
    Event(Box<SeenEvent>),
    /// So many, of all instances, were gone before they could be looked at.
    Lost(u64),
}

impl EventsFollowed {
    /// Waits for the next one; `None` when the server has ended.
    pub async fn next(&mut self) -> Option<Followed> {
        loop {
            if let Some(ready) = self.ready.pop_front() {
                return Some(ready);
            }
            let event = match self.coming.recv().await {
                Ok(event) => event,
                Err(RecvError::Lagged(lost)) => return Some(Followed::Lost(lost)),
                Err(RecvError::Closed) => return None,
            };
            if self.only.is_some_and(|only| event.instance != only) {
                continue;
            }
            let server = self.server.upgrade()?;
            let slot = server.slots.read().get(&event.instance).cloned();
            let seen = slot.and_then(|slot| seen(&slot, &event, &self.filter));
            self.ready.extend(seen.map(|event| Followed::Event(Box::new(event))));
        }
    }
}

/// An event as it is shown, if it passes.
fn seen(slot: &Slot, event: &LatestEvent, filter: &Filter) -> Option<SeenEvent> {
    let record = Record::Event(event.event.clone());
    let name = slot.name();
    let context = Context { instance_id: slot.id, instance_name: &name };
    let mut json = Vec::new();
    encode(Version::V2, &record, &event.at, &context, None, &mut json);
    let record_json: Value = serde_json::from_slice(&json).ok()?;
    passes(filter, SchemaId::of(&record), &record_json).then(|| SeenEvent {
        cursor: event.number,
        instance_id: slot.id,
        instance_name: name.clone(),
        record: record_json,
        crop: event.crop().map(|crop| data_url(&crop)),
        delivered: delivered(&slot.view(), event),
    })
}

fn passes(filter: &Filter, id: SchemaId, record: &Value) -> bool {
    let any =
        |wanted: &[String], is: &dyn Fn(&str) -> bool| wanted.is_empty() || wanted.iter().any(|one| is(one));
    let of_type = |wanted: &str| match wanted.strip_suffix('*') {
        Some(beginning) => id.as_str().starts_with(beginning),
        None => id.as_str() == wanted,
    };
    let name = ["area", "line"].iter().find_map(|place| record[*place]["name"].as_str());
    // People write a part of a name, in whatever case.
    let in_zone =
        |wanted: &str| name.is_some_and(|name| name.to_lowercase().contains(&wanted.to_lowercase()));
    any(&filter.types, &of_type)
        && any(&filter.classes, &|class| record["object_class"].as_str() == Some(class))
        && any(&filter.zones, &in_zone)
        && filter
            .min_confidence
            .is_none_or(|least| record["confidence"].as_f64().is_some_and(|at| at >= least))
}

//! The latest events of all instances, newest first.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use watchpost_model::{Id, Record};
use watchpost_schema::{Context, SchemaId, Version, encode};

use super::{
    Filter, OperationError, Server,
    events_delivered::{Delivered, delivered},
    look::data_url,
};

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
        let seen = found.into_iter().filter_map(|(slot, event)| {
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
                delivered: delivered(&slot.view(), &event),
            })
        });
        Ok(seen.take(limit).collect())
    }
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

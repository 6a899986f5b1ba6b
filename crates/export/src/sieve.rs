//! A [`Filter`] at work: which records of a group pass, and what of a stream object is left.

use bytes::Bytes;
use watchpost_schema::{
    SchemaId,
    facts::{Facts, Kept, keep_items},
    streams::{StreamName, schema_of_type},
};

use crate::{
    filter::{Filter, names},
    format::Selection,
};

/// Conditions that look at each record or item. Made once per receiver; reads no more JSON than they ask for.
#[derive(Clone, Debug)]
pub struct Sieve {
    filter: Filter,
    /// With `types`: one bit for each id that passes.
    ids: Option<u32>,
    /// Whether a condition asks for more than the id.
    looks_inside: bool,
}

impl Sieve {
    /// `None` where everything passes.
    pub fn new(filter: &Filter, selection: &Selection) -> Option<Self> {
        if filter.takes_all() {
            return None;
        }
        let wanted = |id: &&SchemaId| filter.types.iter().any(|name| names(name, id.as_str()));
        let ids = SchemaId::ALL.iter().filter(wanted).fold(0, |bits, id| bits | bit(*id));
        let is_records = matches!(selection, Selection::Records(_));
        Some(Self {
            ids: (is_records && !filter.types.is_empty()).then_some(ids),
            looks_inside: !filter.classes.is_empty()
                || !filter.zones.is_empty()
                || filter.min_confidence.is_some(),
            filter: filter.clone(),
        })
    }

    /// Which records of a group pass. Crops and attributes go with their event: it is judged for them, by its type
    /// only if it is `selected` itself.
    pub fn group(&self, group: &[(SchemaId, Bytes)], selected: impl Fn(SchemaId) -> bool) -> Vec<bool> {
        let event = group.iter().find(|(id, _)| id.is_event());
        let event = event.map(|(id, json)| ((!selected(*id) || self.takes(*id)) && self.is_met(json), *id));
        let verdict = |(id, json): &(SchemaId, Bytes)| match event {
            Some((passes, event)) if !id.is_event() && selected(event) => passes,
            Some((passes, _)) if !id.is_event() => passes && self.takes(*id),
            _ => self.takes(*id) && self.is_met(json),
        };
        group.iter().map(|record| selected(record.0) && verdict(record)).collect()
    }

    /// What is left of a stream object; `None` if that is nothing: a list in which no item passes.
    pub fn object(&self, stream: StreamName, json: &Bytes) -> Option<Bytes> {
        let Some(list) = stream.list() else { return Some(json.clone()) };
        match keep_items(json, list, |item| self.takes_item(stream, item)) {
            Kept::All => Some(json.clone()),
            Kept::Nothing => None,
            Kept::Some(rest) => Some(rest.into()),
        }
    }

    fn takes(&self, id: SchemaId) -> bool {
        self.ids.is_none_or(|ids| ids & bit(id) != 0)
    }

    fn takes_item(&self, stream: StreamName, item: &[u8]) -> bool {
        let Some(facts) = Facts::of(item) else { return true };
        let of_type = stream != StreamName::Events
            || self.filter.types.is_empty()
            || facts.type_is(|kind| self.names_type(kind)).unwrap_or(false);
        of_type && self.is_met_by(&facts)
    }

    fn names_type(&self, kind: &str) -> bool {
        let id = schema_of_type(kind).map_or("", SchemaId::as_str);
        self.filter.types.iter().any(|name| names(name, kind) || names(name, id))
    }

    /// What is no JSON object passes: whoever is to write it refuses it, and keeps it as a dead letter.
    fn is_met(&self, json: &[u8]) -> bool {
        !self.looks_inside || Facts::of(json).is_none_or(|facts| self.is_met_by(&facts))
    }

    fn is_met_by(&self, facts: &Facts<'_>) -> bool {
        let Filter { classes, zones, min_confidence, .. } = &self.filter;
        let has = |list: &[String], name: &str| list.iter().any(|known| known == name);
        (classes.is_empty() || facts.class_is(|class| has(classes, class)).unwrap_or(true))
            && (zones.is_empty() || facts.zone_is(|zone| has(zones, zone)).unwrap_or(true))
            && min_confidence
                .is_none_or(|least| facts.confidence().is_none_or(|confidence| confidence >= least))
    }
}

const fn bit(id: SchemaId) -> u32 {
    1 << id as u32
}

//! What areas and lines that are not saved would have told in the last minute.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::Semaphore;
use watchpost_analytics::Rehearsal;
use watchpost_config::{self as config, Base};
use watchpost_model::{Event, EventKind, Id, StreamTime};
use watchpost_schema::SchemaId;

use super::{OperationError, Server};
use crate::{armed::Schedules, recent::Span};

/// Dry runs at the same time: the largest body on the fullest minute takes a core for about a second, which is the
/// analyses' own.
static REHEARSING: Semaphore = Semaphore::const_new(1);

/// What would have been told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[schemars(extend("examples" = [{
    "seconds": 60.0, "frames": 1500, "counts": {"8a329a3f-d9fc-e038-3435-676656695b07": {"event-area-enter": 2}}, "estimated": [],
}]))]
pub struct Rehearsed {
    /// How long the tracks were seen that it was tried on: less than was asked for where the source runs since shortly,
    /// or where there were more than some hundred tracks a second.
    pub seconds: f64,
    /// Analysed frames in that time.
    pub frames: u64,
    /// By the id of the area or line how many records of which schema; nothing in it: it would have told nothing.
    #[schemars(with = "BTreeMap<String, BTreeMap<String, u64>>")]
    pub counts: BTreeMap<Id, BTreeMap<String, u64>>,
    /// Areas that wait for objects left or removed: without the picture, tracks alone say less about these.
    #[schemars(with = "Vec<String>")]
    pub estimated: Vec<Id>,
}

impl Server {
    /// Tries areas and lines, `zone` and `tripwire` as in an instance's document, on the tracks of the last `seconds` (at
    /// most 60). Nothing is saved, and nothing of the instance waits.
    ///
    /// # Errors
    /// No such instance, or what is wrong with the areas and lines.
    pub async fn rehearse(
        &self,
        instance: &str,
        zone: Option<Value>,
        tripwire: Option<Value>,
        seconds: f64,
    ) -> Result<Rehearsed, OperationError> {
        let slot = self.find(instance)?;
        let mut document = slot.inner.lock().await.loaded.document.clone();
        for (key, given) in [("Zone", zone), ("Tripwire", tripwire)] {
            match given {
                Some(given) => document.insert(key.to_owned(), given),
                None => document.shift_remove(key),
            };
        }
        let loaded = config::load_document(document, &slot.file, Base::DataFolder)
            .map_err(|problems| OperationError::problems(&problems))?;
        let _turn = REHEARSING.acquire().await.map_err(OperationError::failed)?;
        let glance = slot.view().glance().clone();
        let work = move || run(&loaded.instance, glance.recent.last(StreamTime::from_secs(seconds)));
        tokio::task::spawn_blocking(work).await.map_err(OperationError::failed)
    }
}

fn run(wishes: &config::Instance, span: Span) -> Rehearsed {
    let ids = wishes.areas.iter().map(|area| area.id).chain(wishes.lines.iter().map(|line| line.id));
    let mut counts: BTreeMap<Id, BTreeMap<String, u64>> = ids.map(|id| (id, BTreeMap::new())).collect();
    let things = wishes
        .areas
        .iter()
        .filter(|area| area.triggers.object_left.is_some() || area.triggers.object_removed.is_some());
    let estimated = things.map(|area| area.id).collect();
    let mut schedules = Schedules::new(wishes);
    let mut rehearsal = Rehearsal::new(wishes.areas.clone(), wishes.lines.clone());
    let (mut frames, mut last) = (0, span.begin);
    for (at, tracks) in span.frames {
        schedules.arm(at.timestamp, |zone, armed| rehearsal.set_armed(zone, armed));
        let told = rehearsal.step(&at, tracks);
        if at.time < span.begin {
            continue;
        }
        (frames, last) = (frames + 1, at.time);
        for event in told {
            if let Some(of) = zone(&event).and_then(|zone| counts.get_mut(&zone)) {
                *of.entry(SchemaId::of_event(&event).as_str().to_owned()).or_default() += 1;
            }
        }
    }
    let seconds = (last.since(span.begin).as_secs() * 10.0).round() / 10.0;
    Rehearsed { seconds, frames, counts, estimated }
}

/// Where it happened.
fn zone(event: &Event) -> Option<Id> {
    use EventKind as Kind;
    match &event.kind {
        Kind::AreaEnter(zone) | Kind::AreaExit(zone) | Kind::Intrusion(zone) => Some(zone.id),
        Kind::Loitering(zone) | Kind::Crowd(zone) => Some(zone.id),
        Kind::IntrusionEnd { area, .. } | Kind::LoiteringEnd { area, .. } => Some(area.id),
        Kind::ObjectLeftRemoved { area, .. } => Some(area.id),
        Kind::LineCrossing { line, .. } | Kind::Tailgating { line, .. } => Some(line.id),
        Kind::ArmedPerson | Kind::ArmedPersonEnd { .. } => None,
        Kind::FallenPerson | Kind::FallenPersonEnd { .. } => None,
    }
}

//! One export: started, paused, let go of.

use std::collections::BTreeMap;

use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};
use tracing::Instrument;
use watchpost_export::{Output, Plan, Receiver, Selection};
use watchpost_journal as journal;

use super::{Doing, Exports};
use crate::{
    dead::DeadLetters,
    log::Cursor,
    plans::{self, Origin},
    status::{Agreed, State},
    whose,
    worker::{Order, Worker},
};

impl Exports {
    /// Starts delivering what `plan` says.
    pub(super) fn start(&mut self, index: usize, plan: Plan) -> Result<(), journal::Error> {
        let slot = &mut self.slots[index];
        let make = match plan.output {
            Output::Receiver(make) => make,
            output @ (Output::Pictures(_) | Output::Video(_)) => {
                let gone = match output {
                    Output::Video(video) => video.gone,
                    _ => None,
                };
                // Of another format now: the other one is gone.
                if let (Some(gone), None) = (std::mem::take(&mut slot.gone), &gone) {
                    gone();
                }
                slot.gone = gone;
                slot.status.takes_no_records();
                slot.doing = Doing::Pictures;
                slot.status.set(State::Running, None);
                self.show(index);
                return Ok(());
            }
        };
        // Before the cursor is placed: from there on nothing it takes may be missing.
        self.publish();
        let slot = &mut self.slots[index];
        let span = whose::receiver(&slot.status.name);
        let mut receiver: Box<dyn Receiver> = span.in_scope(make);
        receiver.keep_talk(slot.status.talk.clone());
        slot.status
            .agrees(slot.origin.as_ref().map(|origin| agreed(origin, &plan.selection)).unwrap_or_default());
        slot.status.set(State::Running, None);
        let dead = DeadLetters::open(&self.around.journal, self.id, &slot.status.name)?;
        dead.owner_is_back()?;
        let (orders, ordered) = watch::channel(Order::Run);
        let worker = Worker::new(
            self.log.clone(),
            plan.selection,
            plan.common,
            receiver,
            dead,
            slot.status.clone(),
            ordered,
        )?;
        slot.doing = Doing::Delivers { orders, task: self.around.tokio.spawn(worker.run().instrument(span)) };
        Ok(())
    }

    /// Starts a picture export for the run of the source, if there is one.
    pub(super) fn show(&mut self, index: usize) {
        let slot = &self.slots[index];
        let (Some(info), Some(Origin::Export(origin))) = (&self.run, &slot.origin) else { return };
        let started = match plans::pictures(&origin.handler, info, &self.around.paths) {
            Ok(shows) => self.pictures.add(shows, slot.status.clone()).map_err(|error| error.to_string()),
            Err(problems) => Err(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
        };
        match started {
            Ok(()) => slot.status.set(State::Running, None),
            Err(problem) => slot.status.cannot_start(problem),
        }
    }

    /// Keeps its place in the log, a new one at the end if it has none, and delivers nothing.
    pub(super) fn pause(&mut self, index: usize, output: &Output) -> Result<(), journal::Error> {
        self.is_gone(index);
        let slot = &mut self.slots[index];
        let name = &slot.status.name;
        if matches!(output, Output::Receiver(_)) {
            let at_end = Cursor { position: self.log.end(), ..Cursor::default() };
            let cursor = match self.log.cursor(name) {
                Some(cursor) => cursor,
                None => {
                    self.log.set_cursor(name, Some(&at_end))?;
                    at_end
                }
            };
            slot.status.move_cursor(cursor.position);
        }
        slot.doing = Doing::Paused;
        slot.status.set(State::Paused, None);
        Ok(())
    }

    /// It is taken out or does nothing for now: nobody is to see what it showed.
    pub(super) fn is_gone(&mut self, index: usize) {
        if let Some(gone) = self.slots[index].gone.take() {
            gone();
        }
    }

    /// Lets go of what it delivers to; its cursor stays.
    pub(super) async fn halt(&mut self, index: usize, by: Instant) {
        let slot = &mut self.slots[index];
        slot.status.agrees(Agreed::default());
        match std::mem::replace(&mut slot.doing, Doing::Nothing) {
            Doing::Nothing | Doing::Paused => {}
            Doing::Delivers { orders, mut task } => {
                orders.send_replace(Order::Stop);
                let name = &slot.status.name;
                match timeout_at(by, &mut task).await {
                    Ok(Ok(())) => {}
                    Ok(Err(panic)) => tracing::error!(receiver = %name, "its worker ended badly: {panic}"),
                    Err(_) => {
                        let why = "did not close in time; what it has not acknowledged is sent again";
                        tracing::warn!(receiver = %name, "{why}");
                        task.abort();
                        // Only when it is gone may another have its cursor.
                        let _cancelled = task.await;
                    }
                }
            }
            Doing::Pictures => {
                if let Some(export) = self.pictures.remove(&slot.status.name) {
                    let completed = tokio::task::spawn_blocking(|| export.complete());
                    if timeout_at(by, completed).await.is_err() {
                        tracing::warn!(export = %slot.status.name, "its files were not complete in time");
                    }
                }
            }
        }
    }
}

/// What an exporter is sent, and what of its manifest it is not; nothing for an export, which says itself what it
/// wants.
fn agreed(origin: &Origin, selection: &Selection) -> Agreed {
    let (Origin::Exporter(exporter), Selection::Records(records)) = (origin, selection) else {
        return Agreed::default();
    };
    let agreed: BTreeMap<_, _> =
        records.iter().map(|(id, version)| (id.to_string(), version.number())).collect();
    let asked = exporter.manifest.events.iter().filter(|(_, versions)| versions.iter().any(|v| *v > 0));
    let not_agreed = asked.map(|(id, _)| id.clone()).filter(|id| !agreed.contains_key(id)).collect();
    Agreed { agreed, not_agreed }
}

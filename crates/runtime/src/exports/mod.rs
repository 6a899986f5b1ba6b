//! The exports and exporters of one instance: brought from what they are to what the instance file wants,
//! touching only what differs. Everything that changes an export, whoever asks for it, ends in
//! [`Exports::apply`].

mod deliver;

use std::{sync::Arc, time::Duration};

use parking_lot::RwLock;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, timeout},
};
use watchpost_config::{Problem, Switch};
use watchpost_export::{Common, InstanceInfo, Output, Selection};
use watchpost_journal as journal;
use watchpost_model::Id;
use watchpost_schema::Version;

use crate::{
    dead::DeadLetters,
    log::{Cursor, InstanceLog},
    pictures::PictureExports,
    plans::{self, Origin, Wish},
    runtime::Surroundings,
    status::{ReceiverStatus, State},
    wanted::Wanted,
    worker::{Order, RateState, Selector},
};

/// How long one export that is changed or removed has to close. A child that takes longer is killed; what it
/// has not acknowledged is sent again.
const CLOSE_LIMIT: Duration = Duration::from_secs(8);

/// The statuses of all exports, in the order of the instance file: shared with the log's keeper and with
/// whoever looks.
pub(crate) type Statuses = Arc<RwLock<Vec<Arc<ReceiverStatus>>>>;

/// All exports and exporters of an instance.
pub(crate) struct Exports {
    id: Id,
    around: Arc<Surroundings>,
    log: InstanceLog,
    wanted: Arc<Wanted>,
    slots: Vec<Slot>,
    statuses: Statuses,
    pictures: PictureExports,
    /// While the source runs: what picture exports have to know of it.
    run: Option<InstanceInfo>,
}

/// One export, whatever has become of it.
struct Slot {
    status: Arc<ReceiverStatus>,
    /// What it was last planned from; `None`: it never could be.
    origin: Option<Origin>,
    /// What it takes of the log; kept while it is paused, for then its records wait.
    selection: Option<Selection>,
    /// The settings that go with it.
    common: Common,
    doing: Doing,
    /// What is to be called when it is taken out or switched off.
    gone: Option<Box<dyn Fn() + Send + Sync>>,
}

enum Doing {
    /// Off, or it could not be started.
    Nothing,
    Paused,
    /// A worker reads the log for it.
    Delivers {
        orders: watch::Sender<Order>,
        task: JoinHandle<()>,
    },
    /// It takes pictures while the source runs.
    Pictures,
}

/// What the exports are to be.
pub(crate) struct Wishes<'a> {
    pub exports: Vec<Wish<'a>>,
    pub info: &'a InstanceInfo,
    /// The versions that can be had.
    pub available: &'a [Version],
    /// Old name, new name.
    pub renames: &'a [(String, String)],
}

/// An export that is gone.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct Removed {
    /// Its name.
    pub name: String,
    /// Log entries that waited for it and went with it.
    pub waiting: u64,
}

impl Exports {
    pub fn new(id: Id, around: Arc<Surroundings>, log: InstanceLog, wanted: Arc<Wanted>) -> Self {
        let (statuses, pictures) = (Statuses::default(), PictureExports::default());
        Self { id, around, log, wanted, slots: Vec::new(), statuses, pictures, run: None }
    }

    pub fn statuses(&self) -> Statuses {
        self.statuses.clone()
    }

    pub fn pictures(&self) -> PictureExports {
        self.pictures.clone()
    }

    /// Makes them what `wishes` says. Exports whose settings are as they were are not touched.
    pub async fn apply(&mut self, wishes: Wishes<'_>) -> Result<Vec<Removed>, journal::Error> {
        for (old, new) in wishes.renames {
            self.rename(old, new).await?;
        }
        let removed = self.remove_all_but(&wishes.exports).await?;
        let files = plans::files(&wishes.exports, wishes.info, &self.around.paths);
        let taken = self.around.claims().set(self.id, &wishes.info.name, &files);
        for wish in &wishes.exports {
            match taken.iter().find(|(name, _)| name == wish.name) {
                Some((_, problem)) => {
                    let index = self.slot(wish);
                    self.halt(index, Instant::now() + CLOSE_LIMIT).await;
                    self.slots[index].origin = None;
                    self.cannot(index, std::slice::from_ref(problem));
                }
                None => self.apply_one(wish, &wishes).await?,
            }
        }
        let place = |slot: &Slot| wishes.exports.iter().position(|wish| wish.name == slot.status.name);
        self.slots.sort_by_key(place);
        self.publish();
        Ok(removed)
    }

    /// Whether the source that runs waits for the log.
    pub fn lossless(&self) -> bool {
        self.run.as_ref().is_some_and(|info| info.lossless)
    }

    /// The source begins: picture exports start.
    pub fn begin_run(&mut self, info: &InstanceInfo) {
        self.run = Some(info.clone());
        for index in 0..self.slots.len() {
            if matches!(self.slots[index].doing, Doing::Pictures) {
                self.show(index);
            }
        }
    }

    /// The source has ended, and with it the pictures.
    pub fn end_run(&mut self) {
        self.run = None;
        for slot in self.slots.iter().filter(|slot| matches!(slot.doing, Doing::Pictures)) {
            slot.status.finish(0);
        }
    }

    /// Waits until every receiver has what is in the log up to `end`, at most `limit`.
    pub async fn drain(&self, end: u64, limit: Duration) {
        let all = async {
            for slot in &self.slots {
                slot.status.drained(end).await;
            }
        };
        // Who is not done by then shows in the statuses.
        let _late = timeout(limit, all).await;
    }

    /// Closes all of them at the same time; whoever is not done at `by` is cut off.
    pub async fn stop(&mut self, by: Instant) {
        for slot in &self.slots {
            if let Doing::Delivers { orders, .. } = &slot.doing {
                orders.send_replace(Order::Stop);
            }
        }
        for index in 0..self.slots.len() {
            self.halt(index, by).await;
        }
        let end = self.log.end();
        for slot in &self.slots {
            slot.status.finish(end);
        }
    }

    /// Stops delivering to `name` and forgets what it was planned from, so that the next [`Exports::apply`]
    /// starts it anew.
    pub async fn let_go(&mut self, name: &str) {
        if let Some(index) = self.slots.iter().position(|slot| slot.status.name == name) {
            self.halt(index, Instant::now() + CLOSE_LIMIT).await;
            self.slots[index].origin = None;
        }
    }

    pub async fn remove_all(&mut self) -> Result<Vec<Removed>, journal::Error> {
        let removed = self.remove_all_but(&[]).await;
        self.around.claims().set(self.id, "", &[]);
        self.publish();
        removed
    }

    async fn remove_all_but(&mut self, wishes: &[Wish<'_>]) -> Result<Vec<Removed>, journal::Error> {
        let is_wished = |name: &str| wishes.iter().any(|wish| wish.name == name);
        let by = Instant::now() + CLOSE_LIMIT;
        let mut removed = Vec::new();
        for index in (0..self.slots.len()).rev() {
            if is_wished(&self.slots[index].status.name) {
                continue;
            }
            self.halt(index, by).await;
            self.is_gone(index);
            let Slot { status, .. } = self.slots.remove(index);
            let waiting = self.log.end().saturating_sub(status.cursor());
            DeadLetters::open(&self.around.journal, self.id, &status.name)?.owner_is_gone()?;
            removed.push(Removed { name: status.name.clone(), waiting });
        }
        // Also of those that were removed or switched off while nobody was looking.
        for name in self.log.cursors() {
            let keeps = wishes.iter().any(|wish| wish.name == name && wish.switch != Switch::Off);
            if !keeps {
                self.log.set_cursor(&name, None)?;
            }
        }
        removed.reverse();
        Ok(removed)
    }

    async fn apply_one(&mut self, wish: &Wish<'_>, wishes: &Wishes<'_>) -> Result<(), journal::Error> {
        let index = self.slot(wish);
        if wish.switch == Switch::Off {
            return self.switch_off(index).await;
        }
        let info = self.run.as_ref().unwrap_or(wishes.info);
        let (plan, origin) = match plans::plan(wish, info, wishes.available, &self.around) {
            Ok(planned) => planned,
            Err(problems) => {
                self.cannot(index, &problems);
                return Ok(());
            }
        };
        let slot = &mut self.slots[index];
        slot.status.note(None);
        let as_it_was = slot.origin.as_ref() == Some(&origin);
        let is_so_already = matches!(
            (&slot.doing, wish.switch),
            (Doing::Paused, Switch::Paused) | (Doing::Delivers { .. } | Doing::Pictures, Switch::On)
        );
        (slot.origin, slot.selection) = (Some(origin), Some(plan.selection.clone()));
        slot.common = plan.common.clone();
        if as_it_was && is_so_already {
            return Ok(());
        }
        self.halt(index, Instant::now() + CLOSE_LIMIT).await;
        self.is_of_format(index, plan.format.name)?;
        let records = matches!(plan.output, Output::Receiver(_));
        let takes = Selector::new(plan.selection.clone(), &plan.common, RateState::default());
        self.slots[index].status.takes(records.then_some(takes));
        self.publish();
        match wish.switch {
            Switch::On => self.start(index, plan),
            _ => self.pause(index, &plan.output),
        }
    }

    /// Where the export of `wish` is kept; a new place where there is none.
    fn slot(&mut self, wish: &Wish<'_>) -> usize {
        let known = self.slots.iter().position(|slot| slot.status.name == wish.name);
        known.unwrap_or_else(|| {
            let status = Arc::new(ReceiverStatus::new(wish.name, wish.format()));
            status.takes_no_records();
            self.slots.push(Slot {
                status,
                origin: None,
                selection: None,
                common: Common::default(),
                doing: Doing::Nothing,
                gone: None,
            });
            self.slots.len() - 1
        })
    }

    /// Another format begins where the one before was, with nothing of what that kept to go on.
    fn is_of_format(&mut self, index: usize, format: &'static str) -> Result<(), journal::Error> {
        let slot = &mut self.slots[index];
        if slot.status.format == format {
            return Ok(());
        }
        let new = Arc::new(ReceiverStatus::new(slot.status.name.clone(), format));
        let before = std::mem::replace(&mut slot.status, new);
        slot.status.move_cursor(before.cursor());
        match self.log.cursor(&before.name) {
            Some(cursor) => self.log.set_cursor(
                &before.name,
                Some(&Cursor { resume: None, state: RateState::default(), ..cursor }),
            ),
            None => Ok(()),
        }
    }

    /// It cannot be what it should: what runs goes on as it was, what does not is failed. Its place in the log
    /// stays.
    fn cannot(&mut self, index: usize, problems: &[Problem]) {
        let slot = &self.slots[index];
        let problem = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        if matches!(slot.doing, Doing::Nothing) {
            if let Some(cursor) = self.log.cursor(&slot.status.name) {
                slot.status.move_cursor(cursor.position);
            }
            slot.status.cannot_start(problem);
        } else {
            slot.status.note(Some(format!("{problem}\nuntil that is mended it goes on as it was")));
        }
    }

    async fn switch_off(&mut self, index: usize) -> Result<(), journal::Error> {
        self.halt(index, Instant::now() + CLOSE_LIMIT).await;
        self.is_gone(index);
        let slot = &mut self.slots[index];
        slot.selection = None;
        slot.status.note(None);
        slot.status.takes_no_records();
        slot.status.takes(None);
        slot.status.set(State::Disabled, None);
        if self.log.cursor(&slot.status.name).is_some() {
            self.log.set_cursor(&slot.status.name, None)?;
        }
        Ok(())
    }

    /// The cursor moves along, and so do dead letters.
    async fn rename(&mut self, old: &str, new: &str) -> Result<(), journal::Error> {
        let Some(index) = self.slots.iter().position(|slot| slot.status.name == old) else { return Ok(()) };
        self.halt(index, Instant::now() + CLOSE_LIMIT).await;
        self.is_gone(index);
        self.log.rename_cursor(old, new)?;
        DeadLetters::rename(&self.around.journal, self.id, old, new)?;
        let slot = &mut self.slots[index];
        slot.status = Arc::new(slot.status.renamed(new));
        Ok(())
    }

    /// What is wanted of the log, and what can be seen, follows the slots.
    fn publish(&self) {
        *self.statuses.write() = self.slots.iter().map(|slot| slot.status.clone()).collect();
        self.wanted.set(self.slots.iter().filter_map(|slot| slot.selection.as_ref()));
        let exports = self.slots.iter().filter_map(|slot| Some((slot.selection.as_ref()?, &slot.common)));
        self.wanted.set_pictures(exports);
    }
}

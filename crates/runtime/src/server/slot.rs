//! One instance under the server: its document, its state, and the task that keeps its source going.

use std::{
    path::PathBuf,
    sync::{Arc, Weak, atomic::Ordering},
    time::Duration,
};

use parking_lot::RwLock;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::{sync::Mutex, task::AbortHandle};
use tracing::Instrument;
use watchpost_config::{self as config, Base, Loaded};
use watchpost_model::Id;
use watchpost_source::Source;

use super::{OperationError, folder};
use crate::{
    backoff::Backoff,
    exports::Removed,
    instance::{Instance, StartError, View, ended},
    pipeline::Ended,
    recorder::next_sequence,
    runtime::{Surroundings, open_source},
    status::ReceiverSnapshot,
};

/// A source that ran this long starts over with short pauses.
const GOOD_RUN: Duration = Duration::from_secs(60);

/// What an instance is doing (PRODUCT section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InstanceState {
    /// By the user, or never started. It delivers what is in its log all the same.
    Stopped,
    /// Its source is being opened.
    Starting,
    /// Frames come, or are waited for.
    Running,
    /// Its source has failed, or a camera cannot be reached: it is opened again after a pause.
    Restarting,
    /// Only a change can help.
    Failed,
    /// Its file has ended.
    Finished,
}

impl InstanceState {
    /// Whether it was started and has not come to an end: its source is open, or is opened again and again.
    pub const fn runs(self) -> bool {
        matches!(self, Self::Running | Self::Restarting)
    }

    /// Its name in page, API and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Restarting => "restarting",
            Self::Failed => "failed",
            Self::Finished => "finished",
        }
    }
}

/// One instance of a server.
pub(super) struct Slot {
    pub id: Id,
    pub file: PathBuf,
    pub around: Arc<Surroundings>,
    /// Held while something is changed: operations on one instance come one after the other.
    pub inner: Mutex<Inner>,
    seen: RwLock<Seen>,
}

pub(super) struct Inner {
    pub loaded: Loaded,
    /// What the file held when it was last read or written.
    pub text: String,
    pub instance: Instance,
    /// Opens the source, and opens it again when it has failed.
    driver: Option<AbortHandle>,
}

/// What can be seen without waiting for a change to be done with.
struct Seen {
    name: String,
    /// Without a password.
    source: String,
    auto_start: bool,
    restarts: u64,
    state: InstanceState,
    problem: Option<String>,
    /// What is wrong with the file, which is not what runs then.
    file_problem: Option<String>,
    view: View,
}

impl Seen {
    /// A live source reconnects by itself, and its run goes on meanwhile: for people it is away all the same.
    fn state(&self) -> InstanceState {
        match self.state {
            InstanceState::Running if self.view.glance().away().is_some() => InstanceState::Restarting,
            state => state,
        }
    }
}

/// Everything about an instance at one moment.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Instance", extend("examples" = [{
    "id": "3f0e8d2c-6b1a-4957-8e0d-1c2b3a495867", "name": "Main gate", "state": "running",
    "file": "watchpost-data/instances/gate.json", "source": "rtsp://camera/1", "auto_start": true,
    "frames": 1200, "analysed": 1200, "skipped": 0, "encoded": 0, "fps": 12.4, "tracks": 3, "events_last_hour": 17,
    "position_ms": 96000.0, "width": 1920, "height": 1080, "codec": "H.264", "malformed": 0, "lost": 0,
    "restarts": 0, "records": 40, "entries": 31, "log_bytes": 52011, "exports": [],
}]))]
pub struct InstanceSnapshot {
    /// `InstanceId`.
    #[schemars(with = "String", extend("format" = "uuid"))]
    pub id: Id,
    /// `DisplayName`.
    pub name: String,
    /// What it is doing.
    pub state: InstanceState,
    /// Why, where something is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// What is wrong with its file after a hand edit; what runs is as it was before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_problem: Option<String>,
    /// Its file.
    pub file: PathBuf,
    /// Frames that arrived in this run of the source.
    pub frames: u64,
    /// Of these, analysed.
    pub analysed: u64,
    /// Frames that a live source could not wait with.
    pub skipped: u64,
    /// Frames that were encoded for video exports since the start, each once for all that want the same.
    pub encoded: u64,
    /// Where its frames come from, without a password.
    pub source: String,
    /// Whether it starts with the server.
    pub auto_start: bool,
    /// Frames that arrive per second now.
    pub fps: f64,
    /// Established tracks in the last frame.
    pub tracks: u64,
    /// Events within the last hour.
    pub events_last_hour: u64,
    /// The last frame's stream time, ms.
    pub position_ms: f64,
    /// Pixels in a row of the source's pictures, once one has come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Rows of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// How they were encoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codec: Option<String>,
    /// Lines and detections of the source that were malformed.
    pub malformed: u64,
    /// Records and objects for which the journal had no room.
    pub lost: u64,
    /// Times the source was opened again after a failure.
    pub restarts: u64,
    /// Records that have entered its log since that was made.
    pub records: u64,
    /// Entries of its log since that was made: a group of records is one, and a stream's object.
    pub entries: u64,
    /// Bytes of its log.
    pub log_bytes: u64,
    /// Every export and exporter.
    pub exports: Vec<ReceiverSnapshot>,
    /// The preprocess command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preprocess: Option<ReceiverSnapshot>,
}

impl Slot {
    /// Loads an instance: it delivers, and its source does not run yet.
    pub async fn open(
        file: PathBuf,
        text: String,
        loaded: Loaded,
        around: Arc<Surroundings>,
    ) -> Result<Arc<Self>, StartError> {
        let instance = Instance::open(&loaded, around.clone()).await?;
        let seen = RwLock::new(Seen {
            name: instance.name().to_owned(),
            source: shown_source(&loaded),
            auto_start: loaded.instance.auto_start,
            restarts: 0,
            state: InstanceState::Stopped,
            problem: None,
            file_problem: None,
            view: instance.view().clone(),
        });
        let id = instance.id();
        let inner = Mutex::new(Inner { loaded, text, instance, driver: None });
        Ok(Arc::new(Self { id, file, around, inner, seen }))
    }

    /// Starts the source, if it does not run. Returns before it is open.
    pub fn start(self: &Arc<Self>, inner: &mut Inner) {
        let busy = [InstanceState::Starting, InstanceState::Running, InstanceState::Restarting];
        if !busy.contains(&self.seen.read().state) {
            self.drive(inner);
        }
    }

    fn drive(self: &Arc<Self>, inner: &mut Inner) {
        self.set(InstanceState::Starting, None);
        let driver = drive(Arc::downgrade(self)).instrument(inner.instance.span());
        inner.driver = Some(tokio::spawn(driver).abort_handle());
    }

    /// Stops the source. What it has left in the log is still delivered.
    pub async fn stop(&self, inner: &mut Inner) {
        if let Some(driver) = inner.driver.take() {
            driver.abort();
        }
        inner.instance.end_run().await;
        self.set(InstanceState::Stopped, None);
    }

    /// Brings the instance to another document.
    pub async fn apply(
        self: &Arc<Self>,
        inner: &mut Inner,
        loaded: Loaded,
        renames: &[(String, String)],
    ) -> Result<Vec<Removed>, OperationError> {
        let before = &inner.loaded.instance.input;
        let failed = self.seen.read().state == InstanceState::Failed && *before != loaded.instance.input;
        let applied = inner.instance.apply(&loaded, renames).await.map_err(OperationError::failed)?;
        inner.loaded = loaded;
        {
            let mut seen = self.seen.write();
            seen.name = inner.instance.name().to_owned();
            seen.source = shown_source(&inner.loaded);
            seen.auto_start = inner.loaded.instance.auto_start;
        }
        self.file_is(None);
        if applied.reopen || failed {
            if let Some(driver) = inner.driver.take() {
                driver.abort();
            }
            self.drive(inner);
        }
        Ok(applied.removed)
    }

    /// Looks at all exports again, for an exporter or its settings have changed.
    pub async fn look_again(self: &Arc<Self>) -> Result<(), OperationError> {
        self.begin_again(&mut *self.inner.lock().await).await
    }

    /// The same, where one has been let go of.
    pub async fn begin_again(self: &Arc<Self>, inner: &mut Inner) -> Result<(), OperationError> {
        let loaded = inner.loaded.clone();
        self.apply(inner, loaded, &[]).await.map(|_| ())
    }

    /// Takes over what the file says, if somebody has edited it.
    ///
    /// # Errors
    /// Why that cannot be used; nothing has changed then. Said once for one text.
    pub async fn take_hand_edit(self: &Arc<Self>, inner: &mut Inner) -> Result<(), String> {
        // Read only now that nobody else saves it: what it held before must not be taken for an edit.
        let text = config::read_text(&self.file);
        let seen = text.clone().unwrap_or_default();
        if inner.text == seen {
            return Ok(());
        }
        inner.text = seen;
        let loaded = text.and_then(|text| config::load(&text, &self.file, Base::DataFolder));
        let loaded = loaded.map_err(|problems| OperationError::problems(&problems).message)?;
        if loaded.instance.id != self.id {
            return Err(format!("/InstanceId: expected {}: an instance cannot become another", self.id));
        }
        let renames = folder::renames(&inner.loaded.instance.output, &loaded.instance.output);
        self.apply(inner, loaded, &renames).await.map(|_| ()).map_err(|error| error.message)
    }

    /// What is wrong with its file, if it was edited and cannot be used.
    pub fn file_problem(&self) -> Option<String> {
        self.seen.read().file_problem.clone()
    }

    /// Its file says something that cannot be used; `None`: it is what runs.
    pub fn file_is(&self, wrong: Option<String>) {
        if let Some(wrong) = &wrong {
            tracing::warn!(instance = %self.name(), "the file was changed and cannot be used; what runs is left as it was: {wrong}");
        }
        self.seen.write().file_problem = wrong;
    }

    pub fn state(&self) -> InstanceState {
        self.seen.read().state()
    }

    pub fn name(&self) -> String {
        self.seen.read().name.clone()
    }

    pub fn view(&self) -> View {
        self.seen.read().view.clone()
    }

    pub fn snapshot(&self) -> InstanceSnapshot {
        let seen = self.seen.read();
        let (source, glance) = (seen.view.source(), seen.view.glance());
        let (codec, size) = glance.source();
        InstanceSnapshot {
            source: seen.source.clone(),
            auto_start: seen.auto_start,
            fps: glance.fps(),
            tracks: glance.tracks(),
            events_last_hour: glance.events_last_hour(),
            position_ms: source.position.as_ms(),
            width: size.map(|size| size.width),
            height: size.map(|size| size.height),
            codec,
            malformed: source.refused,
            lost: source.lost,
            restarts: seen.restarts + glance.losses(),
            records: next_sequence(seen.view.log()),
            entries: seen.view.log().end(),
            log_bytes: seen.view.log().store().bytes(),
            id: self.id,
            name: seen.name.clone(),
            state: seen.state(),
            problem: seen.problem.clone().or_else(|| glance.away()),
            file_problem: seen.file_problem.clone(),
            file: self.file.clone(),
            frames: source.frames,
            analysed: source.analysed,
            skipped: source.skipped,
            encoded: glance.encoded.load(Ordering::Relaxed),
            exports: seen.view.receivers(),
            preprocess: seen.view.preprocess(),
        }
    }

    fn set(&self, state: InstanceState, problem: Option<String>) {
        let mut seen = self.seen.write();
        match &problem {
            Some(problem) => tracing::warn!(instance = %seen.name, "{problem}"),
            None => tracing::info!(instance = %seen.name, ?state, "state changed"),
        }
        if state == InstanceState::Restarting {
            seen.restarts += 1;
        }
        (seen.state, seen.problem) = (state, problem);
    }
}

/// Where an instance's frames come from, as everybody may see it.
fn shown_source(loaded: &Loaded) -> String {
    config::redact(&loaded.instance.input.uri)
}

impl Inner {
    /// Ends it: deliveries too.
    pub async fn shut_down(&mut self) {
        if let Some(driver) = self.driver.take() {
            driver.abort();
        }
        self.instance.shut_down().await;
    }
}

/// Opens the source and waits for its end, again and again while that makes sense. Ended by `abort`.
async fn drive(slot: Weak<Slot>) {
    let mut backoff = Backoff::default();
    loop {
        let Some(slot_now) = slot.upgrade() else { return };
        let began = tokio::time::Instant::now();
        let wishes = slot_now.inner.lock().await.loaded.instance.clone();
        let reason = match open_source(&wishes, &slot_now.around).await {
            Err(StartError::Source(error)) if !error.transient => {
                return slot_now.set(InstanceState::Failed, Some(error.to_string()));
            }
            Err(error) => error.to_string(),
            Ok(source) => {
                let ended = match begin(&slot_now, source).await {
                    Ok(ended) => ended,
                    Err(error) => return slot_now.set(InstanceState::Failed, Some(error.to_string())),
                };
                slot_now.set(InstanceState::Running, None);
                // Not held while it runs: the server may let go of the instance.
                drop(slot_now);
                let how = ended.await;
                let Some(slot_now) = slot.upgrade() else { return };
                match how {
                    Ended::Stopped => return,
                    Ended::Finished => {
                        slot_now.inner.lock().await.instance.end_run().await;
                        return slot_now.set(InstanceState::Finished, None);
                    }
                    Ended::BrokeOff(reason) => {
                        slot_now.inner.lock().await.instance.end_run().await;
                        return slot_now.set(InstanceState::Failed, Some(reason));
                    }
                    Ended::Failed(reason) => {
                        slot_now.inner.lock().await.instance.end_run().await;
                        reason
                    }
                }
            }
        };
        if began.elapsed() > GOOD_RUN {
            backoff.reset();
        }
        if let Some(slot) = slot.upgrade() {
            slot.set(InstanceState::Restarting, Some(reason));
        }
        tokio::time::sleep(backoff.next()).await;
    }
}

async fn begin(
    slot: &Slot,
    source: Box<dyn Source>,
) -> Result<impl Future<Output = Ended> + use<>, StartError> {
    let mut inner = slot.inner.lock().await;
    inner.instance.begin(source).await?;
    let end = inner.instance.watch_end();
    Ok(async move {
        match end {
            Some(end) => ended(end).await,
            None => Ended::Stopped,
        }
    })
}

//! One run of an instance's source: from its opening to its end, on a thread of its own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use parking_lot::Mutex;
use tokio::sync::watch;
use watchpost_analytics::Securt;
use watchpost_config as config;
use watchpost_export::InstanceInfo;
use watchpost_source::{Source, SourceInfo};

use crate::{
    armed::Schedules,
    glance::Glance,
    intake::Intake,
    keeper::Gate,
    open_events::OpenEvents,
    overlay::Painter,
    pictures::{PictureExports, Pictures},
    pipeline::{Ended, Pipeline},
    plans,
    source_status::SourceStatus,
    streams::Streams,
    wanted::Wanted,
};

/// Areas, lines, names and colours that the pipeline takes over before its next frame.
pub(crate) type Scene = Arc<Mutex<Option<Box<(config::Instance, InstanceInfo)>>>>;

/// A source that runs, or has run.
pub(super) struct Run {
    pub status: Arc<SourceStatus>,
    /// How many frames the source has, where that is known: a file that does not loop.
    pub frames_expected: Option<u64>,
    stop: Arc<AtomicBool>,
    scene: Scene,
    pub ended: watch::Receiver<Option<Ended>>,
}

/// What a run shares with the rest of its instance.
pub(super) struct Surrounded<'a> {
    pub wishes: &'a config::Instance,
    pub info: &'a InstanceInfo,
    pub wanted: Arc<Wanted>,
    pub intake: Arc<Intake>,
    pub pictures: PictureExports,
    pub gate: Arc<Gate>,
    pub glance: Arc<Glance>,
}

impl Run {
    /// Starts the thread. It ends with the source, or by `stop`.
    pub fn begin(
        source: Box<dyn Source>,
        stop: Arc<AtomicBool>,
        around: Surrounded<'_>,
    ) -> std::io::Result<Self> {
        let Surrounded { wishes, info, wanted, intake, pictures, gate, glance } = around;
        let status = Arc::new(SourceStatus::new(source.info().fps));
        let frames_expected = frames_expected(&source.info(), wishes.input.looping);
        let scene = Scene::default();
        glance.recent.clear();
        let pipeline = Pipeline {
            source,
            solution: Securt::new(plans::solution(wishes)),
            schedules: Schedules::new(wishes),
            streams: Streams::new(info.clone(), wanted),
            open_events: OpenEvents::default(),
            intake,
            pictures: Pictures::new(Painter::new(wishes, info), info.lossless, pictures, glance.clone()),
            scene: scene.clone(),
            gate,
            last_frame: None,
            last_shown: None,
            tells_silence: wishes.input.no_signal_picture,
            status: status.clone(),
            glance,
        };
        let (tell, ended) = watch::channel(None);
        let (stopped, span) = (stop.clone(), tracing::Span::current());
        thread::Builder::new().name(format!("instance {}", wishes.name)).spawn(move || {
            let _its_own = span.enter();
            let how = pipeline.run(&stopped);
            tell.send_replace(Some(how));
        })?;
        Ok(Self { status, frames_expected, stop, scene, ended })
    }

    /// Tells source and analysis to stop.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Other areas, lines, names or colours, from the next frame on.
    pub fn change_scene(&self, wishes: &config::Instance, info: &InstanceInfo) {
        *self.scene.lock() = Some(Box::new((wishes.clone(), info.clone())));
    }

    /// How it ended; `None` while it runs.
    pub fn has_ended(&self) -> Option<Ended> {
        self.ended.borrow().clone()
    }
}

/// Waits until a run has ended and all its frames have passed the analysis.
pub(crate) async fn ended(mut run: watch::Receiver<Option<Ended>>) -> Ended {
    match run.wait_for(Option::is_some).await {
        Ok(ended) => ended.clone().unwrap_or(Ended::Stopped),
        Err(_) => Ended::Failed("the instance's thread panicked; this is a bug in Watchpost".into()),
    }
}

fn frames_expected(source: &SourceInfo, looping: bool) -> Option<u64> {
    let seconds = source.duration.filter(|_| !looping)?.as_secs();
    Some((seconds * source.fps?).round() as u64)
}

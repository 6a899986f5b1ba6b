//! What can be seen of an instance: while it lives, and what it leaves.

use std::sync::Arc;

use parking_lot::RwLock;
use watchpost_export::{Written, exporter};
use watchpost_process::Talk;

use crate::{
    exports::Statuses,
    glance::Glance,
    log::InstanceLog,
    pipeline::Ended,
    preprocess,
    source_status::{SourceSnapshot, SourceStatus},
    status::{ReceiverSnapshot, State},
    wanted::Wanted,
};

/// What can be seen of an instance, also while it is being changed. Cheap to clone.
#[derive(Clone)]
pub struct View {
    pub(super) log: InstanceLog,
    pub(super) wanted: Arc<Wanted>,
    pub(super) statuses: Statuses,
    pub(super) preprocess: Arc<RwLock<Option<preprocess::Seen>>>,
    pub(super) source: Arc<RwLock<Option<Arc<SourceStatus>>>>,
    pub(super) glance: Arc<Glance>,
}

impl View {
    /// Frames in, analysed, skipped, and where in the stream it is, of the last run.
    pub fn source(&self) -> SourceSnapshot {
        let lost = self.log.entrance().lost();
        let source = self.source.read().as_ref().map(|source| source.snapshot()).unwrap_or_default();
        SourceSnapshot { lost, ..source }
    }

    /// What every export and exporter is doing.
    pub(crate) fn statuses(&self) -> Vec<Arc<crate::status::ReceiverStatus>> {
        self.statuses.read().clone()
    }

    /// What has happened lately to an export, an exporter or `preprocess`, newest first.
    pub(crate) fn happened(&self, receiver: &str) -> Option<Vec<crate::status::Happened>> {
        if receiver == "preprocess" {
            return self.preprocess.read().as_ref().map(|seen| seen.status.happened());
        }
        self.statuses.read().iter().find(|status| status.name == receiver).map(|status| status.happened())
    }

    /// The state of every export and exporter, also of those that could not be started.
    pub fn receivers(&self) -> Vec<ReceiverSnapshot> {
        let end = self.log.end();
        self.statuses.read().iter().map(|status| status.snapshot(end)).collect()
    }

    /// What the preprocess command is doing, if there is one; `waiting` is what its inbox holds.
    pub fn preprocess(&self) -> Option<ReceiverSnapshot> {
        let preprocess = self.preprocess.read();
        preprocess.as_ref().map(|seen| seen.status.snapshot(seen.inbox.store().end()))
    }

    /// What the preprocess command has passed in its inbox, if there is one.
    pub(crate) fn preprocess_cursor(&self) -> Option<u64> {
        self.preprocess.read().as_ref().map(|seen| seen.status.cursor())
    }

    /// What the child of an exporter, or the preprocess command, has said lately; `None` where there is none.
    pub(crate) fn talk(&self, name: &str) -> Option<Talk> {
        if name == "preprocess"
            && let Some(seen) = self.preprocess.read().as_ref()
        {
            return Some(seen.status.talk.clone());
        }
        let statuses = self.statuses.read();
        let status = statuses.iter().find(|s| s.name == name && s.format == exporter::NAME)?;
        Some(status.talk.clone())
    }

    /// What viewers look at.
    pub(crate) fn glance(&self) -> &Arc<Glance> {
        &self.glance
    }

    /// The instance's log, for those who read along.
    pub(crate) fn log(&self) -> &InstanceLog {
        &self.log
    }

    pub(crate) fn wanted(&self) -> Arc<Wanted> {
        self.wanted.clone()
    }
}

/// How an instance ended, and what it leaves.
#[derive(Debug)]
pub struct Final {
    /// Why the source ended.
    pub ended: Ended,
    /// Its last counts.
    pub source: SourceSnapshot,
    /// Every export and exporter that is on, with the files it has written.
    pub receivers: Vec<(ReceiverSnapshot, Vec<Written>)>,
    /// The preprocess command, if there is one.
    pub preprocess: Option<ReceiverSnapshot>,
}

impl Final {
    /// Whether the source ran to its end, nothing waits, and nothing was refused or lost.
    pub fn complete(&self) -> bool {
        let receivers = self.receivers.iter().map(|(receiver, _)| receiver).chain(&self.preprocess);
        let settled =
            |r: &ReceiverSnapshot| r.waiting == 0 && r.refused == 0 && r.state != State::Failed.name();
        matches!(self.ended, Ended::Finished | Ended::Stopped)
            && self.source.lost == 0
            && receivers.into_iter().all(settled)
    }
}

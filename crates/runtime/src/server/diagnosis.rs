//! `watchpost doctor`, asked of the running server.

use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::Mutex;

use super::{OperationError, Server};
use crate::doctor::{self, Finding, Health};

/// A sync's time is measured: two at once would measure each other.
static EXAMINING: Mutex<()> = Mutex::const_new(());

/// What was looked at, the worst first.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(extend("examples" = [{"findings": [{"level": "warning", "what": "open files", "detail": "up to 1024: enough for some ten instances", "fix": "ulimit -n 65536"}]}]))]
pub struct Diagnosis {
    /// As `watchpost doctor --all` prints them.
    pub findings: Vec<Diagnosed>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Diagnosed {
    /// How it is.
    pub level: FindingLevel,
    /// What: `disk room`, `RTSP cameras`.
    pub what: String,
    /// What was seen.
    pub detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingLevel {
    /// As it should be.
    Ok,
    /// Works, but less than it could, or not for long.
    Warning,
    /// Something that people expect does not work.
    Error,
}

impl From<Finding> for Diagnosed {
    fn from(Finding { check, health, found, fix }: Finding) -> Self {
        let level = match health {
            Health::Good => FindingLevel::Ok,
            Health::Warning => FindingLevel::Warning,
            Health::Problem => FindingLevel::Error,
        };
        Self { level, what: check, detail: found, fix: Some(fix).filter(|fix| !fix.is_empty()) }
    }
}

impl Server {
    /// What is missing or wrong on this machine and in the data folder, and how to mend it: see [`doctor`]. Some
    /// seconds on a slow disk; nothing that runs is disturbed.
    ///
    /// # Errors
    /// It could not be looked at.
    pub async fn diagnose(&self) -> Result<Diagnosis, OperationError> {
        let _alone = EXAMINING.lock().await;
        let (data, shipped) = (self.runtime.data().to_owned(), self.runtime.shipped().to_vec());
        let examined = tokio::task::spawn_blocking(move || doctor::examine(&data, &shipped)).await;
        let mut findings: Vec<_> =
            examined.map_err(OperationError::failed)?.into_iter().map(Diagnosed::from).collect();
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
        Ok(Diagnosis { findings })
    }
}

//! The conformance kit of exporters, run by the server on one that is installed.

use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::Mutex;
use watchpost_export::exporter::kit::{self, Kit, Progress, Row, Verdict};

use super::{ErrorKind, OperationError, Server};
use crate::runtime::find_exporter;

/// Nothing is sent for so long in the check `pause`: enough for a timeout of seconds inside the program to show.
const PAUSE: Duration = Duration::from_secs(2);
/// All checks together. A good program needs some 10 s, one that hangs at every second check takes minutes and is
/// known for what it is by then.
const LIMIT: Duration = Duration::from_secs(120);
/// It takes a core, and sends what it sends to wherever the settings say: one at a time.
static TESTING: Mutex<()> = Mutex::const_new(());

/// How an exporter did.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(extend("examples" = [{"passed": true, "rows": [{"name": "starts", "ok": true, "result": "pass", "detail": "answered its first message after 41 ms", "took_ms": 41}]}]))]
pub struct Conformance {
    /// No check has failed.
    pub passed: bool,
    /// The checks, in the order in which they were made.
    pub rows: Vec<ConformanceRow>,
}

/// One check.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ConformanceRow {
    /// `starts`, `event-intrusion:2`, `burst`, ... (docs/exporters.md).
    pub name: String,
    /// It did not fail.
    pub ok: bool,
    /// `pass`, `fail`, or `skipped` where it does not apply or could not be tried.
    pub result: Verdict,
    /// What was seen; for a failure why.
    pub detail: String,
    /// How long it took.
    pub took_ms: u64,
}

impl From<Row> for ConformanceRow {
    fn from(row: Row) -> Self {
        let Row { check, result, detail, took_ms } = row;
        Self { name: check, ok: result != Verdict::Fail, result, detail, took_ms }
    }
}

impl Server {
    /// Runs the conformance kit on an installed exporter, with the settings it has: a process of its own, beside
    /// those of instances. What it writes relative to the exports' folder is thrown away; what it sends elsewhere is
    /// really sent. At most two minutes.
    ///
    /// # Errors
    /// No such exporter, its manifest or settings cannot be used, or another test is running.
    pub async fn test_exporter(&self, name: &str) -> Result<Conformance, OperationError> {
        let exporters = self.runtime.exporters();
        let found = find_exporter(&exporters, name, "").map_err(|problems| OperationError {
            kind: ErrorKind::Unknown,
            ..OperationError::problems(&problems)
        })?;
        let Ok(_alone) = TESTING.try_lock() else {
            return Err(OperationError::busy(
                "another exporter is being tested: try again when that is done",
            ));
        };
        let settings = self.runtime.settings(found.manifest);
        let dir = std::path::absolute(found.dir).map_err(OperationError::failed)?;
        let output = tempfile::tempdir().map_err(OperationError::failed)?;
        let kit = Kit {
            manifest: found.manifest,
            dir: &dir,
            settings: &settings,
            exports_dir: output.path(),
            guardian: self.runtime.guardian(),
            pause: PAUSE,
        };
        let began = Instant::now();
        let (mut rows, mut current) = (Vec::new(), String::new());
        let told = |progress: Progress<'_>| match progress {
            Progress::Begins(check) => check.clone_into(&mut current),
            Progress::Done(row) => rows.push(ConformanceRow::from(row.clone())),
        };
        // Dropped in the middle of a check, its child is killed with all it has started.
        let in_time = tokio::time::timeout(LIMIT, kit::run(&kit, told)).await;
        match in_time {
            Ok(done) => {
                done.map_err(|problem| OperationError::problems(&[problem]))?;
            }
            Err(_) => rows.push(ConformanceRow {
                name: current,
                ok: false,
                result: Verdict::Fail,
                detail: format!(
                    "not done when all checks had taken {} s; the rest was not tried",
                    LIMIT.as_secs()
                ),
                took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            }),
        }
        Ok(Conformance { passed: rows.iter().all(|row| row.ok), rows })
    }
}

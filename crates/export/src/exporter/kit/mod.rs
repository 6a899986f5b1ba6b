//! The conformance kit behind `watchpost exporter test`: what every exporter must be able to take.
//!
//! It starts the program as an instance would and feeds it through the same receiver, so that what passes here is
//! what works there. Each check is a [`Row`]. A child that fails one is replaced by a fresh one for the next, so one
//! fault does not hide another.

mod bench;
mod checks;
mod material;
mod session;

use std::{collections::BTreeMap, path::Path, time::Duration};

use schemars::JsonSchema;
use serde::Serialize;
use watchpost_config::{Manifest, Problem, SettingValue};
use watchpost_process::Guardian;
use watchpost_schema::Version;

use super::{Setup, prepare};
use crate::format::InstanceInfo;
use bench::Bench;

/// What to test, and how.
pub struct Kit<'a> {
    /// The exporter's manifest.
    pub manifest: &'a Manifest,
    /// Its folder, absolute: the working directory.
    pub dir: &'a Path,
    /// Values of its settings, defaults included.
    pub settings: &'a BTreeMap<String, SettingValue>,
    /// Where its relative output goes, absolute.
    pub exports_dir: &'a Path,
    /// Starts it.
    pub guardian: &'a Guardian,
    /// How long the check `pause` sends nothing.
    pub pause: Duration,
}

/// What came out of one check.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// `starts`, `event-intrusion:2`, `burst`, ...
    pub check: String,
    /// How it went.
    pub result: Verdict,
    /// What was seen; for a failure why.
    pub detail: String,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// How far the kit has come.
#[derive(Clone, Copy, Debug)]
pub enum Progress<'a> {
    /// A check of this name begins.
    Begins(&'a str),
    /// One is done, or left out.
    Done(&'a Row),
}

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Pass,
    /// Not as it should be.
    Fail,
    /// Does not apply to this exporter, or cannot be tried after an earlier failure.
    Skipped,
}

/// Runs all checks. `told` hears of each as it begins and is done.
///
/// # Errors
/// The exporter cannot be tested at all: nothing it asks for exists, or its command cannot be split.
pub async fn run(kit: &Kit<'_>, told: impl FnMut(Progress<'_>)) -> Result<Vec<Row>, Problem> {
    let instance = InstanceInfo {
        id: watchpost_model::Id::from_u128(0xc0f0_12ed_0000_4000_8000_0000_0000_0001),
        name: "conformance kit".to_owned(),
        time_zone: "UTC".to_owned(),
        lossless: true,
    };
    let setup = |available| Setup {
        manifest: kit.manifest,
        dir: kit.dir,
        settings: kit.settings,
        instance: &instance,
        exports_dir: kit.exports_dir,
        available,
        guardian: kit.guardian,
    };
    // An `ERROR` is a failure to show, not one to try again.
    let prepared = |available| {
        prepare(&setup(available)).map(|mut prepared| {
            prepared.settings.retries = 0;
            prepared
        })
    };
    let mut bench = Bench::new(prepared(&Version::ALL)?, kit.guardian.clone(), told);
    for refusal in bench.refused() {
        bench.push("subscriptions", Verdict::Fail, refusal, Duration::ZERO);
    }
    checks::starts(&mut bench).await;
    // What a preprocess command of version 1 leaves to be had, and what else it takes.
    for available in [&[Version::V2][..], &[Version::V1]] {
        if let Ok(prepared) = prepared(available) {
            bench.change(prepared).await;
            checks::every_id(&mut bench).await;
            checks::recorded_groups(&mut bench).await;
        }
    }
    bench.change(prepared(&Version::ALL)?).await;
    checks::contents(&mut bench).await;
    checks::pace(&mut bench, kit.pause).await;
    checks::ends(&mut bench).await;
    Ok(bench.into_rows())
}

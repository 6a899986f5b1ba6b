//! The data folder and what people have put into it.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rustix::fs::statvfs;
use watchpost_config::{self as config, Base, Found, Paths, Problem};

use super::Finding;
use crate::{claims::Claims, plans, runtime::Usable, server::instance_files};

/// Records are synced within 10 ms (PRODUCT 12), which a disk that takes longer than this cannot keep up with.
const SLOW_SYNC: Duration = Duration::from_millis(50);
const SYNCS: u32 = 5;
/// Under it the journal pauses (PRODUCT 12): the smaller of a twentieth of the disk and this.
const LEFT_FREE: u64 = 1 << 30;
/// Room that is worth having before that happens.
const ROOM: u64 = 1 << 30;
/// Problems told of one file; `watchpost validate` tells all.
const TOLD: usize = 3;

/// Whether it can be used, and how good its disk is.
pub(super) fn data(data: &Path) -> Vec<Finding> {
    let shown = data.display();
    // One that is not there yet is made where its nearest ancestor is.
    let place = data.ancestors().map(|path| if path.as_os_str().is_empty() { Path::new(".") } else { path });
    let Some(place) = place.into_iter().find(|path| path.exists()) else {
        return vec![Finding::problem("data folder", format!("{shown} cannot be reached"), CHOOSE)];
    };
    let took = match sync_time(place) {
        Ok(took) => took,
        Err(error) => {
            return vec![Finding::problem(
                "data folder",
                format!("{shown} cannot be written: {error}"),
                CHOOSE,
            )];
        }
    };
    let found = if place == data { shown.to_string() } else { format!("{shown}, made on first use") };
    let mut findings = vec![Finding::good("data folder", found)];
    let ms = took.as_secs_f64() * 1000.0;
    findings.push(if took <= SLOW_SYNC {
        Finding::good("disk speed", format!("{ms:.1} ms for a sync"))
    } else {
        let fix = "put the data folder on a faster or less busy disk";
        Finding::warning("disk speed", format!("{ms:.0} ms for a sync: records are late by that much"), fix)
    });
    match statvfs(place) {
        Ok(disk) => findings.push(room(disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize)),
        Err(error) => findings.push(Finding::warning("disk room", format!("cannot be seen: {error}"), "")),
    }
    findings
}

const CHOOSE: &str = "choose another folder with --data, or give this user access";

fn room(free: u64, size: u64) -> Finding {
    let left_free = (size / 20).min(LEFT_FREE);
    let usable = free.saturating_sub(left_free);
    let mib = |bytes: u64| bytes >> 20;
    let found = format!("{} MiB free, of which {} MiB are left free", mib(free), mib(left_free));
    match usable {
        0 => {
            Finding::problem("disk room", format!("{found}: the journal is paused"), "make room on this disk")
        }
        few if few < ROOM => Finding::warning("disk room", found, "make room on this disk"),
        _ => Finding::good("disk room", found),
    }
}

/// How long a small write and its sync take, the slowest of some.
fn sync_time(folder: &Path) -> std::io::Result<Duration> {
    let path = folder.join(format!(".watchpost-doctor-{}", std::process::id()));
    let mut file = fs::File::create(&path)?;
    let took: std::io::Result<Vec<_>> = (0..SYNCS).map(|_| sync_once(&mut file)).collect();
    fs::remove_file(&path)?;
    Ok(took?.into_iter().max().unwrap_or_default())
}

fn sync_once(file: &mut fs::File) -> std::io::Result<Duration> {
    let start = Instant::now();
    file.write_all(&[0; 4096])?;
    file.sync_data()?;
    Ok(start.elapsed())
}

/// Installed exporters: manifests that cannot be used, programs that cannot be run.
pub(super) fn exporters(data: &Path, shipped: &[PathBuf]) -> Vec<Finding> {
    let all = match found(data, shipped) {
        Ok(all) => all,
        Err(finding) => return vec![*finding],
    };
    if all.is_empty() {
        let fix =
            "name the folder of the shipped ones with --exporters, or make one with `watchpost exporter new`";
        return vec![Finding::warning("exporters", "none is installed", fix)];
    }
    all.iter().map(exporter).collect()
}

fn found(data: &Path, shipped: &[PathBuf]) -> Result<Vec<Found>, Box<Finding>> {
    let mut folders = vec![data.join("exporters")];
    folders.extend(shipped.iter().cloned());
    config::discover(&folders).map_err(|(folder, error)| {
        let text = format!("{} cannot be listed: {error}", folder.display());
        Box::new(Finding::problem("exporters", text, "give this user access"))
    })
}

fn exporter(found: &Found) -> Finding {
    match &found.manifest {
        Ok((manifest, _)) => {
            let check = format!("exporter {}", manifest.name);
            match plans::no_program(&Usable { dir: &found.dir, manifest }) {
                Some(problem) => Finding::problem(check, problem.message, problem.fix),
                None => Finding::good(check, found.dir.display().to_string()),
            }
        }
        Err(problems) => {
            let name = found.dir.file_name().unwrap_or(found.dir.as_os_str()).to_string_lossy();
            Finding::problem(format!("exporter {name}"), told(problems), "mend its manifest.json")
        }
    }
}

/// Instance files of the folder, as `watchpost validate` sees them.
pub(super) fn instances(data: &Path, shipped: &[PathBuf]) -> Vec<Finding> {
    let folder = data.join("instances");
    // None is as good as an empty one.
    let Ok(files) = instance_files(&folder) else { return Vec::new() };
    let exporters = found(data, shipped).unwrap_or_default();
    let claims = Claims::default();
    files.iter().map(|file| instance(file, data, &exporters, &claims)).collect()
}

fn instance(file: &Path, data: &Path, exporters: &[Found], claims: &Claims) -> Finding {
    let check = format!("instance {}", file.file_name().unwrap_or(file.as_os_str()).to_string_lossy());
    let fix = format!("watchpost validate {}", file.display());
    let (loaded, mut errors) = match config::examine_file(file, Base::DataFolder) {
        Ok(examined) => examined,
        Err(problems) => return Finding::problem(check, told(&problems), fix),
    };
    let checked = plans::check(&loaded, &Paths::new(data, file, Base::DataFolder), exporters, claims);
    errors.extend(checked.fatal);
    errors.extend(checked.errors);
    if !errors.is_empty() {
        return Finding::problem(check, told(&errors), fix);
    }
    match checked.warnings.as_slice() {
        [] => Finding::good(check, "no problems"),
        warnings => Finding::warning(check, told(warnings), fix),
    }
}

/// The first few, on one line each.
fn told(problems: &[Problem]) -> String {
    let lines: Vec<_> = problems.iter().take(TOLD).map(Problem::to_string).collect();
    let more = match problems.len().saturating_sub(TOLD) {
        0 => String::new(),
        more => format!("\nand {more} more"),
    };
    lines.join("\n") + &more
}

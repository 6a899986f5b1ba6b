//! The machine and the programs that the figures were measured with.

use std::{fs, process::Command};

use crate::process::output;

/// Lines for the head of the document.
pub fn lines() -> anyhow::Result<Vec<String>> {
    let cpus = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown", |(_, model)| model.trim());
    let cores = std::thread::available_parallelism()?;
    let memory = fs::read_to_string("/proc/meminfo")?;
    let kib: u64 = memory.split_whitespace().nth(1).unwrap_or("0").parse()?;
    let date = output(Command::new("date").args(["-u", "+%Y-%m-%d"]))?;
    let gstreamer = output(Command::new("gst-launch-1.0").arg("--version"))?;
    let gstreamer =
        gstreamer.lines().find(|line| line.starts_with("GStreamer")).unwrap_or("GStreamer unknown");
    let rust = output(Command::new("rustc").arg("--version"))?;
    let load = fs::read_to_string("/proc/loadavg")?;
    let load = load.split(' ').next().unwrap_or("unknown");
    Ok(vec![
        format!("date: {}", date.trim()),
        format!("machine: {cores} cores of {model}, {} GiB of memory", kib / 1024 / 1024),
        format!("load before the run: {load}"),
        format!("system: {}", system()),
        format!("programs: {gstreamer}; {}", rust.trim()),
    ])
}

fn system() -> String {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))
        .unwrap_or("Linux")
        .trim_matches('"');
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let version = kernel.split(['-', '\n']).next().unwrap_or_default();
    format!("{name}, Linux {version}")
}

//! Killing a child by the number it has written down, and no other process.

use std::{path::Path, process::Command};

/// Kills, with signal 9, the child that has written its process id to `pid` in `folder`. False if it does not
/// run (any more): then the number may be another's by now.
pub fn kill_child(folder: &Path) -> bool {
    let Ok(pid) = std::fs::read_to_string(folder.join("pid")) else { return false };
    let Ok(pid) = pid.trim().parse::<u32>() else { return false };
    let is_ours = std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == real(folder));
    is_ours && Command::new("kill").args(["-9", &pid.to_string()]).status().is_ok_and(|ended| ended.success())
}

fn real(folder: &Path) -> std::path::PathBuf {
    folder.canonicalize().unwrap_or_else(|_| folder.to_owned())
}

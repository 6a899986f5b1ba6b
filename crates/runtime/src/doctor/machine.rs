//! What Watchpost stands on: GStreamer's plugins, limits of the system, time zones.

use std::{fs, path::Path};

use rustix::process::{Resource, getrlimit};
use watchpost_media::{Equipment, Need};

use super::Finding;

/// Open files that a hundred instances with ten receivers each may need at once.
const OPEN_FILES: u64 = 4096;
/// Hand edits are noticed by inotify; other programs of the same user share its limit.
const INOTIFY_INSTANCES: u64 = 16;

pub(super) fn media() -> Vec<Finding> {
    let equipment = match Equipment::look() {
        Ok(equipment) => equipment,
        Err(error) => {
            let fix = "apt-get install libgstreamer1.0-0 gstreamer1.0-plugins-base";
            return vec![Finding::problem("GStreamer", error.to_string(), fix)];
        }
    };
    let mut findings = vec![Finding::good("GStreamer", equipment.gstreamer.clone())];
    findings.extend(equipment.needs.iter().map(need));
    findings.push(match (equipment.encoders.first(), equipment.hardware_encoders) {
        (None, _) => Finding::problem(
            "H.264 encoding",
            "no encoder is installed: MP4, RTSP, RTMP and HLS exports of drawn pictures fail",
            "apt-get install gstreamer1.0-plugins-ugly (x264) or gstreamer1.0-plugins-bad (openh264)",
        ),
        (Some(first), 0) => Finding::good("H.264 encoding", format!("{first}, in software")),
        (Some(first), _) => Finding::good("H.264 encoding", format!("{first}, in hardware")),
    });
    findings.push(match equipment.has_tls {
        true => Finding::good("rtsps:// and rtmps://", "TLS is there"),
        false => {
            let found = "GStreamer has no TLS: such addresses fail";
            Finding::problem("rtsps:// and rtmps://", found, "apt-get install glib-networking")
        }
    });
    findings.push(match equipment.has_font {
        true => Finding::good("labels", "a font is there"),
        false => {
            let found = "no font is installed: pictures are drawn without text";
            Finding::problem("labels", found, "apt-get install fonts-dejavu-core")
        }
    });
    findings
}

fn need(need: &Need) -> Finding {
    if need.missing.is_empty() {
        return Finding::good(need.what, "all elements are there");
    }
    let names: Vec<_> = need.missing.iter().map(|(element, _)| *element).collect();
    let mut packages: Vec<_> = need.missing.iter().filter_map(|(_, package)| *package).collect();
    packages.dedup();
    Finding::problem(
        need.what,
        format!("GStreamer lacks {}", names.join(", ")),
        format!("apt-get install {}", packages.join(" ")),
    )
}

pub(super) fn limits() -> Vec<Finding> {
    let limit = getrlimit(Resource::Nofile);
    let soft = limit.current.unwrap_or(u64::MAX);
    let files = if soft >= OPEN_FILES {
        Finding::good("open files", format!("up to {soft}"))
    } else {
        let fix = "ulimit -n 65536, or LimitNOFILE=65536 in the service's unit";
        Finding::warning("open files", format!("up to {soft}: enough for some ten instances"), fix)
    };
    let instances = number("/proc/sys/fs/inotify/max_user_instances");
    let edits = match instances {
        Some(few) if few < INOTIFY_INSTANCES => Finding::warning(
            "hand edits",
            format!("inotify allows {few} watchers for each user: edited files may go unseen"),
            "sysctl fs.inotify.max_user_instances=128",
        ),
        Some(_) => Finding::good("hand edits", "inotify has room"),
        None => Finding::good("hand edits", "inotify's limit cannot be seen here"),
    };
    let zones = if Path::new("/usr/share/zoneinfo/Europe/Berlin").exists() {
        Finding::good("time zones", "tzdata is there")
    } else {
        Finding::warning("time zones", "only UTC is known to schedules", "apt-get install tzdata")
    };
    vec![files, edits, zones]
}

fn number(file: &str) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}
